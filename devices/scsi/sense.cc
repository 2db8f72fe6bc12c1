// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/sense.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"

namespace platter {

namespace {

struct FixedSense {  // SPC-4, table 53.
  uint8_t response_code = 0x70;
  uint8_t obsolete = 0;
  uint8_t key = 0;
  Be32 information;
  uint8_t additional_length = 10;
  Be32 command_specific;
  Be16 code;
  uint8_t unit_code = 0;
  uint8_t key_specific[3] = {};
};
static_assert(sizeof(FixedSense) == kFixedSenseBytes);

struct DescriptorSense {  // SPC-4, table 28, and one information descriptor (table 30).
  uint8_t response_code = 0x72;
  uint8_t key = 0;
  Be16 code;
  uint8_t reserved[3] = {};
  uint8_t additional_length = 0;
  uint8_t type = 0;
  uint8_t length = 10;
  uint8_t valid = 0x80;
  uint8_t zero = 0;
  Be64 information;
};
static_assert(sizeof(DescriptorSense) == kMaxSenseBytes);
constexpr size_t kDescriptorHeaderBytes = 8;

constexpr uint8_t kInformationValid = 0x80;

size_t Copy(const void* data, size_t bytes, std::span<uint8_t> out) {
  const size_t here = std::min(bytes, out.size());
  std::memcpy(out.data(), data, here);
  return here;
}

size_t EncodeFixed(const Sense& sense, std::span<uint8_t> out) {
  FixedSense data;
  data.key = static_cast<uint8_t>(sense.key);
  data.code = static_cast<uint16_t>(sense.code);
  if (sense.information && *sense.information <= UINT32_MAX) {
    data.response_code |= kInformationValid;
    data.information = static_cast<uint32_t>(*sense.information);
  }
  return Copy(&data, sizeof(data), out);
}

size_t EncodeDescriptor(const Sense& sense, std::span<uint8_t> out) {
  DescriptorSense data;
  data.key = static_cast<uint8_t>(sense.key);
  data.code = static_cast<uint16_t>(sense.code);
  if (!sense.information) return Copy(&data, kDescriptorHeaderBytes, out);
  data.additional_length = sizeof(data) - kDescriptorHeaderBytes;
  data.information = *sense.information;
  return Copy(&data, sizeof(data), out);
}

}  // namespace

size_t EncodeSense(const Sense& sense, SenseFormat format, std::span<uint8_t> out) {
  if (out.empty()) return 0;
  return format == SenseFormat::kFixed ? EncodeFixed(sense, out) : EncodeDescriptor(sense, out);
}

IoFailure FailureOf(int32_t result, bool is_read) {
  using enum SenseCode;
  switch (-result) {
    case ENOMEDIUM:
      return {.sense = NotReady(kMediumNotPresent)};
    case EACCES:
    case EPERM:
    case EROFS:
      return {.sense = {.key = SenseKey::kDataProtect, .code = kWriteProtected}};
    case ENOSPC:
    case EDQUOT:
      return {.sense = {.key = SenseKey::kDataProtect, .code = kSpaceAllocationFailed}};
    case EINVAL:
      return {.sense = IllegalRequest(kInvalidFieldInCdb)};
    case ENOMEM:
      return {.sense = {.key = SenseKey::kHardwareError, .code = kInternalTargetFailure}};
    case ECANCELED:
      return {.status = ScsiStatus::kTaskAborted, .sense = {}};
    case EBADE:
      return {.status = ScsiStatus::kReservationConflict, .sense = {}};
    case EAGAIN:
      return {.status = ScsiStatus::kBusy, .sense = {}};
    default:
      return {.sense = {.key = SenseKey::kMediumError,
                        .code = is_read ? kUnrecoveredReadError : kWriteError}};
  }
}

}  // namespace platter
