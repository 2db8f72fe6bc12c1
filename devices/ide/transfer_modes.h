// SPDX-License-Identifier: Apache-2.0
//
// AtaTransferModes: the transfer modes that a drive is set to, and SET FEATURES' way of setting
// them (ATA/ATAPI-6, 8.46). Nothing becomes faster or slower by them: they are what guests read
// back.
//
// Ownership, threading: a value. Units: mode numbers. Errors: a mode that is not offered is
// refused.

#ifndef PLATTER_DEVICES_IDE_TRANSFER_MODES_H_
#define PLATTER_DEVICES_IDE_TRANSFER_MODES_H_

#include <cstdint>

namespace platter {

// The guest set one of the other kind last.
inline constexpr uint8_t kAtaNoMode = 0xff;
inline constexpr uint8_t kAtaMaxPioMode = 4;
inline constexpr uint8_t kAtaMaxMultiwordMode = 2;
inline constexpr uint8_t kAtaMaxUltraMode = 5;

struct AtaTransferModes {
  uint8_t multiword = kAtaNoMode;
  uint8_t ultra = kAtaMaxUltraMode;
  bool operator==(const AtaTransferModes&) const = default;
};

// `mode` is the count register of SET FEATURES 03h. False: not offered, and nothing has changed.
bool SelectTransferMode(uint8_t mode, AtaTransferModes& modes);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_TRANSFER_MODES_H_
