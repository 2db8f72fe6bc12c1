// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/packed_queue.h"

#include <string>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"
#include "devices/virtio/ring/packed_fixture.h"

namespace platter {
namespace {

using Descriptor = PackedFixture::Descriptor;
constexpr uint64_t kNoEvents = kVirtioFVersion1 | kVirtioFRingPacked | kVirtioFIndirectDesc;
constexpr uint64_t kAll = kNoEvents | kVirtioFEventIdx;

// Every test runs on mapped memory and through an accessor: the two must not differ.
class PackedQueueTest : public testing::TestWithParam<PackedFixture::Access> {
 protected:
  void Start(uint32_t size, uint64_t features = kAll, uint16_t from = PackedPlace::kFirst) {
    ring = std::make_unique<PackedFixture>(size, GetParam());
    ring->next = PackedPlace(from);
    QueueLayout layout = ring->layout();
    layout.next_avail = layout.next_used = from;
    const absl::Status status = queue.Start(ring->memory, layout, features);
    ASSERT_TRUE(status.ok()) << MessageOf(status);
  }
  void TearDown() override {
    if (queue.started()) queue.Stop();
  }
  void Take(uint16_t id) {
    Chain chain;
    ASSERT_EQ(queue.Pop(&chain), PopResult::kChain) << queue.error();
    ASSERT_EQ(chain.head, id);
  }
  // Pops one, which must break the queue for good.
  void ExpectBreaks(const std::string& why) {
    Chain chain;
    EXPECT_EQ(queue.Pop(&chain), PopResult::kBroken);
    EXPECT_TRUE(queue.broken());
    EXPECT_NE(std::string(queue.error()).find(why), std::string::npos) << queue.error();
    EXPECT_FALSE(queue.HasWork());
    EXPECT_EQ(queue.Pop(&chain), PopResult::kBroken);
  }
  std::string Refused(const QueueLayout& layout) {
    const absl::Status status = queue.Start(ring->memory, layout, kAll);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(queue.started());
    return std::string(MessageOf(status));
  }

