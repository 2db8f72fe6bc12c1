// SPDX-License-Identifier: Apache-2.0
//
// Units that come and go while the adapter runs.

#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio_scsi/virtio_scsi_fixture.h"

namespace platter {
namespace {

constexpr guest::ScsiLun kSecond = guest::ScsiLunOf(0, 1);
constexpr ScsiAddress kSecondAddress = {.target = 0, .lun = 1};

class VirtioScsiUnitsTest : public testing::Test, protected VirtioScsiFixture {
 protected:
  void Settle() {
    driver->WaitUntil([] { return false; }, std::chrono::milliseconds(10));
  }
  VirtioScsiUnit& second() {
    if (second_ == nullptr) second_ = std::make_unique<VirtioScsiUnit>(*driver, kSecond);
    return *second_;
  }
  std::unique_ptr<VirtioScsiUnit> second_;
};

TEST_F(VirtioScsiUnitsTest, AUnitPluggedInIsFoundAndOthersOfTheTargetSaySo) {
  MakeAll();
  EXPECT_TRUE(Execute(kSecond, {0, 0, 0, 0, 0, 0}).IsSense(5, 0x2500));
  AddDisk(kSecondAddress, other, "disk1");
  Settle();
  EXPECT_TRUE(ScsiInitiator(second()).TestUnitReady()->IsSense(6, 0x2900));
  EXPECT_TRUE(ScsiInitiator(second()).Read10(0, 1, 512)->good());
  EXPECT_TRUE(disk().TestUnitReady()->IsSense(6, 0x3f0e));
  EXPECT_TRUE(disk().TestUnitReady()->good());
}

TEST_F(VirtioScsiUnitsTest, ReportLunsTellsOfTheChange) {
  MakeAll();
  AddDisk(kSecondAddress, other, "disk1");
  Settle();
  EXPECT_EQ(disk().ReportLuns()->Number(0, 4), 16u);
  EXPECT_TRUE(disk().TestUnitReady()->good()) << "who has read the list knows";
}

TEST_F(VirtioScsiUnitsTest, AUnitThatIsPulledWaitsForWhatItHas) {
  MakeAll();
  AddDisk(kSecondAddress, other, "disk1");
  Settle();
  EXPECT_TRUE(ScsiInitiator(second()).ClearAttentions()->good());
  ScsiRecorder recorder;
  driver->set_listener(&recorder);
  other.hold = true;
  other.on_cancel = FakeBlockDevice::OnCancel::kStays;
  StartRead(1, 1, kSecond);
  Settle();
  bool gone = false;
  ASSERT_TRUE(adapter->RemoveUnit(kSecondAddress, [&] { gone = true; }).ok());
  EXPECT_FALSE(adapter->RemoveUnit(kSecondAddress, [] {}).ok()) << "it is leaving already";
  Settle();
  EXPECT_FALSE(gone);
  EXPECT_TRUE(other.attached);
  EXPECT_TRUE(Execute(kSecond, {0, 0, 0, 0, 0, 0}).IsSense(5, 0x2500))
      << "commands find it no more";
  other.Release();
  Settle();
  EXPECT_TRUE(gone);
  EXPECT_FALSE(other.attached);
  EXPECT_EQ(recorder.done.size(), 1u);
  EXPECT_TRUE(disk().TestUnitReady()->IsSense(6, 0x3f0e));
  // And the place is free.
  AddDisk(kSecondAddress, other, "disk2");
  Settle();
  EXPECT_TRUE(ScsiInitiator(second()).ClearAttentions()->good());
}

TEST_F(VirtioScsiUnitsTest, WhatCanBeCancelledIsSevered) {
  MakeAll();
  AddDisk(kSecondAddress, other, "disk1");
  Settle();
  EXPECT_TRUE(ScsiInitiator(second()).ClearAttentions()->good());
  ScsiRecorder recorder;
  driver->set_listener(&recorder);
  other.hold = true;
  StartRead(1, 1, kSecond);
  Settle();
  ASSERT_TRUE(adapter->RemoveUnit(kSecondAddress, [] {}).ok());
  Settle();
  EXPECT_EQ(recorder.done, (std::vector<ScsiRecorder::Done>{{1, guest::kScsiTransportFailure}}));
}

TEST_F(VirtioScsiUnitsTest, TheLastUnitTakesTheTargetWithIt) {
  MakeAll();
  ASSERT_TRUE(adapter->RemoveUnit({}, [] {}).ok());
  Settle();
  EXPECT_EQ(Execute(guest::ScsiLunOf(0, 0), {0, 0, 0, 0, 0, 0}).transport, guest::kScsiBadTarget);
}

TEST_F(VirtioScsiUnitsTest, C_19_AnUnplugMeetsAUnitThatIsLeaving) {
  MakeAll();
  AddDisk(kSecondAddress, other, "disk1");
  Settle();
  EXPECT_TRUE(ScsiInitiator(second()).ClearAttentions()->good());
  other.hold = true;
  other.on_cancel = FakeBlockDevice::OnCancel::kStays;
  StartRead(1, 1, kSecond);
  Settle();
  bool gone = false;
  ASSERT_TRUE(adapter->RemoveUnit(kSecondAddress, [&] { gone = true; }).ok());
  other.Release();
  Unplug();
  EXPECT_TRUE(gone);
  EXPECT_FALSE(backend.attached);
  EXPECT_FALSE(other.attached);
}

TEST_F(VirtioScsiUnitsTest, ADriveInAnotherContextMovesItsTrayInTheControlContext) {
  AioContext& io = world.NewContext("io");
  MakeAdapter({.iothreads = {&io}});
  AddCd({}, backend, "cd0");
  MakeDriver();
  EXPECT_TRUE(disk().ClearAttentions()->good());
  EXPECT_TRUE(disk().Read10(0, 1, 2048)->good());
  EXPECT_TRUE(disk().PreventAllow(ScsiInitiator::Removal::kPrevent)->good());
  EXPECT_TRUE(backend.medium_locked);
  EXPECT_TRUE(disk().StartStopUnit(ScsiInitiator::StartStop::kEject)->IsSense(5, 0x5302));
  EXPECT_TRUE(disk().PreventAllow(ScsiInitiator::Removal::kAllow)->good());
  EXPECT_TRUE(disk().StartStopUnit(ScsiInitiator::StartStop::kEject)->good());
  EXPECT_EQ(backend.tray_moves, (std::vector<MediumMove>{MediumMove::kEject}));
  EXPECT_TRUE(disk().TestUnitReady()->IsSense(2, 0x3a02));
}

}  // namespace
}  // namespace platter
