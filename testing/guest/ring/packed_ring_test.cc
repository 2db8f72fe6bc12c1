// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/ring/packed_ring.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

using guest::PackedDescriptor;

// The device's side as simply as the standard reads: byte copies, one chain at a time.
class NaivePackedDevice {
 public:
  struct Chain {
    uint16_t id = 0;
    uint32_t descriptors = 0;
    std::vector<GuestSegment> readable;
    std::vector<GuestSegment> writable;
  };

  NaivePackedDevice(GuestBus& bus, const RingLayout& layout) : bus_(bus), layout_(layout) {}

  bool Pop(Chain& chain) {
    if (!Available()) return false;
    chain = {};
    uint16_t flags = guest::kDescNext;
    while ((flags & guest::kDescNext) != 0) {
      const PackedDescriptor desc = Get(layout_.descriptors, avail_);
      flags = desc.flags.get();
      chain.id = desc.id.get();
      ++chain.descriptors;
      if ((flags & guest::kDescIndirect) != 0) {
        const uint32_t entries = desc.length.get() / sizeof(desc);
        for (uint32_t i = 0; i < entries; ++i) Add(Get(desc.address.get(), i), chain);
      } else {
        Add(desc, chain);
      }
      Advance(avail_, avail_wrap_, 1);
    }
    return true;
  }
  void Push(uint16_t id, uint32_t descriptors, uint32_t bytes) {
    const uint16_t flags = used_wrap_ ? guest::kPackedAvail | guest::kPackedUsed : 0;
    const PackedDescriptor desc = {0, bytes, id, static_cast<uint16_t>(flags | guest::kDescWrite)};
    bus_.Write(layout_.descriptors + used_ * sizeof(desc),
               std::span(reinterpret_cast<const uint8_t*>(&desc), sizeof(desc)));
    Advance(used_, used_wrap_, descriptors);
  }
  void Push(const Chain& chain, uint32_t bytes) { Push(chain.id, chain.descriptors, bytes); }

  bool Available() {
    const uint16_t flags = Get(layout_.descriptors, avail_).flags.get();
    return ((flags & guest::kPackedAvail) != 0) == avail_wrap_ &&
           ((flags & guest::kPackedUsed) != 0) != avail_wrap_;
  }
  void SetEvents(uint16_t place, uint16_t flags) {
    const Le16 words[2] = {place, flags};
    bus_.Write(layout_.device, std::span(reinterpret_cast<const uint8_t*>(words), sizeof(words)));
  }
  std::pair<uint16_t, uint16_t> DriverEvents() {
    Le16 words[2];
    bus_.Read(layout_.driver, std::span(reinterpret_cast<uint8_t*>(words), sizeof(words)));
    return {words[0].get(), words[1].get()};
  }

 private:
  PackedDescriptor Get(uint64_t table, uint32_t index) {
    PackedDescriptor desc;
    bus_.Read(table + index * sizeof(desc),
              std::span(reinterpret_cast<uint8_t*>(&desc), sizeof(desc)));
    return desc;
  }
  void Add(const PackedDescriptor& desc, Chain& chain) {
    const bool writes = (desc.flags.get() & guest::kDescWrite) != 0;
    (writes ? chain.writable : chain.readable).push_back({desc.address.get(), desc.length.get()});
  }
  void Advance(uint32_t& index, bool& wrap, uint32_t by) {
    index += by;
    if (index < layout_.size) return;
    index -= layout_.size;
    wrap = !wrap;
  }

  GuestBus& bus_;
  const RingLayout layout_;
  uint32_t avail_ = 0;
  bool avail_wrap_ = true;
  uint32_t used_ = 0;
  bool used_wrap_ = true;
};

struct RingCase {
  Mapping mapping;
  EventIndex event_index;
  uint16_t indirect_entries;
};

class PackedRingTest : public testing::TestWithParam<RingCase> {
 protected:
  std::unique_ptr<PackedRing> Make(uint16_t size) {
    auto ring = PackedRing::Create(bus_, {.size = size,
                                          .event_index = GetParam().event_index,
                                          .indirect_entries = GetParam().indirect_entries,
                                          .format = RingFormat::kPacked});
    EXPECT_TRUE(ring.ok()) << ring.status();
    return *std::move(ring);
  }

  MemoryBus bus_{GetParam().mapping};
};

INSTANTIATE_TEST_SUITE_P(Memory, PackedRingTest,
                         testing::Values(RingCase{Mapping::kMapped, EventIndex::kOff, 0},
                                         RingCase{Mapping::kMapped, EventIndex::kOn, 8},
                                         RingCase{Mapping::kHidden, EventIndex::kOff, 8},
                                         RingCase{Mapping::kHidden, EventIndex::kOn, 0}));

