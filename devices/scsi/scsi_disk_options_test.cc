// SPDX-License-Identifier: Apache-2.0
//
// The properties of the SCSI disk.

#include <string>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_disk.h"
#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

class ScsiDiskOptionsTest : public testing::Test, protected ScsiFixture {};

TEST_F(ScsiDiskOptionsTest, OptionsAreChecked) {
  const auto message = [&](ScsiDiskOptions options) {
    options.id = "d";
    return std::string(ScsiDisk::Create(std::move(options), backend).status().message());
  };
  EXPECT_EQ(message({.serial = std::string(37, 'x')}).find("scsi-disk device 'd': serial"), 0u);
  EXPECT_NE(message({.logical_block_size = 513}).find("logical_block_size 513"), std::string::npos);
  EXPECT_NE(message({.logical_block_size = 4096, .physical_block_size = 512})
                .find("physical_block_size 512"),
            std::string::npos);
  EXPECT_NE(message({.min_io_size = 100}).find("min_io_size 100"), std::string::npos);
  EXPECT_NE(message({.rerror = OnError::kEnospc}).find("rerror"), std::string::npos);
  EXPECT_FALSE(backend.attached);
}

TEST_F(ScsiDiskOptionsTest, WhatIsLeftOpenComesFromTheMedium) {
  const ScsiDiskOptions options =
      ResolveScsiDiskOptions({.id = "d"}, {.logical = 4096, .physical = 16384});
  EXPECT_EQ(options.logical_block_size, 4096u);
  EXPECT_EQ(options.physical_block_size, 16384u);
  EXPECT_EQ(options.discard_granularity, 4096u);
  EXPECT_TRUE(CheckScsiDiskOptions(options).ok());
}

}  // namespace
}  // namespace platter
