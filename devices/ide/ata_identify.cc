// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_identify.h"

#include <algorithm>
#include <bit>

#include "devices/ide/ata_strings.h"
#include "devices/ide/identify_words.h"

namespace platter {
namespace {

constexpr uint32_t kHeads = 16;
constexpr uint32_t kSectorsPerTrack = 63;
constexpr uint64_t kMaxCylinders = 16383;

uint64_t Bit(unsigned bit, bool value = true) { return uint64_t{value} << bit; }

void SetGeometry(IdentifyWords& words, const AtaSettings& settings, uint64_t sectors) {
  const ChsGeometry fixed = DefaultGeometry(sectors);
  words.Set(1, fixed.cylinders);
  words.Set(3, fixed.heads);
  words.Set(6, fixed.sectors);
  const ChsGeometry& current = settings.geometry;
  words.Set(54, current.cylinders);
  words.Set(55, current.heads);
  words.Set(56, current.sectors);
  words.SetWide(57, 2, uint64_t{current.cylinders} * current.heads * current.sectors);
  words.SetWide(60, 2, std::min(sectors, kAtaMaxLba28Sectors));
  words.SetWide(100, 4, std::min(sectors, kAtaMaxLba48Sectors));
}

// 82-87: what is supported, then what is on.
void SetFeatures(IdentifyWords& words, const AtaDiskOptions& options, const AtaSettings& settings,
                 const AtaMedium& medium) {
  const uint64_t fixed_82 = Bit(14) | Bit(3);          // NOP, power management.
  words.Set(82, fixed_82 | Bit(6) | Bit(5) | Bit(0));  // Look-ahead, write cache, SMART.
  words.Set(85, fixed_82 | Bit(6, settings.look_ahead) | Bit(5, medium.write_cache) |
                    Bit(0, settings.smart));
  const uint64_t fixed_83 = Bit(13) | Bit(12) | Bit(10);  // FLUSH CACHE EXT, FLUSH CACHE, 48 bits.
  words.Set(83, Bit(14) | fixed_83);
  words.Set(86, fixed_83);
  const uint64_t fixed_84 = Bit(14) | Bit(6) | Bit(8, options.wwn != 0);  // FUA, WWN.
  words.Set(84, fixed_84);
  words.Set(87, fixed_84);
}

void SetBlockSizes(IdentifyWords& words, const AtaDiskOptions& options) {
  const auto exponent =
      static_cast<unsigned>(std::countr_zero(options.physical_block_size / kSectorSize));
  words.Set(106, Bit(14) | Bit(13, exponent != 0) | exponent);  // ATA-7.
}

}  // namespace

ChsGeometry DefaultGeometry(uint64_t sectors) {
  const uint64_t cylinders = sectors / (uint64_t{kHeads} * kSectorsPerTrack);
  return {.cylinders = static_cast<uint32_t>(std::clamp<uint64_t>(cylinders, 1, kMaxCylinders)),
          .heads = kHeads,
          .sectors = kSectorsPerTrack};
}

std::array<uint8_t, kSectorSize> MakeAtaIdentify(const AtaDiskOptions& options,
                                                 const AtaSettings& settings,
                                                 const AtaMedium& medium, unsigned unit) {
  IdentifyWords words;
  words.Set(0, Bit(6));  // A fixed disk.
  words.SetString(10, kAtaSerialBytes, options.serial);
  words.Set(20, 3);  // ATA-3: a buffer that reads ahead.
  words.Set(21, kSectorSize);
  words.Set(22, 4);
  words.SetString(23, kAtaFirmwareBytes, options.ver);
  words.SetString(27, kAtaModelBytes, options.model);
  words.Set(47, 0x8000 | kAtaMaxMultiple);
  words.Set(59, settings.multiple == 0 ? 0 : Bit(8) | settings.multiple);
  SetGeometry(words, settings, medium.sectors);
  words.Set(53, 0x7);  // Words 54-58, 64-70 and 88 are valid.
  words.SetTransferModes(settings.modes);
  words.Set(80, 0xf0);  // ATA/ATAPI-4 to -7.
  SetFeatures(words, options, settings, medium);
  words.SetHardwareReset(unit);
  SetBlockSizes(words, options);
  words.SetWorldWideName(options.wwn);
  if (options.discard && medium.discards) {
    words.Set(105, kAtaMaxTrimBlocks);  // ACS-2.
    words.Set(169, Bit(0));             // ACS-2.
  }
  words.Set(217, options.rotation_rate);  // ACS-2.
  return words.Seal();
}

}  // namespace platter
