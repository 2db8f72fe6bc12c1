// SPDX-License-Identifier: Apache-2.0
//
// A drive's side of a port: phases of commands, blocks of data, the bus master, and that what a
// drive says late is ignored.

#include "devices/ide/ide_port.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

#include "devices/ide/ide_channel_fixture.h"

namespace platter {
namespace {

class IdePortTest : public IdeChannelTest {
 protected:
  IdePortTest() { Attach(disk_, 0); }

  IdePort& port_ = channel_.port(0);
};

TEST_F(IdePortTest, ACommandIsBusyFromTheWriteOnAndTakenOnce) {
  Set(ata::kRegFeatures, 3);
  Set(ata::kRegCount, 4);
  Command(ata::kSetFeatures);
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  EXPECT_EQ(disk_.works, 1);
  Set(ata::kRegCount, 5);  // Ignored.
  Command(ata::kFlushCache);
  const IdeWork work = port_.Take();
  EXPECT_EQ(work.event, IdeEvent::kCommand);
  EXPECT_EQ(work.task_file.command, ata::kSetFeatures);
  EXPECT_EQ(work.task_file.features.current, 3);
  EXPECT_EQ(work.task_file.count.current, 4);
  EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
  EXPECT_EQ(disk_.works, 1);
  port_.Finish(work.task_file, {.status = 0x51, .error = ata::kErrorAbrt});
  EXPECT_TRUE(line_.high);
  EXPECT_EQ(Get(ata::kRegStatus), 0x51);
  EXPECT_EQ(Get(ata::kRegError), ata::kErrorAbrt);
  EXPECT_FALSE(line_.high);
}

TEST_F(IdePortTest, BlocksOfAReadInterruptAndTheLastEndsTheCommand) {
  std::vector<uint8_t> block(512, 0xab);
  std::vector<uint8_t> to(512);
  Begin(ata::kReadSectors);
  port_.DataIn(block, IdePort::Block::kMoreFollow);
  EXPECT_TRUE(line_.high);
  EXPECT_EQ(Get(ata::kRegStatus), ata::kStatusGood | ata::kStatusDrq);
  channel_.ReadData(to);
  EXPECT_EQ(to, block);
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  EXPECT_EQ(port_.Take().event, IdeEvent::kDataDone);
  port_.DataIn(block, IdePort::Block::kLast);
  EXPECT_TRUE(line_.high);
  Get(ata::kRegStatus);
  channel_.ReadData(to);
  EXPECT_EQ(Alternate(), ata::kStatusGood);
  EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
  EXPECT_FALSE(line_.high);
}

TEST_F(IdePortTest, BlocksOfAWriteAreToldOneByOne) {
  std::vector<uint8_t> block(512);
  const std::vector<uint8_t> from(512, 0xcd);
  Begin(ata::kWriteSectors);
  port_.DataOut(block, IdeInterrupt::kNo);
  EXPECT_FALSE(line_.high);
  EXPECT_EQ(Alternate(), ata::kStatusGood | ata::kStatusDrq);
  channel_.WriteData(std::span(from).first(510));
  EXPECT_EQ(Alternate(), ata::kStatusGood | ata::kStatusDrq);
  channel_.command_block().WriteRegister(0, 4, 0x1111cdcd);
  EXPECT_EQ(block, from) << "the rest of the access is dropped";
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  EXPECT_EQ(port_.Take().event, IdeEvent::kDataDone);
  port_.DataOut(block, IdeInterrupt::kYes);
  EXPECT_TRUE(line_.high);
}

// R-IDE-01, R-IDE-19: after any phase, data port accesses change nothing but the open block.
TEST_F(IdePortTest, R_IDE_01_TheDataPortInEveryPhase) {
  std::vector<uint8_t> around(3 * 512, 0x5a);
  const auto hammer = [&] {
    std::vector<uint8_t> many(65536, 0x77);
    for (int i = 0; i < 3; ++i) {
      channel_.WriteData(many);
      channel_.ReadData(many);
      channel_.command_block().ReadRegister(0, 8);
      channel_.command_block().WriteRegister(0, 8, UINT64_MAX);
    }
  };
  hammer();
  EXPECT_EQ(Alternate(), ata::kStatusGood);
  Command(ata::kWriteSectors);
  hammer();
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  port_.Take();
  hammer();
  port_.DataOut(std::span(around).subspan(512, 512), IdeInterrupt::kNo);
  hammer();
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  EXPECT_EQ(std::count(around.begin(), around.end(), 0x5a), 1024);
  EXPECT_EQ(port_.Take().event, IdeEvent::kDataDone);
  EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
  port_.Finish({}, {});
  hammer();
  EXPECT_EQ(Alternate(), ata::kStatusGood);
  EXPECT_EQ(std::count(around.begin(), around.end(), 0x5a), 1024);
}

TEST_F(IdePortTest, AnArmedBusMasterStartsTheTransferAtOnceAndAnIdleOneLater) {
  for (const bool armed_first : {true, false}) {
    SetBm(kBmRegTable, 0x40);
    if (armed_first) SetBm(kBmRegCommand, kBmCommandStart);
    Begin(ata::kReadDma);
    port_.RequestDma();
    if (!armed_first) {
      EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
      SetBm(kBmRegCommand, kBmCommandStart);
    }
    const IdeWork work = port_.Take();
    EXPECT_EQ(work.event, IdeEvent::kDmaReady);
    EXPECT_EQ(work.prd_table, 0x40u);
    port_.Finish({}, {.dma = DmaEnd::kExact});
    EXPECT_EQ(GetBm(kBmRegStatus), kBmStatusInterrupt);
    EXPECT_TRUE(line_.high);
    SetBm(kBmRegCommand, 0);
    SetBm(kBmRegStatus, kBmStatusInterrupt);
    Get(ata::kRegStatus);
  }
}

TEST_F(IdePortTest, StoppedBeforeTheDriveTookItTheTransferWaits) {
  Begin(ata::kReadDma);
  port_.RequestDma();
  SetBm(kBmRegCommand, kBmCommandStart);
  SetBm(kBmRegCommand, 0);
  EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
  EXPECT_EQ(Alternate(), ata::kStatusBsy);
  SetBm(kBmRegCommand, kBmCommandStart);
  EXPECT_EQ(port_.Take().event, IdeEvent::kDmaReady);
}

// No command begins on a table that an earlier start was for.
TEST_F(IdePortTest, AStaleStartServesNoNewCommand) {
  SetBm(kBmRegCommand, kBmCommandStart);
  Begin(ata::kReadDma);
  port_.RequestDma();
  EXPECT_EQ(port_.Take().event, IdeEvent::kDmaReady);
  port_.Finish({}, {.dma = DmaEnd::kTableLonger});
  Begin(ata::kReadDma);
  port_.RequestDma();
  EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
  SetControl(ata::kControlSrst);
  SetControl(0);
  EXPECT_EQ(port_.Take().event, IdeEvent::kReset);
  port_.ResetDone(IdeReset::kSoftware);
  EXPECT_EQ(GetBm(kBmRegCommand), 0) << "off after a reset";
  Begin(ata::kReadDma);
  port_.RequestDma();
  EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
}

// The machine's reset of one drive selects device 0 while device 1 waits for the bus master: one
// start serves one of them, the other waits for the next.
TEST_F(IdePortTest, TwoDrivesThatWaitForTheBusMaster) {
  Attach(slave_, 1);
  Select(1);
  Begin(ata::kReadDma, 1);
  channel_.port(1).RequestDma();
  port_.BeginPowerReset();
  port_.ResetDone(IdeReset::kPower);
  Begin(ata::kReadDma);
  port_.RequestDma();
  SetBm(kBmRegCommand, kBmCommandStart);
  EXPECT_EQ(port_.Take().event, IdeEvent::kDmaReady);
  EXPECT_EQ(channel_.port(1).Take().event, IdeEvent::kNone);
  port_.Finish({}, {.dma = DmaEnd::kExact});
  EXPECT_EQ(channel_.port(1).Take().event, IdeEvent::kNone);
  SetBm(kBmRegCommand, 0);
  SetBm(kBmRegCommand, kBmCommandStart);
  EXPECT_EQ(channel_.port(1).Take().event, IdeEvent::kDmaReady);
  channel_.port(1).Finish({}, {.dma = DmaEnd::kExact});
  Select(1);
  EXPECT_EQ(Alternate(), ata::kStatusGood);
}

// R-IDE-04: a transfer that a reset ends leaves the bus master to the drive that waits for it.
TEST_F(IdePortTest, R_IDE_04_AResetAmidATransferFreesTheBusMaster) {
  Attach(slave_, 1);
  IdePort& second = channel_.port(1);
  Select(1);
  Begin(ata::kReadDma, 1);
  second.RequestDma();
  SetBm(kBmRegCommand, kBmCommandStart);
  ASSERT_EQ(second.Take().event, IdeEvent::kDmaReady);
  port_.BeginPowerReset();
  port_.ResetDone(IdeReset::kPower);
  EXPECT_EQ(GetBm(kBmRegStatus) & kBmStatusActive, kBmStatusActive) << "the other one moves data";
  Begin(ata::kReadDma);
  port_.RequestDma();
  SetBm(kBmRegCommand, 0);
  SetBm(kBmRegCommand, kBmCommandStart);
  EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
  second.BeginPowerReset();
  second.ResetDone(IdeReset::kPower);
  second.EndDma(DmaEnd::kNoMemory);  // Too late to count.
  EXPECT_EQ(GetBm(kBmRegStatus) & kBmStatusActive, 0);
  SetBm(kBmRegCommand, kBmCommandStart);
  EXPECT_EQ(port_.Take().event, IdeEvent::kDmaReady);
  second.EndDma(DmaEnd::kNoMemory);
  EXPECT_EQ(GetBm(kBmRegStatus) & (kBmStatusActive | kBmStatusError), kBmStatusActive);
  port_.Finish({}, {.dma = DmaEnd::kExact});
  EXPECT_EQ(Alternate(), ata::kStatusGood);
}

// R-IDE-04: SRST in each phase; what the drive says after it is ignored, and it is told.
TEST_F(IdePortTest, R_IDE_04_SrstInEveryPhase) {
  std::vector<uint8_t> block(512);
  const std::vector<void (*)(IdePort&, std::span<uint8_t>)> phases = {
      [](IdePort&, std::span<uint8_t>) {},
      [](IdePort& port, std::span<uint8_t>) { port.Take(); },
      [](IdePort& port, std::span<uint8_t> data) {
        port.Take();
        port.DataIn(data, IdePort::Block::kMoreFollow);
      },
      [](IdePort& port, std::span<uint8_t> data) {
        port.Take();
        port.DataOut(data, IdeInterrupt::kYes);
      },
      [](IdePort& port, std::span<uint8_t>) {
        port.Take();
        port.RequestDma();
      },
  };
  for (const auto& reach : phases) {
    for (const bool armed : {false, true}) {
      Command(ata::kReadDma);
      reach(port_, block);
      if (armed) SetBm(kBmRegCommand, kBmCommandStart);
      SetControl(ata::kControlSrst);
      EXPECT_EQ(Alternate(), ata::kStatusBsy);
      EXPECT_FALSE(line_.high);
      SetControl(0);
      Command(ata::kFlushCache);  // Too early: ignored.
      port_.DataIn(block, IdePort::Block::kLast);
      port_.DataOut(block, IdeInterrupt::kYes);
      port_.RequestDma();
      port_.Finish({}, {.dma = DmaEnd::kNoMemory});
      EXPECT_EQ(Alternate(), ata::kStatusBsy);
      EXPECT_FALSE(line_.high);
      EXPECT_EQ(port_.Take().event, IdeEvent::kReset);
      EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
      port_.ResetDone(IdeReset::kSoftware);
      ExpectSignature(kAtaSignature);
      EXPECT_EQ(GetBm(kBmRegStatus) & kBmStatusActive, 0);
      Begin(ata::kFlushCache);
      port_.Finish({}, {});
      Get(ata::kRegStatus);
    }
  }
}

TEST_F(IdePortTest, DeviceResetIsAPacketDrivesOwnCommandEvenWhenBusy) {
  Attach(packet_, 1);
  Command(ata::kDeviceReset);
  EXPECT_EQ(port_.Take().event, IdeEvent::kCommand) << "a disk gets it as any command";
  port_.Finish({}, {});
  Select(1);
  Begin(ata::kPacket, 1);
  Command(ata::kDeviceReset);
  const IdeWork work = channel_.port(1).Take();
  EXPECT_EQ(work.event, IdeEvent::kReset);
  EXPECT_EQ(work.reset, IdeReset::kDevice);
  channel_.port(1).ResetDone(IdeReset::kDevice);
  ExpectSignature(kPacketSignature);
  EXPECT_FALSE(line_.high) << "8.9: without an interrupt";
}

// The phases of a packet command with data by PIO, as a packet drive makes them of a port.
TEST_F(IdePortTest, APacketCommand) {
  Attach(packet_, 1);
  IdePort& port = channel_.port(1);
  Select(1);
  std::vector<uint8_t> packet(12);
  std::vector<uint8_t> data(36, 0x11);
  Begin(ata::kPacket, 1);
  port.ShowRegisters({.count = {.current = 1}});  // The packet is asked for.
  port.DataOut(packet, IdeInterrupt::kNo);
  EXPECT_EQ(Get(ata::kRegCount), 1);
  channel_.WriteData(std::vector<uint8_t>(12, 0xa8));
  EXPECT_EQ(packet, std::vector<uint8_t>(12, 0xa8));
  EXPECT_EQ(port.Take().event, IdeEvent::kDataDone);
  port.ShowRegisters({.count = {.current = 2}, .lba_mid = {.current = 36}});
  port.DataIn(data, IdePort::Block::kMoreFollow);
  EXPECT_TRUE(line_.high);
  EXPECT_EQ(Get(ata::kRegStatus) & ata::kStatusDrq, ata::kStatusDrq);
  EXPECT_EQ(Get(ata::kRegLbaMid), 36);
  std::vector<uint8_t> to(36);
  channel_.ReadData(to);
  EXPECT_EQ(to, data);
  EXPECT_EQ(port.Take().event, IdeEvent::kDataDone);
  port.Finish({.count = {.current = 3}}, {});
  EXPECT_TRUE(line_.high) << "the status phase interrupts too";
  EXPECT_EQ(Get(ata::kRegCount), 3);
  EXPECT_EQ(Get(ata::kRegStatus), ata::kStatusGood);
  port.ShowRegisters({.count = {.current = 9}});
  EXPECT_EQ(Get(ata::kRegCount), 3) << "too late";
}

TEST_F(IdePortTest, ADetachedDriveIsGoneAtOnce) {
  Command(ata::kIdentifyDevice);
  port_.Detach();
  EXPECT_EQ(Alternate(), 0xff);
  EXPECT_EQ(Get(ata::kRegStatus), 0xff);
  EXPECT_EQ(port_.Take().event, IdeEvent::kNone);
  port_.ResetDone(IdeReset::kSoftware);
  EXPECT_EQ(Alternate(), 0xff);
  const int works = disk_.works;
  Command(ata::kIdentifyDevice);
  SetControl(ata::kControlSrst);
  EXPECT_EQ(disk_.works, works);
}

}  // namespace
}  // namespace platter