  std::unique_ptr<PackedFixture> ring;
  PackedQueue queue{1024};
};

INSTANTIATE_TEST_SUITE_P(Memory, PackedQueueTest,
                         testing::Values(PackedFixture::Access::kMapped,
                                         PackedFixture::Access::kAccessor));

TEST_P(PackedQueueTest, ANewRingIsEmpty) {
  Start(5);
  Chain chain;
  EXPECT_FALSE(queue.HasWork());
  EXPECT_EQ(queue.Pop(&chain), PopResult::kEmpty);
  EXPECT_FALSE(queue.Publish());
}

// R-VQ-19: the id is the last descriptor's.
TEST_P(PackedQueueTest, R_VQ_19_FlattensAChainWithTheIdOfItsLastDescriptor) {
  Start(7);
  ring->Offer(3, {{.address = 0x20000, .length = 16},
                  {.address = 0x30000, .length = 0},
                  {.address = 0x40000, .length = 32, .flags = kVirtqDescWrite}});
  EXPECT_TRUE(queue.HasWork());
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.head, 3);
  ASSERT_EQ(chain.readable.size(), 1u);
  EXPECT_EQ(chain.readable[0].address, 0x20000u);
  EXPECT_EQ(chain.readable_bytes, 16u);
  ASSERT_EQ(chain.writable.size(), 1u);
  EXPECT_EQ(chain.writable[0].address, 0x40000u);
  EXPECT_EQ(chain.writable_bytes, 32u);
  EXPECT_EQ(queue.Pop(&chain), PopResult::kEmpty);
  EXPECT_EQ(queue.in_use(), 1u);
  EXPECT_EQ(queue.next_avail(), PackedPlace::kFirst | 3);
}

// 2.8.6: one used descriptor for the chain, where its first one was; the rest is skipped.
TEST_P(PackedQueueTest, R_VQ_19_AUsedDescriptorStandsForTheWholeChain) {
  Start(5);
  ring->Offer(4, {{}, {}, {.flags = kVirtqDescWrite}});
  ring->Offer(1, {{}, {.flags = kVirtqDescWrite}});
  Take(4);
  Take(1);
  const PackedDesc second = ring->At(1);
  queue.PushUsed(4, 5);
  queue.Publish();
  EXPECT_TRUE(ring->IsUsed(PackedPlace(0x8000)));
  EXPECT_EQ(ring->At(0).id.get(), 4);
  EXPECT_EQ(ring->At(0).length.get(), 5u);
  EXPECT_EQ(ring->At(0).flags.get() & kVirtqDescWrite, kVirtqDescWrite);
  EXPECT_EQ(ring->At(1).id.get(), second.id.get()) << "was written, though it is skipped";
  EXPECT_EQ(queue.next_used(), 0x8003);
  queue.PushUsed(1, 0);
  queue.Publish();
  EXPECT_EQ(ring->At(3).id.get(), 1);
  EXPECT_EQ(ring->At(3).flags.get() & kVirtqDescWrite, 0) << "2.8.3: nothing was written";
  EXPECT_EQ(queue.next_used(), 0) << "round the end: the wrap counter is 0";
}

TEST_P(PackedQueueTest, PublishesABatchWithItsFirstDescriptor) {
  Start(4);
  for (uint16_t id = 0; id < 4; ++id) ring->Offer(id);
  for (uint16_t id = 0; id < 4; ++id) Take(id);
  for (const uint16_t id : {2, 0, 3}) queue.PushUsed(id, id * 10u);
  EXPECT_FALSE(ring->IsUsed(PackedPlace(0x8000)));
  EXPECT_TRUE(queue.unpublished());
  queue.Publish();
  EXPECT_FALSE(queue.unpublished());
  for (const uint16_t place : {0, 1, 2}) {
    EXPECT_TRUE(ring->IsUsed(PackedPlace(PackedPlace::kWrapBit | place)));
  }
  EXPECT_EQ(ring->At(0).id.get(), 2);
  EXPECT_EQ(ring->At(1).id.get(), 0);
  EXPECT_EQ(ring->At(2).id.get(), 3);
  EXPECT_EQ(ring->At(2).length.get(), 30u);
  EXPECT_EQ(queue.in_use(), 1u);
  EXPECT_FALSE(queue.Publish());  // Nothing new: no store, no interrupt.
}

TEST_P(PackedQueueTest, EverySizeGoesRoundManyTimes) {
  for (uint32_t size = 1; size <= 9; ++size) {
    Start(size);
    PackedPlace reap;
    uint16_t id = 0;
    for (int i = 0; i < 100; ++i) {
      const uint32_t length = 1 + static_cast<uint32_t>(i) % size;
      std::vector<Descriptor> chain(length);
      ring->Offer(id, chain);
      Take(id);
      queue.PushUsed(id, 0);
      queue.Publish();
      ASSERT_TRUE(ring->IsUsed(reap)) << size << " at " << i;
      ASSERT_EQ(ring->At(reap.index()).id.get(), id);
      reap.Advance(length, size);
      ASSERT_EQ(queue.next_avail(), reap.bits());
      ASSERT_FALSE(queue.HasWork());
      id = static_cast<uint16_t>((id + 1) % size);
    }
    queue.Stop();
  }
}

TEST_P(PackedQueueTest, WhatIsOverwrittenIsStillKnown) {
  Start(4);
  ring->Offer(0, {{.address = 0x20000}, {.address = 0x21000, .flags = kVirtqDescWrite}});
  ring->Offer(2, {{.address = 0x22000}, {.address = 0x23000, .flags = kVirtqDescWrite}});
  Take(0);
  Take(2);
  queue.PushUsed(2, 0);  // Over the first descriptor of the chain that is still in use.
  queue.Publish();
  ring->Offer(2, {{.address = 0x24000}, {.address = 0x25000}});  // And over its place.
  Take(2);
  const std::vector<PackedDesc> chain = queue.ChainOf(0);
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(chain[0].address.get(), 0x20000u);
  EXPECT_EQ(chain[1].address.get(), 0x21000u);
  const QueueLayout layout = {.size = 4,
                              .descriptors = PackedFixture::kRing,
                              .driver = PackedFixture::kDriver,
                              .device = PackedFixture::kDevice,
                              .next_avail = queue.next_avail(),
                              .next_used = queue.next_used()};
  const std::vector<PackedDesc> other = queue.ChainOf(2);
  queue.Stop();
  ASSERT_TRUE(queue.Start(ring->memory, layout, kAll).ok());
  ASSERT_TRUE(queue.Remember(0, chain));
  ASSERT_TRUE(queue.Remember(2, other));
  EXPECT_FALSE(queue.Remember(2, other)) << "it is there";
  EXPECT_FALSE(queue.Remember(1, other)) << "the ring is full";
  EXPECT_FALSE(queue.Remember(4, other)) << "no such id";
  Chain found;
  ASSERT_TRUE(queue.Lookup(0, &found));
  EXPECT_EQ(found.readable[0].address, 0x20000u);
  EXPECT_EQ(found.writable[0].address, 0x21000u);
  EXPECT_TRUE(queue.TakeUp(2));
  EXPECT_EQ(queue.in_use(), 2u);
  queue.PushUsed(0, 0);
  queue.PushUsed(2, 0);
  EXPECT_EQ(queue.next_used(), queue.next_avail());
  EXPECT_FALSE(queue.Lookup(0, &found));
  EXPECT_TRUE(queue.broken());
}

TEST_P(PackedQueueTest, UndoneIsAvailableAgain) {
  Start(3, kAll, 2);  // The chain goes round the end.
  ring->Offer(1, {{}, {}});
  Take(1);
  EXPECT_EQ(queue.next_avail(), 0x8001);
  queue.UndoPop(1);
  EXPECT_EQ(queue.next_avail(), 2);
  EXPECT_EQ(queue.in_use(), 0u);
  Take(1);
  queue.Drop(1);
  EXPECT_EQ(queue.in_use(), 0u);
  EXPECT_EQ(queue.Publish(), false);
}

TEST_P(PackedQueueTest, AllOfAnIndirectTableIsTheChain) {
  Start(4);
  // 2.8.7: the write flag of what refers to the table is ignored, and so are all flags in it but
  // the write flag.
  const uint16_t noise = kVirtqDescNext | kVirtqDescIndirect | kPackedDescAvail | kPackedDescUsed;
  ring->SetTableEntry(PackedFixture::kTable, 0, {.length = 7, .flags = noise});
  ring->SetTableEntry(PackedFixture::kTable, 1, {.length = 8});
  ring->SetTableEntry(PackedFixture::kTable, 2,
                      {.length = 9, .flags = static_cast<uint16_t>(noise | kVirtqDescWrite)});
  ring->Offer(2, {{.address = PackedFixture::kTable,
                   .length = 48,
                   .flags = kVirtqDescIndirect | kVirtqDescWrite}});
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain) << queue.error();
  EXPECT_EQ(chain.head, 2);
  EXPECT_EQ(chain.readable_bytes, 15u);
  EXPECT_EQ(chain.writable_bytes, 9u);
  queue.PushUsed(2, 0);
  EXPECT_EQ(queue.next_used(), 0x8001) << "one descriptor of the ring";
}

