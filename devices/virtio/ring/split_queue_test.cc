// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/split_queue.h"

#include <string>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"
#include "devices/virtio/ring/ring_fixture.h"

namespace platter {
namespace {

using Descriptor = RingFixture::Descriptor;
constexpr uint64_t kAll = kVirtioFVersion1 | kVirtioFIndirectDesc | kVirtioFEventIdx;
constexpr uint64_t kNoEvents = kVirtioFVersion1 | kVirtioFIndirectDesc;

// Every test runs on mapped memory and through an accessor: the two must not differ.
class SplitQueueTest : public testing::TestWithParam<RingFixture::Access> {
 protected:
  void Start(uint32_t size, uint64_t features = kAll, uint16_t from = 0) {
    ring = std::make_unique<RingFixture>(size, GetParam());
    QueueLayout layout = ring->layout();
    layout.next_avail = layout.next_used = from;
    ring->SetAvailIndex(from);
    const absl::Status status = queue.Start(ring->memory, layout, features);
    ASSERT_TRUE(status.ok()) << MessageOf(status);
  }
  void TearDown() override {
    if (queue.started()) queue.Stop();
  }
  // Pops one, which must break the queue for good.
  void ExpectBreaks(const std::string& why) {
    Chain chain;
    EXPECT_EQ(queue.Pop(&chain), PopResult::kBroken);
    EXPECT_TRUE(queue.broken());
    EXPECT_NE(std::string(queue.error()).find(why), std::string::npos) << queue.error();
    EXPECT_EQ(queue.in_use(), 0u);
    EXPECT_FALSE(queue.HasWork());
    EXPECT_EQ(queue.Pop(&chain), PopResult::kBroken);
  }

  std::unique_ptr<RingFixture> ring;
  SplitQueue queue{1024};
};

INSTANTIATE_TEST_SUITE_P(Memory, SplitQueueTest,
                         testing::Values(RingFixture::Access::kMapped,
                                         RingFixture::Access::kAccessor));

TEST_P(SplitQueueTest, FlattensAChainWithoutItsEmptyBuffers) {
  Start(8);
  ring->SetDescriptor(2, {.address = 0x20000, .length = 16, .flags = kVirtqDescNext, .next = 5});
  ring->SetDescriptor(5, {.address = 0x30000, .length = 0, .flags = kVirtqDescNext, .next = 7});
  ring->SetDescriptor(7, {.address = 0x40000, .length = 32, .flags = kVirtqDescWrite});
  ring->MakeAvailable(2);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.head, 2);
  ASSERT_EQ(chain.readable.size(), 1u);
  EXPECT_EQ(chain.readable[0].address, 0x20000u);
  EXPECT_EQ(chain.readable_bytes, 16u);
  ASSERT_EQ(chain.writable.size(), 1u);
  EXPECT_EQ(chain.writable[0].address, 0x40000u);
  EXPECT_EQ(chain.writable_bytes, 32u);
  EXPECT_EQ(queue.Pop(&chain), PopResult::kEmpty);
  EXPECT_EQ(queue.in_use(), 1u);
}

TEST_P(SplitQueueTest, PublishesABatchWithOneIndex) {
  Start(4);
  for (uint16_t head = 0; head < 4; ++head) ring->SetDescriptor(head, {});
  for (uint16_t head = 0; head < 4; ++head) ring->MakeAvailable(head);
  Chain chain;
  for (int i = 0; i < 4; ++i) ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  for (uint16_t head : {2, 0, 3}) queue.PushUsed(head, head * 10u);
  EXPECT_EQ(ring->UsedIndex(), 0);
  EXPECT_TRUE(queue.unpublished());
  queue.Publish();
  EXPECT_FALSE(queue.unpublished());
  EXPECT_EQ(ring->UsedIndex(), 3);
  EXPECT_EQ(ring->UsedEntry(0), (RingFixture::Used{2, 20}));
  EXPECT_EQ(ring->UsedEntry(1), (RingFixture::Used{0, 0}));
  EXPECT_EQ(ring->UsedEntry(2), (RingFixture::Used{3, 30}));
  EXPECT_EQ(queue.in_use(), 1u);
  EXPECT_FALSE(queue.Publish());  // Nothing new: no store, no interrupt.
}

TEST_P(SplitQueueTest, IndirectTablesFollowPlainDescriptors) {
  Start(4);
  ring->SetDescriptor(0, {.length = 16, .flags = kVirtqDescNext, .next = 1});
  // The write flag of the descriptor that refers to the table is ignored (2.7.5.3.2).
  ring->SetDescriptor(1, {.address = RingFixture::kTable,
                          .length = 32,
                          .flags = kVirtqDescIndirect | kVirtqDescWrite});
  ring->SetDescriptorAt(RingFixture::kTable, 0, {.length = 7, .flags = kVirtqDescNext, .next = 1});
  ring->SetDescriptorAt(RingFixture::kTable, 1, {.length = 9, .flags = kVirtqDescWrite});
  ring->MakeAvailable(0);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.readable_bytes, 23u);
  EXPECT_EQ(chain.writable_bytes, 9u);
}

