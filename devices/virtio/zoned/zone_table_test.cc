// SPDX-License-Identifier: Apache-2.0
//
// ZoneTable against the clauses, and against a naive model: every sequence of a few steps over a
// few zones, with each kind of limit.

#include "devices/virtio/zoned/zone_table.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace platter {
namespace {

using enum ZoneStatus;

ZoneLayout Layout(uint32_t zones, uint64_t capacity, uint32_t conventional = 0,
                  ZonedModel model = ZonedModel::kHostManaged) {
  return {.model = model,
          .zone_sectors = 8,
          .zone_capacity = capacity,
          .zones = zones,
          .conventional = conventional,
          .blocks = (zones + ZoneLayout::kZonesPerBlock - 1) / ZoneLayout::kZonesPerBlock};
}

ZoneTable Fresh(const ZoneLayout& layout, const ZoneLimits& limits = {}) {
  std::vector<ZoneRecord> records(layout.zones);
  for (uint32_t i = 0; i < layout.conventional; ++i) records[i].state = ZoneState::kNoPointer;
  ZoneTable table(layout, limits, records);
  return table;
}

ZoneState StateOf(const ZoneTable& table, uint32_t zone) {
  return static_cast<ZoneState>(table.Describe(zone).state);
}
uint64_t PointerOf(const ZoneTable& table, uint32_t zone) {
  return table.Describe(zone).write_pointer.get() - table.Describe(zone).start.get();
}
ZoneStatus WriteNow(ZoneTable& table, uint64_t sector, uint64_t sectors) {
  ZoneTicket ticket;
  const ZoneStatus status = table.Write(sector, sectors, ticket);
  if (status == kOk) table.End(ticket, true);
  return status;
}

TEST(ZoneTable, WritesMoveThePointerWhenTheyAreTaken) {
  ZoneTable table = Fresh(Layout(2, 8));
  std::array<ZoneTicket, 3> tickets;
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(table.Write(8 + 2 * i, 2, tickets[i]), kOk);
  EXPECT_EQ(PointerOf(table, 1), 6u);
  EXPECT_EQ(StateOf(table, 1), ZoneState::kImplicitOpen);
  ZoneTicket append;
  EXPECT_EQ(table.Append(8, 2, append), kOk);
  EXPECT_EQ(append.sector, 14u);
  // All of it is taken, but it is full only when all has ended, in whatever order.
  table.End(append, true);
  table.End(tickets[2], true);
  table.End(tickets[0], true);
  EXPECT_EQ(StateOf(table, 1), ZoneState::kImplicitOpen);
  EXPECT_EQ(WriteNow(table, 14, 2), kUnaligned);
  table.End(tickets[1], true);
  EXPECT_EQ(StateOf(table, 1), ZoneState::kFull);
  EXPECT_EQ(WriteNow(table, 8, 1), kInvalid);
  EXPECT_EQ(table.open(), 0u);
  EXPECT_EQ(table.active(), 0u);
}

TEST(ZoneTable, AFailureTakesThePointerBackToTheLastGoodEnd) {
  ZoneTable table = Fresh(Layout(1, 8));
  std::array<ZoneTicket, 4> t;
  const auto take = [&] {
    for (uint64_t i = 0; i < 3; ++i) ASSERT_EQ(table.Append(0, 2, t[i]), kOk);
  };
  // The last ones: as if they had not been.
  take();
  table.End(t[1], false);
  EXPECT_EQ(PointerOf(table, 0), 6u);  // Others are at their places.
  table.End(t[0], true);
  table.End(t[2], false);
  EXPECT_EQ(PointerOf(table, 0), 2u);
  // One in the middle: what is behind stays, with a gap.
  EXPECT_EQ(table.Reset(0), kOk);
  take();
  table.End(t[1], false);
  table.End(t[2], true);
  table.End(t[0], true);
  EXPECT_EQ(PointerOf(table, 0), 6u);
  // All: nothing was ever written.
  EXPECT_EQ(table.Reset(0), kOk);
  take();
  for (int i = 2; i >= 0; --i) table.End(t[i], false);
  EXPECT_EQ(StateOf(table, 0), ZoneState::kEmpty);
  EXPECT_EQ(table.active(), 0u);
  // Explicitly open stays open.
  EXPECT_EQ(table.Open(0), kOk);
  EXPECT_EQ(table.Append(0, 8, t[3]), kOk);
  table.End(t[3], false);
  EXPECT_EQ(StateOf(table, 0), ZoneState::kExplicitOpen);
  EXPECT_EQ(PointerOf(table, 0), 0u);
}

TEST(ZoneTable, TicketsOfBeforeAResetOrFinishMeanNothing) {
  for (const bool finish : {false, true}) {
    ZoneTable table = Fresh(Layout(1, 8));
    ZoneTicket old;
    ASSERT_EQ(table.Append(0, 4, old), kOk);
    EXPECT_TRUE(table.Counts(old));
    EXPECT_EQ(finish ? table.Finish(0) : table.Reset(0), kOk);
    EXPECT_FALSE(table.Counts(old));
    const ZoneState state = StateOf(table, 0);
    table.End(old, false);
    EXPECT_EQ(StateOf(table, 0), state);
    if (finish) continue;
    ZoneTicket fresh;
    ASSERT_EQ(table.Append(0, 2, fresh), kOk);
    table.End(old, true);
    EXPECT_EQ(PointerOf(table, 0), 2u);
    table.End(fresh, true);
    EXPECT_EQ(PointerOf(table, 0), 2u);
  }
}

TEST(ZoneTable, WhatRangesMayNotDo) {
  ZoneTable table = Fresh(Layout(4, 6, 2), {.granularity = 2});
  EXPECT_EQ(WriteNow(table, 0, 16), kOk);  // Conventional zones, any way.
  EXPECT_EQ(WriteNow(table, 3, 1), kOk);
  EXPECT_EQ(WriteNow(table, 14, 4), kInvalid);  // Into a sequential zone.
  EXPECT_EQ(WriteNow(table, 16, 16), kInvalid);
  EXPECT_EQ(WriteNow(table, 16, 8), kInvalid);  // Beyond its capacity.
  EXPECT_EQ(WriteNow(table, 18, 2), kUnaligned);
  EXPECT_EQ(WriteNow(table, 16, 1), kUnaligned);  // Not a granule.
  EXPECT_EQ(WriteNow(table, 16, 6), kOk);
  EXPECT_EQ(StateOf(table, 2), ZoneState::kFull);
  ZoneTicket ticket;
  EXPECT_EQ(table.Append(0, 2, ticket), kInvalid);   // Conventional.
  EXPECT_EQ(table.Append(26, 2, ticket), kInvalid);  // Not a zone's sector.
  EXPECT_EQ(table.Append(24, 1, ticket), kInvalid);
  EXPECT_EQ(table.Append(24, 8, ticket), kInvalid);
  EXPECT_EQ(table.Append(24, 4, ticket), kOk);
  EXPECT_EQ(table.Append(24, 4, ticket), kInvalid);  // What is left is less.
  EXPECT_EQ(table.CheckRead(0, 16), kOk);
  EXPECT_EQ(table.CheckRead(16, 8), kOk);
  EXPECT_EQ(table.CheckRead(16, 9), kInvalid);
  EXPECT_EQ(table.CheckRead(15, 2), kInvalid);
  for (const uint64_t sector : {uint64_t{0}, uint64_t{8}, uint64_t{17}, uint64_t{32}, UINT64_MAX}) {
    EXPECT_EQ(table.Open(sector), kInvalid) << sector;
    EXPECT_EQ(table.Close(sector), kInvalid) << sector;
    EXPECT_EQ(table.Finish(sector), kInvalid) << sector;
    EXPECT_EQ(table.Reset(sector), kInvalid) << sector;
  }
}

TEST(ZoneTable, ZonesThatAreReadOnlyOrOffline) {
  const ZoneLayout layout = Layout(2, 8);
  ZoneTable table(layout, {},
                  std::vector<ZoneRecord>{{4, ZoneState::kReadOnly}, {0, ZoneState::kOffline}});
  for (const uint64_t sector : {0u, 8u}) {
    EXPECT_EQ(WriteNow(table, sector, 1), kInvalid);
    EXPECT_EQ(table.Open(sector), kInvalid);
    EXPECT_EQ(table.Close(sector), kInvalid);
    EXPECT_EQ(table.Finish(sector), kInvalid);
    EXPECT_EQ(table.Reset(sector), kInvalid);
  }
  table.ResetAll();
  EXPECT_EQ(StateOf(table, 0), ZoneState::kReadOnly);
  EXPECT_EQ(StateOf(table, 1), ZoneState::kOffline);
  EXPECT_EQ(table.CheckRead(0, 8), kOk);
  EXPECT_EQ(table.CheckRead(8, 1), kInvalid);
  EXPECT_EQ(table.active(), 0u);
  EXPECT_FALSE(table.changed());
}

TEST(ZoneTable, TheOldestImplicitlyOpenZoneMakesRoom) {
  ZoneTable table = Fresh(Layout(5, 8), {.max_open = 2, .max_active = 4});
  EXPECT_EQ(WriteNow(table, 8, 1), kOk);
  EXPECT_EQ(WriteNow(table, 0, 1), kOk);
  EXPECT_EQ(WriteNow(table, 16, 1), kOk);  // Closes zone 1.
  EXPECT_EQ(StateOf(table, 1), ZoneState::kClosed);
  EXPECT_EQ(StateOf(table, 0), ZoneState::kImplicitOpen);
  EXPECT_EQ(table.Open(0), kOk);
  EXPECT_EQ(table.Open(8), kOk);  // Closes zone 2.
  EXPECT_EQ(StateOf(table, 2), ZoneState::kClosed);
  // All that are open are explicitly so.
  EXPECT_EQ(WriteNow(table, 17, 1), kOpenResource);
  EXPECT_EQ(table.Open(24), kOpenResource);
  EXPECT_EQ(table.Close(0), kOk);
  EXPECT_EQ(WriteNow(table, 24, 1), kOk);  // The fourth that is active.
  EXPECT_EQ(table.Open(32), kActiveResource);
  EXPECT_EQ(table.Open(24), kOk);
  EXPECT_EQ(WriteNow(table, 32, 1), kActiveResource);  // Both: this one is told.
  EXPECT_EQ(table.open(), 2u);
  EXPECT_EQ(table.active(), 4u);
}

TEST(ZoneTable, HostAwareZonesAreWrittenAnywhere) {
  ZoneTable table = Fresh(Layout(4, 8, 1, ZonedModel::kHostAware), {.max_open = 1});
  EXPECT_EQ(WriteNow(table, 4, 24), kOk);  // From the conventional one over all others.
  EXPECT_EQ(StateOf(table, 1), ZoneState::kFull);
  EXPECT_EQ(StateOf(table, 2), ZoneState::kFull);
  EXPECT_EQ(StateOf(table, 3), ZoneState::kImplicitOpen);
  EXPECT_EQ(PointerOf(table, 3), 4u);
  EXPECT_EQ(WriteNow(table, 9, 1), kOk);  // Full, and stays so.
  EXPECT_EQ(table.Reset(8), kOk);
  EXPECT_EQ(WriteNow(table, 10, 1), kOk);
  EXPECT_EQ(PointerOf(table, 1), 3u);
  EXPECT_EQ(WriteNow(table, 8, 1), kOk);
  EXPECT_EQ(PointerOf(table, 1), 3u);
  EXPECT_EQ(StateOf(table, 3), ZoneState::kClosed);
  // Nothing can be closed: written all the same.
  EXPECT_EQ(table.Open(8), kOk);
  EXPECT_EQ(table.Reset(16), kOk);
  EXPECT_EQ(WriteNow(table, 16, 1), kOk);
  EXPECT_EQ(StateOf(table, 2), ZoneState::kClosed);
  ZoneTicket ticket;
  EXPECT_EQ(table.Append(8, 1, ticket), kInvalid);
  EXPECT_EQ(table.CheckRead(0, 32), kOk);
  EXPECT_EQ(table.Describe(1).type, 3);
}

TEST(ZoneTable, WhatWasNotWritten) {
  ZoneTable table = Fresh(Layout(4, 6, 1));
  ASSERT_EQ(WriteNow(table, 8, 3), kOk);
  ASSERT_EQ(WriteNow(table, 16, 6), kOk);
  const auto parts = [&](uint64_t sector, uint64_t sectors) {
    std::string text;
    table.ForEachUnwritten(sector, sectors, [&](uint64_t at, uint64_t count) {
      absl::StrAppend(&text, at, "+", count, " ");
    });
    return text;
  };
  EXPECT_EQ(parts(0, 32), "11+5 22+2 24+8 ");
  EXPECT_EQ(parts(0, 11), "");
  EXPECT_EQ(parts(10, 1), "");
  EXPECT_EQ(parts(11, 1), "11+1 ");
  EXPECT_EQ(parts(12, 2), "12+2 ");
  ASSERT_EQ(table.Finish(8), kOk);
  EXPECT_EQ(parts(8, 8), "11+5 ");  // What finishing skipped was not written.
}

TEST(ZoneTable, DescriptionsAreWhatTheStandardHas) {
  ZoneTable table = Fresh(Layout(4, 6, 1));
  ASSERT_EQ(WriteNow(table, 8, 2), kOk);
  ASSERT_EQ(table.Finish(16), kOk);
  const auto check = [&](uint32_t zone, uint64_t capacity, uint64_t pointer, int type, int state) {
    const ZoneDescriptor d = table.Describe(zone);
    EXPECT_EQ(d.capacity.get(), capacity) << zone;
    EXPECT_EQ(d.start.get(), zone * 8u) << zone;
    EXPECT_EQ(d.write_pointer.get(), pointer) << zone;
    EXPECT_EQ(d.type, type) << zone;
    EXPECT_EQ(d.state, state) << zone;
    EXPECT_EQ(std::count(std::begin(d.reserved), std::end(d.reserved), 0), 38);
  };
  check(0, 8, UINT64_MAX, 1, 0);
  check(1, 6, 10, 2, 2);
  check(2, 6, 22, 2, 14);
  check(3, 6, 24, 2, 1);
}

TEST(ZoneTable, RemembersWhatHasEnded) {
  ZoneTable table = Fresh(Layout(254, 8));
  EXPECT_FALSE(table.changed());
  ASSERT_EQ(table.Open(0), kOk);
  EXPECT_FALSE(table.changed());  // Nothing that lasts.
  std::array<ZoneTicket, 2> t;
  ASSERT_EQ(table.Append(0, 2, t[0]), kOk);
  ASSERT_EQ(table.Append(0, 2, t[1]), kOk);
  EXPECT_FALSE(table.changed());
  table.End(t[1], true);
  ASSERT_EQ(WriteNow(table, 253 * 8, 8), kOk);
  std::vector<ZoneRecord> records;
  EXPECT_EQ(table.TakeChanged(records), 1u);  // The last block first.
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1], (ZoneRecord{8, ZoneState::kFull}));
  EXPECT_EQ(table.TakeChanged(records), 0u);
  ASSERT_EQ(records.size(), 252u);
  EXPECT_EQ(records[0], (ZoneRecord{4, ZoneState::kClosed}));
  EXPECT_FALSE(table.changed());
  table.End(t[0], true);
  EXPECT_FALSE(table.changed());
  ASSERT_EQ(table.Reset(0), kOk);
  EXPECT_TRUE(table.changed(0));
  table.CloseAll();
  EXPECT_EQ(table.open(), 0u);
}