TEST_P(PackedQueueTest, IndirectTablesNeedNoAlignment) {
  Start(4);
  const uint64_t table = PackedFixture::kTable + 3;
  ring->SetTableEntry(table, 0, {.length = 11});
  ring->Offer(0, {{.address = table, .length = 16, .flags = kVirtqDescIndirect}});
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.readable_bytes, 11u);
}

TEST_P(PackedQueueTest, R_VQ_01_IndirectTableLongerThanTheQueue) {
  Start(4);
  ring->Offer(0, {{.address = PackedFixture::kTable, .length = 80, .flags = kVirtqDescIndirect}});
  ExpectBreaks("more descriptors than the queue");
}

TEST_P(PackedQueueTest, R_VQ_09_IndirectTableWithoutDescriptors) {
  for (const uint32_t length : {0u, 1u, 15u, 17u}) {
    Start(4);
    ring->Offer(
        0, {{.address = PackedFixture::kTable, .length = length, .flags = kVirtqDescIndirect}});
    ExpectBreaks("not a number of descriptors");
    queue.Stop();
  }
}

TEST_P(PackedQueueTest, IndirectWithoutTheFeature) {
  Start(4, kVirtioFVersion1 | kVirtioFRingPacked);
  ring->Offer(0, {{.address = PackedFixture::kTable, .length = 16, .flags = kVirtqDescIndirect}});
  ExpectBreaks("without the feature");
}

// 2.8.19
TEST_P(PackedQueueTest, R_VQ_10_IndirectAndPlainDescriptorsInOneChain) {
  for (const bool first : {true, false}) {
    Start(4);
    const Descriptor table = {
        .address = PackedFixture::kTable, .length = 16, .flags = kVirtqDescIndirect};
    ring->Offer(0, first ? std::vector{table, Descriptor{}} : std::vector{Descriptor{}, table});
    ExpectBreaks("in a chain of several");
    queue.Stop();
  }
}

