// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/transfer_modes.h"

namespace platter {

// 8.46: the kind of transfer in the upper five bits, the mode in the lower three.
bool SelectTransferMode(uint8_t mode, AtaTransferModes& modes) {
  const uint8_t number = mode & 0x07;
  switch (mode >> 3) {
    case 0:  // PIO default, with or without IORDY.
      return number <= 1;
    case 1:
      return number <= kAtaMaxPioMode;
    case 4:
      if (number > kAtaMaxMultiwordMode) return false;
      modes = {.multiword = number, .ultra = kAtaNoMode};
      return true;
    case 8:
      if (number > kAtaMaxUltraMode) return false;
      modes = {.multiword = kAtaNoMode, .ultra = number};
      return true;
    default:
      return false;
  }
}

}  // namespace platter