TEST(ZoneTable, ClosingAllForgetsWhoOpenedWhat) {
  ZoneTable table = Fresh(Layout(3, 8));
  ASSERT_EQ(table.Open(0), kOk);
  ASSERT_EQ(table.Open(8), kOk);
  ASSERT_EQ(WriteNow(table, 8, 1), kOk);
  ASSERT_EQ(WriteNow(table, 16, 1), kOk);
  table.CloseAll();
  EXPECT_EQ(StateOf(table, 0), ZoneState::kEmpty);
  EXPECT_EQ(StateOf(table, 1), ZoneState::kClosed);
  EXPECT_EQ(StateOf(table, 2), ZoneState::kClosed);
  EXPECT_EQ(table.active(), 2u);
}

TEST(ZoneTable, SavedAndRestoredWithWritesInFlight) {
  const ZoneLayout layout = Layout(6, 8, 1);
  const ZoneLimits limits = {.max_open = 2};
  ZoneTable table = Fresh(layout, limits);
  ASSERT_EQ(WriteNow(table, 16, 3), kOk);
  ASSERT_EQ(WriteNow(table, 8, 3), kOk);  // The newer of two.
  std::array<ZoneTicket, 2> t;
  ASSERT_EQ(table.Append(8, 2, t[0]), kOk);
  ASSERT_EQ(table.Append(8, 3, t[1]), kOk);
  ASSERT_EQ(table.Finish(24), kOk);
  table.End(t[1], false);
  const std::vector<ZoneTable::Saved> saved = table.Save();
  std::array<ZoneTicket, 1> tickets = {t[0]};
  ZoneTable other = Fresh(layout, limits);
  ASSERT_EQ(WriteNow(other, 32, 8), kOk);  // What it was before is forgotten.
  EXPECT_EQ(other.Check(saved, tickets), nullptr);
  other.Restore(saved, tickets);
  EXPECT_EQ(StateOf(other, 4), ZoneState::kEmpty);
  EXPECT_EQ(StateOf(other, 3), ZoneState::kFull);
  EXPECT_EQ(PointerOf(other, 1), 8u);
  EXPECT_EQ(other.open(), 2u);
  other.End(tickets[0], true);
  EXPECT_EQ(PointerOf(other, 1), 5u);
  ASSERT_EQ(WriteNow(other, 32, 1), kOk);
  EXPECT_EQ(StateOf(other, 2), ZoneState::kClosed) << "it was the older one";
}

