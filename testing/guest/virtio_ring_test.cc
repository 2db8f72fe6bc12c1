// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_ring.h"

#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"
#include "testing/guest/naive_device.h"
#include "testing/guest/virtio_spec.h"
#include "testing/model/random.h"

namespace platter {
namespace {

// Mapped and hidden memory, with and without event index and indirect tables.
struct RingCase {
  Mapping mapping;
  EventIndex event_index;
  uint16_t indirect_entries;
};

class VirtioRingTest : public testing::TestWithParam<RingCase> {
 protected:
  std::unique_ptr<VirtioRing> Make(uint16_t size) {
    auto ring = VirtioRing::Create(bus_, {.size = size,
                                          .event_index = GetParam().event_index,
                                          .indirect_entries = GetParam().indirect_entries});
    EXPECT_TRUE(ring.ok()) << ring.status();
    return *std::move(ring);
  }

  MemoryBus bus_{GetParam().mapping, 4 * kMiB};
};

INSTANTIATE_TEST_SUITE_P(Memory, VirtioRingTest,
                         testing::Values(RingCase{Mapping::kMapped, EventIndex::kOff, 0},
                                         RingCase{Mapping::kMapped, EventIndex::kOn, 8},
                                         RingCase{Mapping::kMapped, EventIndex::kOn, 0},
                                         RingCase{Mapping::kHidden, EventIndex::kOff, 8},
                                         RingCase{Mapping::kHidden, EventIndex::kOn, 0}),
                         [](const auto& test) {
                           return std::string(test.param.mapping == Mapping::kMapped ? "Mapped"
                                                                                     : "Hidden") +
                                  (test.param.event_index == EventIndex::kOn ? "EventIndex"
                                                                             : "Flags") +
                                  (test.param.indirect_entries != 0 ? "Indirect" : "Direct");
                         });

TEST_P(VirtioRingTest, DeviceSeesTheChainAndTheDriverItsToken) {
  const auto ring = Make(8);
  const std::vector<GuestSegment> readable = {{0x10000, 16}, {0x10100, 512}};
  const std::vector<GuestSegment> writable = {{0x10300, 1}};
  ASSERT_TRUE(ring->Add(readable, writable, 77));
  EXPECT_TRUE(ring->Publish());
  EXPECT_FALSE(ring->Publish()) << "nothing new";

  NaiveDevice device(bus_, ring->layout());
  NaiveDevice::Chain chain;
  ASSERT_TRUE(device.Pop(chain));
  ASSERT_EQ(chain.readable.size(), 2u);
  EXPECT_EQ(chain.readable[1].address, 0x10100u);
  EXPECT_EQ(chain.readable[1].bytes, 512u);
  ASSERT_EQ(chain.writable.size(), 1u);
  EXPECT_EQ(chain.writable[0].address, 0x10300u);

  RingCompletion done;
  EXPECT_FALSE(ring->Reap(done));
  device.Push(chain.head, 1);
  ASSERT_TRUE(ring->Reap(done));
  EXPECT_EQ(done.token, 77u);
  EXPECT_EQ(done.bytes, 1u);
  EXPECT_FALSE(ring->Reap(done));
  EXPECT_EQ(ring->free_descriptors(), 8);
}

// Random chains in and out of order, many times around the ring and the 16-bit index: every token
// comes back once and no descriptor is lost.
TEST_P(VirtioRingTest, KeepsItsBooksThroughARandomLife) {
  constexpr uint64_t kSeed = 42;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  const auto ring = Make(16);
  NaiveDevice device(bus_, ring->layout());
  std::map<uint64_t, uint32_t> outstanding;  // Token to writable bytes.
  std::vector<NaiveDevice::Chain> held;
  uint64_t token = 0;
  while (token < 70'000) {
    while (random.Below(3) != 0) {
      const std::vector<GuestSegment> readable(random.Below(4), {MemoryBus::kBase, 16});
      const std::vector<GuestSegment> writable(random.Between(1, 4), {MemoryBus::kBase + 64, 8});
      const size_t count = readable.size() + writable.size();
      const size_t needed = count > 1 && count <= GetParam().indirect_entries ? 1 : count;
      const bool fits = needed <= ring->free_descriptors();
      ASSERT_EQ(ring->Add(readable, writable, token), fits);
      if (!fits) break;
      outstanding[token++] = static_cast<uint32_t>(writable.size() * 8);
    }
    ring->Publish();
    NaiveDevice::Chain chain;
    while (device.Pop(chain)) held.push_back(chain);
    ASSERT_FALSE(device.broken());
    while (!held.empty() && random.Below(4) != 0) {
      std::swap(held[random.Below(held.size())], held.back());
      device.Push(held.back().head, static_cast<uint32_t>(held.back().writable.size() * 8));
      held.pop_back();
    }
    RingCompletion done;
    while (ring->Reap(done)) {
      const auto it = outstanding.find(done.token);
      ASSERT_NE(it, outstanding.end());
      ASSERT_EQ(it->second, done.bytes);
      outstanding.erase(it);
    }
    ASSERT_EQ(ring->in_flight(), outstanding.size());
  }
  EXPECT_EQ(ring->faults().total(), 0u);
}

TEST_P(VirtioRingTest, AFullRingRefusesAndLosesNothing) {
  const auto ring = Make(4);
  const std::vector<GuestSegment> one = {{MemoryBus::kBase, 1}};
  for (uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(ring->Add({}, one, i));
  EXPECT_FALSE(ring->Add({}, one, 4));
  EXPECT_FALSE(ring->Add({}, {}, 5)) << "an empty chain";
  EXPECT_EQ(ring->in_flight(), 4u);
}

TEST_P(VirtioRingTest, CountsWhatADeviceDoesWrong) {
  const auto ring = Make(8);
  const std::vector<GuestSegment> one = {{MemoryBus::kBase, 4}};
  for (uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(ring->Add({}, one, i));
  ring->Publish();
  NaiveDevice device(bus_, ring->layout());
  NaiveDevice::Chain chain;
  ASSERT_TRUE(device.Pop(chain));
  RingCompletion done;

  device.PushRaw(8, 0);        // Beyond the ring.
  device.PushRaw(0x10000, 0);  // As above, and 0 when cut to 16 bits.
  EXPECT_FALSE(ring->Reap(done));
  EXPECT_EQ(ring->faults().unknown_ids, 2u);
  device.Push(chain.head, 5);  // Four would fit.
  ASSERT_TRUE(ring->Reap(done));
  EXPECT_EQ(ring->faults().over_long, 1u);
  device.Push(chain.head, 4);  // A second time.
  EXPECT_FALSE(ring->Reap(done));
  EXPECT_EQ(ring->faults().unknown_ids, 3u);
  for (int i = 0; i < 5; ++i) device.PushRaw(7, 0);  // Two are outstanding.
  EXPECT_FALSE(ring->Reap(done));
  EXPECT_GE(ring->faults().index_jumps, 1u);
  EXPECT_EQ(ring->in_flight(), 2u);
}

TEST_P(VirtioRingTest, GivesItsMemoryBack) {
  const uint64_t before = bus_.free_bytes();
  {
    const auto ring = Make(64);
    EXPECT_LT(bus_.free_bytes(), before);
    EXPECT_EQ(ring->mapped(), GetParam().mapping == Mapping::kMapped);
  }
  EXPECT_EQ(bus_.free_bytes(), before);
}

TEST(VirtioRingNotifyTest, FlagsSayWhetherTheDeviceWantsToKnow) {
  MemoryBus bus(Mapping::kMapped);
  const auto ring = *VirtioRing::Create(bus, {.size = 8});
  NaiveDevice device(bus, ring->layout());
  const std::vector<GuestSegment> one = {{MemoryBus::kBase, 4}};
  device.SetUsedFlags(guest::kUsedNoNotify);
  ASSERT_TRUE(ring->Add({}, one, 0));
  EXPECT_FALSE(ring->Publish());
  device.SetUsedFlags(0);
  ASSERT_TRUE(ring->Add({}, one, 1));
  EXPECT_TRUE(ring->Publish());
}

// 2.7.10: notify exactly when the index passes avail_event, for every place of it and around the
// wrap of the index.
TEST(VirtioRingNotifyTest, EventIndexIsPassedExactlyOnce) {
  MemoryBus bus(Mapping::kMapped);
  const auto ring = *VirtioRing::Create(bus, {.size = 8, .event_index = EventIndex::kOn});
  NaiveDevice device(bus, ring->layout());
  const std::vector<GuestSegment> one = {{MemoryBus::kBase, 4}};
  uint16_t published = 0;
  for (int round = 0; round < 40'000; ++round) {
    const uint16_t batch = static_cast<uint16_t>(1 + round % 8);
    const uint16_t event = static_cast<uint16_t>(published + round % 11 - 1);
    device.SetAvailEvent(event);
    for (uint16_t i = 0; i < batch; ++i) ASSERT_TRUE(ring->Add({}, one, 0));
    const bool passed = static_cast<uint16_t>(event - published) < batch;
    ASSERT_EQ(ring->Publish(), passed) << "round " << round;
    published = static_cast<uint16_t>(published + batch);
    NaiveDevice::Chain chain;
    while (device.Pop(chain)) device.Push(chain.head, 0);
    RingCompletion done;
    while (ring->Reap(done)) {
    }
  }
}

TEST(VirtioRingInterruptTest, EventIndexAsksForTheOneWanted) {
  MemoryBus bus(Mapping::kMapped);
  const auto ring = *VirtioRing::Create(bus, {.size = 8, .event_index = EventIndex::kOn});
  NaiveDevice device(bus, ring->layout());
  const std::vector<GuestSegment> one = {{MemoryBus::kBase, 4}};
  for (uint64_t i = 0; i < 6; ++i) ASSERT_TRUE(ring->Add({}, one, i));
  ring->Publish();
  NaiveDevice::Chain chain;
  const auto complete = [&] {
    EXPECT_TRUE(device.Pop(chain));
    return device.Push(chain.head, 4);
  };
  EXPECT_TRUE(complete()) << "on at first";
  EXPECT_TRUE(ring->EnableInterrupts()) << "one is there already";
  RingCompletion done;
  ASSERT_TRUE(ring->Reap(done));
  EXPECT_FALSE(ring->EnableInterruptsAfter(2));
  EXPECT_FALSE(complete());
  EXPECT_TRUE(complete());
  ring->DisableInterrupts();
  EXPECT_FALSE(complete());
}

TEST(VirtioRingInterruptTest, FlagsAreWritten) {
  MemoryBus bus(Mapping::kHidden);
  const auto ring = *VirtioRing::Create(bus, {.size = 8});
  const auto flags = [&] {
    Le16 value;
    bus.Read(ring->layout().driver, std::span(reinterpret_cast<uint8_t*>(&value), 2));
    return value.get();
  };
  ring->DisableInterrupts();
  EXPECT_EQ(flags(), guest::kAvailNoInterrupt);
  EXPECT_FALSE(ring->EnableInterrupts());
  EXPECT_EQ(flags(), 0);
}

TEST(VirtioRingCreateTest, RefusesWhatIsNoRing) {
  MemoryBus bus(Mapping::kMapped);
  EXPECT_EQ(VirtioRing::Create(bus, {.size = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(VirtioRing::Create(bus, {.size = 12}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(VirtioRing::Create(bus, {.size = 32768, .indirect_entries = 64}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace platter
