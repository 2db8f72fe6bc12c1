// SPDX-License-Identifier: Apache-2.0
//
// IdentifyWords: the 256 words of IDENTIFY DEVICE and IDENTIFY PACKET DEVICE while they are made
// (ATA/ATAPI-6, 8.15 and 8.16), and the groups of them that both have in common.
//
// Ownership, threading: a value. Units: words of 16 bits, numbered as the standard does.
// Errors: none; words are below 256.

#ifndef PLATTER_DEVICES_IDE_IDENTIFY_WORDS_H_
#define PLATTER_DEVICES_IDE_IDENTIFY_WORDS_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "base/arith.h"
#include "devices/ide/transfer_modes.h"

namespace platter {

class IdentifyWords {
 public:
  // The lowest 16 bits of `value`.
  void Set(unsigned word, uint64_t value);
  // `words` of them, the lowest first.
  void SetWide(unsigned word, unsigned words, uint64_t value);
  // 3.2.9: the first character is in the high byte; padded with spaces to `bytes`, an even number.
  void SetString(unsigned word, unsigned bytes, std::string_view text);

  // 49-51, 63-68 and 88: LBA, DMA and every mode that SelectTransferMode takes.
  void SetTransferModes(const AtaTransferModes& modes);
  // 93: the outcome of a hardware reset. An 80-conductor cable; the drive's number, 0 or 1, is set
  // by a jumper.
  void SetHardwareReset(unsigned unit);
  // 108-111 (ATA-7).
  void SetWorldWideName(uint64_t wwn);

  // With word 255: a signature, and what makes the sum of all bytes 0.
  const std::array<uint8_t, kSectorSize>& Seal();

 private:
  std::array<uint8_t, kSectorSize> bytes_{};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_IDENTIFY_WORDS_H_