TEST_P(PackedQueueTest, R_VQ_22_TablesOutsideMemory) {
  for (const uint64_t table : {uint64_t{0x1000}, ~uint64_t{0} - 20}) {
    Start(4);
    ring->Offer(0, {{.address = table, .length = 32, .flags = kVirtqDescIndirect}});
    ExpectBreaks("indirect table");
    queue.Stop();
  }
}

TEST_P(PackedQueueTest, R_VQ_03_MoreAvailableThanTheRingHolds) {
  Start(4);
  for (uint16_t id = 0; id < 3; ++id) ring->Offer(id);
  for (uint16_t id = 0; id < 3; ++id) Take(id);
  ring->Offer(3, {{}, {}});
  ExpectBreaks("more descriptors are available");
}

TEST_P(PackedQueueTest, R_VQ_15_AChainThatGoesRoundTheRing) {
  Start(4);
  for (int i = 0; i < 4; ++i) ring->PutNext({.flags = kVirtqDescNext}, 0);
  ExpectBreaks("not available");
}

TEST_P(PackedQueueTest, AChainThatGoesOnWithWhatIsNotAvailable) {
  Start(4);
  ring->PutNext({.flags = kVirtqDescNext}, 0);
  ExpectBreaks("not available");
}

TEST_P(PackedQueueTest, R_VQ_05_AnIdThatIsInUse) {
  Start(4);
  ring->Offer(1);
  ring->Offer(1);
  Take(1);
  ExpectBreaks("made available again");
  EXPECT_EQ(queue.in_use(), 1u);
  const PackedDesc before = ring->At(0);
  queue.PushUsed(1, 0);
  EXPECT_FALSE(queue.Publish());
  EXPECT_EQ(ring->At(0).flags.get(), before.flags.get()) << "written to a broken ring";
  EXPECT_EQ(queue.in_use(), 0u);
}

TEST_P(PackedQueueTest, AnIdAboveTheSize) {
  Start(4);
  ring->Offer(4);
  ExpectBreaks("below the queue's size");
}

TEST_P(PackedQueueTest, ReadableAfterWritable) {
  Start(4);
  ring->Offer(0, {{.flags = kVirtqDescWrite}, {}});
  ExpectBreaks("device-readable descriptor after");
}

TEST_P(PackedQueueTest, LengthsAreAddedUpInFull) {
  Start(4);
  ring->Offer(0, {{.length = 0xffffffff}, {.length = 1}});
  ExpectBreaks("4 GiB");
}

// R-VQ-08: a broken ring is an empty one, whatever lies in it.
TEST_P(PackedQueueTest, R_VQ_08_BrokenIsEmptyUntilItStartsAgain) {
  Start(4, kNoEvents);
  ring->Offer(0);
  ring->Offer(1);
  Take(0);
  queue.Break("for the test");
  EXPECT_FALSE(queue.HasWork());
  queue.SuppressKicks();
  EXPECT_FALSE(queue.ArmKicks());
  EXPECT_EQ(ring->DeviceEventFlags(), 0) << "written to a broken ring";
  queue.Drop(0);
  queue.Stop();
  Start(4);
  ring->Offer(0);
  Take(0);
}

// --- Notifications (2.8.10). ---

TEST_P(PackedQueueTest, InterruptsByFlags) {
  Start(4, kNoEvents);
  const auto push = [&] {
    ring->Offer(0);
    Take(0);
    queue.PushUsed(0, 0);
    return queue.Publish();
  };
  EXPECT_TRUE(push());
  ring->SetDriverEvent(0, kPackedEventDisable);
  EXPECT_FALSE(push());
  ring->SetDriverEvent(0, kPackedEventEnable);
  EXPECT_TRUE(push());
  // Only valid with the feature, and 3 is reserved: neither asks to be left alone.
  ring->SetDriverEvent(0x8003, kPackedEventDesc);
  EXPECT_TRUE(push());
  ring->SetDriverEvent(0x8003, 3);
  EXPECT_TRUE(push());
}

