// SPDX-License-Identifier: Apache-2.0
//
// The common configuration structure (virtio 1.3, 4.1.4.3), field by field.

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

#include "devices/pci/virtio_pci_fixture.h"
#include "testing/guest/raw_ring.h"

namespace platter {
namespace {

using Field = VirtioPciField;

class VirtioPciCommonTest : public testing::Test, protected PciBlkFixture {
 protected:
  void Enable(uint16_t queue, const RingLayout& layout) {
    Put(Field::kQueueSelect, 2, queue);
    Put(Field::kQueueSize, 2, layout.size);
    Put(Field::kQueueDescLow, 4, static_cast<uint32_t>(layout.descriptors));
    Put(Field::kQueueDescHigh, 4, layout.descriptors >> 32);
    Put(Field::kQueueDriverLow, 4, static_cast<uint32_t>(layout.driver));
    Put(Field::kQueueDriverHigh, 4, layout.driver >> 32);
    Put(Field::kQueueDeviceLow, 4, static_cast<uint32_t>(layout.device));
    Put(Field::kQueueDeviceHigh, 4, layout.device >> 32);
    Put(Field::kQueueEnable, 2, 1);
  }
};

// 2.1 and 3.1.1: every status value written in every state leads only along the sequence.
TEST_F(VirtioPciCommonTest, StatusGoesOneWay) {
  MakeDevice();
  const uint32_t steps[] = {0, kAck, kDriver, kAgreed, kReady};
  for (size_t state = 0; state < std::size(steps); ++state) {
    for (uint32_t value = 1; value < 256; ++value) {
      ResetByDriver();
      for (size_t i = 1; i <= state; ++i) {
        if (steps[i] == kAgreed) AgreeToAll();
        PutStatus(steps[i]);
      }
      ASSERT_EQ(Status(), steps[state]);
      // From before FEATURES_OK no features are chosen, so it cannot be reached here.
      uint32_t expected = steps[state] | (value & 0x80) | (value & kAck);
      if ((expected & kAck) != 0) expected |= value & kVirtioStatusDriver;
      if ((expected & kVirtioStatusFeaturesOk) != 0) expected |= value & kVirtioStatusDriverOk;
      PutStatus(value);
      ASSERT_EQ(Status(), expected) << state << " " << value;
    }
  }
}

TEST_F(VirtioPciCommonTest, R_VQ_18_FeaturesNotOfferedAreRefused) {
  MakeDevice();
  const uint64_t offered = pci->DeviceFeatures();
  for (int bit = 0; bit < 64; ++bit) {
    ResetByDriver();
    const uint64_t wanted = kVirtioFVersion1 | (uint64_t{1} << bit);
    EXPECT_EQ(pci->AcceptFeatures(wanted).ok(), (wanted & ~offered) == 0) << bit;
  }
  ResetByDriver();
  EXPECT_FALSE(pci->AcceptFeatures(0).ok()) << "without VERSION_1 nothing could work";
  for (const uint32_t word : {2u, 0x80000000u, 0xffffffffu}) {
    Put(Field::kDeviceFeatureSelect, 4, word);
    EXPECT_EQ(Get(Field::kDeviceFeatureSelect, 4), word);
    EXPECT_EQ(Get(Field::kDeviceFeature, 4), 0u);
    Put(Field::kDriverFeatureSelect, 4, word);
    Put(Field::kDriverFeature, 4, 0xffffffff);
    EXPECT_EQ(Get(Field::kDriverFeature, 4), 0u);
  }
}

TEST_F(VirtioPciCommonTest, TheDriversFeaturesAreReadBackAndFrozen) {
  MakeDevice();
  AgreeToAll();
  const uint64_t offered = pci->DeviceFeatures();
  for (const uint32_t word : {0, 1}) {
    Put(Field::kDriverFeatureSelect, 4, word);
    Put(Field::kDriverFeature, 4, 0);
    EXPECT_EQ(Get(Field::kDriverFeature, 4), static_cast<uint32_t>(offered >> (32 * word)));
  }
}

TEST_F(VirtioPciCommonTest, R_VQ_06_QueueRegistersAreFrozenOnceEnabled) {
  MakeAll();
  const uint64_t size = Get(Field::kQueueSize, 2);
  const uint64_t desc = Get(Field::kQueueDescLow, 8);
  for (const uint32_t value : {0u, 1u, 0xffffffffu, 64u}) {
    for (uint64_t at = 0x18; at < 0x40; at += 2) {
      // The vector, and the order to reset the queue, are not frozen.
      if (at != 0x1a && at != 0x3a) pci->SetCommon(at, 2, value);
    }
    for (uint64_t at = 0x20; at < 0x40; at += 4) pci->SetCommon(at, 4, value);
    EXPECT_EQ(Get(Field::kQueueSize, 2), size);
    EXPECT_EQ(Get(Field::kQueueDescLow, 8), desc);
    EXPECT_EQ(Get(Field::kQueueEnable, 2), 1u) << "0 is never written";
    CheckReads();
  }
}

TEST_F(VirtioPciCommonTest, R_VQ_06_NoQueueIsEnabledAfterDriverOk) {
  MakeDevice({.num_queues = 2});
  const RawRing ring = *RawRing::Create(bus, 16);
  AgreeToAll();
  PutStatus(kReady);
  Enable(1, ring.layout());
  EXPECT_EQ(Get(Field::kQueueEnable, 2), 0u);
  EXPECT_EQ(Get(Field::kQueueSize, 2), 256u);
  EXPECT_FALSE(device->queue_started(1));
}

TEST_F(VirtioPciCommonTest, R_VQ_07_OnlySizesThatThereAreAreTaken) {
  MakeDevice({.queue_size = 64});
  for (uint32_t value = 0; value <= 0xffff; ++value) {
    Put(Field::kQueueSize, 2, value);
    const bool good = value != 0 && (value & (value - 1)) == 0 && value <= 64;
    const uint64_t now = Get(Field::kQueueSize, 2);
    ASSERT_EQ(now == value, good) << value;
    ASSERT_TRUE(now != 0 && (now & (now - 1)) == 0) << "4.1.4.3.1";
  }
}

TEST_F(VirtioPciCommonTest, R_VQ_11_BadQueuesNeedReset) {
  MakeDevice({.queue_size = 64});
  const RawRing ring = *RawRing::Create(bus, 16);
  RingLayout layouts[3];
  for (RingLayout& layout : layouts) layout = ring.layout();
  layouts[0].descriptors = pci->common();  // Its own registers.
  layouts[1].driver = 0;
  layouts[2].device = 0xffffffff00000000;
  for (const RingLayout& layout : layouts) {
    ResetByDriver();
    AgreeToAll();
    Enable(0, layout);
    PutStatus(kReady);
    EXPECT_EQ(Status(), kReady | kVirtioStatusNeedsReset);
    EXPECT_TRUE(pci->TakeInterrupts().config);
    bus.WriteRegister(RegisterSpace::kMmio, pci->notify(), 2, 0);
    world.RunUntilIdle();
  }
  MakeDriver();
  CheckReads();
}

TEST_F(VirtioPciCommonTest, AQueueThatIsNotThere) {
  MakeDevice({.num_queues = 2});
  for (const uint32_t index : {2u, 0x100u, 0xffffu}) {
    Put(Field::kQueueSelect, 2, index);
    EXPECT_EQ(Get(Field::kQueueSelect, 2), index);
    for (uint64_t at = 0x18; at < 0x40; at += 2) pci->SetCommon(at, 2, 1);
    EXPECT_EQ(Get(Field::kQueueSize, 2), 0u);
    EXPECT_EQ(Get(Field::kQueueMsixVector, 2), 0xffffu);
    for (uint64_t at = 0x1c; at < 0x40; at += 2) EXPECT_EQ(pci->GetCommon(at, 2), 0u) << at;
  }
  Put(Field::kQueueSelect, 2, 1);
  EXPECT_EQ(Get(Field::kQueueNotifyOff, 2), 1u);
}

// A write changes the fields that it covers whole, and no other.
TEST_F(VirtioPciCommonTest, WritesOfOtherWidthsThanTheFields) {
  MakeDevice({.num_queues = 2});
  Put(Field::kQueueDescLow, 8, 0x1122334455667788);
  EXPECT_EQ(Get(Field::kQueueDescLow, 8), 0x1122334455667788u);
  EXPECT_EQ(Get(Field::kQueueDescHigh, 4), 0x11223344u);
  Put(Field::kQueueDescLow, 1, 0);
  Put(Field::kQueueDescLow, 2, 0);
  pci->SetCommon(0x22, 4, 0);
  EXPECT_EQ(Get(Field::kQueueDescLow, 8), 0x1122334455667788u) << "parts of a field";
  // Select and size in one access: the queue that is selected by it.
  pci->SetCommon(0x16, 4, 1 | 16 << 16);
  EXPECT_EQ(Get(Field::kQueueSelect, 2), 1u);
  EXPECT_EQ(Get(Field::kQueueSize, 2), 16u);
  // The status as a part of more, with the fields beside it.
  pci->SetCommon(0x14, 4, kAck | 0xff00);
  EXPECT_EQ(Status(), kAck);
  EXPECT_EQ(Get(Field::kQueueSelect, 2), 0u);
  EXPECT_EQ(Get(Field::kQueueSize, 2), 256u) << "of queue 0";
  pci->SetCommon(0x13, 2, 0x0300);
  EXPECT_EQ(Status(), kDriver);
  EXPECT_EQ(Get(Field::kNumQueues, 2), 2u);
}

TEST_F(VirtioPciCommonTest, VectorsThatAreNotThereReadBackAsNone) {
  MakeDevice({.num_queues = 2});
  for (const Field field : {Field::kConfigMsixVector, Field::kQueueMsixVector}) {
    EXPECT_EQ(Get(field, 2), 0xffffu);
    for (uint32_t vector = 0; vector < 0x10000; vector += vector < 16 ? 1 : 977) {
      Put(field, 2, vector);
      ASSERT_EQ(Get(field, 2), vector < 3 ? vector : 0xffff) << vector;
    }
    Put(field, 2, 2);
    Put(field, 2, 0xffff);
    EXPECT_EQ(Get(field, 2), 0xffffu);
  }
  Put(Field::kQueueMsixVector, 2, 2);
  Put(Field::kQueueSelect, 2, 1);
  EXPECT_EQ(Get(Field::kQueueMsixVector, 2), 0xffffu) << "each queue has its own";
}

// 4.1.4.3.1: a changed generation after a changed value was read, however many changes there were.
TEST_F(VirtioPciCommonTest, TheGenerationChangesWithWhatWasRead) {
  MakeAll();
  uint8_t capacity[8];
  pci->ReadConfig(0, capacity);
  for (const int changes : {1, 2, 255, 256, 257, 512}) {
    const uint64_t before = Get(Field::kConfigGeneration, 1);
    for (int i = 0; i < changes; ++i) {
      backend.Resize(kMiB + 512 * static_cast<uint64_t>(i + 1));
      world.RunUntilIdle();
    }
    pci->ReadConfig(0, capacity);
    EXPECT_NE(Get(Field::kConfigGeneration, 1), before) << changes;
    const uint64_t after = Get(Field::kConfigGeneration, 1);
    pci->ReadConfig(0, capacity);
    EXPECT_EQ(Get(Field::kConfigGeneration, 1), after) << "nothing has changed";
  }
}

TEST_F(VirtioPciCommonTest, R_BLK_06_ManyQueues) {
  for (const uint32_t count : {1u, 63u, 64u, 65u, 1024u}) {
    MakeDevice({.num_queues = count, .queue_size = 4});
    AgreeToAll();
    const RawRing ring = *RawRing::Create(bus, 4);
    ASSERT_TRUE(pci->StartQueue(static_cast<uint16_t>(count - 1), ring.layout()).ok());
    EXPECT_EQ(pci->MaxQueueSize(static_cast<uint16_t>(count)), 0u);
    PutStatus(kReady);
    pci->Notify(static_cast<uint16_t>(count - 1));
    world.RunUntilIdle();
    EXPECT_EQ(Status(), kReady);
    Unplug();
  }
}

}  // namespace
}  // namespace platter
