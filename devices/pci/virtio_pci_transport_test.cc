// SPDX-License-Identifier: Apache-2.0

#include "devices/pci/virtio_pci_transport.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

#include "devices/pci/virtio_pci_fixture.h"
#include "testing/guest/raw_ring.h"

namespace platter {
namespace {

constexpr unsigned kWidths[] = {1, 2, 4, 8};

class VirtioPciTransportTest : public testing::Test, protected PciBlkFixture {
 protected:
  uint64_t Read(uint64_t address, unsigned width) {
    return bus.ReadRegister(RegisterSpace::kMmio, address, width);
  }
  void Write(uint64_t address, unsigned width, uint64_t value) {
    bus.WriteRegister(RegisterSpace::kMmio, address, width, value);
  }
  uint64_t bar() { return pci->common(); }
  uint64_t bar_bytes() { return slot->transport.bars()[0].size(); }
  // From a new device to one in use: five states.
  static constexpr int kStates = 5;
  void Reach(int state, const RingLayout& layout) {
    ResetByDriver();
    if (state >= 1) PutStatus(kDriver);
    if (state >= 2) AgreeToAll();
    if (state >= 3) {
      ASSERT_TRUE(pci->StartQueue(0, layout).ok());
      pci->DriverOk();
    }
    if (state >= 4) slot->transport.OnNeedsReset();
  }
};

TEST_F(VirtioPciTransportTest, IdentifiesItself) {
  MakeDevice({.num_queues = 2});
  EXPECT_EQ(pci->config().Read(0x00, 4), 0x10421af4u);
  EXPECT_EQ(pci->config().Read(0x08, 4), 0x01000001u) << "revision 1, storage";
  EXPECT_EQ(pci->config().Read(0x0e, 1), 0u);
  EXPECT_EQ(pci->config().Read(0x2c, 2), 0x1af4u);
  EXPECT_GE(pci->config().Read(0x2e, 2), 0x40u) << "4.1.2.1";
  EXPECT_EQ(pci->config().Read(0x3d, 1), 1u);
  EXPECT_EQ(Get(VirtioPciField::kNumQueues, 2), 2u);
  EXPECT_EQ(Get(VirtioPciField::kQueueSize, 2), 256u);
}

TEST_F(VirtioPciTransportTest, StructuresLieInsideOfTheirBarsAndApart) {
  for (const uint32_t queues : {1u, 64u, 1024u}) {
    MakeDevice({.num_queues = queues, .queue_size = 4});
    uint8_t at = 0;
    uint32_t types = 0;
    while ((at = pci->config().FindCapability(0x09, at)) != 0) {
      const uint32_t type = pci->config().Read(at + 3u, 1);
      types |= 1u << type;
      if (type == kVirtioPciAccess) continue;
      EXPECT_EQ(pci->config().Read(at + 4u, 1), 0u);
      const uint64_t offset = pci->config().Read(at + 8u, 4);
      const uint64_t bytes = pci->config().Read(at + 12u, 4);
      EXPECT_EQ(offset % 4096, 0u);
      EXPECT_LE(offset + bytes, bar_bytes());
      if (type == kVirtioPciNotify) {
        EXPECT_GE(bytes, 4 * queues) << "4.1.4.4.1";
        EXPECT_EQ(pci->config().Read(at + 2u, 1), 20u);
      }
    }
    EXPECT_EQ(types, 0x3eu);
    EXPECT_EQ(pci->vectors(), queues + 1);
    Unplug();
  }
}

TEST_F(VirtioPciTransportTest, AnyNumberOfVectors) {
  for (const uint32_t vectors : {1u, 2u, 3u, 2048u}) {
    MakeAll({.num_queues = 2}, {.transport = {.vectors = vectors}});
    EXPECT_EQ(slot->transport.bars()[2].size(), vectors == 2048 ? 65536u : 4096u);
    CheckReads();
    Unplug();
  }
  MakeAll({}, {.interrupts = VirtioPciDriver::Interrupts::kLine, .transport = {.vectors = 0}});
  EXPECT_EQ(pci->config().FindCapability(0x11, 0), 0);
  EXPECT_EQ(slot->transport.bars()[2].size(), 0u);
  CheckReads();
}

TEST_F(VirtioPciTransportTest, BothWaysToConfigurationSpaceAreOne) {
  MakeAll({}, {.access = PciConfigSpace::Access::kEcam});
  CheckReads();
  PciConfigSpace ports(bus, {.device = VirtioPciSlot::kDevice});
  for (uint32_t at = 0; at < 256; at += 4) {
    ASSERT_EQ(ports.Read(at, 4), pci->config().Read(at, 4)) << at;
  }
}

// What a read gives in every state: the bytes that are there, alone and together. The ISR's byte,
// which changes by being read, is its own case.
TEST_F(VirtioPciTransportTest, R_VQ_17_EveryOffsetAndWidthInEveryState) {
  MakeDevice();
  const RawRing ring = *RawRing::Create(bus, 16);
  for (int state = 0; state < kStates; ++state) {
    Reach(state, ring.layout());
    for (uint64_t at = 0; at < bar_bytes(); ++at) {
      for (const unsigned width : kWidths) {
        if (at + width > bar_bytes()) continue;
        const uint64_t value = Read(bar() + at, width);
        uint64_t expected = 0;
        for (unsigned i = 0; i < width; ++i) {
          // An access belongs to the structure that it begins in.
          const bool own = (at + i) / 4096 == at / 4096;
          if (own) expected |= Read(bar() + at + i, 1) << (8 * i);
        }
        if (at <= 0x1000 && at + width > 0x1000) expected = value;
        ASSERT_EQ(value, expected) << at << "/" << width << " in state " << state;
        const bool is_there = at < 0x40 || at == 0x1000 || (at >= 0x2000 && at < 0x203c);
        if (!is_there && at % 4096 + width <= 4096) {
          ASSERT_EQ(value, 0u) << at << "/" << width;
        }
      }
    }
  }
}

TEST_F(VirtioPciTransportTest, ReadsAcrossTheIsrsPageTakeNothing) {
  MakeDevice({}, {.interrupts = VirtioPciDriver::Interrupts::kLine});
  slot->transport.InterruptQueue(0);
  Read(bar() + 0xffe, 4);
  Read(bar() + 0x1001, 1);
  EXPECT_TRUE(bus.Interrupt(VirtioPciSlot::kLine).high);
  EXPECT_EQ(Read(bar() + 0x1000, 8), 1u);
  EXPECT_EQ(Read(bar() + 0x1000, 1), 0u);
}

// Writes of every width at every offset, with many values, in every state: the device keeps its
// senses, and after a reset it works.
TEST_F(VirtioPciTransportTest, R_VQ_17_EveryWriteInEveryState) {
  MakeDevice();
  const RawRing ring = *RawRing::Create(bus, 16);
  for (int state = 0; state < kStates; ++state) {
    for (const unsigned width : kWidths) {
      for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0x80}, uint64_t{0xffff},
                                   uint64_t{0xffffffff}, ~uint64_t{0}}) {
        Reach(state, ring.layout());
        for (uint64_t at = 0; at + width <= 0x3100; ++at) Write(bar() + at, width, value);
        world.RunUntilIdle();
      }
    }
  }
  ResetByDriver();
  MakeDriver();
  CheckReads();
}

