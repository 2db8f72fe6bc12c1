// SPDX-License-Identifier: Apache-2.0
//
// ScsiAddress: which logical unit of an adapter; what the eight bytes of a request's `lun` field
// mean (virtio 1.3, 5.6.6.1); and a table of units by address.
//
// Ownership: values; the table owns nothing. Threading: one thread at a time.
// Units: none. Errors: ParseLun says kNothing for what is no address.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_SCSI_ADDRESS_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_SCSI_ADDRESS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "devices/scsi/target_commands.h"

namespace platter {

inline constexpr uint32_t kMaxScsiTargets = 256;

struct ScsiAddress {
  uint8_t target = 0;
  uint16_t lun = 0;  // Below kMaxLuns.

  friend bool operator==(const ScsiAddress&, const ScsiAddress&) = default;
};

struct ParsedLun {
  enum class Kind : uint8_t {
    kNothing,
    kUnit,           // `address`.
    kTargetReports,  // The REPORT LUNS well-known unit of address.target.
    kReports,        // That of the whole adapter.
  };
  Kind kind = Kind::kNothing;
  ScsiAddress address;
};

ParsedLun ParseLun(const LunBytes& lun);
// As a driver would write it; also how REPORT LUNS of the whole adapter names a unit: in terms of
// SAM the first two bytes are a level of their own.
LunBytes EncodeLun(const ScsiAddress& address);

template <typename Unit>
class ScsiUnitTable {
 public:
  struct Entry {
    uint16_t lun;
    Unit* unit;
  };

  // nullptr when there is none.
  Unit* Find(const ScsiAddress& address) const {
    const std::vector<Entry>& entries = targets_[address.target];
    const auto at = Position(entries, address.lun);
    return at != entries.end() && at->lun == address.lun ? at->unit : nullptr;
  }
  // Of a target, by LUN; empty when it does not exist.
  std::span<const Entry> Target(uint8_t target) const { return targets_[target]; }
  uint64_t size() const { return size_; }

  // There is none at `address`.
  void Insert(const ScsiAddress& address, Unit& unit) {
    std::vector<Entry>& entries = targets_[address.target];
    entries.insert(Position(entries, address.lun), {address.lun, &unit});
    ++size_;
  }
  // There is one.
  void Erase(const ScsiAddress& address) {
    std::vector<Entry>& entries = targets_[address.target];
    entries.erase(Position(entries, address.lun));
    --size_;
  }

 private:
  template <typename Entries>
  static auto Position(Entries& entries, uint16_t lun) {
    return std::lower_bound(entries.begin(), entries.end(), lun,
                            [](const Entry& entry, uint16_t wanted) { return entry.lun < wanted; });
  }

  std::array<std::vector<Entry>, kMaxScsiTargets> targets_;
  uint64_t size_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_SCSI_ADDRESS_H_
