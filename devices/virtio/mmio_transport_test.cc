// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/mmio_transport.h"

#include <set>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"
#include "testing/guest/raw_ring.h"

namespace platter {
namespace {

constexpr uint32_t kAck = kVirtioStatusAcknowledge;
constexpr uint32_t kDriver = kVirtioStatusDriver;
constexpr uint32_t kFeaturesOk = kVirtioStatusFeaturesOk;
constexpr uint32_t kDriverOk = kVirtioStatusDriverOk;

class MmioTransportTest : public testing::Test, public BlkFixture {
 protected:
  uint64_t Get(uint64_t offset, unsigned width) {
    return bus.ReadRegister(RegisterSpace::kMmio, kFixtureBase + offset, width);
  }
  void Set(uint64_t offset, unsigned width, uint64_t value) {
    bus.WriteRegister(RegisterSpace::kMmio, kFixtureBase + offset, width, value);
  }
  uint32_t Reg(MmioRegister at) { return mmio.Get(static_cast<uint64_t>(at)); }
  void Put(MmioRegister at, uint32_t value) { mmio.Set(static_cast<uint64_t>(at), value); }
  void AcceptAll() {
    Put(MmioRegister::kStatus, kAck | kDriver);
    for (uint32_t word : {0, 1}) {
      Put(MmioRegister::kDeviceFeaturesSel, word);
      Put(MmioRegister::kDriverFeaturesSel, word);
      Put(MmioRegister::kDriverFeatures, Reg(MmioRegister::kDeviceFeatures));
    }
    Put(MmioRegister::kStatus, kAck | kDriver | kFeaturesOk);
  }
  void PlaceQueue(uint32_t index, const RingLayout& layout) {
    Put(MmioRegister::kQueueSel, index);
    Put(MmioRegister::kQueueSize, layout.size);
    Put(MmioRegister::kQueueDescLow, static_cast<uint32_t>(layout.descriptors));
    Put(MmioRegister::kQueueDescHigh, static_cast<uint32_t>(layout.descriptors >> 32));
    Put(MmioRegister::kQueueDriverLow, static_cast<uint32_t>(layout.driver));
    Put(MmioRegister::kQueueDriverHigh, static_cast<uint32_t>(layout.driver >> 32));
    Put(MmioRegister::kQueueDeviceLow, static_cast<uint32_t>(layout.device));
    Put(MmioRegister::kQueueDeviceHigh, static_cast<uint32_t>(layout.device >> 32));
    Put(MmioRegister::kQueueReady, 1);
  }
};

TEST_F(MmioTransportTest, IdentifiesItself) {
  MakeDevice();
  EXPECT_EQ(Reg(MmioRegister::kMagicValue), 0x74726976u);
  EXPECT_EQ(Reg(MmioRegister::kVersion), 2u);
  EXPECT_EQ(Reg(MmioRegister::kDeviceId), 2u);
  EXPECT_EQ(Reg(MmioRegister::kVendorId), 0x544c4c50u);
  EXPECT_EQ(Reg(MmioRegister::kQueueSizeMax), 256u);
  EXPECT_EQ(Reg(MmioRegister::kShmLenLow), 0xffffffffu);
  EXPECT_EQ(Reg(MmioRegister::kShmBaseHigh), 0xffffffffu);
}

// What a read gives in every state: registers by name, nothing elsewhere, zero at wrong widths.
TEST_F(MmioTransportTest, EveryOffsetAndWidthInEveryState) {
  const std::set<uint64_t> may_be_set = {0x00, 0x04, 0x08, 0x0c, 0x10, 0x34, 0x44,
                                         0x60, 0x70, 0xb0, 0xb4, 0xb8, 0xbc, 0xfc};
  MakeDevice();
  const RawRing ring = *RawRing::Create(bus, 16);
  for (int state = 0; state < 5; ++state) {
    if (state == 1) Put(MmioRegister::kStatus, kAck | kDriver);
    if (state == 2) AcceptAll();
    if (state == 3) {
      PlaceQueue(0, ring.layout());
      Put(MmioRegister::kStatus, 0xf);
    }
    if (state == 4) {
      transport->OnNeedsReset();
      ASSERT_EQ(Reg(MmioRegister::kStatus), 0x4fu);
    }
    for (uint64_t offset = 0; offset < kMmioTransportBytes; ++offset) {
      for (unsigned width : {1u, 2u, 4u, 8u}) {
        if (offset + width > kMmioTransportBytes) continue;
        const uint64_t value = Get(offset, width);
        if (offset >= 0x100) {
          uint64_t expected = 0;  // The same, byte by byte.
          for (unsigned i = 0; i < width; ++i) expected |= Get(offset + i, 1) << (8 * i);
          ASSERT_EQ(value, expected) << offset << "/" << width;
          if (offset >= 0x100 + sizeof(VirtioBlkConfig)) {
            ASSERT_EQ(value, 0u);
          }
        } else if (width != 4 || offset % 4 != 0 || !may_be_set.contains(offset)) {
          ASSERT_EQ(value, 0u) << offset << "/" << width << " in state " << state;
        }
      }
    }
  }
}

// Writes of every width at every offset, with many values, in every state: the device keeps its
// senses, and after a reset it works (R-VQ-17).
TEST_F(MmioTransportTest, R_VQ_17_EveryWriteInEveryState) {
  MakeDevice();
  const RawRing ring = *RawRing::Create(bus, 16);
  for (int state = 0; state < 4; ++state) {
    for (unsigned width : {1u, 2u, 4u, 8u}) {
      for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0x80}, uint64_t{0xffff},
                             uint64_t{0xffffffff}, ~uint64_t{0}}) {
        mmio.BeginReset();
        world.RunUntilIdle();
        ASSERT_TRUE(mmio.ResetDone());
        if (state >= 1) Put(MmioRegister::kStatus, kAck | kDriver);
        if (state >= 2) AcceptAll();
        if (state >= 3) {
          PlaceQueue(0, ring.layout());
          Put(MmioRegister::kStatus, 0xf);
        }
        for (uint64_t offset = 0; offset + width <= kMmioTransportBytes; ++offset) {
          Set(offset, width, value);
        }
        world.RunUntilIdle();
      }
    }
  }
  MakeDriver();
  std::vector<uint8_t> data(512);
  EXPECT_EQ(*driver->Read(1, data), guest::kBlkOk);
}

