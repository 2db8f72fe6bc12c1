// SPDX-License-Identifier: Apache-2.0
//
// Rounds of ZoneStore: who waits for which, what is written in which order, and what becomes of
// errors.

#include "devices/virtio/zoned/zone_store.h"

#include <cerrno>
#include <deque>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "base/status.h"
#include "devices/testing/fake_block_device.h"

namespace platter {
namespace {

constexpr uint64_t kZoneBytes = 64 * kKiB;
constexpr uint32_t kZones = 300;  // Two blocks.
constexpr uint64_t kBlock = ZoneLayout::kBlockBytes;

class Waiter final : public ZoneWaiter {
 public:
  void Run() override { runs += 1; }
  int runs = 0;
};

class ZoneStoreTest : public testing::Test {
 protected:
  ZoneStoreTest() {
    backend.announced_length = kZones * kZoneBytes + 4 * kBlock;
    EXPECT_TRUE(backend.Attach({}, {}).ok());
    Make(std::vector<uint8_t>(4 * kBlock));
  }
  ~ZoneStoreTest() override {
    store.reset();
    backend.Detach();
  }
  void Make(std::vector<uint8_t> area) {
    auto made = ZoneStore::Create({.model = ZonedModel::kHostManaged,
                                   .zone_size = kZoneBytes,
                                   .create = true,
                                   .area = std::move(area)},
                                  1, backend, control, dropping);
    ASSERT_TRUE(made.ok()) << MessageOf(made.status());
    store = *std::move(made);
  }
  Waiter& Save(bool flush = false) {
    waiters.emplace_back();
    waiters.back().context = &io;
    waiters.back().flush = flush;
    store->Save(waiters.back());
    return waiters.back();
  }
  void WriteZone(uint32_t zone) {
    MutexLock lock(store->mutex());
    ZoneTicket ticket;
    ASSERT_EQ(store->table().Append(zone * kZoneBytes / 512, 1, ticket), ZoneStatus::kOk);
    store->table().End(ticket, true);
  }
  bool NeedsSave() {
    MutexLock lock(store->mutex());
    return store->NeedsSave();
  }
  std::vector<uint64_t> Written() {
    std::vector<uint64_t> offsets;
    for (const auto& asked : backend.asked) {
      if (asked.op == IoOp::kWrite) {
        offsets.push_back((asked.offset - kZones * kZoneBytes) / kBlock);
      }
    }
    backend.asked.clear();
    return offsets;
  }