TEST(ZoneTable, SavedStatesAreNotTrusted) {
  const ZoneTable table = Fresh(Layout(4, 6, 1), {.max_open = 1});
  using Saved = ZoneTable::Saved;
  const auto check = [&](std::vector<Saved> saved, std::vector<ZoneTicket> tickets = {}) {
    const char* why = table.Check(saved, tickets);
    return std::string(why == nullptr ? "" : why);
  };
  const Saved good = {1, ZoneState::kImplicitOpen, 4, 2, false};
  EXPECT_EQ(check({good}), "");
  EXPECT_EQ(check({good}, {{.sector = 8, .sectors = 4}}), "");
  constexpr char kZone[] = "a zone that can't be";
  EXPECT_EQ(check({good, good}), kZone);
  EXPECT_EQ(check({{0, ZoneState::kFull, 0, 0, false}}), kZone);
  EXPECT_EQ(check({{4, ZoneState::kFull, 0, 0, false}}), kZone);
  EXPECT_EQ(check({{UINT32_MAX, ZoneState::kFull, 0, 0, false}}), kZone);
  EXPECT_EQ(check({{1, ZoneState::kClosed, 7, 0, false}}), kZone);
  EXPECT_EQ(check({{1, ZoneState::kClosed, 0, 0, false}}), kZone);
  EXPECT_EQ(check({{1, ZoneState::kClosed, 2, 3, false}}), kZone);
  EXPECT_EQ(check({{1, ZoneState::kEmpty, 0, 0, false}}), kZone);
  EXPECT_EQ(check({{1, static_cast<ZoneState>(77), 0, 0, false}}), kZone);
  EXPECT_EQ(check({good, {2, ZoneState::kExplicitOpen, 0, 0, false}}),
            "more open zones than there may be");
  constexpr char kTicket[] = "a write that its zone has not taken";
  EXPECT_EQ(check({good}, {{.sector = 8, .sectors = 5}}), kTicket);
  EXPECT_EQ(check({good}, {{.sector = 13, .sectors = 1}}), kTicket);
  EXPECT_EQ(check({good}, {{.sector = 8, .sectors = 0}}), kTicket);
  EXPECT_EQ(check({good}, {{.sector = 8, .sectors = UINT64_MAX}}), kTicket);
  EXPECT_EQ(check({good}, {{.sector = 16, .sectors = 1}}), kTicket);
  EXPECT_EQ(check({good}, {{.sector = 0, .sectors = 1}}), "a write to no sequential zone");
  EXPECT_EQ(check({good}, {{.sector = UINT64_MAX, .sectors = 1}}), "a write to no sequential zone");
}