// 2.1 and 3.1.1: every status value written in every state leads only along the sequence.
TEST_F(MmioTransportTest, StatusGoesOneWay) {
  MakeDevice();
  const uint32_t steps[] = {0, kAck, kAck | kDriver, kAck | kDriver | kFeaturesOk,
                            kAck | kDriver | kFeaturesOk | kDriverOk};
  for (size_t state = 0; state < std::size(steps); ++state) {
    for (uint32_t value = 1; value < 256; ++value) {
      mmio.BeginReset();
      world.RunUntilIdle();
      for (size_t i = 1; i <= state; ++i) {
        if (steps[i] == steps[3]) AcceptAll();
        Put(MmioRegister::kStatus, steps[i]);
      }
      ASSERT_EQ(Reg(MmioRegister::kStatus), steps[state]);
      // From before FEATURES_OK no features are chosen, so it cannot be reached here.
      uint32_t expected = steps[state] | (value & 0x80) | (value & kAck);
      if ((expected & kAck) != 0) expected |= value & kDriver;
      if ((expected & kFeaturesOk) != 0) expected |= value & kDriverOk;
      Put(MmioRegister::kStatus, value);
      ASSERT_EQ(Reg(MmioRegister::kStatus), expected) << state << " " << value;
    }
  }
}

