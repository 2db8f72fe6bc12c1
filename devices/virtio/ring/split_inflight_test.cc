// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/split_inflight.h"

#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

using Entry = SplitInflight::Entry;
using Header = SplitInflight::Header;
using Heads = std::vector<uint16_t>;

constexpr uint32_t kEntries = 8;

class SplitInflightTest : public testing::Test {
 protected:
  struct Memory {
    Header header;
    Entry entries[kEntries];
  };
  static_assert(sizeof(Memory) == SplitInflight::Bytes(kEntries));

  SplitInflightTest() { std::memset(static_cast<void*>(&memory_), 0, sizeof(memory_)); }
  // What a device whose ring has this used index finds.
  Heads Recover(uint16_t used_index, uint32_t size = kEntries) {
    const auto found = SplitInflight::Recover(region_, size, used_index);
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok()) return {};
    fresh_ = found->fresh;
    return found->heads;
  }
  std::string Refusal(uint32_t size = kEntries) {
    return MessageOf(SplitInflight::Recover(region_, size, 0).status());
  }
  // Recovers, and goes on recording.
  void Begin(uint16_t used_index = 0) {
    Recover(used_index);
    log_.Attach(region_);
  }

  Memory memory_;
  const InflightRegion region_ = {.host = reinterpret_cast<uint8_t*>(&memory_),
                                  .entries = kEntries};
  SplitInflight log_;
  bool fresh_ = false;
};

TEST_F(SplitInflightTest, ANewRegionIsInitialisedAndTellsNothing) {
  // Of a region that is not of version 1 nothing means anything.
  for (Entry& entry : memory_.entries)
    entry = {.inflight = 1, .padding = {}, .next = 99, .counter = 7};
  EXPECT_EQ(Recover(300), Heads());
  EXPECT_TRUE(fresh_);
  EXPECT_EQ(memory_.header.version, 1);
  EXPECT_EQ(memory_.header.desc_num, kEntries);
  EXPECT_EQ(memory_.header.used_idx, 300);
  EXPECT_EQ(memory_.header.features, 0u);
  EXPECT_EQ(Recover(300), Heads());
  EXPECT_FALSE(fresh_);
}

TEST_F(SplitInflightTest, WhatWasTakenIsFoundInItsOrder) {
  Begin();
  for (const uint16_t head : {5, 2, 7, 0}) log_.Take(head);
  log_.Undo(7);
  EXPECT_EQ(Recover(0), Heads({5, 2, 0}));
  EXPECT_FALSE(fresh_);
  // The next one goes on counting.
  log_.Attach(region_);
  log_.Take(7);
  log_.Take(1);
  EXPECT_EQ(Recover(0), Heads({5, 2, 0, 7, 1}));
}

TEST_F(SplitInflightTest, WhatIsPublishedIsNotInFlight) {
  Begin(65534);
  for (const uint16_t head : {1, 2, 3, 4}) log_.Take(head);
  log_.Push(3);
  log_.Push(1);
  log_.Push(4);
  // The driver does not see them yet.
  EXPECT_EQ(memory_.header.used_idx, 65534);
  EXPECT_EQ(Recover(65534), Heads({1, 2, 3, 4}));
  log_.Published(1);
  EXPECT_EQ(memory_.header.used_idx, 1);
  EXPECT_EQ(Recover(1), Heads({2}));
}

// The protocol's own list, which other back-ends follow as well.
TEST_F(SplitInflightTest, ABatchIsAListOfItsHeads) {
  Begin();
  for (const uint16_t head : {1, 2, 3}) log_.Take(head);
  log_.Push(2);
  log_.Push(3);
  EXPECT_EQ(memory_.header.last_batch_head, 3);
  EXPECT_EQ(memory_.entries[3].next, 2);
  log_.Published(2);
  log_.Push(1);
  EXPECT_EQ(memory_.header.last_batch_head, 1);
  EXPECT_EQ(memory_.entries[1].next, 3);
  // Ended when the driver could see it already, and nothing else was done.
  EXPECT_EQ(Recover(3), Heads());
  EXPECT_EQ(memory_.header.used_idx, 3);
}

TEST_F(SplitInflightTest, ABatchThatWasSeenInFullOrNotAtAll) {
  Begin();
  for (const uint16_t head : {0, 1, 2, 3, 4}) log_.Take(head);
  log_.Push(4);
  log_.Published(1);
  log_.Push(0);
  log_.Push(2);
  const Memory before = memory_;
  EXPECT_EQ(Recover(1), Heads({0, 1, 2, 3}));
  memory_ = before;
  EXPECT_EQ(Recover(3), Heads({1, 3}));
  // Half of its marks taken away already.
  memory_ = before;
  memory_.entries[0].inflight = 0;
  EXPECT_EQ(Recover(3), Heads({1, 3}));
}

