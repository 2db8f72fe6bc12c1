// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_identify.h"

#include <algorithm>
#include <bit>
#include <string_view>

namespace platter {
namespace {

constexpr uint32_t kHeads = 16;
constexpr uint32_t kSectorsPerTrack = 63;
constexpr uint64_t kMaxCylinders = 16383;

// Words under construction.
class Words {
 public:
  void Set(unsigned word, uint64_t value) {
    bytes_[size_t{2} * word] = static_cast<uint8_t>(value);
    bytes_[size_t{2} * word + 1] = static_cast<uint8_t>(value >> 8);
  }
  // The lowest word first.
  void SetWide(unsigned word, unsigned words, uint64_t value) {
    for (unsigned i = 0; i < words; ++i) Set(word + i, value >> (16 * i));
  }
  // 3.2.9: the first character is in the high byte; padded with spaces.
  void SetString(unsigned word, unsigned bytes, std::string_view text) {
    for (unsigned i = 0; i < bytes; ++i) {
      const char c = i < text.size() ? text[i] : ' ';
      bytes_[2 * word + (i ^ 1u)] = static_cast<uint8_t>(c);
    }
  }
  // Word 255: a signature, and what makes the sum of all bytes 0.
  void Seal() {
    bytes_[510] = 0xa5;
    uint8_t sum = 0;
    for (const uint8_t byte : bytes_) sum = static_cast<uint8_t>(sum + byte);
    bytes_[511] = static_cast<uint8_t>(-sum);
  }
  const std::array<uint8_t, kSectorSize>& bytes() const { return bytes_; }

 private:
  std::array<uint8_t, kSectorSize> bytes_{};
};

uint64_t Bit(unsigned bit, bool value = true) { return uint64_t{value} << bit; }

void SetGeometry(Words& words, const AtaSettings& settings, uint64_t sectors) {
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

void SetTransferModes(Words& words, const AtaSettings& settings) {
  words.Set(49, Bit(11) | Bit(9) | Bit(8));  // IORDY, LBA, DMA.
  words.Set(50, Bit(14));
  words.Set(51, 0x0200);  // PIO mode 2 without IORDY.
  words.Set(53, 0x7);     // Words 54-58, 64-70 and 88 are valid.
  const auto selected = [](uint8_t mode) { return mode == kAtaNoMode ? 0 : Bit(8u + mode); };
  words.Set(63, 0x07 | selected(settings.multiword_mode));
  words.Set(64, 0x03);                                                // PIO modes 3 and 4.
  for (unsigned word = 65; word <= 68; ++word) words.Set(word, 120);  // Nanoseconds a cycle.
  words.Set(88, 0x3f | selected(settings.ultra_mode));
}

// 82-87: what is supported, then what is on.
void SetFeatures(Words& words, const AtaDiskOptions& options, const AtaSettings& settings,
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

void SetBlockSizes(Words& words, const AtaDiskOptions& options) {
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
  Words words;
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
  SetTransferModes(words, settings);
  words.Set(80, 0xf0);  // ATA/ATAPI-4 to -7.
  SetFeatures(words, options, settings, medium);
  // 93: the outcome of a hardware reset: an 80-conductor cable, the number set by a jumper.
  words.Set(93, Bit(14) | Bit(13) | (unit == 0 ? 0x0b : 0x0b00));
  SetBlockSizes(words, options);
  for (unsigned i = 0; i < 4; ++i) words.Set(108 + i, options.wwn >> (16 * (3 - i)));  // ATA-7.
  if (options.discard && medium.discards) {
    words.Set(105, kAtaMaxTrimBlocks);  // ACS-2.
    words.Set(169, Bit(0));             // ACS-2.
  }
  words.Set(217, options.rotation_rate);  // ACS-2.
  words.Seal();
  return words.bytes();
}

}  // namespace platter