// --- The model: zones as plain values, everything counted anew each time. ---

class NaiveZones {
 public:
  struct Flight {
    uint64_t begin;
    uint64_t end;
  };
  struct Zone {
    ZoneState state = ZoneState::kEmpty;
    uint64_t pointer = 0;
    uint64_t good = 0;  // Where the last good write ended.
    bool failed = false;
    std::map<int, Flight> flights;  // By number of the write.
  };

  NaiveZones(size_t count, uint64_t capacity, ZoneLimits limits)
      : zones(count), capacity_(capacity), limits_(limits) {}

  bool Is(size_t zone, std::initializer_list<ZoneState> states) const {
    return std::find(states.begin(), states.end(), zones[zone].state) != states.end();
  }
  uint32_t Count(std::initializer_list<ZoneState> states) const {
    uint32_t count = 0;
    for (size_t i = 0; i < zones.size(); ++i) count += Is(i, states) ? 1 : 0;
    return count;
  }
  uint32_t Opened() const { return Count({ZoneState::kImplicitOpen, ZoneState::kExplicitOpen}); }
  uint32_t Active() const { return Opened() + Count({ZoneState::kClosed}); }

  ZoneStatus MakeOpen(size_t zone, ZoneState to) {
    if (!Is(zone, {ZoneState::kImplicitOpen, ZoneState::kExplicitOpen})) {
      const bool active = Is(zone, {ZoneState::kClosed});
      if (!active && limits_.max_active != 0 && Active() == limits_.max_active) {
        return kActiveResource;
      }
      if (limits_.max_open != 0 && Opened() == limits_.max_open) {
        if (order.empty()) return kOpenResource;
        zones[order.front()].state = ZoneState::kClosed;
        order.erase(order.begin());
      }
    }
    Put(zone, to);
    return kOk;
  }
  void Put(size_t zone, ZoneState state) {
    const bool was = zones[zone].state == ZoneState::kImplicitOpen;
    const bool is = state == ZoneState::kImplicitOpen;
    if (was && !is) order.erase(std::find(order.begin(), order.end(), zone));
    if (!was && is) order.push_back(zone);
    zones[zone].state = state;
  }

