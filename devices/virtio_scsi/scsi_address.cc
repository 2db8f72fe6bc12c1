// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/scsi_address.h"

namespace platter {

namespace {

// Addressing methods, in the two top bits of a level (SAM-5, 4.7.6).
constexpr uint8_t kMethodShift = 6;
constexpr uint8_t kPeripheral = 0;
constexpr uint8_t kFlat = 1;
// An extended address of one byte: a well-known unit, 01h being REPORT LUNS (SAM-5, 4.7.9 and
// SPC-4, 8.1).
constexpr uint8_t kWellKnown = 0xc1;
constexpr uint8_t kReportLunsUnit = 0x01;
// The first byte of a target's units.
constexpr uint8_t kTargetLevel = 0x01;

bool AllZero(const LunBytes& lun, size_t from) {
  return std::all_of(lun.begin() + static_cast<long>(from), lun.end(),
                     [](uint8_t byte) { return byte == 0; });
}

}  // namespace

ParsedLun ParseLun(const LunBytes& lun) {
  using Kind = ParsedLun::Kind;
  if (lun[0] == kWellKnown && lun[1] == kReportLunsUnit && AllZero(lun, 2)) {
    return {.kind = Kind::kReports, .address = {}};
  }
  if (lun[0] != kTargetLevel || !AllZero(lun, 4)) return {};
  ParsedLun parsed = {.kind = Kind::kUnit, .address = {.target = lun[1], .lun = 0}};
  switch (lun[2] >> kMethodShift) {
    case kPeripheral:
      if (lun[2] != 0) return {};  // Another bus.
      parsed.address.lun = lun[3];
      return parsed;
    case kFlat:
      parsed.address.lun = static_cast<uint16_t>((lun[2] & 0x3f) << 8 | lun[3]);
      return parsed;
    default:
      if (lun[2] != kWellKnown || lun[3] != kReportLunsUnit) return {};
      parsed.kind = Kind::kTargetReports;
      return parsed;
  }
}

LunBytes EncodeLun(const ScsiAddress& address) {
  // As REPORT LUNS names it: drivers compare both without looking at the method.
  const unsigned method = address.lun > UINT8_MAX ? kFlat : kPeripheral;
  return {kTargetLevel, address.target,
          static_cast<uint8_t>(method << kMethodShift | address.lun >> 8),
          static_cast<uint8_t>(address.lun)};
}

}  // namespace platter