TEST_F(VirtioPciTransportTest, R_VQ_02_NotificationsGoToTheQueueOfTheirAddress) {
  MakeDevice({.num_queues = 2});
  const uint64_t notify = pci->notify();
  for (uint64_t at = notify; at < bar() + bar_bytes(); at += 4) Write(at, 2, 0);
  EXPECT_FALSE(world.RunUntilIdle()) << "no queue is started";
  MakeDriver({.queues = 1});
  world.RunUntilIdle();
  for (uint64_t at = notify + 4; at < bar() + bar_bytes(); at += 4) Write(at, 4, 0);
  EXPECT_FALSE(world.RunUntilIdle()) << "queue 0 was not meant";
  std::vector<uint8_t> data(512);
  CheckReads();
}

TEST_F(VirtioPciTransportTest, ConfigurationIgnoresWhatIsNotWritable) {
  MakeAll();
  std::vector<uint8_t> before(0x100);
  pci->ReadConfig(0, before);
  for (uint64_t at = 0; at < 0x1000; ++at) {
    if (at != 0x20) Write(pci->device() + at, 1, 0xff);
  }
  std::vector<uint8_t> after(0x100);
  pci->ReadConfig(0, after);
  EXPECT_EQ(after, before);
  // Writeback, also as a part of a wider access.
  Write(pci->device() + 0x1c, 8, 0);
  EXPECT_FALSE(backend.write_cache);
  Write(pci->device() + 0x20, 2, 1);
  EXPECT_TRUE(backend.write_cache);
}

