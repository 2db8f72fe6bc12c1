// SPDX-License-Identifier: Apache-2.0
//
// The list of ranges that DATA SET MANAGEMENT with TRIM brings (ACS-2, 7.10.3.2).
//
// Ownership, threading: a function of its arguments. Units: sectors of 512 bytes. Errors: none;
// `index` is within the list.

#ifndef PLATTER_DEVICES_IDE_ATA_TRIM_H_
#define PLATTER_DEVICES_IDE_ATA_TRIM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/bytes.h"
#include "devices/ide/ata_identify.h"
#include "devices/ide/ata_spec.h"

namespace platter {

struct AtaTrimEntry {
  uint64_t lba = 0;
  uint64_t sectors = 0;  // 0: none.
};

// 48 bits of address, 16 bits of length.
inline AtaTrimEntry ReadTrimEntry(std::span<const uint8_t> list, uint32_t index) {
  Le64 raw;
  static_assert(sizeof(raw) == ata::kTrimEntryBytes);
  std::memcpy(&raw, list.data() + size_t{index} * ata::kTrimEntryBytes, sizeof(raw));
  return {.lba = raw.get() & (kAtaMaxLba48Sectors - 1), .sectors = raw.get() >> 48};
}

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATA_TRIM_H_
