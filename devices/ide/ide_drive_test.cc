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

TEST_F(IdeDriveTest, TwoDrivesShareAChannelAndItsBusMaster) {
  FakeBlockDevice second_backend(kSectors * 512);
  auto second = *AtaDisk::Create({.id = "hd1"}, channel_.port(1), second_backend, control_, io_);
  IdeDriver slave(bus_, {.unit = 1});
  EXPECT_EQ(slave.Identify()->serial, "hd1");
  EXPECT_EQ(driver().Identify()->serial, "SERIAL-1");
  std::vector<uint8_t> back(512);
  for (uint8_t i = 0; i < 20; ++i) {
    const IdeWay way = i % 2 == 0 ? IdeWay::kDma : IdeWay::kPio;
    ExpectGood(*driver().Write(way, i, std::vector<uint8_t>(512, i)));
    ExpectGood(*slave.Write(way, i, std::vector<uint8_t>(512, static_cast<uint8_t>(~i))));
    ExpectGood(*driver().Read(way, i, back));
    EXPECT_EQ(back, std::vector<uint8_t>(512, i));
  }
  EXPECT_EQ(second_backend.data[19 * 512], uint8_t{0xec});

  // The machine resets one of them while the other moves data: that goes on.
  second_backend.hold = true;
  bus_.Write(slave.scratch(), std::vector<uint8_t>(512, 0x4d));
  IdeCommand command = slave.Transfer(IdeWay::kDma, true, 50, 512);
  command.buffer = slave.scratch();
  slave.Start(command);
  Settle();
  EXPECT_EQ(second_backend.held(), 1u);
  Await(&Device::Reset);
  EXPECT_EQ(driver().AlternateStatus(), ata::kStatusGood) << "device 0 is selected";
  second_backend.Release();
  Settle();
  EXPECT_FALSE(bus_.Interrupt(kLine).high);
  slave.Set(guest::kIdeDevice, guest::kIdeDeviceOne);
  EXPECT_TRUE(bus_.Interrupt(kLine).high) << "its interrupt shows when it is selected";
  const auto answer = slave.Poll();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok());
  EXPECT_EQ(second_backend.data[50 * 512], 0x4d);

  // A software reset is for both.
  driver().SetMultiple(4);
  ASSERT_TRUE(driver().SoftReset());
  for (IdeDriver* each : {&driver(), &slave}) {
    each->Set(guest::kIdeDevice, each == &slave ? guest::kIdeDeviceOne : uint8_t{0});
    EXPECT_EQ(each->AlternateStatus(), ata::kStatusGood);
    EXPECT_EQ(each->Get(guest::kIdeError), ata::kDiagnosticPassed);
  }
  bool done = false;
  second->Unplug([&] { done = true; });
  ASSERT_TRUE(bus_.WaitFor([&] { return done; }, IdeDriver::kTimeout));
  second.reset();
  ExpectWorks();
}

// Its neighbour is unplugged under a guest that works with it: by PIO, by DMA, with its interrupt
// off, and in a software reset.
TEST_F(IdeDriveTest, AnUnplugLeavesTheOtherDriveAlone) {
  enum Way { kPio, kDma, kNoInterrupts, kHeldReset };
  for (const Way way : {kPio, kDma, kNoInterrupts, kHeldReset}) {
    SCOPED_TRACE(way);
    FakeBlockDevice backend(kSectors * 512);
    auto neighbour = *AtaDisk::Create({.id = "hd1"}, channel_.port(1), backend, control_, io_);
    // The fixture's drive is device 0: here it is the one that stays.
    const auto unplug = [&] {
      bool done = false;
      neighbour->Unplug([&] { done = true; });
      ASSERT_TRUE(bus_.WaitFor([&] { return done; }, IdeDriver::kTimeout));
      neighbour.reset();
    };
    if (way == kDma) {
      backend_.hold = true;
      bus_.Write(driver().scratch(), std::vector<uint8_t>(512, 0x2d));
      IdeCommand command = driver().Transfer(IdeWay::kDma, true, 50, 512);
      command.buffer = driver().scratch();
      driver().Start(command);
      Settle();
      unplug();
      backend_.Release();
      Settle();
      const auto answer = driver().Poll();
      ASSERT_TRUE(answer.has_value());
      EXPECT_TRUE(answer->ok());
    } else if (way == kPio) {
      driver().Set(guest::kIdeDevice, guest::kIdeLbaBit);
      driver().Set(guest::kIdeCount, 1);
      driver().Set(guest::kIdeCommand, ata::kReadSectors);
      Settle();
      unplug();
      EXPECT_NE(driver().AlternateStatus() & ata::kStatusDrq, 0);
      ASSERT_TRUE(driver().SoftReset());
    } else if (way == kNoInterrupts) {
      driver().SetControl(ata::kControlNien);
      unplug();
      driver().Set(guest::kIdeCommand, ata::kFlushCache);
      Settle();
      EXPECT_FALSE(bus_.Interrupt(kLine).high);
      driver().SetControl(0);
    } else {
      driver().SetControl(guest::kIdeSoftReset);
      Settle();
      unplug();
      driver().SetControl(0);
      Settle();
      EXPECT_EQ(driver().AlternateStatus() & ata::kStatusBsy, 0);
    }
    driver().Get(guest::kIdeStatus);
  }
  ExpectWorks();
}

// ... with the drive that stays selected, and then the one that goes.
TEST_F(IdeDriveTest, AnUnplugLeavesTheSelectionAlone) {
  FakeBlockDevice backend(kSectors * 512);
  auto stays = *AtaDisk::Create({.id = "hd1"}, channel_.port(1), backend, control_, io_);
  IdeDriver slave(bus_, {.unit = 1});
  slave.Set(guest::kIdeDevice, guest::kIdeDeviceOne | guest::kIdeLbaBit);
  slave.Set(guest::kIdeCount, 1);
  slave.Set(guest::kIdeLbaLow, 7);
  slave.Set(guest::kIdeCommand, ata::kWriteSectors);
  Settle();
  Unplug();
  EXPECT_EQ(slave.AlternateStatus() & ata::kStatusDrq, ata::kStatusDrq);
  channel_.WriteData(std::vector<uint8_t>(512, 0x66));
  Settle();
  EXPECT_EQ(backend.data[7 * 512], 0x66);
  EXPECT_EQ(slave.Get(guest::kIdeStatus) & (ata::kStatusBsy | ata::kStatusErr), 0);
  bool done = false;
  stays->Unplug([&] { done = true; });
  ASSERT_TRUE(bus_.WaitFor([&] { return done; }, IdeDriver::kTimeout));
}

TEST_F(IdeDriveTest, ACommandWrittenJustBeforeUnplugIsHarmless) {
  driver().Start({.code = ata::kFlushCache});
  Unplug();
  driver().Forget();
  EXPECT_TRUE(driver().Gone());
}

}  // namespace
}  // namespace platter