TEST_P(SplitQueueTest, IndirectTablesNeedNoAlignment) {
  Start(4);
  const uint64_t table = RingFixture::kTable + 3;
  ring->SetDescriptor(0, {.address = table, .length = 16, .flags = kVirtqDescIndirect});
  ring->SetDescriptorAt(table, 0, {.length = 11});
  ring->MakeAvailable(0);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.readable_bytes, 11u);
}

TEST_P(SplitQueueTest, R_VQ_01_IndirectTableLongerThanTheQueue) {
  Start(4);
  ring->SetDescriptor(0, {.address = RingFixture::kTable,
                          .length = 5 * sizeof(VirtqDesc),
                          .flags = kVirtqDescIndirect});
  for (uint16_t i = 0; i < 5; ++i) {
    ring->SetDescriptorAt(RingFixture::kTable, i,
                          {.flags = static_cast<uint16_t>(i < 4 ? kVirtqDescNext : 0),
                           .next = static_cast<uint16_t>(i + 1)});
  }
  ring->MakeAvailable(0);
  ExpectBreaks("more descriptors than the queue");
}

TEST_P(SplitQueueTest, R_VQ_01_LongTableWithAShortChainIsFine) {
  Start(4);
  ring->SetDescriptor(0, {.address = RingFixture::kTable,
                          .length = 2000 * sizeof(VirtqDesc),
                          .flags = kVirtqDescIndirect});
  ring->SetDescriptorAt(RingFixture::kTable, 0, {.flags = kVirtqDescNext, .next = 1999});
  ring->SetDescriptorAt(RingFixture::kTable, 1999, {});
  ring->MakeAvailable(0);
  Chain chain;
  EXPECT_EQ(queue.Pop(&chain), PopResult::kChain);
}

TEST_P(SplitQueueTest, R_VQ_03_AvailableIndexTooFarAhead) {
  Start(4);
  ring->SetAvailIndex(5);
  ExpectBreaks("ahead");
}

TEST_P(SplitQueueTest, R_VQ_03_FullRingIsNotTooFar) {
  Start(4);
  for (uint16_t head = 0; head < 4; ++head) {
    ring->SetDescriptor(head, {});
    ring->MakeAvailable(head);
  }
  Chain chain;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(queue.in_use(), 4u);
}

TEST_P(SplitQueueTest, R_VQ_03_IndicesWrapAt16Bits) {
  Start(4, kAll, 65534);
  for (uint16_t head = 0; head < 4; ++head) ring->SetDescriptor(head, {});
  Chain chain;
  for (int round = 0; round < 8; ++round) {
    const auto head = static_cast<uint16_t>(round % 4);
    ring->MakeAvailable(head);
    ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
    ASSERT_EQ(chain.head, head);
    queue.PushUsed(head, 1);
    queue.Publish();
    ASSERT_EQ(ring->UsedIndex(), static_cast<uint16_t>(65534 + round + 1));
    ASSERT_EQ(queue.in_use(), 0u);
  }
}

TEST_P(SplitQueueTest, R_VQ_05_HeadMadeAvailableTwice) {
  Start(4);
  ring->SetDescriptor(1, {});
  ring->MakeAvailable(1);
  ring->MakeAvailable(1);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(queue.Pop(&chain), PopResult::kBroken);
  EXPECT_NE(std::string(queue.error()).find("before it was used"), std::string::npos);
  // The first use still ends, and the driver hears nothing of a broken queue.
  EXPECT_EQ(queue.in_use(), 1u);
  queue.PushUsed(1, 0);
  EXPECT_FALSE(queue.Publish());
  EXPECT_EQ(queue.in_use(), 0u);
  EXPECT_EQ(ring->UsedIndex(), 0);
}

TEST_P(SplitQueueTest, R_VQ_07_SizeAboveWhatIsAllocated) {
  for (uint32_t size : {0u, 3u, 2048u, 1u << 16, 1u << 31}) {
    RingFixture other(4, GetParam());
    QueueLayout layout = other.layout();
    layout.size = size;
    const absl::Status status = queue.Start(other.memory, layout, kAll);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << size;
    EXPECT_FALSE(queue.started());
  }
}

