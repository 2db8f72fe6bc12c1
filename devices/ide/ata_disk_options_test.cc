// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_disk_options.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

using testing::HasSubstr;

AtaDiskOptions Good() {
  return ResolveAtaDiskOptions({.id = "hd0"}, {.logical = 512, .physical = 4096}, false);
}

TEST(AtaDiskOptionsTest, WhatIsOpenIsFilledIn) {
  const AtaDiskOptions options = Good();
  EXPECT_EQ(options.serial, "hd0");
  EXPECT_EQ(options.physical_block_size, 4096u);
  EXPECT_EQ(options.write_cache, false);
  EXPECT_TRUE(CheckAtaDiskOptions(options).ok());
  const AtaDiskOptions set = ResolveAtaDiskOptions(
      {.id = std::string(30, 'a'), .physical_block_size = 512, .write_cache = true}, {}, false);
  EXPECT_EQ(set.serial, std::string(20, 'a'));
  EXPECT_EQ(set.physical_block_size, 512u);
  EXPECT_EQ(set.write_cache, true);
  EXPECT_EQ(ResolveAtaDiskOptions({.id = "a"}, {.logical = 512, .physical = 1 << 20}, true)
                .physical_block_size,
            65536u);
}

TEST(AtaDiskOptionsTest, WhatIsWrongIsNamed) {
  const auto expect_bad = [](void (*change)(AtaDiskOptions&), const char* word) {
    AtaDiskOptions options = Good();
    change(options);
    const absl::Status status = CheckAtaDiskOptions(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << word;
    EXPECT_THAT(MessageOf(status), HasSubstr(word));
  };
  expect_bad([](AtaDiskOptions& o) { o.id = "1"; }, "device");
  expect_bad([](AtaDiskOptions& o) { o.serial.assign(21, 'x'); }, "serial");
  expect_bad([](AtaDiskOptions& o) { o.model.assign(41, 'x'); }, "model");
  expect_bad([](AtaDiskOptions& o) { o.ver.assign(9, 'x'); }, "ver");
  expect_bad([](AtaDiskOptions& o) { o.serial = "a\n"; }, "printable");
  expect_bad([](AtaDiskOptions& o) { o.physical_block_size = 768; }, "physical_block_size");
  expect_bad([](AtaDiskOptions& o) { o.physical_block_size = 256; }, "physical_block_size");
  expect_bad([](AtaDiskOptions& o) { o.rotation_rate = 2; }, "rotation_rate");
  expect_bad([](AtaDiskOptions& o) { o.rotation_rate = 65535; }, "rotation_rate");
  expect_bad([](AtaDiskOptions& o) { o.rerror = OnError::kEnospc; }, "rerror");
}

}  // namespace
}  // namespace platter
