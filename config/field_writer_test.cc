// SPDX-License-Identifier: Apache-2.0

#include "config/field_writer.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"

namespace platter {
namespace {

template <typename Message>
FieldWriter Writer(Message& message, const char* field) {
  return {&message, Message::descriptor()->FindFieldByName(field), "top.x"};
}

TEST(FieldWriter, TextsMeanWhatTheFieldIs) {
  config::NullDriverOptions null;
  EXPECT_TRUE(Writer(null, "size").SetText("0x10").ok());
  EXPECT_EQ(null.size(), 16u);
  EXPECT_TRUE(Writer(null, "size").SetText("3K").ok());
  EXPECT_EQ(null.size(), 3072u);
  EXPECT_TRUE(Writer(null, "read_zeroes").SetText("yes").ok());
  EXPECT_TRUE(null.read_zeroes());
  config::FileDriverOptions file;
  EXPECT_TRUE(Writer(file, "filename").SetText("on").ok());
  EXPECT_EQ(file.filename(), "on");
  EXPECT_TRUE(Writer(file, "aio").SetText("io_uring").ok());
  EXPECT_EQ(file.aio(), config::FILE_AIO_IO_URING);
}

TEST(FieldWriter, OnAListItAppends) {
  config::IoThreadVqMapping mapping;
  EXPECT_TRUE(Writer(mapping, "vqs").SetInteger({3, false}).ok());
  EXPECT_TRUE(Writer(mapping, "vqs").SetText("1").ok());
  ASSERT_EQ(mapping.vqs_size(), 2);
  EXPECT_EQ(mapping.vqs(0), 3u);
  EXPECT_EQ(mapping.vqs(1), 1u);
}

TEST(FieldWriter, AnErrorLeavesTheMessageAsItWas) {
  config::NullDriverOptions null;
  null.set_size(5);
  EXPECT_FALSE(Writer(null, "size").SetText("x").ok());
  EXPECT_FALSE(Writer(null, "size").SetInteger({1, true}).ok());
  EXPECT_FALSE(Writer(null, "size").SetBool(true).ok());
  EXPECT_FALSE(Writer(null, "size").SetString("7").ok());
  EXPECT_EQ(null.size(), 5u);
  EXPECT_FALSE(Writer(null, "read_zeroes").SetInteger({1, false}).ok());
  EXPECT_FALSE(null.has_read_zeroes());
  EXPECT_EQ(MessageOf(Writer(null, "size").WrongType("null")),
            "top.x: takes a number of bytes, not null");
}

}  // namespace
}  // namespace platter
