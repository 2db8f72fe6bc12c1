// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/atapi_identify.h"

#include "devices/ide/ata_strings.h"
#include "devices/ide/identify_words.h"

namespace platter {
namespace {

constexpr uint64_t Bit(unsigned bit) { return uint64_t{1} << bit; }

// A packet drive (10b) of CD-ROM type (5) with removable media, that asks for packets of 12 bytes
// (00b) within 3 ms and without an interrupt (00b): it works in an event loop.
constexpr uint64_t kConfiguration = Bit(15) | uint64_t{5} << 8 | Bit(7);

}  // namespace

std::array<uint8_t, kSectorSize> MakeAtapiIdentify(const AtapiCdOptions& options,
                                                   const AtaTransferModes& modes, unsigned unit) {
  IdentifyWords words;
  words.Set(0, kConfiguration);
  words.SetString(10, kAtaSerialBytes, options.serial);
  words.SetString(23, kAtaFirmwareBytes, options.ver);
  words.SetString(27, kAtaModelBytes, options.model);
  words.Set(53, Bit(2) | Bit(1));  // Words 64-70 and 88 are valid.
  words.SetTransferModes(modes);
  words.Set(80, 0xf0);  // ATA/ATAPI-4 to -7.
  // 82-87: what is supported, then what is on, which is the same: NOP, DEVICE RESET, PACKET, power
  // management; FLUSH CACHE; the name.
  for (const unsigned word : {82u, 85u}) words.Set(word, Bit(14) | Bit(9) | Bit(4) | Bit(3));
  words.Set(83, Bit(14) | Bit(12));
  words.Set(86, Bit(12));
  for (const unsigned word : {84u, 87u}) {
    words.Set(word, Bit(14) | (options.wwn != 0 ? Bit(8) : 0));
  }
  words.SetHardwareReset(unit);
  words.SetWorldWideName(options.wwn);
  return words.Seal();
}

}  // namespace platter
