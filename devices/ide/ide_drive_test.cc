// SPDX-License-Identifier: Apache-2.0
//
// A drive's life: reset, pause, resume and unplug with requests held, in a context of its own. An
// ATA disk stands for any drive.

#include "devices/ide/ide_drive.h"

#include <vector>

#include "gtest/gtest.h"

#include "devices/ide/ata_disk_fixture.h"

namespace platter {
namespace {

class IdeDriveTest : public AtaDiskTest {
 protected:
  void HoldARead() {
    backend_.hold = true;
    backend_.on_cancel = FakeBlockDevice::OnCancel::kStays;
    IdeCommand command = driver().Transfer(IdeWay::kDma, false, 4, 512);
    command.buffer = driver().scratch();
    driver().Start(command);
    Settle();
    ASSERT_EQ(backend_.held(), 1u);
  }
};

TEST_F(IdeDriveTest, SaysWhatItIs) {
  EXPECT_EQ(disk_->id(), "hd0");
  EXPECT_STREQ(disk_->model(), "ide-hd");
  EXPECT_EQ(backend_.attachment.device_id, "hd0");
}

TEST_F(IdeDriveTest, ResetsWaitForTheRequestAndBothEnd) {
  HoldARead();
  int done = 0;
  disk_->Reset([&] { ++done; });
  disk_->Reset([&] { ++done; });
  Settle();
  EXPECT_EQ(done, 0);
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusBsy);
  backend_.Release();
  Settle();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood);
  driver().Forget();
  ExpectWorks();
}

TEST_F(IdeDriveTest, AResetMakesItNew) {
  const IdeIdentity before = driver().Identify().value();
  driver().SetMultiple(8);
  driver().Run({.code = ata::kSetFeatures, .features = ata::kFeatureDisableWriteCache});
  driver().Run({.code = ata::kSetFeatures, .features = ata::kFeatureTransferMode, .count = 0x22});
  driver().Run({.code = ata::kInitializeDeviceParameters, .count = 5, .device = 3});
  driver().Run({.code = ata::kSetFeatures, .features = ata::kFeatureDisableLookAhead});
  driver().SetControl(guest::kIdeNoInterrupt);
  driver().Set(guest::kIdeDevice, guest::kIdeDeviceOne);
  Await(&Device::Reset);
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood) << "device 0 is selected";
  EXPECT_EQ(driver().Identify().value().words, before.words);
}

TEST_F(IdeDriveTest, AGuestsResetAmidTheMachinesIsThatOne) {
  HoldARead();
  bool done = false;
  disk_->Reset([&] { done = true; });
  Settle();
  driver().SetControl(guest::kIdeSoftReset);
  Settle();
  backend_.Release();
  Settle();
  EXPECT_TRUE(done);
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood);
  driver().Forget();
  driver().SetControl(0);
  ExpectWorks();
}

TEST_F(IdeDriveTest, TheMachinesResetAmidAGuestsIsTheMachines) {
  HoldARead();
  driver().SetControl(guest::kIdeSoftReset);
  driver().SetControl(0);
  Settle();
  bool done = false;
  disk_->Reset([&] { done = true; });
  Settle();
  EXPECT_FALSE(done);
  backend_.Release();
  Settle();
  EXPECT_TRUE(done);
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood);
  driver().Forget();
  ExpectWorks();
}

TEST_F(IdeDriveTest, TwoGuestsResetsInARow) {
  HoldARead();
  for (int i = 0; i < 3; ++i) {
    driver().SetControl(guest::kIdeSoftReset);
    driver().SetControl(0);
    if (i == 1) Settle();
  }
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusBsy);
  backend_.Release();
  Settle();
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood);
  driver().Forget();
  ExpectWorks();
}

TEST_F(IdeDriveTest, PausedItTakesNothingAndResumedItGoesOn) {
  Await(&Device::Pause);
  driver().Start({.code = ata::kFlushCache});
  Settle();
  EXPECT_TRUE(backend_.asked.empty());
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusBsy);
  disk_->Resume();
  Settle();
  EXPECT_EQ(backend_.asked.size(), 1u);
  EXPECT_TRUE(driver().Poll().has_value());
}

TEST_F(IdeDriveTest, PausedBetweenTwoBlocksOfAWrite) {
  const std::vector<uint8_t> data(1024, 0x21);
  bus_.Write(driver().scratch(), data);
  IdeCommand command = driver().Transfer(IdeWay::kPio, true, 9, 1024);
  command.buffer = driver().scratch();
  driver().Start(command);
  Settle();
  EXPECT_FALSE(driver().Poll().has_value());  // The first block.
  Settle();
  Await(&Device::Pause);
  EXPECT_FALSE(driver().Poll().has_value());  // The second.
  Settle();
  EXPECT_EQ(OnDisk(9, 1), std::vector<uint8_t>(512, 0x21));
  EXPECT_EQ(OnDisk(10, 1), DataAt(10, 1));
  disk_->Resume();
  Settle();
  EXPECT_TRUE(driver().Poll().has_value());
  EXPECT_EQ(OnDisk(9, 2), data);
}

TEST_F(IdeDriveTest, UnplugWaitsForTheRequestThenNobodyAnswers) {
  HoldARead();
  bool done = false;
  disk_->Unplug([&] { done = true; });
  Settle();
  EXPECT_FALSE(done);
  EXPECT_TRUE(backend_.attached);
  backend_.Release();
  Settle();
  EXPECT_TRUE(done);
  EXPECT_FALSE(backend_.attached);
  EXPECT_TRUE(driver().Gone());
  driver().Forget();
  driver().Set(guest::kIdeCommand, ata::kIdentifyDevice);
  driver().SetControl(guest::kIdeSoftReset);
  driver().SetControl(0);
  Settle();
  EXPECT_TRUE(driver().Gone());
  bool again = false;
  disk_->Unplug([&] { again = true; });
  bool reset = false;
  disk_->Reset([&] { reset = true; });
  Settle();
  EXPECT_TRUE(again && reset) << "harmless";
  disk_.reset();
  MakeDisk({.id = "hd1"});
  ExpectWorks();
}

TEST_F(IdeDriveTest, ACommandWrittenJustBeforeUnplugIsHarmless) {
  driver().Start({.code = ata::kFlushCache});
  Unplug();
  driver().Forget();
  EXPECT_TRUE(driver().Gone());
}

}  // namespace
}  // namespace platter