  ZoneStatus Write(size_t zone, uint64_t begin, uint64_t sectors, int number) {
    Zone& at = zones[zone];
    if (Is(zone, {ZoneState::kFull})) return kInvalid;
    if (begin != at.pointer) return kUnaligned;
    if (begin + sectors > capacity_) return kInvalid;
    if (!Is(zone, {ZoneState::kImplicitOpen, ZoneState::kExplicitOpen})) {
      const ZoneStatus status = MakeOpen(zone, ZoneState::kImplicitOpen);
      if (status != kOk) return status;
    }
    at.pointer += sectors;
    at.flights[number] = {begin, at.pointer};
    return kOk;
  }
  void End(int number, bool ok) {
    for (size_t i = 0; i < zones.size(); ++i) {
      Zone& at = zones[i];
      const auto found = at.flights.find(number);
      if (found == at.flights.end()) continue;
      if (ok) at.good = std::max(at.good, found->second.end);
      at.failed = at.failed || !ok;
      at.flights.erase(found);
      if (!at.flights.empty()) return;
      if (std::exchange(at.failed, false)) at.pointer = at.good;
      if (at.pointer == capacity_) {
        Put(i, ZoneState::kFull);
      } else if (at.pointer == 0 && at.state != ZoneState::kExplicitOpen) {
        Put(i, ZoneState::kEmpty);
      }
      return;
    }
  }
  ZoneStatus Open(size_t zone) {
    return Is(zone, {ZoneState::kFull}) ? kInvalid : MakeOpen(zone, ZoneState::kExplicitOpen);
  }
  ZoneStatus Close(size_t zone) {
    if (Is(zone, {ZoneState::kFull, ZoneState::kEmpty})) return kInvalid;
    Put(zone, zones[zone].pointer == 0 ? ZoneState::kEmpty : ZoneState::kClosed);
    return kOk;
  }
  ZoneStatus Finish(size_t zone) {
    if (Is(zone, {ZoneState::kFull})) return kOk;
    zones[zone].flights.clear();
    zones[zone].failed = false;
    zones[zone].good = zones[zone].pointer;
    Put(zone, ZoneState::kFull);
    return kOk;
  }
  ZoneStatus Reset(size_t zone) {
    zones[zone].flights.clear();
    zones[zone].failed = false;
    zones[zone].pointer = zones[zone].good = 0;
    Put(zone, ZoneState::kEmpty);
    return kOk;
  }

