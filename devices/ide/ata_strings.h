// SPDX-License-Identifier: Apache-2.0
//
// The strings by which a drive says who it is, in IDENTIFY DEVICE and IDENTIFY PACKET DEVICE
// (ATA/ATAPI-6, 8.15 and 8.16).
//
// Threading: any. Units: bytes. Errors: CheckAtaString says which property of which device is
// wrong.

#ifndef PLATTER_DEVICES_IDE_ATA_STRINGS_H_
#define PLATTER_DEVICES_IDE_ATA_STRINGS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace platter {

inline constexpr uint32_t kAtaSerialBytes = 20;
inline constexpr uint32_t kAtaFirmwareBytes = 8;
inline constexpr uint32_t kAtaModelBytes = 40;

// Printable ASCII, as the standard wants it, and not too long. INVALID_ARGUMENT
// "DEVICE: PROPERTY ...".
absl::Status CheckAtaString(const std::string& device, const char* property,
                            const std::string& value, uint32_t longest);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATA_STRINGS_H_