TEST_P(SplitQueueTest, R_VQ_08_BrokenQueueIsEmptyUntilItIsStartedAgain) {
  Start(4, kNoEvents);
  ring->SetDescriptor(0, {});
  ring->MakeAvailable(0);
  queue.Break("for the test");
  Chain chain;
  EXPECT_FALSE(queue.HasWork());
  EXPECT_EQ(queue.Pop(&chain), PopResult::kBroken);
  EXPECT_FALSE(queue.ArmKicks());
  queue.SuppressKicks();
  EXPECT_EQ(ring->UsedFlags(), 0);  // Nothing more is written.
  queue.Stop();
  ASSERT_TRUE(queue.Start(ring->memory, ring->layout(), kNoEvents).ok());
  EXPECT_EQ(queue.Pop(&chain), PopResult::kChain);
}

TEST_P(SplitQueueTest, R_VQ_10_DirectAfterIndirectHasTheWholeTable) {
  Start(4);
  ring->SetDescriptor(
      0,
      {.address = RingFixture::kTable, .length = sizeof(VirtqDesc), .flags = kVirtqDescIndirect});
  ring->SetDescriptorAt(RingFixture::kTable, 0, {});
  ring->SetDescriptor(1, {.flags = kVirtqDescNext, .next = 3});
  ring->SetDescriptor(3, {});
  ring->MakeAvailable(0);
  ring->MakeAvailable(1);
  Chain chain;
  EXPECT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.readable.size(), 2u);
}

TEST_P(SplitQueueTest, R_VQ_11_RingThatIsNotMemoryIsRefused) {
  RingFixture other(4, GetParam());
  for (int part = 0; part < 3; ++part) {
    for (uint64_t address : {uint64_t{0}, RingFixture::kBase + RingFixture::kBytes - 16,
                             uint64_t{0xfffffffffffffff0}}) {
      QueueLayout layout = other.layout();
      (part == 0 ? layout.descriptors : part == 1 ? layout.driver : layout.device) = address;
      const absl::Status status = queue.Start(other.memory, layout, kAll);
      if (part == 1 && address == RingFixture::kBase + RingFixture::kBytes - 16) {
        EXPECT_TRUE(status.ok());  // 14 bytes fit.
        queue.Stop();
        continue;
      }
      EXPECT_NE(MessageOf(status).find("is not in memory"), std::string::npos)
          << part << " " << MessageOf(status);
    }
  }
  QueueLayout misaligned = other.layout();
  misaligned.descriptors += 8;
  EXPECT_FALSE(queue.Start(other.memory, misaligned, kAll).ok());
}

TEST_P(SplitQueueTest, R_VQ_12_IndirectTableAtTheEndOfMemory) {
  Start(4);
  const uint64_t end = RingFixture::kBase + RingFixture::kBytes;
  ring->SetDescriptor(0, {.address = end - 8, .length = 16, .flags = kVirtqDescIndirect});
  ring->MakeAvailable(0);
  ExpectBreaks("table is not in memory");
}

TEST_P(SplitQueueTest, R_VQ_15_ChainsThatLoop) {
  for (uint16_t next : {0, 1}) {
    Start(4);
    ring->SetDescriptor(0, {.flags = kVirtqDescNext, .next = 1});
    ring->SetDescriptor(1, {.flags = kVirtqDescNext, .next = next});
    ring->MakeAvailable(0);
    ExpectBreaks("loop");
    queue.Stop();
  }
}

TEST_P(SplitQueueTest, R_VQ_22_TableThatWrapsAroundTheAddressSpace) {
  Start(4);
  ring->SetDescriptor(0, {.address = ~uint64_t{0} - 15, .length = 32, .flags = kVirtqDescIndirect});
  ring->MakeAvailable(0);
  ExpectBreaks("not in memory");
}