  std::vector<Zone> zones;
  std::vector<size_t> order;  // The implicitly open ones.

 private:
  uint64_t capacity_;
  ZoneLimits limits_;
};

// Both, and what is in flight.
struct Pair {
  ZoneTable table;
  NaiveZones naive;
  std::vector<std::pair<int, ZoneTicket>> flights = {};
  int next = 0;
};

constexpr uint32_t kZones = 3;
constexpr int kZoneSteps = 7;
constexpr int kSteps = kZones * kZoneSteps + 5;

// Does the step to both and compares; false at the first difference.
bool Apply(Pair& pair, int step) {
  const auto zone = static_cast<uint32_t>(step / kZoneSteps);
  const uint64_t start = uint64_t{zone} * 8;
  const auto take = [&](ZoneStatus got, ZoneStatus wanted, const ZoneTicket& ticket) {
    if (got == kOk) pair.flights.emplace_back(pair.next, ticket);
    ++pair.next;
    return got == wanted;
  };
  if (zone < kZones) {
    const uint64_t pointer = pair.naive.zones[zone].pointer;
    ZoneTicket ticket;
    switch (step % kZoneSteps) {
      case 0:  // At the pointer, or what was it.
        return take(pair.table.Write(start + pointer, 1, ticket),
                    pair.naive.Write(zone, pointer, 1, pair.next), ticket);
      case 1:
        return take(pair.table.Write(start + 1, 2, ticket), pair.naive.Write(zone, 1, 2, pair.next),
                    ticket);
      case 2:
        return take(pair.table.Append(start, 2, ticket),
                    pair.naive.Write(zone, pointer, 2, pair.next), ticket);
      case 3:
        return pair.table.Open(start) == pair.naive.Open(zone);
      case 4:
        return pair.table.Close(start) == pair.naive.Close(zone);
      case 5:
        return pair.table.Finish(start) == pair.naive.Finish(zone);
      default:
        return pair.table.Reset(start) == pair.naive.Reset(zone);
    }
  }
  const int other = step - static_cast<int>(kZones) * kZoneSteps;
  if (other == 4) {
    pair.table.ResetAll();
    for (size_t i = 0; i < kZones; ++i) pair.naive.Reset(i);
    return true;
  }
  if (pair.flights.empty()) return true;
  const auto at = other < 2 ? pair.flights.begin() : pair.flights.end() - 1;
  const auto [number, ticket] = *at;
  pair.flights.erase(at);
  pair.table.End(ticket, other % 2 == 0);
  pair.naive.End(number, other % 2 == 0);
  return true;
}