TEST_F(MmioTransportTest, R_VQ_18_FeaturesNotOfferedAreRefused) {
  MakeDevice();
  uint64_t offered = 0;
  for (uint32_t word : {0, 1}) {
    Put(MmioRegister::kDeviceFeaturesSel, word);
    offered |= uint64_t{Reg(MmioRegister::kDeviceFeatures)} << (32 * word);
  }
  Put(MmioRegister::kDeviceFeaturesSel, 2);
  EXPECT_EQ(Reg(MmioRegister::kDeviceFeatures), 0u);
  for (int bit = 0; bit < 64; ++bit) {
    mmio.BeginReset();
    Put(MmioRegister::kStatus, kAck | kDriver);
    const uint64_t wanted = kVirtioFVersion1 | (uint64_t{1} << bit);
    for (uint32_t word : {0, 1}) {
      Put(MmioRegister::kDriverFeaturesSel, word);
      Put(MmioRegister::kDriverFeatures, static_cast<uint32_t>(wanted >> (32 * word)));
    }
    Put(MmioRegister::kStatus, kAck | kDriver | kFeaturesOk);
    const bool agreed = (Reg(MmioRegister::kStatus) & kFeaturesOk) != 0;
    EXPECT_EQ(agreed, (wanted & ~offered) == 0) << bit;
  }
  // Without VERSION_1 there is nothing that could work.
  mmio.BeginReset();
  Put(MmioRegister::kStatus, kAck | kDriver);
  Put(MmioRegister::kStatus, kAck | kDriver | kFeaturesOk);
  EXPECT_EQ(Reg(MmioRegister::kStatus), kAck | kDriver);
}

TEST_F(MmioTransportTest, R_VQ_02_NotificationsOfQueuesThatAreNot) {
  MakeDevice({.num_queues = 2});
  for (uint32_t index : {0u, 1u, 2u, 64u, 0xffffu, 0x80000000u, 0xffffffffu}) {
    Put(MmioRegister::kQueueNotify, index);
  }
  EXPECT_FALSE(world.RunUntilIdle());
  MakeDriver();  // One queue of two is started.
  world.RunUntilIdle();
  for (uint32_t index : {1u, 2u, 0xffffffffu}) Put(MmioRegister::kQueueNotify, index);
  EXPECT_FALSE(world.RunUntilIdle());
}

TEST_F(MmioTransportTest, R_VQ_06_QueueRegistersAreFrozenOnceReady) {
  MakeAll();
  std::vector<uint8_t> data(512);
  for (uint32_t value : {0u, 1u, 0xffffffffu, 4096u}) {
    Put(MmioRegister::kQueueSel, 0);
    Put(MmioRegister::kQueueSize, value);
    Put(MmioRegister::kQueueDescLow, value);
    Put(MmioRegister::kQueueDescHigh, value);
    Put(MmioRegister::kQueueDriverLow, value);
    Put(MmioRegister::kQueueDeviceHigh, value);
    Put(MmioRegister::kQueueReady, 1);
    EXPECT_EQ(*driver->Read(1, data), guest::kBlkOk);
  }
  // Features too, from FEATURES_OK on.
  Put(MmioRegister::kDriverFeaturesSel, 0);
  Put(MmioRegister::kDriverFeatures, 0);
  EXPECT_EQ(device->features(), driver->features());
  EXPECT_EQ(*driver->Read(1, data), guest::kBlkOk);
}

TEST_F(MmioTransportTest, R_VQ_06_NoQueueBecomesReadyAfterDriverOk) {
  MakeDevice({.num_queues = 2});
  const RawRing ring = *RawRing::Create(bus, 16);
  AcceptAll();
  Put(MmioRegister::kStatus, 0xf);
  PlaceQueue(1, ring.layout());
  EXPECT_EQ(Reg(MmioRegister::kQueueReady), 0u);
  EXPECT_FALSE(device->queue_started(1));
}

TEST_F(MmioTransportTest, R_VQ_07_R_VQ_11_BadQueuesNeedReset) {
  MakeDevice({.queue_size = 64});
  const RawRing ring = *RawRing::Create(bus, 16);
  RingLayout layouts[5];
  for (RingLayout& layout : layouts) layout = ring.layout();
  layouts[0].size = 128;
  layouts[1].size = 12;
  layouts[2].descriptors = kFixtureBase;  // Its own registers.
  layouts[3].driver = 0;
  layouts[4].device = 0xffffffff00000000;
  for (const RingLayout& layout : layouts) {
    mmio.BeginReset();
    world.RunUntilIdle();
    AcceptAll();
    PlaceQueue(0, layout);
    Put(MmioRegister::kStatus, 0xf);
    EXPECT_EQ(Reg(MmioRegister::kStatus), 0xfu | kVirtioStatusNeedsReset);
    EXPECT_EQ(Reg(MmioRegister::kInterruptStatus), kMmioInterruptConfig);
    mmio.Notify(0);
    world.RunUntilIdle();
  }
  MakeDriver();
  std::vector<uint8_t> data(512);
  EXPECT_EQ(*driver->Read(1, data), guest::kBlkOk);
}