  SimulatedWorld world{1};
  AioContext& control = world.NewContext("control");
  AioContext& io = world.NewContext("io");
  FakeBlockDevice backend{kZones * kZoneBytes + 4 * kBlock};
  std::atomic<bool> dropping{false};
  std::unique_ptr<ZoneStore> store;
  std::deque<Waiter> waiters;
};

using Places = std::vector<uint64_t>;

TEST_F(ZoneStoreTest, ANewAreaIsWrittenWithItsFirstBlockLast) {
  EXPECT_TRUE(NeedsSave());
  Waiter& waiter = Save();
  world.RunUntilIdle();
  EXPECT_EQ(waiter.runs, 1);
  EXPECT_EQ(waiter.result, 0);
  EXPECT_EQ(backend.asked.front().op, IoOp::kFlush);
  EXPECT_EQ(backend.asked.back().op, IoOp::kFlush);
  EXPECT_EQ(Written(), (Places{3, 1}));
  EXPECT_FALSE(NeedsSave());
}

TEST_F(ZoneStoreTest, OnlyWhatHasChangedAndInTurn) {
  Save();
  world.RunUntilIdle();
  Written();
  for (const uint64_t place : {0u, 1u, 0u}) {
    WriteZone(5);
    Save();
    world.RunUntilIdle();
    EXPECT_EQ(Written(), Places{place});
  }
  WriteZone(299);
  Save();
  world.RunUntilIdle();
  EXPECT_EQ(Written(), Places{2});
  // Nothing: at once; and a flush alone when that is what is wanted.
  EXPECT_EQ(Save().runs, 0);
  world.RunUntilIdle();
  EXPECT_EQ(waiters.back().runs, 1);
  EXPECT_TRUE(backend.asked.empty());
  Save(true);
  world.RunUntilIdle();
  EXPECT_EQ(backend.asked.size(), 1u);
}

TEST_F(ZoneStoreTest, OneRoundForAllThatWait) {
  backend.hold = true;
  Save();
  world.RunUntilIdle();
  WriteZone(1);
  WriteZone(2);
  for (int i = 0; i < 5; ++i) Save(true);
  world.RunUntilIdle();
  EXPECT_EQ(backend.held(), 1u);
  EXPECT_TRUE(NeedsSave());
  backend.Release();
  world.RunUntilIdle();
  for (const Waiter& waiter : waiters) EXPECT_EQ(waiter.runs, 1);
  EXPECT_EQ(Written(), (Places{3, 1, 0}));
}

TEST_F(ZoneStoreTest, AnErrorIsToldAndAllOfTheRoundIsSavedAgain) {
  for (uint32_t step = 0; step < 4; ++step) {
    backend.hold = true;
    backend.let_through = step;
    Waiter& waiter = Save();
    world.RunUntilIdle();
    ASSERT_EQ(backend.held(), 1u) << step;
    backend.next_error = -ENOSPC;
    backend.Release();
    world.RunUntilIdle();
    EXPECT_EQ(waiter.result, -ENOSPC);
    EXPECT_TRUE(NeedsSave());
  }
  Written();
  Save();
  world.RunUntilIdle();
  EXPECT_EQ(Written().size(), 2u);
  EXPECT_FALSE(NeedsSave());
}

TEST_F(ZoneStoreTest, ACancelIsForResetsOnly) {
  backend.hold = true;
  Waiter& first = Save();
  world.RunUntilIdle();
  Waiter& second = Save();
  store->Cancel();
  world.RunUntilIdle();
  EXPECT_EQ(first.runs + second.runs, 0);
  dropping = true;
  store->Cancel();
  world.RunUntilIdle();
  EXPECT_EQ(first.result, -ECANCELED);
  EXPECT_EQ(second.result, -ECANCELED);
  EXPECT_EQ(first.runs + second.runs, 2);
  EXPECT_TRUE(NeedsSave());
}

TEST_F(ZoneStoreTest, ASavedRoundGoesOnElsewhere) {
  for (uint32_t step = 0; step < 4; ++step) {
    SCOPED_TRACE(step);
    WriteZone(7);
    WriteZone(280);
    backend.hold = true;
    backend.let_through = step;
    Save();
    world.RunUntilIdle();
    ZoneStore::State state = store->SaveState();
    EXPECT_EQ(store->CheckState(state), nullptr);
    dropping = true;
    store->Cancel();
    world.RunUntilIdle();
    dropping = false;
    backend.hold = false;
    const size_t left = 2 - std::min<size_t>(2, step == 0 ? 0 : step - 1);
    Written();
    Make(std::vector<uint8_t>(4 * kBlock));
    store->RestoreState(state);
    EXPECT_TRUE(NeedsSave());
    Save();
    world.RunUntilIdle();
    EXPECT_EQ(Written().size(), left);
    EXPECT_FALSE(NeedsSave());
    // What the medium has is what there is.
    const auto area = DecodeZoneArea(store->layout(), std::span(backend.data).last(4 * kBlock));
    ASSERT_TRUE(area.ok()) << area.status();
    EXPECT_EQ(area->records[7].written, step + 1u);
    EXPECT_EQ(area->records[280].written, step + 1u);
  }
}

TEST_F(ZoneStoreTest, SavedStatesAreNotTrusted) {
  const ZoneStore::State good = store->SaveState();
  const auto check = [&](auto change) {
    ZoneStore::State state = good;
    change(state);
    const char* why = store->CheckState(state);
    return std::string(why == nullptr ? "" : why);
  };
  EXPECT_EQ(check([](auto&) {}), "");
  EXPECT_EQ(check([](auto& s) { s.blocks.pop_back(); }), "zones of another layout");
  EXPECT_EQ(check([](auto& s) { s.blocks[0] = 4; }), "a block of zones that can't be");
  EXPECT_EQ(check([](auto& s) {
              s.requests.push_back({.how = ZoneResumed::How::kEnded,
                                    .ticket = {.sector = kZones * kZoneBytes / 512, .sectors = 1}});
            }),
            "a write beyond the zones");
  EXPECT_EQ(check([](auto& s) {
              s.requests.push_back(
                  {.how = ZoneResumed::How::kTaken, .ticket = {.sector = 0, .sectors = 1}});
            }),
            "a write that its zone has not taken");
  EXPECT_EQ(check([](auto& s) { s.zones.push_back({.zone = kZones}); }), "a zone that can't be");
}

}  // namespace
}  // namespace platter