TEST_P(SplitQueueTest, WhatCannotBeRightBreaksIt) {
  struct Case {
    const char* why;
    uint64_t features;
    Descriptor first;
    Descriptor second;
  };
  constexpr auto kNextWrite = static_cast<uint16_t>(kVirtqDescNext | kVirtqDescWrite);
  constexpr auto kNextIndirect = static_cast<uint16_t>(kVirtqDescNext | kVirtqDescIndirect);
  const Case cases[] = {
      {"readable descriptor after", kAll, {.flags = kNextWrite, .next = 1}, {}},
      {"next one does not exist", kAll, {.flags = kVirtqDescNext, .next = 4}, {}},
      {"4 GiB", kAll, {.length = 0xffffffff, .flags = kVirtqDescNext, .next = 1}, {.length = 1}},
      {"without the feature", kVirtioFVersion1, {.flags = kVirtqDescIndirect}, {}},
      {"that has a next", kAll, {.flags = kNextIndirect}, {}},
      {"not a number of", kAll, {.length = 0, .flags = kVirtqDescIndirect}, {}},
      {"not a number of", kAll, {.length = 24, .flags = kVirtqDescIndirect}, {}},
      {"within an indirect",
       kAll,
       {.address = RingFixture::kDescriptors + 16, .flags = kVirtqDescIndirect},
       {.flags = kVirtqDescIndirect}},
      {"outside its indirect",
       kAll,
       {.address = RingFixture::kDescriptors + 16, .flags = kVirtqDescIndirect},
       {.flags = kVirtqDescNext, .next = 1}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Start(4, c.features);
    ring->SetDescriptor(0, c.first);
    ring->SetDescriptor(1, c.second);
    ring->MakeAvailable(0);
    ExpectBreaks(c.why);
    queue.Stop();
  }
  Start(4);
  ring->MakeAvailable(4);
  ExpectBreaks("names a descriptor that does not exist");
}

TEST_P(SplitQueueTest, InterruptsByFlag) {
  Start(4, kNoEvents);
  ring->SetDescriptor(0, {});
  Chain chain;
  for (uint16_t flags : {0, 1}) {
    ring->SetAvailFlags(flags);
    ring->MakeAvailable(0);
    ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
    queue.PushUsed(0, 0);
    EXPECT_EQ(queue.Publish(), flags == 0);
  }
}

// 2.7.10.1: an interrupt exactly when the batch steps over used_event, for every position of it.
TEST_P(SplitQueueTest, InterruptsByEventIndex) {
  for (uint16_t from : {0, 65533}) {
    for (uint16_t batch = 1; batch <= 3; ++batch) {
      for (int event = -4; event <= 4; ++event) {
        Start(4, kAll, from);
        for (uint16_t i = 0; i < batch; ++i) {
          ring->SetDescriptor(i, {});
          ring->MakeAvailable(i);
        }
        ring->SetUsedEvent(static_cast<uint16_t>(from + event));
        Chain chain;
        for (uint16_t i = 0; i < batch; ++i) {
          ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
          queue.PushUsed(i, 0);
        }
        EXPECT_EQ(queue.Publish(), event >= 0 && event < batch)
            << "from " << from << " batch " << batch << " event " << event;
        queue.Stop();
      }
    }
  }
}

TEST_P(SplitQueueTest, KicksByFlag) {
  Start(4, kNoEvents);
  queue.SuppressKicks();
  EXPECT_EQ(ring->UsedFlags(), kVirtqUsedNoNotify);
  EXPECT_FALSE(queue.ArmKicks());
  EXPECT_EQ(ring->UsedFlags(), 0);
  ring->SetDescriptor(0, {});
  ring->MakeAvailable(0);
  EXPECT_TRUE(queue.ArmKicks());  // What came before would get no notification.
}

TEST_P(SplitQueueTest, KicksByEventIndex) {
  Start(4, kAll, 65535);
  ring->SetDescriptor(0, {});
  ring->MakeAvailable(0);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  queue.SuppressKicks();
  EXPECT_FALSE(queue.ArmKicks());
  EXPECT_EQ(ring->AvailEvent(), 0);  // The next chain's index, wrapped.
  EXPECT_EQ(ring->UsedFlags(), 0);
}

TEST_P(SplitQueueTest, UndoPopAndDropLeaveNoTrace) {
  Start(4);
  ring->SetDescriptor(3, {});
  ring->MakeAvailable(3);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  queue.UndoPop(3);
  EXPECT_EQ(queue.in_use(), 0u);
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.head, 3);
  queue.Drop(3);
  EXPECT_EQ(queue.in_use(), 0u);
  EXPECT_FALSE(queue.unpublished());
}

TEST_P(SplitQueueTest, LookupReadsAChainThatIsInUse) {
  Start(4);
  ring->SetDescriptor(2, {.length = 5});
  Chain chain;
  EXPECT_TRUE(queue.Lookup(2, &chain));
  EXPECT_EQ(chain.readable_bytes, 5u);
  EXPECT_EQ(queue.in_use(), 1u);
  EXPECT_FALSE(queue.Lookup(2, &chain));
  EXPECT_TRUE(queue.broken());
}

