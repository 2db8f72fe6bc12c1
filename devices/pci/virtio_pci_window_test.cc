// SPDX-License-Identifier: Apache-2.0
//
// The access window in configuration space (virtio 1.3, 4.1.4.9).

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

#include "devices/pci/virtio_pci_fixture.h"

namespace platter {
namespace {

class VirtioPciWindowTest : public testing::Test, protected PciBlkFixture {
 protected:
  void Make(uint32_t queues = 1) {
    MakeDevice({.num_queues = queues}, {.interrupts = VirtioPciDriver::Interrupts::kLine});
    at_ = 0;
    do {
      at_ = pci->config().FindCapability(0x09, at_);
      ASSERT_NE(at_, 0);
    } while (pci->config().Read(at_ + 3u, 1) != kVirtioPciAccess);
  }
  void Select(uint32_t bar, uint32_t offset, uint32_t length) {
    pci->config().Write(at_ + 4u, 1, bar);
    pci->config().Write(at_ + 8u, 4, offset);
    pci->config().Write(at_ + 12u, 4, length);
  }
  uint32_t data() const { return at_ + 16u; }
  uint32_t ReadData() { return pci->config().Read(data(), 4); }
  void WriteData(uint32_t value) { pci->config().Write(data(), 4, value); }

  static bool InStructure(uint64_t offset, uint64_t length, uint64_t queues) {
    const auto in = [&](uint64_t begin, uint64_t bytes) {
      return offset >= begin && offset + length <= begin + bytes;
    };
    return in(0, 0x40) || in(0x1000, 1) || in(0x2000, 0x1000) || in(0x3000, 4 * queues);
  }

  uint8_t at_ = 0;
};

TEST_F(VirtioPciWindowTest, ADriverCanDoWithoutTheBar) {
  Make();
  pci->config().Write(0x04, 2, 0);
  EXPECT_EQ(Status(), 0xffu) << "the BAR is off";
  Select(0, 0x14, 1);
  WriteData(kAck);
  EXPECT_EQ(slot->transport.status(), kAck);
  EXPECT_EQ(ReadData(), kAck);
  Select(0, 0x12, 2);
  EXPECT_EQ(ReadData(), 1u);
  Select(0, 0x2000, 4);
  EXPECT_EQ(ReadData(), kMiB / 512) << "the capacity";
  Select(0, 0x20, 4);
  WriteData(0x12345678);
  EXPECT_EQ(ReadData(), 0x12345678u);
  EXPECT_EQ(pci->config().Read(data() + 1, 1), 0x56u);
  EXPECT_EQ(pci->config().Read(data() + 2, 2), 0x1234u);
}

TEST_F(VirtioPciWindowTest, EachAccessIsOne) {
  Make();
  slot->transport.InterruptQueue(0);
  Select(0, 0x1000, 1);
  EXPECT_TRUE(bus.Interrupt(VirtioPciSlot::kLine).high) << "selecting reads nothing";
  EXPECT_EQ(ReadData(), 1u);
  EXPECT_FALSE(bus.Interrupt(VirtioPciSlot::kLine).high);
  EXPECT_EQ(ReadData(), 0u);
  // A part of the data register carries the access out, too.
  slot->transport.InterruptConfig();
  EXPECT_EQ(pci->config().Read(data() + 3, 1), 0u);
  EXPECT_FALSE(bus.Interrupt(VirtioPciSlot::kLine).high);
}

TEST_F(VirtioPciWindowTest, ANotificationIsAWriteToo) {
  Make();
  MakeDriver();
  const GuestSegment buffer = {*bus.Allocate(512, 512), 512};
  ASSERT_TRUE(
      driver->Submit(0, {.type = guest::kBlkIn, .sector = 1, .data = std::span(&buffer, 1)}, 1));
  EXPECT_TRUE(driver->queue(0).Publish());
  backend.asked.clear();
  Select(0, 0x3000, 2);
  WriteData(0);
  world.RunUntilIdle();
  EXPECT_EQ(backend.asked.size(), 1u);
  driver->HandleInterrupts();
  EXPECT_EQ(driver->in_flight(), 0u);
}

// Every BAR number, every offset around what there is and every length of 0 to 8, read and written:
// what is no part of a structure reads zero and changes nothing.
TEST_F(VirtioPciWindowTest, R_VQ_17_EveryBarOffsetAndLength) {
  constexpr uint32_t kQueues = 3;
  Make(kQueues);
  std::vector<uint32_t> offsets;
  for (const uint32_t edge : {0u, 0x40u, 0x1000u, 0x2000u, 0x203cu, 0x3000u, 0x300cu, 0x4000u}) {
    for (uint32_t at = edge < 12 ? 0 : edge - 12; at < edge + 12; ++at) offsets.push_back(at);
  }
  for (uint32_t i = 0; i < 64; ++i) offsets.push_back(i);
  for (uint32_t i = 0; i < 8; ++i) offsets.push_back(0xfffffff8 + i);
  for (uint32_t i = 0; i < 8; ++i) offsets.push_back(0x80000000 + i);
  for (uint32_t bar = 0; bar < 8; ++bar) {
    for (const uint32_t offset : offsets) {
      for (uint32_t length = 0; length <= 8; ++length) {
        const bool good = bar == 0 && (length == 1 || length == 2 || length == 4) &&
                          offset % length == 0 && InStructure(offset, length, kQueues);
        WriteData(0xa5a5a5a5);
        Select(bar, offset, length);
        const uint64_t expected =
            good ? bus.ReadRegister(RegisterSpace::kMmio, pci->common() + offset, length) : 0;
        ASSERT_EQ(ReadData(), expected) << bar << " " << offset << "/" << length;
        WriteData(0xffffffff);
      }
    }
  }
  for (const uint32_t bar : {9u, 0x7fu, 0xffu}) {
    Select(bar, 0, 4);
    EXPECT_EQ(ReadData(), 0u);
  }
  Select(0, 0, 0x100);
  EXPECT_EQ(ReadData(), 0u);
  Select(0, 0, 0);
  ResetByDriver();
  MakeDriver();
  CheckReads();
}

TEST_F(VirtioPciWindowTest, OnlyItsOwnRegistersAreWritable) {
  Make();
  for (uint32_t at = 0x40; at < 0x100; ++at) {
    const uint32_t field = at - at_;
    const bool writable = at >= at_ && (field == 4 || (field >= 8 && field < 20));
    const bool is_msix = at == pci->config().FindCapability(0x11, 0) + 3u;
    if (is_msix || (field >= 16 && field < 20)) continue;
    const uint32_t before = pci->config().Read(at, 1);
    pci->config().Write(at, 1, ~before & 0xff);
    ASSERT_EQ(pci->config().Read(at, 1) == before, !writable) << at;
  }
}

}  // namespace
}  // namespace platter
