// SPDX-License-Identifier: Apache-2.0
//
// What INQUIRY says of a unit: the standard data and the vital product data pages that all types
// have (SPC-4, 6.6 and 7.8), written into zeroed memory.
//
// Ownership: none. Threading: any. Units: bytes. Errors: 0 for a page that is not there.

#ifndef PLATTER_DEVICES_SCSI_INQUIRY_H_
#define PLATTER_DEVICES_SCSI_INQUIRY_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/scsi/scsi_unit.h"

namespace platter {

// `out` is zeroes, and of at least ScsiUnit::kMaxReplyBytes.
size_t WriteInquiry(const ScsiIdentity& identity, std::span<uint8_t> out);

// The pages 00h, 80h and 83h; 0 for others, and for 80h without a serial.
size_t WriteCommonVpdPage(const ScsiUnit& unit, VpdPage page, std::span<uint8_t> out);

// Fills in the header of a VPD page whose data `bytes` follow it; returns the whole length.
size_t FinishVpdPage(const ScsiIdentity& identity, VpdPage page, size_t bytes,
                     std::span<uint8_t> out);
inline constexpr size_t kVpdHeaderBytes = 4;

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_INQUIRY_H_