// R-VQ-21: whatever the driver changes between two looks, each descriptor is looked at once.
class CountingAccessor final : public GuestMemoryAccessor {
 public:
  explicit CountingAccessor(RingFixture& with) : ring(with), reads(RingFixture::kBytes) {}
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    for (uint8_t& byte : out) {
      ++reads[offset];
      byte = ring.host[offset++];
    }
  }
  void Write(uint64_t, std::span<const uint8_t>) override {}
  RingFixture& ring;
  std::vector<uint32_t> reads;
};

TEST(SplitQueueMemory, R_VQ_21_DescriptorsAreReadOnce) {
  RingFixture ring(4);
  CountingAccessor shim(ring);
  const auto memory = *GuestMemory::Create(
      {{.address = RingFixture::kBase, .size = RingFixture::kBytes, .accessor = &shim}}, nullptr);
  SplitQueue queue(4);
  ASSERT_TRUE(queue.Start(memory, ring.layout(), kAll).ok());
  ring.SetDescriptor(0, {.flags = kVirtqDescNext, .next = 1});
  ring.SetDescriptor(1,
                     {.address = RingFixture::kTable, .length = 32, .flags = kVirtqDescIndirect});
  ring.SetDescriptorAt(RingFixture::kTable, 0, {.flags = kVirtqDescNext, .next = 1});
  ring.SetDescriptorAt(RingFixture::kTable, 1, {});
  ring.MakeAvailable(0);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  for (uint32_t offset = 0; offset < RingFixture::kBytes; ++offset) {
    ASSERT_LE(shim.reads[offset], 1u) << offset;
  }
  EXPECT_EQ(shim.reads[RingFixture::kTable - RingFixture::kBase + 31], 1u);
  queue.Stop();
}

TEST(SplitQueueMemory, R_VQ_13_TableAcrossRegions) {
  // Two regions that touch in the guest only; the table's second entry lies in both.
  std::vector<uint8_t> low(0x1000);
  std::vector<uint8_t> high(0x1000);
  RingFixture ring(4);
  const auto memory = *GuestMemory::Create(
      {{.address = RingFixture::kBase, .size = RingFixture::kBytes, .host = ring.host},
       {.address = 0x200000, .size = 0x1000, .host = low.data()},
       {.address = 0x201000, .size = 0x1000, .host = high.data()}},
      nullptr);
  SplitQueue queue(4);
  ASSERT_TRUE(queue.Start(memory, ring.layout(), kAll).ok());
  const uint64_t table = 0x201000 - 24;
  ring.SetDescriptor(0, {.address = table, .length = 32, .flags = kVirtqDescIndirect});
  const VirtqDesc entries[2] = {{0x1234, 3, kVirtqDescNext, 1}, {0x5678, 4, 0, 0}};
  const auto* bytes = reinterpret_cast<const uint8_t*>(entries);
  ASSERT_TRUE(memory->Write(table, {bytes, sizeof(entries)}));
  ring.MakeAvailable(0);
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  ASSERT_EQ(chain.readable.size(), 2u);
  EXPECT_EQ(chain.readable[1].address, 0x5678u);
  EXPECT_EQ(chain.readable[1].bytes, 4u);
  queue.Stop();
}

TEST(SplitQueueMemory, LargestQueue) {
  RingFixture small(4);
  std::vector<uint8_t> bytes(kMiB);
  const auto memory =
      *GuestMemory::Create({{.address = 0, .size = bytes.size(), .host = bytes.data()}}, nullptr);
  SplitQueue queue(kVirtqMaxSize);
  const QueueLayout layout = {.size = kVirtqMaxSize,
                              .descriptors = 0,
                              .driver = sizeof(VirtqDesc) * kVirtqMaxSize,
                              .device = sizeof(VirtqDesc) * kVirtqMaxSize + 0x20000};
  ASSERT_TRUE(queue.Start(memory, layout, kAll).ok());
  // All descriptors in one chain, the head last.
  for (uint32_t i = 0; i < kVirtqMaxSize; ++i) {
    const VirtqDesc desc = {i, 1, static_cast<uint16_t>(i == 0 ? 0 : kVirtqDescNext),
                            static_cast<uint16_t>(i - 1)};
    std::memcpy(bytes.data() + i * sizeof(desc), &desc, sizeof(desc));
  }
  const Le16 avail[3] = {0, 1, static_cast<uint16_t>(kVirtqMaxSize - 1)};
  std::memcpy(bytes.data() + layout.driver, avail, sizeof(avail));
  Chain chain;
  ASSERT_EQ(queue.Pop(&chain), PopResult::kChain);
  EXPECT_EQ(chain.readable.size(), kVirtqMaxSize);
  queue.Stop();
}

}  // namespace
}  // namespace platter