TEST_P(PackedRingTest, NothingIsSeenBeforePublish) {
  const auto ring = Make(5);
  NaivePackedDevice device(bus_, ring->layout());
  EXPECT_FALSE(ring->Publish());
  const GuestSegment readable[] = {{0x10000, 16}, {0x10100, 512}};
  const GuestSegment writable[] = {{0x10300, 1}};
  ASSERT_TRUE(ring->Add(readable, writable, 77));
  ASSERT_TRUE(ring->Add({}, writable, 78));
  EXPECT_FALSE(device.Available());
  EXPECT_TRUE(ring->Publish());
  EXPECT_FALSE(ring->Publish()) << "nothing new";
  NaivePackedDevice::Chain chain;
  ASSERT_TRUE(device.Pop(chain));
  ASSERT_EQ(chain.readable.size(), 2u);
  EXPECT_EQ(chain.readable[1].address, 0x10100u);
  EXPECT_EQ(chain.readable[1].bytes, 512u);
  ASSERT_EQ(chain.writable.size(), 1u);
  NaivePackedDevice::Chain other;
  ASSERT_TRUE(device.Pop(other));
  EXPECT_EQ(other.writable.size(), 1u);
  EXPECT_FALSE(device.Available());

  RingCompletion done;
  EXPECT_FALSE(ring->Reap(done));
  device.Push(other, 0);  // Out of order.
  device.Push(chain, 1);
  ASSERT_TRUE(ring->Reap(done));
  EXPECT_EQ(done.token, 78u);
  ASSERT_TRUE(ring->Reap(done));
  EXPECT_EQ(done.token, 77u);
  EXPECT_EQ(done.bytes, 1u);
  EXPECT_FALSE(ring->Reap(done));
  EXPECT_EQ(ring->in_flight(), 0u);
  EXPECT_EQ(ring->free_descriptors(), 5u);
  EXPECT_EQ(ring->faults().total(), 0u);
}

TEST_P(PackedRingTest, EverySizeGoesRoundFullOfChains) {
  for (uint16_t size = 1; size <= 9; ++size) {
    const auto ring = Make(size);
    NaivePackedDevice device(bus_, ring->layout());
    const std::vector<GuestSegment> pieces(3, GuestSegment{0x10000, 8});
    uint64_t given = 0;
    uint64_t reaped = 0;
    for (int round = 0; round < 50; ++round) {
      while (ring->Add(std::span(pieces).first(1 + given % 3), {}, given)) ++given;
      if (given == reaped) break;  // Direct chains of three do not fit into the smallest rings.
      ring->Publish();
      std::vector<NaivePackedDevice::Chain> chains;
      NaivePackedDevice::Chain chain;
      while (device.Pop(chain)) chains.push_back(chain);
      ASSERT_EQ(chains.size(), ring->in_flight());
      for (const auto& taken : chains) device.Push(taken, 0);
      RingCompletion done;
      while (ring->Reap(done)) ASSERT_EQ(done.token, reaped++);
      ASSERT_EQ(reaped, given);
      ASSERT_EQ(ring->free_descriptors(), size);
    }
    EXPECT_EQ(ring->faults().total(), 0u);
  }
}

TEST_P(PackedRingTest, WhatTheDeviceDoesWrongIsCounted) {
  const auto ring = Make(4);
  NaivePackedDevice device(bus_, ring->layout());
  const GuestSegment writable[] = {{0x10300, 1}};
  ASSERT_TRUE(ring->Add({}, writable, 1));
  ring->Publish();
  device.Push(3, 1, 0);
  device.Push(9, 1, 0);
  device.Push(0, 1, 2);
  RingCompletion done;
  ASSERT_TRUE(ring->Reap(done));
  EXPECT_EQ(done.token, 1u);
  EXPECT_EQ(ring->faults().unknown_ids, 2u);
  EXPECT_EQ(ring->faults().over_long, 1u);
}

TEST_P(PackedRingTest, NotifiesWhenTheDeviceWantsIt) {
  const auto ring = Make(4);
  NaivePackedDevice device(bus_, ring->layout());
  const GuestSegment writable[] = {{0x10300, 1}};
  const auto publish = [&] {
    EXPECT_TRUE(ring->Add({}, writable, 1));
    const bool notify = ring->Publish();
    NaivePackedDevice::Chain chain;
    RingCompletion done;
    EXPECT_TRUE(device.Pop(chain));
    device.Push(chain, 0);
    EXPECT_TRUE(ring->Reap(done));
    return notify;
  };
  EXPECT_TRUE(publish());
  device.SetEvents(0, guest::kPackedEventDisable);
  EXPECT_FALSE(publish());
  device.SetEvents(0x8003, guest::kPackedEventDescriptor);
  EXPECT_FALSE(publish());
  EXPECT_TRUE(publish());
  EXPECT_FALSE(publish()) << "past it, round the end";
  EXPECT_EQ(ring->next_place(), 1) << "the wrap counter is 0 now";
}

TEST_P(PackedRingTest, SaysWhichInterruptsItWants) {
  const auto ring = Make(4);
  NaivePackedDevice device(bus_, ring->layout());
  ring->DisableInterrupts();
  EXPECT_EQ(device.DriverEvents().second, guest::kPackedEventDisable);
  EXPECT_FALSE(ring->EnableInterruptsAfter(2));
  if (GetParam().event_index == EventIndex::kOn) {
    EXPECT_EQ(device.DriverEvents(), std::pair(uint16_t{0x8001}, guest::kPackedEventDescriptor));
  } else {
    EXPECT_EQ(device.DriverEvents().second, guest::kPackedEventEnable);
  }
  const GuestSegment writable[] = {{0x10300, 1}};
  ASSERT_TRUE(ring->Add({}, writable, 1));
  ring->Publish();
  device.Push(0, 1, 0);
  EXPECT_TRUE(ring->EnableInterruptsAfter(1));
}

}  // namespace
}  // namespace platter