TEST_F(MmioTransportTest, InterruptLineFollowsItsCauses) {
  MakeAll();
  transport->InterruptQueue(0);
  EXPECT_TRUE(bus.Interrupt(1).high);
  transport->InterruptConfig();
  EXPECT_EQ(Reg(MmioRegister::kInterruptStatus), 3u);
  Put(MmioRegister::kInterruptAck, 1);
  EXPECT_TRUE(bus.Interrupt(1).high);
  EXPECT_EQ(Reg(MmioRegister::kInterruptStatus), 2u);
  Put(MmioRegister::kInterruptAck, 0xfffffffd);
  EXPECT_TRUE(bus.Interrupt(1).high);
  Put(MmioRegister::kInterruptAck, 2);
  EXPECT_FALSE(bus.Interrupt(1).high);
  EXPECT_EQ(Reg(MmioRegister::kInterruptStatus), 0u);
}

TEST_F(MmioTransportTest, ConfigurationIgnoresWhatIsNotWritable) {
  MakeAll();
  std::vector<uint8_t> before(0x100);
  driver->transport().ReadConfig(0, before);
  for (uint64_t offset = 0x100; offset < 0x200; ++offset) {
    if (offset != 0x120) Set(offset, 1, 0xff);
  }
  Set(0x1f8, 8, ~uint64_t{0});
  std::vector<uint8_t> after(0x100);
  driver->transport().ReadConfig(0, after);
  EXPECT_EQ(after, before);
  // Writeback, also as a part of a wider access.
  Set(0x11c, 8, 0);
  EXPECT_FALSE(backend.write_cache);
  Set(0x120, 2, 1);
  EXPECT_TRUE(backend.write_cache);
}

TEST_F(MmioTransportTest, WritebackNeedsTheFeature) {
  MakeDevice();
  Set(0x120, 1, 0);
  EXPECT_TRUE(backend.write_cache);
  MakeDriver({.refused_features = kVirtioBlkFConfigWce});
  Set(0x120, 1, 0);
  EXPECT_TRUE(backend.write_cache);
}

TEST_F(MmioTransportTest, R_BLK_06_ManyQueues) {
  for (uint32_t count : {1u, 63u, 64u, 65u, 1024u}) {
    MakeDevice({.num_queues = count, .queue_size = 4});
    AcceptAll();
    const RawRing ring = *RawRing::Create(bus, 4);
    PlaceQueue(count - 1, ring.layout());
    Put(MmioRegister::kQueueSel, count);
    EXPECT_EQ(Reg(MmioRegister::kQueueSizeMax), 0u);
    Put(MmioRegister::kStatus, 0xf);
    for (uint32_t i = 0; i < count + 70; ++i) Put(MmioRegister::kQueueNotify, i);
    world.RunUntilIdle();
    EXPECT_EQ(Reg(MmioRegister::kStatus), 0xfu);
    Unplug();
  }
}

// R-BLK-08: any order of resets, interrupts and acknowledgements leaves the line right.
TEST_F(MmioTransportTest, R_BLK_08_ResetsAmongInterrupts) {
  MakeAll();
  uint64_t random = 88172645463325252;
  for (int i = 0; i < 2000; ++i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    switch (random % 6) {
      case 0:
        mmio.BeginReset();
        break;
      case 1:
        transport->InterruptQueue(0);
        break;
      case 2:
        transport->InterruptConfig();
        break;
      case 3:
        Put(MmioRegister::kInterruptAck, static_cast<uint32_t>(random >> 8) & 3);
        break;
      case 4:
        transport->OnNeedsReset();
        break;
      case 5:
        AcceptAll();
        Put(MmioRegister::kStatus, 0xf);
        break;
    }
    world.RunUntilIdle();
    ASSERT_EQ(bus.Interrupt(1).high, Reg(MmioRegister::kInterruptStatus) != 0);
  }
}

}  // namespace
}  // namespace platter