// Every event place against every start and every batch, in every small ring.
TEST_P(PackedQueueTest, InterruptsAtTheDescriptorAskedFor) {
  for (uint32_t size = 1; size <= 5; ++size) {
    for (uint32_t start = 0; start < 2 * size; ++start) {
      for (uint16_t batch = 1; uint32_t{batch} <= size; ++batch) {
        for (uint32_t wish = 0; wish < 2 * size; ++wish) {
          PackedPlace from;
          PackedPlace event;
          for (uint32_t i = 0; i < start; ++i) from.Advance(1, size);
          for (uint32_t i = 0; i < wish; ++i) event.Advance(1, size);
          Start(size, kAll, from.bits());
          ring->SetDriverEvent(event.bits(), kPackedEventDesc);
          for (uint16_t id = 0; id < batch; ++id) ring->Offer(id);
          for (uint16_t id = 0; id < batch; ++id) Take(id);
          for (uint16_t id = 0; id < batch; ++id) queue.PushUsed(id, 0);
          bool written = false;
          PackedPlace at = from;
          for (uint32_t i = 0; i < batch; ++i) {
            written |= at == event;
            at.Advance(1, size);
          }
          ASSERT_EQ(queue.Publish(), written)
              << "size " << size << " from " << start << " batch " << batch << " wish " << wish;
          queue.Stop();
        }
      }
    }
  }
}

TEST_P(PackedQueueTest, AnEventPlaceOutsideTheRingDoesNotSilence) {
  Start(3);
  ring->SetDriverEvent(0x8003, kPackedEventDesc);
  ring->Offer(0);
  Take(0);
  queue.PushUsed(0, 0);
  EXPECT_TRUE(queue.Publish());
}

TEST_P(PackedQueueTest, KicksByFlags) {
  Start(3, kNoEvents);
  queue.SuppressKicks();
  EXPECT_EQ(ring->DeviceEventFlags(), kPackedEventDisable);
  EXPECT_FALSE(queue.ArmKicks());
  EXPECT_EQ(ring->DeviceEventFlags(), kPackedEventEnable);
  ring->Offer(0);
  queue.SuppressKicks();
  EXPECT_TRUE(queue.ArmKicks()) << "there is work, and the driver may not say so";
}

TEST_P(PackedQueueTest, KicksAtTheNextDescriptor) {
  Start(2);
  EXPECT_FALSE(queue.ArmKicks());
  EXPECT_EQ(ring->DeviceEventFlags(), kPackedEventDesc);
  EXPECT_EQ(ring->DeviceEventPlace(), 0x8000);
  for (uint16_t id = 0; id < 2; ++id) ring->Offer(id);
  for (uint16_t id = 0; id < 2; ++id) Take(id);
  EXPECT_FALSE(queue.ArmKicks());
  EXPECT_EQ(ring->DeviceEventPlace(), 0) << "round the end";
}

// --- Layout. ---

TEST_P(PackedQueueTest, R_VQ_07_SizesAndAlignments) {
  ring = std::make_unique<PackedFixture>(4, GetParam());
  const QueueLayout good = ring->layout();
  QueueLayout layout = good;
  layout.size = 0;
  EXPECT_NE(Refused(layout).find("queue size 0"), std::string::npos);
  layout.size = 1025;
  EXPECT_NE(Refused(layout).find("queue size 1025"), std::string::npos);
  layout = good;
  layout.descriptors += 8;
  EXPECT_NE(Refused(layout).find("aligned"), std::string::npos);
  layout = good;
  layout.driver += 2;
  EXPECT_NE(Refused(layout).find("aligned"), std::string::npos);
  layout = good;
  layout.device += 2;
  EXPECT_NE(Refused(layout).find("aligned"), std::string::npos);
}

TEST_P(PackedQueueTest, R_VQ_11_PartsOutsideMemory) {
  ring = std::make_unique<PackedFixture>(4, GetParam());
  const QueueLayout good = ring->layout();
  QueueLayout layout = good;
  layout.descriptors = PackedFixture::kBase + PackedFixture::kBytes - 48;
  EXPECT_NE(Refused(layout).find("descriptor ring"), std::string::npos);
  layout = good;
  layout.driver = 0x100;
  EXPECT_NE(Refused(layout).find("driver's event"), std::string::npos);
  layout = good;
  layout.device = 0x100;
  EXPECT_NE(Refused(layout).find("device's event"), std::string::npos);
}

TEST_P(PackedQueueTest, R_VQ_20_PlacesThatAreNotInTheRing) {
  ring = std::make_unique<PackedFixture>(4, GetParam());
  for (const uint16_t place : {0x8004, 4, 0xffff}) {
    QueueLayout layout = ring->layout();
    layout.next_avail = place;
    EXPECT_NE(Refused(layout).find("position"), std::string::npos) << place;
    layout = ring->layout();
    layout.next_used = place;
    EXPECT_NE(Refused(layout).find("position"), std::string::npos) << place;
  }
  QueueLayout behind = ring->layout();
  behind.next_used = 0x8001;
  EXPECT_NE(Refused(behind).find("position"), std::string::npos);
}

}  // namespace
}  // namespace platter