TEST_F(SplitInflightTest, ARingThatBeganAnewHasNothingInFlight) {
  Begin(1000);
  log_.Take(6);
  log_.Push(6);
  log_.Published(1001);
  EXPECT_EQ(Recover(0), Heads());
  EXPECT_EQ(memory_.header.used_idx, 0);
}

TEST_F(SplitInflightTest, WhatIsForgottenIsNotThere) {
  Begin();
  log_.Take(3);
  SplitInflight::Forget(region_);
  EXPECT_EQ(Recover(0), Heads());
  EXPECT_TRUE(fresh_);
}

TEST_F(SplitInflightTest, SmallerRingsLookAtTheirOwnEntries) {
  Begin();
  log_.Take(1);
  log_.Take(6);
  EXPECT_EQ(Recover(0, 4), Heads({1}));
}

// --- R-VU-02: nothing in it is trusted. ---

TEST_F(SplitInflightTest, UnknownFormatsAreRefused) {
  Begin();
  EXPECT_NE(Refusal(16).find("room for 8 entries, not for 16"), std::string::npos);
  memory_.header.version = 2;
  EXPECT_NE(Refusal().find("version 2 with 8 entries"), std::string::npos);
  memory_.header.version = 1;
  memory_.header.features = 1;
  EXPECT_NE(Refusal().find("not known"), std::string::npos);
  memory_.header.features = 0;
  memory_.header.desc_num = 9;
  EXPECT_NE(Refusal().find("9 entries"), std::string::npos);
  memory_.header.desc_num = 7;
  EXPECT_NE(Refusal().find("7 entries"), std::string::npos);
  EXPECT_EQ(Refusal(4), "");
}

TEST_F(SplitInflightTest, AListThatLeadsOutOrRoundEnds) {
  Begin();
  for (uint16_t head = 0; head < kEntries; ++head) log_.Take(head);
  const Memory before = memory_;
  memory_.header.last_batch_head = 0xffff;
  EXPECT_EQ(Recover(5).size(), kEntries);
  memory_ = before;
  memory_.header.last_batch_head = 3;
  memory_.entries[3].next = kEntries;
  EXPECT_EQ(Recover(5).size(), kEntries - 1);
  memory_ = before;
  memory_.header.last_batch_head = 3;
  memory_.entries[3].next = 3;
  EXPECT_EQ(Recover(0xffff).size(), kEntries - 1);
}

TEST_F(SplitInflightTest, AMarkIsAnythingButZero) {
  Begin();
  memory_.entries[2].inflight = 0xff;
  memory_.entries[2].counter = UINT64_MAX;
  memory_.entries[4].inflight = 2;
  EXPECT_EQ(Recover(0), Heads({4, 2}));
  log_.Attach(region_);
  log_.Take(1);
  EXPECT_EQ(Recover(0).size(), 3u);
}

// A driver that makes more requests available than there are heads.
TEST_F(SplitInflightTest, MorePushesThanEntriesHurtNobody) {
  Begin();
  for (int round = 0; round < 3; ++round) {
    for (uint16_t head = 0; head < kEntries; ++head) {
      log_.Take(head);
      log_.Push(head);
    }
  }
  log_.Published(3 * kEntries);
  EXPECT_EQ(Recover(3 * kEntries), Heads());
}

TEST_F(SplitInflightTest, AnyBytesAreRefusedOrRead) {
  const auto seed = static_cast<uint32_t>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    auto* const bytes = reinterpret_cast<uint8_t*>(&memory_);
    for (size_t i = 0; i < sizeof(memory_); ++i) {
      bytes[i] = random() % 4 == 0 ? static_cast<uint8_t>(random()) : 0;
    }
    if (random() % 8 != 0) {
      memory_.header = {.features = 0,
                        .version = 1,
                        .desc_num = kEntries,
                        .last_batch_head = static_cast<uint16_t>(random() % 16),
                        .used_idx = static_cast<uint16_t>(random())};
    }
    const uint32_t size = 1u << random() % 4;
    const auto found = SplitInflight::Recover(region_, size, static_cast<uint16_t>(random()));
    if (!found.ok()) continue;
    std::vector<bool> seen(size);
    for (const uint16_t head : found->heads) {
      ASSERT_LT(head, size) << "seed " << seed;
      ASSERT_FALSE(seen[head]) << "seed " << seed;
      seen[head] = true;
    }
  }
}

TEST_F(SplitInflightTest, NothingIsRecordedWhereThereIsNoRegion) {
  SplitInflight log;
  EXPECT_FALSE(log.attached());
  log.Attach({});
  EXPECT_FALSE(log.attached());
  log.Attach(region_);
  EXPECT_TRUE(log.attached());
  log.Detach();
  EXPECT_FALSE(log.attached());
}

}  // namespace
}  // namespace platter
