// SPDX-License-Identifier: Apache-2.0
//
// The 256 words that IDENTIFY PACKET DEVICE gives (ATA/ATAPI-6, 8.16).
//
// Ownership, threading: a function of its arguments. Units: words of 16 bits. Errors: none.

#ifndef PLATTER_DEVICES_IDE_ATAPI_IDENTIFY_H_
#define PLATTER_DEVICES_IDE_ATAPI_IDENTIFY_H_

#include <array>
#include <cstdint>

#include "base/arith.h"
#include "devices/ide/atapi_cd_options.h"
#include "devices/ide/transfer_modes.h"

namespace platter {

// `unit` is 0 or 1. `options` are resolved.
std::array<uint8_t, kSectorSize> MakeAtapiIdentify(const AtapiCdOptions& options,
                                                   const AtaTransferModes& modes, unsigned unit);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATAPI_IDENTIFY_H_