std::string Difference(const Pair& pair) {
  for (uint32_t i = 0; i < kZones; ++i) {
    const NaiveZones::Zone& zone = pair.naive.zones[i];
    if (StateOf(pair.table, i) != zone.state) return absl::StrCat("the state of zone ", i);
    if (zone.state != ZoneState::kFull && PointerOf(pair.table, i) != zone.pointer) {
      return absl::StrCat("the pointer of zone ", i);
    }
  }
  if (pair.table.open() != pair.naive.Opened()) return "how many are open";
  if (pair.table.active() != pair.naive.Active()) return "how many are active";
  // What is remembered is what ended well, and a state that follows from it.
  ZoneTable copy = pair.table;
  copy.MarkChanged(0);
  std::vector<ZoneRecord> records;
  copy.TakeChanged(records);
  for (uint32_t i = 0; i < kZones; ++i) {
    if (records[i].written != pair.naive.zones[i].good) return absl::StrCat("the end of zone ", i);
  }
  return "";
}

// All sequences of `left` steps; the number of them, or 0 when one differs.
uint64_t Explore(const Pair& before, int left, std::vector<int>& steps) {
  uint64_t count = 0;
  for (int step = 0; step < kSteps; ++step) {
    Pair pair = before;
    steps.push_back(step);
    const bool same = Apply(pair, step);
    const std::string difference = same ? Difference(pair) : "an answer";
    if (!difference.empty()) {
      std::string text;
      for (const int each : steps) absl::StrAppend(&text, each, " ");
      ADD_FAILURE() << difference << " differs after steps " << text;
      return 0;
    }
    const uint64_t more = left == 1 ? 1 : Explore(pair, left - 1, steps);
    if (more == 0) return 0;
    count += more;
    steps.pop_back();
  }
  return count;
}

