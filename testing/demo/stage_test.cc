// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/stage.h"

#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/stage_fixture.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

using StageTest = StageFixture;

TEST_F(StageTest, HasDisksAndDrives) {
  const auto stage = Stage::Open({}, files_, *space_, narrator_);
  ASSERT_TRUE(stage.ok()) << stage.status();
  auto disk = (*stage)->FindDisk("vda");
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_EQ((*disk)->capacity_bytes(), kMiB);
  EXPECT_TRUE((*stage)->cd0().Present());
  EXPECT_EQ((*stage)->cd0().capacity_blocks(), kDiscABytes / 512);
  EXPECT_FALSE((*stage)->FindDisk("vdz").ok());
  EXPECT_EQ((*stage)->machine().BackendOfDevice("cd1")->length(), 65536u);
  EXPECT_EQ((*stage)->machine().BackendOfDevice("sd0")->length(), kScsiDiskBytes);
}

TEST_F(StageTest, WhatDoesNotHappenIsNamed) {
  const auto stage =
      Stage::Open({.patience = std::chrono::milliseconds(1)}, files_, *space_, narrator_);
  ASSERT_TRUE(stage.ok()) << stage.status();
  EXPECT_TRUE((*stage)->WaitFor([] { return true; }, "nothing").ok());
  const absl::Status status = (*stage)->WaitFor([] { return false; }, "the end of the world");
  EXPECT_EQ(MessageOf(status), "the end of the world did not happen within 1.0 ms");
}

TEST_F(StageTest, LaterPromisesReplaceEarlierOnes) {
  const auto stage = Stage::Open({}, files_, *space_, narrator_);
  ASSERT_TRUE(stage.ok()) << stage.status();
  (*stage)->Promise("a", {{.offset = 512, .data = {1, 2, 3}}});
  (*stage)->Promise("a", {{.offset = 512, .data = {4, 5, 6}}});
  (*stage)->Promise("b", {{.offset = 512, .data = {1, 2, 3}}});
  ASSERT_EQ((*stage)->promises().size(), 2u);
  EXPECT_EQ((*stage)->promises().begin()->second, Checksum(std::vector<uint8_t>{4, 5, 6}));
}

TEST_F(StageTest, ImageThatIsMissingIsNamed) {
  files_.disc_b = folder_->File("missing");
  const auto stage = Stage::Open({}, files_, *space_, narrator_);
  ASSERT_FALSE(stage.ok());
  EXPECT_EQ(ErrnoOf(stage.status()), ENOENT);
  EXPECT_NE(MessageOf(stage.status()).find("missing"), std::string::npos) << stage.status();
}

}  // namespace
}  // namespace platter
