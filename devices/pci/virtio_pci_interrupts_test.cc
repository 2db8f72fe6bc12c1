// SPDX-License-Identifier: Apache-2.0
//
// Interrupts of a virtio device on PCI: messages and the line (virtio 1.3, 4.1.4.5, 4.1.5.1.2,
// 4.1.5.3, 4.1.5.4).

#include <cstdint>

#include "gtest/gtest.h"

#include "devices/pci/virtio_pci_fixture.h"
#include "testing/model/random.h"

namespace platter {
namespace {

using Field = VirtioPciField;
constexpr VirtioPciSlot::Options kWithLine = {.interrupts = VirtioPciDriver::Interrupts::kLine};

class VirtioPciInterruptsTest : public testing::Test, protected PciBlkFixture {
 protected:
  uint64_t Messages(uint32_t vector) {
    return bus.Interrupt(InProcessBus::kFirstVector + vector).raised;
  }
  bool LineIsHigh() { return bus.Interrupt(VirtioPciSlot::kLine).high; }
  bool StatusSaysInterrupt() { return (pci->config().Read(0x06, 2) & 8) != 0; }
  uint64_t ReadIsr() { return bus.ReadRegister(RegisterSpace::kMmio, pci->isr(), 1); }
  uint32_t MsixAt() { return pci->config().FindCapability(0x11, 0); }
  void SetMsix(uint16_t value) { pci->config().Write(MsixAt() + 2, 2, value); }
  void MaskVector(uint32_t vector, uint32_t masked) {
    bus.WriteRegister32(RegisterSpace::kMmio, pci->config().bar(2) + uint64_t{16} * vector + 12,
                        masked);
  }
};

TEST_F(VirtioPciInterruptsTest, EventsGoToTheirVectors) {
  MakeDevice({.num_queues = 2});
  MakeDriver({.queues = 2});
  const uint64_t before[] = {Messages(0), Messages(1), Messages(2)};
  slot->transport.InterruptQueue(1);
  EXPECT_EQ(Messages(2), before[2] + 1);
  slot->transport.InterruptQueue(0);
  EXPECT_EQ(Messages(1), before[1] + 1);
  slot->transport.InterruptConfig();
  EXPECT_EQ(Messages(0), before[0] + 1);
  EXPECT_FALSE(LineIsHigh());
  EXPECT_FALSE(StatusSaysInterrupt());
  EXPECT_EQ(ReadIsr(), kVirtioPciIsrConfig) << "4.1.4.5.1: set before a configuration change";
}

TEST_F(VirtioPciInterruptsTest, WithoutAVectorNothingIsSent) {
  MakeAll();
  Put(Field::kConfigMsixVector, 2, 0xffff);
  Put(Field::kQueueMsixVector, 2, 0xffff);
  const uint64_t before[] = {Messages(0), Messages(1)};
  slot->transport.InterruptQueue(0);
  slot->transport.InterruptConfig();
  EXPECT_EQ(Messages(0), before[0]);
  EXPECT_EQ(Messages(1), before[1]);
  EXPECT_FALSE(LineIsHigh());
}

TEST_F(VirtioPciInterruptsTest, AMaskedVectorIsPending) {
  MakeAll();
  const uint64_t before = Messages(1);
  MaskVector(1, 1);
  slot->transport.InterruptQueue(0);
  EXPECT_EQ(Messages(1), before);
  const uint64_t pending = pci->config().bar(2) + (pci->config().Read(MsixAt() + 8, 4) & ~7u);
  EXPECT_EQ(bus.ReadRegister(RegisterSpace::kMmio, pending, 8), 2u);
  MaskVector(1, 0);
  EXPECT_EQ(Messages(1), before + 1);
  EXPECT_EQ(bus.ReadRegister(RegisterSpace::kMmio, pending, 8), 0u);
  SetMsix(0xc000);
  slot->transport.InterruptQueue(0);
  EXPECT_EQ(Messages(1), before + 1);
  SetMsix(0x8000);
  EXPECT_EQ(Messages(1), before + 2);
  CheckReads();
}

TEST_F(VirtioPciInterruptsTest, AResetForgetsWhatIsPending) {
  MakeAll();
  SetMsix(0xc000);
  slot->transport.InterruptQueue(0);
  const uint64_t before = Messages(1);
  ResetByDriver();
  SetMsix(0x8000);
  EXPECT_EQ(Messages(1), before);
}

TEST_F(VirtioPciInterruptsTest, TheLineFollowsTheIsr) {
  MakeAll({}, kWithLine);
  ReadIsr();
  slot->transport.InterruptQueue(0);
  EXPECT_TRUE(LineIsHigh());
  EXPECT_TRUE(StatusSaysInterrupt());
  slot->transport.InterruptConfig();
  EXPECT_EQ(ReadIsr(), 3u);
  EXPECT_FALSE(LineIsHigh());
  EXPECT_FALSE(StatusSaysInterrupt());
  EXPECT_EQ(ReadIsr(), 0u);
  bus.WriteRegister(RegisterSpace::kMmio, pci->isr(), 1, 3);
  EXPECT_EQ(ReadIsr(), 0u);
  CheckReads();
}

TEST_F(VirtioPciInterruptsTest, TheLineIsDisabledByTheCommandRegister) {
  MakeAll({}, kWithLine);
  ReadIsr();
  pci->config().Write(0x04, 2, 0x406);
  slot->transport.InterruptQueue(0);
  EXPECT_FALSE(LineIsHigh());
  EXPECT_TRUE(StatusSaysInterrupt()) << "PCI 6.2.3: whether or not it is disabled";
  pci->config().Write(0x04, 2, 0x006);
  EXPECT_TRUE(LineIsHigh());
  pci->config().Write(0x05, 1, 0x04);
  EXPECT_FALSE(LineIsHigh());
}

TEST_F(VirtioPciInterruptsTest, MessagesReplaceTheLine) {
  MakeAll({}, kWithLine);
  ReadIsr();
  slot->transport.InterruptQueue(0);
  EXPECT_TRUE(LineIsHigh());
  SetMsix(0x8000);
  EXPECT_FALSE(LineIsHigh());
  EXPECT_FALSE(StatusSaysInterrupt());
  SetMsix(0);
  EXPECT_TRUE(LineIsHigh());
  EXPECT_TRUE(StatusSaysInterrupt());
}

TEST_F(VirtioPciInterruptsTest, NeedsResetIsAConfigurationChange) {
  MakeAll();
  const uint64_t before = Messages(0);
  slot->transport.OnNeedsReset();
  EXPECT_EQ(Status(), kReady | kVirtioStatusNeedsReset);
  EXPECT_EQ(Messages(0), before + 1);
  EXPECT_TRUE(pci->NeedsReset());
}

TEST_F(VirtioPciInterruptsTest, AResizeIsToldOnceDriverIsReady) {
  MakeDevice();
  AgreeToAll();
  const uint64_t before = Messages(0);
  backend.Resize(kMiB / 2);
  world.RunUntilIdle();
  EXPECT_EQ(Messages(0), before) << "3.1.1: not before DRIVER_OK";
  ResetByDriver();
  MakeDriver();
  backend.Resize(kMiB);
  world.RunUntilIdle();
  driver->HandleInterrupts();
  EXPECT_EQ(driver->config_changes(), 1u);
  EXPECT_EQ(driver->info().capacity_sectors, kMiB / 512);
}

// R-BLK-08: any order of resets, interrupts, masks and vectors leaves the line right, and a device
// that works.
TEST_F(VirtioPciInterruptsTest, R_BLK_08_ResetsAmongInterrupts) {
  constexpr uint64_t kSeed = 88172645463325252;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  MakeAll();
  for (int i = 0; i < 4000; ++i) {
    const auto value = static_cast<uint16_t>(random.Next());
    switch (random.Below(9)) {
      case 0:
        pci->BeginReset();
        break;
      case 1:
        slot->transport.InterruptQueue(0);
        break;
      case 2:
        slot->transport.InterruptConfig();
        break;
      case 3:
        ReadIsr();
        break;
      case 4:
        slot->transport.OnNeedsReset();
        break;
      case 5:
        SetMsix(value);
        break;
      case 6:
        pci->config().Write(0x04, 2, (value & 0x0400) | 6);
        break;
      case 7:
        Put(random.OneIn(2) ? Field::kConfigMsixVector : Field::kQueueMsixVector, 2, value % 4);
        break;
      default:
        MaskVector(value % 2, value >> 15);
        break;
    }
    world.RunUntilIdle();
    const bool msix = (pci->config().Read(MsixAt() + 2, 2) & 0x8000) != 0;
    const bool disabled = (pci->config().Read(0x04, 2) & 0x0400) != 0;
    const bool asserted = LineIsHigh();
    ASSERT_EQ(StatusSaysInterrupt() && !disabled, asserted) << i;
    ASSERT_FALSE(msix && asserted);
    if (!msix && !disabled && random.OneIn(4)) {
      ASSERT_EQ(ReadIsr() != 0, asserted);
    }
  }
  ResetByDriver();
  MakeDriver();
  CheckReads();
}

}  // namespace
}  // namespace platter
