// SPDX-License-Identifier: Apache-2.0
//
// UnitAttentions: what each initiator has yet to be told of a logical unit (SAM-5, 5.14): one bit
// per condition and nexus. A condition that is established twice before it is told is told once.
//
// Ownership: a member of the unit. Threading: any; no locks. Units: nexuses are numbered by whoever
// gives the unit its initiators. Errors: none.

#ifndef PLATTER_DEVICES_SCSI_UNIT_ATTENTIONS_H_
#define PLATTER_DEVICES_SCSI_UNIT_ATTENTIONS_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <optional>

#include "devices/scsi/scsi_spec.h"

namespace platter {

class UnitAttentions {
 public:
  static constexpr uint8_t kMaxNexuses = 16;

  // Told in this order: a reset first, since it makes initiators forget what they knew.
  static constexpr std::array kOrder = {
      SenseCode::kPowerOnOrReset,      SenseCode::kBusDeviceReset,
      SenseCode::kNexusLoss,           SenseCode::kReportedLunsDataChanged,
      SenseCode::kMediumNotPresent,    SenseCode::kMediumMayHaveChanged,
      SenseCode::kCapacityDataChanged, SenseCode::kModeParametersChanged,
  };

  // For every nexus. `code` is one of kOrder; others are not established.
  void Establish(SenseCode code) {
    for (std::atomic<uint32_t>& pending : pending_) pending.fetch_or(BitOf(code));
  }
  // For every nexus but that one: who changes a mode parameter knows it.
  void EstablishForOthers(SenseCode code, uint8_t nexus) {
    for (uint8_t i = 0; i < kMaxNexuses; ++i) {
      if (i != nexus) pending_[i].fetch_or(BitOf(code));
    }
  }

  // For that nexus only: of a saved state.
  void EstablishFor(SenseCode code, uint8_t nexus) { pending_[nexus].fetch_or(BitOf(code)); }

  bool pending(SenseCode code, uint8_t nexus) const {
    return (pending_[nexus].load(std::memory_order_relaxed) & BitOf(code)) != 0;
  }
  bool pending(uint8_t nexus) const { return pending_[nexus].load(std::memory_order_relaxed) != 0; }
  // The first condition that `nexus` has not been told; no longer pending then. Of two calls at the
  // same time only one gets it.
  std::optional<SenseCode> Take(uint8_t nexus) {
    std::atomic<uint32_t>& pending = pending_[nexus];
    while (const uint32_t bits = pending.load()) {
      const uint32_t first = bits & -bits;
      if ((pending.fetch_and(~first) & first) != 0) return kOrder[std::countr_zero(first)];
    }
    return std::nullopt;
  }
  // Whether that condition is pending no longer: told by other means.
  void Forget(SenseCode code, uint8_t nexus) { pending_[nexus].fetch_and(~BitOf(code)); }
  void Clear() {
    for (std::atomic<uint32_t>& pending : pending_) pending.store(0);
  }

 private:
  static constexpr uint32_t BitOf(SenseCode code) {
    for (size_t i = 0; i < kOrder.size(); ++i) {
      if (kOrder[i] == code) return uint32_t{1} << i;
    }
    return 0;
  }

  std::array<std::atomic<uint32_t>, kMaxNexuses> pending_{};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_UNIT_ATTENTIONS_H_
