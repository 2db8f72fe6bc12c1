// SPDX-License-Identifier: Apache-2.0
//
// The structures that SMART READ DATA and SMART READ THRESHOLDS give (ATA/ATAPI-6, 8.51; ATA-3
// for attributes and thresholds): a disk that is well, runs no self-tests and collects nothing.
//
// Threading: functions of nothing. Units: bytes. Errors: none.

#ifndef PLATTER_DEVICES_IDE_ATA_SMART_H_
#define PLATTER_DEVICES_IDE_ATA_SMART_H_

#include <array>
#include <cstdint>

#include "base/arith.h"

namespace platter {

std::array<uint8_t, kSectorSize> MakeSmartData();
std::array<uint8_t, kSectorSize> MakeSmartThresholds();

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATA_SMART_H_
