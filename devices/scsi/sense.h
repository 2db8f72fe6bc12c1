// SPDX-License-Identifier: Apache-2.0
//
// Sense: why a SCSI command did not do what it was asked, as sense data has it, in both formats.
//
// Ownership: a value. Threading: any. Units: bytes; INFORMATION is in logical blocks.
// Errors: none; what does not fit the caller's room is cut off, as an allocation length demands.

#ifndef PLATTER_DEVICES_SCSI_SENSE_H_
#define PLATTER_DEVICES_SCSI_SENSE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "devices/scsi/scsi_spec.h"

namespace platter {

struct Sense {
  SenseKey key = SenseKey::kNoSense;
  SenseCode code = SenseCode::kNone;
  // The block that the error is about (SPC-4, 4.5.2.2).
  std::optional<uint64_t> information = std::nullopt;

  bool ok() const { return key == SenseKey::kNoSense && code == SenseCode::kNone; }
  friend bool operator==(const Sense&, const Sense&) = default;
};

enum class SenseFormat : uint8_t { kFixed, kDescriptor };

inline constexpr size_t kFixedSenseBytes = 18;
inline constexpr size_t kDescriptorSenseBytes = 8;  // Without a descriptor.
inline constexpr size_t kMaxSenseBytes = 20;  // Descriptor format with an information descriptor.

// Sense data of a current error (response code 70h or 72h; SPC-4, 4.5.3 and 4.5.2). Returns how
// many bytes of `out` were written: at most kMaxSenseBytes, and all of the data if it fits. In
// fixed format an information above 32 bits makes the field not valid.
size_t EncodeSense(const Sense& sense, SenseFormat format, std::span<uint8_t> out);

// --- What commands answer with, by name. ---

constexpr Sense IllegalRequest(SenseCode code) {
  return {.key = SenseKey::kIllegalRequest, .code = code};
}
constexpr Sense NotReady(SenseCode code) { return {.key = SenseKey::kNotReady, .code = code}; }
constexpr Sense UnitAttention(SenseCode code) {
  return {.key = SenseKey::kUnitAttention, .code = code};
}

// What the failure of an I/O means to the guest. `result` is a negative errno.
struct IoFailure {
  ScsiStatus status = ScsiStatus::kCheckCondition;
  Sense sense;
};
IoFailure FailureOf(int32_t result, bool is_read);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SENSE_H_
