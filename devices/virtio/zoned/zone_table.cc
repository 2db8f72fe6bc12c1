// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/zoned/zone_table.h"

#include <algorithm>

#include "base/check.h"

namespace platter {

namespace {

bool IsOpen(ZoneState state) {
  return state == ZoneState::kImplicitOpen || state == ZoneState::kExplicitOpen;
}
bool IsActive(ZoneState state) { return IsOpen(state) || state == ZoneState::kClosed; }
bool IsWritable(ZoneState state) { return IsActive(state) || state == ZoneState::kEmpty; }
bool IsDead(ZoneState state) {
  return state == ZoneState::kReadOnly || state == ZoneState::kOffline;
}

}  // namespace

ZoneTable::ZoneTable(const ZoneLayout& layout, const ZoneLimits& limits,
                     std::span<const ZoneRecord> records)
    : layout_(layout), limits_(limits), zones_(layout.zones), changed_(layout.blocks) {
  PLATTER_CHECK(records.size() == layout.zones);
  for (uint32_t i = 0; i < layout.zones; ++i) {
    if (IsConventional(i)) {
      zones_[i].state = ZoneState::kNoPointer;
      continue;
    }
    zones_[i].pointer = zones_[i].written = records[i].written;
    SetState(i, records[i].state);
  }
}

// --- Requests. ---

uint64_t ZoneTable::DataOf(const Zone& zone) const {
  return zone.state == ZoneState::kNoPointer ? layout_.zone_sectors : zone.pointer;
}

bool ZoneTable::WriteRequired(uint64_t sector) const {
  return layout_.model == ZonedModel::kHostManaged && !IsConventional(IndexOf(sector));
}

ZoneStatus ZoneTable::CheckRead(uint64_t sector, uint64_t sectors) const {
  const uint64_t last = sector + sectors - 1;
  if (IndexOf(sector) != IndexOf(last) && WriteRequired(last)) return ZoneStatus::kInvalid;
  for (uint32_t zone = IndexOf(sector); zone <= IndexOf(last); ++zone) {
    if (zones_[zone].state == ZoneState::kOffline) return ZoneStatus::kInvalid;
  }
  return ZoneStatus::kOk;
}

ZoneStatus ZoneTable::Write(uint64_t sector, uint64_t sectors, ZoneTicket& ticket) {
  ticket = {.sector = sector};
  if (layout_.model == ZonedModel::kHostAware) return TakeAnywhere(sector, sectors, ticket);
  const uint64_t last = sector + sectors - 1;
  if (!WriteRequired(last)) return ZoneStatus::kOk;
  if (IndexOf(sector) != IndexOf(last)) return ZoneStatus::kInvalid;
  return TakeSequential(IndexOf(sector), sector % layout_.zone_sectors, sectors, ticket);
}

ZoneStatus ZoneTable::Append(uint64_t sector, uint64_t sectors, ZoneTicket& ticket) {
  const uint32_t zone = ManagedZone(sector);
  if (zone == kNone || !WriteRequired(sector)) return ZoneStatus::kInvalid;
  // What does not end at a whole granule is the driver's mistake like any other here.
  if (sectors % limits_.granularity != 0) return ZoneStatus::kInvalid;
  return TakeSequential(zone, zones_[zone].pointer, sectors, ticket);
}

ZoneStatus ZoneTable::TakeSequential(uint32_t zone, uint64_t offset, uint64_t sectors,
                                     ZoneTicket& ticket) {
  Zone& at = zones_[zone];
  if (!IsWritable(at.state)) return ZoneStatus::kInvalid;
  if (offset != at.pointer || (offset + sectors) % limits_.granularity != 0) {
    return ZoneStatus::kUnaligned;
  }
  if (sectors > layout_.zone_capacity - offset) return ZoneStatus::kInvalid;
  if (!IsOpen(at.state)) {
    const ZoneStatus room = MakeRoom(at.state == ZoneState::kEmpty);
    if (room != ZoneStatus::kOk) return room;
    SetState(zone, ZoneState::kImplicitOpen);
  }
  at.pointer += sectors;
  ++at.in_flight;
  ticket = {.sector = zone * layout_.zone_sectors + offset,
            .sectors = sectors,
            .epoch = at.epoch,
            .counts = true};
  return ZoneStatus::kOk;
}

ZoneStatus ZoneTable::TakeAnywhere(uint64_t sector, uint64_t sectors, ZoneTicket& ticket) {
  const uint64_t end = sector + sectors;
  const uint32_t last = IndexOf(end - 1);
  for (uint32_t zone = IndexOf(sector); zone <= last; ++zone) {
    if (IsDead(zones_[zone].state)) return ZoneStatus::kInvalid;
  }
  ticket = {.sector = sector, .sectors = sectors};
  for (uint32_t zone = IndexOf(sector); zone <= last; ++zone) {
    Zone& at = zones_[zone];
    if (IsConventional(zone)) continue;
    const uint64_t reached = std::min(end - zone * layout_.zone_sectors, layout_.zone_sectors);
    at.pointer = std::max(at.pointer, reached);
    if (at.state == ZoneState::kFull || IsOpen(at.state)) {
      if (at.pointer == layout_.zone_capacity) SetState(zone, ZoneState::kFull);
    } else if (at.pointer == layout_.zone_capacity) {
      SetState(zone, ZoneState::kFull);
    } else {
      // It is written to in any case: limits decide only whether it counts as open.
      const bool room = MakeRoom(false) == ZoneStatus::kOk;
      SetState(zone, room ? ZoneState::kImplicitOpen : ZoneState::kClosed);
    }
  }
  return ZoneStatus::kOk;
}

void ZoneTable::End(const ZoneTicket& ticket, bool ok) {
  if (!ticket.counts) {
    if (!ok || ticket.sectors == 0) return;
    const uint64_t end = ticket.sector + ticket.sectors;
    for (uint32_t zone = IndexOf(ticket.sector); zone <= IndexOf(end - 1); ++zone) {
      // Not beyond the pointer: the zone may have been reset meanwhile.
      const uint64_t reached = end - zone * layout_.zone_sectors;
      if (!IsConventional(zone)) NoteWritten(zone, std::min(reached, zones_[zone].pointer));
    }
    return;
  }
  if (!Counts(ticket)) return;
  const uint32_t zone = IndexOf(ticket.sector);
  Zone& at = zones_[zone];
  --at.in_flight;
  if (ok) {
    NoteWritten(zone, ticket.sector % layout_.zone_sectors + ticket.sectors);
  } else {
    at.failed = true;
  }
  if (at.in_flight == 0) Settle(zone);
}

bool ZoneTable::Counts(const ZoneTicket& ticket) const {
  return ticket.counts && zones_[IndexOf(ticket.sector)].epoch == ticket.epoch;
}

void ZoneTable::Settle(uint32_t zone) {
  Zone& at = zones_[zone];
  if (at.failed) {
    at.failed = false;
    at.pointer = at.written;
  }
  if (at.pointer == layout_.zone_capacity) {
    SetState(zone, ZoneState::kFull);
  } else if (at.pointer == 0 && at.state != ZoneState::kExplicitOpen) {
    SetState(zone, ZoneState::kEmpty);
  }
}

void ZoneTable::NoteWritten(uint32_t zone, uint64_t end) {
  if (end <= zones_[zone].written) return;
  zones_[zone].written = end;
  MarkZoneChanged(zone);
}

// --- Management. ---

uint32_t ZoneTable::ManagedZone(uint64_t sector) const {
  if (sector >= layout_.sectors() || sector % layout_.zone_sectors != 0) return kNone;
  const uint32_t zone = IndexOf(sector);
  return IsConventional(zone) ? kNone : zone;
}

ZoneStatus ZoneTable::MakeRoom(bool activates) {
  if (activates && limits_.max_active != 0 && active_ >= limits_.max_active) {
    return ZoneStatus::kActiveResource;
  }
  if (limits_.max_open != 0 && open_ >= limits_.max_open) {
    if (oldest_ == kNone) return ZoneStatus::kOpenResource;
    SetState(oldest_, ZoneState::kClosed);
  }
  return ZoneStatus::kOk;
}

void ZoneTable::SetState(uint32_t zone, ZoneState state) {
  Zone& at = zones_[zone];
  if (at.state == state) return;
  if (at.state == ZoneState::kImplicitOpen) {
    (at.older == kNone ? oldest_ : zones_[at.older].newer) = at.newer;
    (at.newer == kNone ? newest_ : zones_[at.newer].older) = at.older;
    at.older = at.newer = kNone;
  }
  if (state == ZoneState::kImplicitOpen) {
    at.older = newest_;
    (newest_ == kNone ? oldest_ : zones_[newest_].newer) = zone;
    newest_ = zone;
  }
  open_ = open_ - (IsOpen(at.state) ? 1 : 0) + (IsOpen(state) ? 1 : 0);
  active_ = active_ - (IsActive(at.state) ? 1 : 0) + (IsActive(state) ? 1 : 0);
  at.state = state;
}

void ZoneTable::Forget(uint32_t zone) {
  Zone& at = zones_[zone];
  ++at.epoch;
  at.in_flight = 0;
  at.failed = false;
}

void ZoneTable::Empty(uint32_t zone) {
  Forget(zone);
  zones_[zone].pointer = zones_[zone].written = 0;
  SetState(zone, ZoneState::kEmpty);
  MarkZoneChanged(zone);
}

ZoneStatus ZoneTable::Open(uint64_t sector) {
  const uint32_t zone = ManagedZone(sector);
  if (zone == kNone || !IsWritable(zones_[zone].state)) return ZoneStatus::kInvalid;
  if (!IsOpen(zones_[zone].state)) {
    const ZoneStatus room = MakeRoom(zones_[zone].state == ZoneState::kEmpty);
    if (room != ZoneStatus::kOk) return room;
  }
  SetState(zone, ZoneState::kExplicitOpen);
  return ZoneStatus::kOk;
}

ZoneStatus ZoneTable::Close(uint64_t sector) {
  const uint32_t zone = ManagedZone(sector);
  if (zone == kNone || !IsActive(zones_[zone].state)) return ZoneStatus::kInvalid;
  SetState(zone, zones_[zone].pointer == 0 ? ZoneState::kEmpty : ZoneState::kClosed);
  return ZoneStatus::kOk;
}

ZoneStatus ZoneTable::Finish(uint64_t sector) {
  const uint32_t zone = ManagedZone(sector);
  if (zone == kNone || IsDead(zones_[zone].state)) return ZoneStatus::kInvalid;
  if (zones_[zone].state == ZoneState::kFull) return ZoneStatus::kOk;
  Forget(zone);
  // Of what is in flight nothing more is heard here.
  zones_[zone].written = zones_[zone].pointer;
  SetState(zone, ZoneState::kFull);
  MarkZoneChanged(zone);
  return ZoneStatus::kOk;
}

ZoneStatus ZoneTable::Reset(uint64_t sector) {
  const uint32_t zone = ManagedZone(sector);
  if (zone == kNone || IsDead(zones_[zone].state)) return ZoneStatus::kInvalid;
  if (zones_[zone].state != ZoneState::kEmpty) Empty(zone);
  return ZoneStatus::kOk;
}

void ZoneTable::ResetAll() {
  for (uint32_t zone = layout_.conventional; zone < layout_.zones; ++zone) {
    const ZoneState state = zones_[zone].state;
    if (IsActive(state) || state == ZoneState::kFull) Empty(zone);
  }
}

void ZoneTable::CloseAll() {
  for (uint32_t zone = layout_.conventional; zone < layout_.zones; ++zone) {
    if (!IsOpen(zones_[zone].state)) continue;
    SetState(zone, zones_[zone].pointer == 0 ? ZoneState::kEmpty : ZoneState::kClosed);
  }
}

ZoneDescriptor ZoneTable::Describe(uint32_t zone) const {
  const Zone& at = zones_[zone];
  ZoneDescriptor descriptor;
  const uint64_t start = zone * layout_.zone_sectors;
  const bool conventional = IsConventional(zone);
  descriptor.capacity = conventional ? layout_.zone_sectors : layout_.zone_capacity;
  descriptor.start = start;
  descriptor.write_pointer = IsWritable(at.state)           ? start + at.pointer
                             : at.state == ZoneState::kFull ? start + layout_.zone_capacity
                                                            : UINT64_MAX;
  descriptor.type =
      static_cast<uint8_t>(conventional                                ? ZoneType::kConventional
                           : layout_.model == ZonedModel::kHostManaged ? ZoneType::kWriteRequired
                                                                       : ZoneType::kWritePreferred);
  descriptor.state = static_cast<uint8_t>(at.state);
  return descriptor;
}

// --- What is remembered. ---

void ZoneTable::MarkChanged(uint32_t block) {
  if (changed_[block]) return;
  changed_[block] = true;
  ++changed_count_;
}

ZoneRecord ZoneTable::RecordOf(const Zone& zone) const {
  if (!IsWritable(zone.state)) return {.written = zone.written, .state = zone.state};
  const ZoneState state = zone.written == 0                       ? ZoneState::kEmpty
                          : zone.written == layout_.zone_capacity ? ZoneState::kFull
                                                                  : ZoneState::kClosed;
  return {.written = zone.written, .state = state};
}

uint32_t ZoneTable::TakeChanged(std::vector<ZoneRecord>& records) {
  PLATTER_CHECK(changed_count_ != 0);
  uint32_t block = layout_.blocks - 1;
  while (!changed_[block]) --block;
  changed_[block] = false;
  --changed_count_;
  records.clear();
  const uint32_t begin = block * ZoneLayout::kZonesPerBlock;
  const uint32_t end = std::min(begin + ZoneLayout::kZonesPerBlock, layout_.zones);
  for (uint32_t zone = begin; zone < end; ++zone) records.push_back(RecordOf(zones_[zone]));
  return block;
}

// --- Saved states. ---

std::vector<ZoneTable::Saved> ZoneTable::Save() const {
  std::vector<Saved> saved;
  const auto add = [&](uint32_t zone) {
    const Zone& at = zones_[zone];
    saved.push_back({.zone = zone,
                     .state = at.state,
                     .pointer = at.pointer,
                     .written = at.written,
                     .failed = at.failed});
  };
  for (uint32_t zone = layout_.conventional; zone < layout_.zones; ++zone) {
    const ZoneState state = zones_[zone].state;
    if (state != ZoneState::kEmpty && state != ZoneState::kImplicitOpen) add(zone);
  }
  for (uint32_t zone = oldest_; zone != kNone; zone = zones_[zone].newer) add(zone);
  return saved;
}

bool ZoneTable::SavedIsValid(const Saved& saved) const {
  if (saved.pointer > layout_.zone_capacity || saved.written > saved.pointer) return false;
  switch (saved.state) {
    case ZoneState::kImplicitOpen:
    case ZoneState::kClosed:
      return saved.pointer != 0;
    case ZoneState::kExplicitOpen:
    case ZoneState::kFull:
    case ZoneState::kReadOnly:
    case ZoneState::kOffline:
      return true;
    default:
      return false;
  }
}

const char* ZoneTable::Check(std::span<const Saved> saved,
                             std::span<const ZoneTicket> tickets) const {
  std::vector<const Saved*> by_zone(layout_.zones);
  uint32_t open = 0;
  for (const Saved& each : saved) {
    if (each.zone >= layout_.zones || IsConventional(each.zone) || by_zone[each.zone] != nullptr ||
        !SavedIsValid(each)) {
      return "a zone that can't be";
    }
    by_zone[each.zone] = &each;
    if (IsOpen(each.state)) ++open;
  }
  if (limits_.max_open != 0 && open > limits_.max_open) return "more open zones than there may be";
  for (const ZoneTicket& ticket : tickets) {
    if (ticket.sector >= layout_.sectors() || !WriteRequired(ticket.sector)) {
      return "a write to no sequential zone";
    }
    const Saved* zone = by_zone[IndexOf(ticket.sector)];
    const uint64_t offset = ticket.sector % layout_.zone_sectors;
    if (ticket.sectors == 0 || zone == nullptr || !IsActive(zone->state) ||
        offset > zone->pointer || ticket.sectors > zone->pointer - offset) {
      return "a write that its zone has not taken";
    }
  }
  return nullptr;
}

void ZoneTable::Restore(std::span<const Saved> saved, std::span<ZoneTicket> tickets) {
  for (uint32_t zone = layout_.conventional; zone < layout_.zones; ++zone) Empty(zone);
  for (const Saved& each : saved) {
    Zone& at = zones_[each.zone];
    at.pointer = each.pointer;
    at.written = each.written;
    at.failed = each.failed;
    SetState(each.zone, each.state);
  }
  for (ZoneTicket& ticket : tickets) {
    Zone& at = zones_[IndexOf(ticket.sector)];
    ++at.in_flight;
    ticket.epoch = at.epoch;
    ticket.counts = true;
  }
  std::fill(changed_.begin(), changed_.end(), false);
  changed_count_ = 0;
}

}  // namespace platter
