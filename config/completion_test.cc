// SPDX-License-Identifier: Apache-2.0

#include "config/completion.h"

#include <string>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

template <typename Message>
Message Made(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

template <typename Message = config::BlockdevOptions>
std::string Error(const std::string& text) {
  Message message = Made<Message>(text);
  return MessageOf(CompleteOptions("top", &message));
}

TEST(Completion, FillsDefaultsInAndLeavesTheRest) {
  auto node = Made<config::BlockdevOptions>(
      "raw { file { definition { blkdebug { image { reference: 'n' } inject_error { event: "
      "BLKDEBUG_EVENT_NONE } } } } }");
  ASSERT_EQ(Error("null_co {}"), "");
  ApplyDefaults(&node);
  EXPECT_TRUE(node.has_detect_zeroes());
  EXPECT_FALSE(node.has_read_only() || node.cache().has_no_flush());  // only described
  EXPECT_TRUE(node.raw().has_offset());
  EXPECT_FALSE(node.raw().has_size());  // its default is only described
  const config::BlockdevOptions& below = node.raw().file().definition();
  EXPECT_TRUE(below.has_detect_zeroes());
  EXPECT_FALSE(below.has_discard());
  EXPECT_EQ(below.blkdebug().inject_error(0).error(), 5u);
  EXPECT_FALSE(below.blkdebug().inject_error(0).has_sector());
  EXPECT_EQ(below.blkdebug().set_state_size(), 0);
  EXPECT_FALSE(node.has_node_name());
}

TEST(Completion, IsTheSameWhenDoneTwice) {
  auto node = Made<config::BlockdevOptions>("null_co { size: 7 }");
  ASSERT_TRUE(CompleteOptions("top", &node).ok());
  const std::string once = node.DebugString();
  ASSERT_TRUE(CompleteOptions("top", &node).ok());
  EXPECT_EQ(node.DebugString(), once);
}

TEST(Completion, MissesWhatIsRequired) {
  EXPECT_EQ(Error("file {}"), "top.filename: missing: path of the file or device");
  EXPECT_EQ(Error("raw {}"), "top.file: missing: the node that holds the data");
  EXPECT_EQ(Error("raw { file {} }"), "top.file: takes a name or an object, and is empty");
  EXPECT_EQ(
      Error("raw { file { definition {} } }"),
      "top.file.driver: missing; there are file, host_device, null-co, null-aio, memory, raw, "
      "blkdebug");
  EXPECT_EQ(Error("blkdebug { image { reference: 'n' } set_state { event: BLKDEBUG_EVENT_NONE } }"),
            "top.set-state.0.new_state: missing: state the node is in from then on");
  EXPECT_EQ(Error<config::ObjectOptions>("iothread {}"), "top.id: missing: name of the object");
}

TEST(Completion, ChecksWhatTextFormAndProgramsMayBreak) {
  EXPECT_EQ(Error("null_co { size: 9223372036854775808 }"),
            "top.size: 9223372036854775808 must be between 0 and 9223372036854775807");
  EXPECT_EQ(Error("file { filename: '' }"), "top.filename: '' must not be empty");
  EXPECT_EQ(
      Error("node_name: '#block1' null_co {}"),
      "top.node-name: '#block1' must be a letter followed by letters, digits, '-', '.' and '_'");
  EXPECT_EQ(Error("node_name: 'n23456789012345678901234567890123' null_co {}"),
            "top.node-name: 'n23456789012345678901234567890123' must not be longer than 31 bytes");
  EXPECT_EQ(Error("raw { file { reference: '' } }"),
            "top.file: '' must be a letter followed by letters, digits, '-', '.' and '_'");
  EXPECT_EQ(Error("discard: 9 null_co {}"), "top.discard: takes ignore or unmap, not the number 9");
  EXPECT_EQ(Error("blkdebug { image { reference: 'n' } align: 513 }"),
            "top.align: 513 must be 0 or a power of two");
  EXPECT_EQ(Error<config::DeviceOptions>("virtio_blk { drive: 'n' queue_size: 65536 }"),
            "top.queue-size: 65536 must be between 4 and 32768");
  EXPECT_EQ(
      Error<config::DeviceOptions>("virtio_blk { drive: 'n' serial: '123456789012345678901' }"),
      "top.serial: '123456789012345678901' must not be longer than 20 bytes");
  EXPECT_EQ(Error<config::DeviceOptions>(
                "virtio_blk { drive: 'n' iothread_vq_mapping { iothread: 't' vqs: 5000 } }"),
            "top.iothread-vq-mapping.0.vqs.0: 5000 must be between 0 and 1023");
}

TEST(Completion, RefusesNulAndBadUtf8FromPrograms) {
  config::BlockdevOptions node;
  node.mutable_file()->set_filename(std::string("a\0b", 3));
  EXPECT_EQ(MessageOf(CompleteOptions("top", &node)),
            "top.filename: 'a\\x00b' must not hold a NUL byte");
  node.mutable_file()->set_filename("\xFF");
  EXPECT_EQ(MessageOf(CompleteOptions("top", &node)), "top.filename: '\\xff' must be valid UTF-8");
}

TEST(Completion, BoundsLists) {
  config::BlockdevOptions node;
  node.mutable_blkdebug()->mutable_image()->set_reference("n");
  for (int i = 0; i < 1025; ++i) {
    node.mutable_blkdebug()->add_inject_error()->set_event(config::BLKDEBUG_EVENT_NONE);
  }
  EXPECT_EQ(MessageOf(CompleteOptions("top", &node)), "top.inject-error: more than 1024 elements");
}

}  // namespace
}  // namespace platter
