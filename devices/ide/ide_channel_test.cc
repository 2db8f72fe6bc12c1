// SPDX-License-Identifier: Apache-2.0
//
// The registers of a channel: who answers, widths, device control, the interrupt line.

#include "devices/ide/ide_channel.h"

#include <numeric>
#include <vector>

#include "gtest/gtest.h"

#include "devices/ide/ide_channel_fixture.h"

namespace platter {
namespace {

TEST_F(IdeChannelTest, AnEmptyChannelReadsOnesAndIgnoresWrites) {
  for (const unsigned unit : {0u, 1u}) {
    Select(unit);
    for (unsigned offset = 0; offset < 8; ++offset) {
      Set(offset, 0x55);
      EXPECT_EQ(Get(offset), 0xff) << offset;
    }
    EXPECT_EQ(Alternate(), 0xff);
  }
  SetControl(ata::kControlSrst);
  SetControl(0);
  Command(ata::kExecuteDeviceDiagnostic);
  EXPECT_EQ(Alternate(), 0xff);
  EXPECT_EQ(line_.rises, 0);
}

// 9.16: device 0 answers for a device 1 that isn't there, but the status is 0.
TEST_F(IdeChannelTest, AnAbsentDevice1) {
  Attach(disk_, 0);
  Select(1);
  Set(ata::kRegCount, 0x12);
  EXPECT_EQ(Get(ata::kRegCount), 0x12);
  EXPECT_EQ(Get(ata::kRegDevice), ata::kDeviceDev);
  EXPECT_EQ(Get(ata::kRegStatus), 0);
  EXPECT_EQ(Alternate(), 0);
  EXPECT_EQ(Get(ata::kRegData), 0xff);
  Command(ata::kIdentifyDevice);
  EXPECT_EQ(disk_.works, 0);
  EXPECT_EQ(Alternate(), 0);
  Select(0);
  EXPECT_EQ(Get(ata::kRegCount), 0x12) << "written to both";
  EXPECT_EQ(Alternate(), ata::kStatusGood);
}

TEST_F(IdeChannelTest, AnAbsentDevice0) {
  Attach(slave_, 1);
  EXPECT_EQ(Alternate(), 0xff);
  EXPECT_EQ(Get(ata::kRegCount), 0xff);
  Select(1);
  EXPECT_EQ(Alternate(), ata::kStatusGood);
  ExpectSignature(kAtaSignature);
}

TEST_F(IdeChannelTest, ASecondDriveOfAUnitIsRefusedAndNamesBoth) {
  Attach(disk_, 0);
  const absl::Status status = channel_.port(0).Attach(slave_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("disk"), std::string::npos);
  EXPECT_NE(status.message().find("slave"), std::string::npos);
}

TEST_F(IdeChannelTest, BothDrivesSeeWritesAndEachHasRegistersOfItsOwn) {
  Attach(disk_, 0);
  Attach(slave_, 1);
  Set(ata::kRegLbaLow, 7);
  Select(1);
  EXPECT_EQ(Get(ata::kRegLbaLow), 7);
  Command(ata::kIdentifyDevice);
  EXPECT_EQ(disk_.works, 0);
  EXPECT_EQ(slave_.works, 1);
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  EXPECT_EQ(channel_.port(1).Take().task_file.command, ata::kIdentifyDevice);
  channel_.port(1).Finish({.count = {9, 8}}, {.status = 0x51, .error = 4});
  EXPECT_EQ(Get(ata::kRegError), 4);
  EXPECT_EQ(Get(ata::kRegCount), 9);
  Select(0);
  EXPECT_EQ(Get(ata::kRegCount), 1);
  EXPECT_EQ(Alternate(), ata::kStatusGood);
}

TEST_F(IdeChannelTest, HobShowsThePreviousContentUntilTheNextWrite) {
  Attach(disk_, 0);
  Set(ata::kRegCount, 0x11);
  Set(ata::kRegCount, 0x22);
  SetControl(ata::kControlHob);
  EXPECT_EQ(Get(ata::kRegCount), 0x11);
  Set(ata::kRegLbaLow, 0);
  EXPECT_EQ(Get(ata::kRegCount), 0x22);
}

// Wide accesses to anything but the data port are accesses to single bytes.
TEST_F(IdeChannelTest, EveryOffsetAtEveryWidth) {
  Attach(disk_, 0);
  for (unsigned offset = 1; offset < 12; ++offset) {
    for (const unsigned width : {1u, 2u, 4u, 8u}) {
      uint64_t expected = 0;
      for (unsigned i = 0; i < width; ++i) {
        const uint64_t byte = offset + i < 8 ? Get(offset + i) : 0xff;
        expected |= byte << (8 * i);
      }
      EXPECT_EQ(channel_.command_block().ReadRegister(offset, width), expected);
    }
  }
  channel_.command_block().WriteRegister(ata::kRegCount, 4, 0x04030201);
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(Get(ata::kRegCount + i), i + 1);
  channel_.command_block().WriteRegister(ata::kRegDevice, 2, uint64_t{ata::kIdentifyDevice} << 8);
  EXPECT_EQ(disk_.works, 1) << "device, then command";
  for (unsigned offset = 0; offset < 4; ++offset) {
    for (const unsigned width : {1u, 2u, 4u, 8u}) {
      const uint64_t ones = width == 8 ? UINT64_MAX : (uint64_t{1} << (8 * width)) - 1;
      const uint64_t low = offset == 0 ? ~uint64_t{0xff} | Alternate() : UINT64_MAX;
      EXPECT_EQ(channel_.control_block().ReadRegister(offset, width), low & ones);
    }
  }
  channel_.control_block().WriteRegister(1, 4, UINT64_MAX);
  EXPECT_EQ(disk_.works, 1) << "no SRST at offset 1";
  for (unsigned offset = 0; offset < 10; ++offset) {
    for (const unsigned width : {1u, 2u, 4u, 8u}) {
      uint64_t expected = 0;
      for (unsigned i = 0; i < width; ++i) {
        expected |= uint64_t{offset + i < 8 ? GetBm(offset + i) : uint8_t{0xff}} << (8 * i);
      }
      EXPECT_EQ(channel_.bus_master().ReadRegister(offset, width), expected);
    }
  }
  channel_.bus_master().WriteRegister(kBmRegTable, 4, 0x12345678);
  EXPECT_EQ(channel_.bus_master().ReadRegister(kBmRegTable, 4), 0x12345678u);
}

TEST_F(IdeChannelTest, TheDataPortMovesWhatTheAccessIsWide) {
  Attach(disk_, 0);
  std::vector<uint8_t> block(512);
  std::iota(block.begin(), block.end(), uint8_t{0});
  Begin(ata::kIdentifyDevice);
  channel_.port(0).DataIn(block, IdePort::Block::kLast);
  RegisterBlock& data = channel_.command_block();
  EXPECT_EQ(data.ReadRegister(0, 2), 0x0100u);
  EXPECT_EQ(data.ReadRegister(0, 4), 0x05040302u);
  EXPECT_EQ(data.ReadRegister(0, 1), 0x06u);
  EXPECT_EQ(data.ReadRegister(0, 8), 0x0e0d0c0b0a090807u);
  EXPECT_EQ(Get(ata::kRegCount + 0), 1) << "other registers are where they were";
  std::vector<uint8_t> rest(600);
  channel_.ReadData(rest);
  EXPECT_EQ(rest[0], 0x0f);
  EXPECT_EQ(rest[496], 0xff);
  EXPECT_EQ(rest[497], 0xff);
  EXPECT_EQ(Alternate(), ata::kStatusGood);
}

TEST_F(IdeChannelTest, NienHidesTheInterruptAndShowsItAgain) {
  Attach(disk_, 0);
  SetControl(ata::kControlNien);
  Begin(ata::kFlushCache);
  channel_.port(0).Finish({}, {});
  EXPECT_FALSE(line_.high);
  EXPECT_EQ(GetBm(kBmRegStatus), 0) << "the bus master sees the line";
  SetControl(0);
  EXPECT_TRUE(line_.high);
  EXPECT_EQ(GetBm(kBmRegStatus), kBmStatusInterrupt);
  Alternate();
  EXPECT_TRUE(line_.high);
  Get(ata::kRegStatus);
  EXPECT_FALSE(line_.high);
  EXPECT_EQ(line_.rises, 1);
}

TEST_F(IdeChannelTest, TheLineIsTheSelectedDrives) {
  Attach(disk_, 0);
  Attach(slave_, 1);
  Begin(ata::kFlushCache);
  channel_.port(0).Finish({}, {});
  EXPECT_TRUE(line_.high);
  Select(1);
  EXPECT_FALSE(line_.high);
  Get(ata::kRegStatus);
  Select(0);
  EXPECT_TRUE(line_.high) << "the other drive's status acknowledges nothing";
  Command(ata::kFlushCache);
  EXPECT_FALSE(line_.high) << "a command takes it away";
}

// 9.2 and 9.3: BSY from the write on, until the drive is quiet and the bit is clear.
TEST_F(IdeChannelTest, SrstResetsBothDrives) {
  Attach(disk_, 0);
  Attach(packet_, 1);
  Set(ata::kRegCount, 0x77);
  SetControl(ata::kControlSrst);
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  for (const unsigned unit : {0u, 1u}) {
    const IdeWork work = channel_.port(unit).Take();
    EXPECT_EQ(work.event, IdeEvent::kReset);
    EXPECT_EQ(work.reset, IdeReset::kSoftware);
  }
  SetControl(0);
  EXPECT_EQ(Alternate(), ata::kStatusBsy) << "the drive is not quiet yet";
  channel_.port(0).ResetDone(IdeReset::kSoftware);
  EXPECT_EQ(Alternate(), ata::kStatusBsy) << "device 1 is not";
  channel_.port(1).ResetDone(IdeReset::kSoftware);
  ExpectSignature(kAtaSignature);
  Select(1);
  ExpectSignature(kPacketSignature);
  EXPECT_EQ(line_.rises, 0);
}

// 9.2 and 9.11: device 0 is busy until device 1 has said by PDIAG- that it is done, or is gone.
TEST_F(IdeChannelTest, Device0WaitsForDevice1) {
  IdePort& first = channel_.port(0);
  IdePort& second = channel_.port(1);
  Attach(disk_, 0);
  // Who is done first, before and after SRST is clear; who leaves; who is reset by the machine.
  const std::vector<void (*)(IdePort&)> ends = {
      [](IdePort& port) { port.ResetDone(IdeReset::kSoftware); },
      [](IdePort& port) { port.Detach(); },
      [](IdePort& port) {
        port.BeginPowerReset();
        port.ResetDone(IdeReset::kPower);
      },
  };
  for (const auto& end : ends) {
    for (const bool early : {false, true}) {
      second.Detach();
      Attach(packet_, 1);
      SetControl(ata::kControlSrst);
      EXPECT_EQ(first.Take().event, IdeEvent::kReset);
      EXPECT_EQ(second.Take().event, IdeEvent::kReset);
      if (early) first.ResetDone(IdeReset::kSoftware);
      SetControl(0);
      if (!early) first.ResetDone(IdeReset::kSoftware);
      EXPECT_EQ(Alternate(), ata::kStatusBsy);
      Select(1);
      EXPECT_EQ(Get(ata::kRegDevice) & ata::kDeviceDev, 0) << "busy: ignored";
      Command(ata::kReadDma);
      EXPECT_EQ(first.Take().event, IdeEvent::kNone);
      end(second);
      ExpectSignature(kAtaSignature);
    }
  }
}

TEST_F(IdeChannelTest, WhileSrstIsSetNothingElseHappens) {
  Attach(disk_, 0);
  SetControl(ata::kControlSrst);
  EXPECT_EQ(channel_.port(0).Take().event, IdeEvent::kReset);
  channel_.port(0).ResetDone(IdeReset::kSoftware);
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  const int works = disk_.works;
  for (int code = 0; code < 256; ++code) Command(static_cast<uint8_t>(code));
  EXPECT_EQ(disk_.works, works);
  EXPECT_EQ(channel_.port(0).Take().event, IdeEvent::kNone);
  SetControl(0);
  ExpectSignature(kAtaSignature);
}

TEST_F(IdeChannelTest, ASecondSrstBeforeTheFirstIsDoneIsAnotherReset) {
  Attach(disk_, 0);
  SetControl(ata::kControlSrst);
  SetControl(0);
  EXPECT_EQ(channel_.port(0).Take().event, IdeEvent::kReset);
  SetControl(ata::kControlSrst);
  SetControl(0);
  channel_.port(0).ResetDone(IdeReset::kSoftware);
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  EXPECT_EQ(channel_.port(0).Take().event, IdeEvent::kReset);
  channel_.port(0).ResetDone(IdeReset::kSoftware);
  ExpectSignature(kAtaSignature);
}

// 8.11: both drives, whichever is selected; device 0 interrupts and is selected.
TEST_F(IdeChannelTest, ExecuteDeviceDiagnostic) {
  Attach(disk_, 0);
  Attach(slave_, 1);
  Select(1);
  Command(ata::kExecuteDeviceDiagnostic);
  for (const unsigned unit : {0u, 1u}) {
    const IdeWork work = channel_.port(unit).Take();
    EXPECT_EQ(work.event, IdeEvent::kReset);
    EXPECT_EQ(work.reset, IdeReset::kDiagnostic);
    EXPECT_FALSE(line_.high);
    channel_.port(unit).ResetDone(IdeReset::kDiagnostic);
  }
  EXPECT_TRUE(line_.high);
  ExpectSignature(kAtaSignature);
  Select(1);
  ExpectSignature(kAtaSignature);
  EXPECT_FALSE(line_.high);
}

TEST_F(IdeChannelTest, ExecuteDeviceDiagnosticWithDevice1Absent) {
  Attach(disk_, 0);
  Select(1);
  Command(ata::kExecuteDeviceDiagnostic);
  EXPECT_EQ(channel_.port(0).Take().event, IdeEvent::kReset);
  channel_.port(0).ResetDone(IdeReset::kDiagnostic);
  EXPECT_TRUE(line_.high);
  ExpectSignature(kAtaSignature);
}

TEST_F(IdeChannelTest, AMachinesResetClearsWhatTheDrivesShare) {
  Attach(disk_, 0);
  SetControl(ata::kControlNien);
  Select(1);
  SetBm(kBmRegTable, 0xf0);
  SetBm(kBmRegCommand, kBmCommandStart);
  channel_.port(0).BeginPowerReset();
  SetControl(ata::kControlNien | ata::kControlSrst);  // The guest's own doesn't count now.
  channel_.port(0).ResetDone(IdeReset::kPower);
  ExpectSignature(kAtaSignature);
  EXPECT_EQ(Get(ata::kRegDevice), 0);
  for (unsigned offset = 0; offset < 8; ++offset) EXPECT_EQ(GetBm(offset), 0);
  Begin(ata::kFlushCache);
  channel_.port(0).Finish({}, {});
  EXPECT_TRUE(line_.high) << "nIEN is off";
}

}  // namespace
}  // namespace platter
