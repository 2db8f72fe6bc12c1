// SPDX-License-Identifier: Apache-2.0
//
// StageFixture: a stage with small images and scarce space in memory, for the tests of what stands
// on it.
//
// Ownership: owns all of it. Threading: one thread. Errors: failures of the test.

#ifndef PLATTER_TESTING_DEMO_STAGE_FIXTURE_H_
#define PLATTER_TESTING_DEMO_STAGE_FIXTURE_H_

#include <chrono>
#include <memory>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "testing/demo/cd_disc.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/scarce_space.h"
#include "testing/demo/stage.h"
#include "testing/demo/temp_folder.h"

namespace platter {

class StageFixture : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeSparseImage(files_.disk, kMiB).ok());
    ASSERT_TRUE(MakeSparseImage(files_.disc_a, kDiscABytes).ok());
    ASSERT_TRUE(MakeSparseImage(files_.disc_b, kDiscBBytes).ok());
    files_.iso_a = *MakePatternDisc(folder_->File("iso-a"), 65536, 1);
    files_.iso_b = *MakePatternDisc(folder_->File("iso-b"), 65536, 2);
    ASSERT_TRUE(MakeSparseImage(files_.scsi_disk, kScsiDiskBytes).ok());
  }
  void Open() {
    auto stage = Stage::Open(options_, files_, *space_, narrator_);
    ASSERT_TRUE(stage.ok()) << stage.status();
    stage_ = *std::move(stage);
  }
  // The drive that the guest would find in cd1's place.
  std::unique_ptr<AtapiDriver> Drive() {
    return std::make_unique<AtapiDriver>(stage_->bus(), IdeDriver::Place{});
  }

  std::unique_ptr<TempFolder> folder_ = *TempFolder::CreateIn("/tmp");
  StageFiles files_ = {.disk = folder_->File("disk"),
                       .disc_a = folder_->File("a"),
                       .disc_b = folder_->File("b"),
                       .iso_a = {},
                       .iso_b = {},
                       .scsi_disk = folder_->File("sd0")};
  std::unique_ptr<ScarceSpace> space_ = ScarceSpace::InMemory();
  std::ostringstream out_;
  Narrator narrator_{out_, {}};
  DemoOptions options_{.patience = std::chrono::milliseconds(200)};
  std::unique_ptr<Stage> stage_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_STAGE_FIXTURE_H_