TEST_F(VirtioPciTransportTest, ABarThatMovesTakesTheDeviceAlong) {
  MakeAll();
  CheckReads();
  const uint64_t old_place = bar();
  pci->config().Write(0x04, 2, 0);
  EXPECT_EQ(Read(old_place, 4), 0xffffffffu);
  pci->config().Write(0x10, 4, 0x4000);
  pci->config().Write(0x14, 4, 8);
  pci->config().Write(0x04, 2, 6);
  EXPECT_EQ(Read(old_place + 0x12, 2), 0xffffu);
  EXPECT_EQ(Read(VirtioPciSlot::kHighWindow.base + 0x4000 + 0x12, 2), 1u);
  EXPECT_EQ(Read(VirtioPciSlot::kHighWindow.base + 0x4000 + 0x14, 1), 0xfu) << "still in use";
}

TEST_F(VirtioPciTransportTest, AResetOfTheMachineIsOneOfPciToo) {
  MakeAll();
  const uint64_t place = bar();
  RunDevice(&Device::Reset);
  EXPECT_EQ(pci->config().Read(0x04, 2), 0u);
  EXPECT_EQ(pci->config().Read(0x10, 4), 4u);
  EXPECT_EQ(Read(place, 4), 0xffffffffu);
  const uint8_t msix = pci->config().FindCapability(0x11, 0);
  EXPECT_EQ(pci->config().Read(msix + 2u, 2), 1u) << "off, two vectors";
  MakeDriver();
  CheckReads();
}

TEST_F(VirtioPciTransportTest, TheDriversResetLeavesPciAlone) {
  MakeAll();
  ResetByDriver();
  EXPECT_EQ(pci->config().Read(0x04, 2), 0x0406u);
  EXPECT_EQ(Get(VirtioPciField::kNumQueues, 2), 1u) << "BARs are where they were";
  EXPECT_EQ(Get(VirtioPciField::kConfigMsixVector, 2), 0xffffu);
  EXPECT_EQ(Get(VirtioPciField::kQueueEnable, 2), 0u);
}

// A reset with I/O in flight: the status reads non-zero until it is done, and nothing changes.
TEST_F(VirtioPciTransportTest, AResetInFlightIsWaitedFor) {
  MakeAll();
  backend.hold = true;
  backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  const GuestSegment data = {*bus.Allocate(512, 512), 512};
  ASSERT_TRUE(
      driver->Submit(0, {.type = guest::kBlkIn, .sector = 1, .data = std::span(&data, 1)}, 1));
  driver->Kick(0);
  world.RunUntilIdle();
  ASSERT_EQ(backend.held(), 1u);
  pci->BeginReset();
  world.RunUntilIdle();
  EXPECT_EQ(Status(), kReady);
  Put(VirtioPciField::kQueueSelect, 2, 1);
  PutStatus(kAck);
  EXPECT_EQ(Get(VirtioPciField::kQueueSelect, 2), 0u);
  EXPECT_EQ(Status(), kReady);
  backend.Release();
  world.RunUntilIdle();
  EXPECT_EQ(Status(), 0u);
  driver->Abandon();
  MakeDriver();
  CheckReads();
}

TEST_F(VirtioPciTransportTest, WhatIsUnpluggedReadsAllOnes) {
  MakeAll();
  slot->transport.InterruptConfig();
  RunDevice(&Device::Unplug);
  for (uint32_t at = 0; at < 256; ++at) ASSERT_EQ(pci->config().Read(at, 1), 0xffu);
  for (uint64_t at = 0; at < bar_bytes(); at += 4) ASSERT_EQ(Read(bar() + at, 4), 0xffffffffu);
  const uint64_t table = pci->config().bar(2);
  EXPECT_EQ(Read(table, 8), ~uint64_t{0});
  Write(table, 8, 0);
  PutStatus(0);
  pci->config().Write(0x04, 2, 0);
  pci->Notify(0);
  EXPECT_FALSE(world.RunUntilIdle());
  EXPECT_FALSE(bus.Interrupt(VirtioPciSlot::kLine).high);
  EXPECT_TRUE(pci->Gone());
  driver.reset();
  device.reset();
}

}  // namespace
}  // namespace platter
