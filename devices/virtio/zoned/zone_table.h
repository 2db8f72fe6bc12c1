// SPDX-License-Identifier: Apache-2.0
//
// ZoneTable: the zones of a device: states, write pointers, what is open and active, as virtio 1.3,
// 5.2.6, has them. It does no I/O.
//
//   ZoneTicket ticket;
//   if (table.Write(sector, sectors, ticket) == ZoneStatus::kOk) {
//     ... write at ticket.sector ...
//     table.End(ticket, ok);
//   }
//
// The pointer of a zone that must be written sequentially moves when a write is taken, so several
// may be in flight, each at its place. When one fails, the pointer stays while others are in flight
// and then goes back to where the last good one ended. A zone is full when its last write has
// ended. A reset or finish of the zone makes the tickets of before it mean nothing.
//
// `written` is what a zone is remembered by (zone_format.h): up to there writes have ended.
//
// Ownership: values. Threading: one thread at a time. Units: sectors of 512 bytes.
// Errors: ZoneStatus, as 5.2.6 has them; nothing changes then.

#ifndef PLATTER_DEVICES_VIRTIO_ZONED_ZONE_TABLE_H_
#define PLATTER_DEVICES_VIRTIO_ZONED_ZONE_TABLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "devices/virtio/zoned/zone_options.h"
#include "devices/virtio/zoned/zone_spec.h"

namespace platter {

// A write that was taken.
struct ZoneTicket {
  uint64_t sector = 0;
  uint64_t sectors = 0;
  uint32_t epoch = 0;  // Of its zone.
  // False: nothing depends on its end.
  bool counts = false;
};

// A zone as it is remembered.
struct ZoneRecord {
  uint64_t written = 0;  // From the zone's start.
  ZoneState state = ZoneState::kEmpty;
  bool operator==(const ZoneRecord&) const = default;
};

struct ZoneLimits {
  uint32_t max_open = 0;    // 0: none.
  uint32_t max_active = 0;  // 0: none.
  uint64_t granularity = 1;
};

class ZoneTable {
 public:
  // All zones as `records` say, one for each: none is open.
  ZoneTable(const ZoneLayout& layout, const ZoneLimits& limits,
            std::span<const ZoneRecord> records);

  const ZoneLayout& layout() const { return layout_; }
  uint32_t open() const { return open_; }
  uint32_t active() const { return active_; }

  // --- Requests. Ranges are within the device and not empty. ---

  ZoneStatus CheckRead(uint64_t sector, uint64_t sectors) const;
  ZoneStatus Write(uint64_t sector, uint64_t sectors, ZoneTicket& ticket);
  // `sector` is that of the zone.
  ZoneStatus Append(uint64_t sector, uint64_t sectors, ZoneTicket& ticket);
  void End(const ZoneTicket& ticket, bool ok);
  // Whether a zone still waits for the ticket's end.
  bool Counts(const ZoneTicket& ticket) const;

  ZoneStatus Open(uint64_t sector);
  ZoneStatus Close(uint64_t sector);
  ZoneStatus Finish(uint64_t sector);
  ZoneStatus Reset(uint64_t sector);
  void ResetAll();
  // Of the zone with this index.
  ZoneDescriptor Describe(uint32_t zone) const;

  // Whether the sector lies in a zone that must be written sequentially.
  bool WriteRequired(uint64_t sector) const;
  // Calls visit(sector, sectors) for the parts of the range that were not written.
  template <typename Visit>
  void ForEachUnwritten(uint64_t sector, uint64_t sectors, Visit visit) const {
    while (sectors > 0) {
      const uint64_t zone = sector / layout_.zone_sectors;
      const uint64_t offset = sector % layout_.zone_sectors;
      const uint64_t here =
          sectors < layout_.zone_sectors - offset ? sectors : layout_.zone_sectors - offset;
      const uint64_t data = DataOf(zones_[zone]);
      if (offset + here > data) {
        const uint64_t skip = data > offset ? data - offset : 0;
        visit(sector + skip, here - skip);
      }
      sector += here;
      sectors -= here;
    }
  }

  // The driver is gone, nothing is in flight: what it had open is closed.
  void CloseAll();

  // --- What is remembered. ---

  // The blocks of zone_format.h with zones that are not as TakeChanged said last.
  bool changed() const { return changed_count_ != 0; }
  bool changed(uint32_t block) const { return changed_[block]; }
  void MarkChanged(uint32_t block);
  // Takes one of them, the last; its records go to `records`, kZonesPerBlock or fewer.
  uint32_t TakeChanged(std::vector<ZoneRecord>& records);

  // --- A saved state: zones that are not as a new table's, and the tickets in flight. ---

  struct Saved {
    uint32_t zone = 0;
    ZoneState state = ZoneState::kEmpty;
    uint64_t pointer = 0;
    uint64_t written = 0;
    bool failed = false;
  };
  // Those that are implicitly open come last, the oldest first.
  std::vector<Saved> Save() const;
  // Nobody is trusted: nullptr, or what is wrong. Tickets get the epoch that they need.
  const char* Check(std::span<const Saved> saved, std::span<const ZoneTicket> tickets) const;
  // What Check found nothing wrong with. What has changed is the caller's to mark.
  void Restore(std::span<const Saved> saved, std::span<ZoneTicket> tickets);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Zone {
    uint64_t pointer = 0;  // From the zone's start; what is taken.
    uint64_t written = 0;
    uint32_t epoch = 0;
    uint32_t in_flight = 0;
    // Neighbours among the implicitly open ones, by age.
    uint32_t older = kNone;
    uint32_t newer = kNone;
    ZoneState state = ZoneState::kEmpty;
    bool failed = false;  // One of those in flight.
  };

  uint32_t IndexOf(uint64_t sector) const {
    return static_cast<uint32_t>(sector / layout_.zone_sectors);
  }
  bool IsConventional(uint32_t zone) const { return zone < layout_.conventional; }
  uint64_t DataOf(const Zone& zone) const;
  // The sequential zone that begins there; kNone when none does.
  uint32_t ManagedZone(uint64_t sector) const;
  ZoneStatus TakeSequential(uint32_t zone, uint64_t offset, uint64_t sectors, ZoneTicket& ticket);
  ZoneStatus TakeAnywhere(uint64_t sector, uint64_t sectors, ZoneTicket& ticket);
  // Room for one more open zone, which was not active when `activates`.
  ZoneStatus MakeRoom(bool activates);
  void SetState(uint32_t zone, ZoneState state);
  // Tickets of before mean nothing from now on.
  void Forget(uint32_t zone);
  void Empty(uint32_t zone);
  void Settle(uint32_t zone);
  void NoteWritten(uint32_t zone, uint64_t end);
  void MarkZoneChanged(uint32_t zone) { MarkChanged(zone / ZoneLayout::kZonesPerBlock); }
  ZoneRecord RecordOf(const Zone& zone) const;
  bool SavedIsValid(const Saved& saved) const;

  ZoneLayout layout_;
  ZoneLimits limits_;
  std::vector<Zone> zones_;
  uint32_t open_ = 0;
  uint32_t active_ = 0;
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
  std::vector<bool> changed_;
  uint32_t changed_count_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_ZONED_ZONE_TABLE_H_