constexpr ZoneLimits kLimits[] = {
    {}, {.max_open = 1}, {.max_open = 2}, {.max_active = 2}, {.max_open = 1, .max_active = 2}};

TEST(ZoneTableModel, EverySequenceOfAFewSteps) {
  for (const ZoneLimits& limits : kLimits) {
    std::vector<int> steps;
    const Pair fresh = {Fresh(Layout(kZones, 3), limits), NaiveZones(kZones, 3, limits)};
    // 26 steps, each followed by each.
    EXPECT_EQ(Explore(fresh, 3, steps), uint64_t{26} * 26 * 26);
  }
}

TEST(ZoneTableModel, LongRandomRuns) {
  uint64_t random = 1;
  for (const ZoneLimits& limits : kLimits) {
    for (int run = 0; run < 200; ++run) {
      Pair pair = {Fresh(Layout(kZones, 3), limits), NaiveZones(kZones, 3, limits)};
      for (int i = 0; i < 200; ++i) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const int step = static_cast<int>((random >> 33) % kSteps);
        ASSERT_TRUE(Apply(pair, step)) << "run " << run << ", step " << i;
        ASSERT_EQ(Difference(pair), "") << "run " << run << ", step " << i;
      }
    }
  }
}

}  // namespace
}  // namespace platter
