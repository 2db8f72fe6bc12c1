// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/identify_words.h"

namespace platter {
namespace {

constexpr uint64_t Bit(unsigned bit) { return uint64_t{1} << bit; }

}  // namespace

void IdentifyWords::Set(unsigned word, uint64_t value) {
  bytes_[size_t{2} * word] = static_cast<uint8_t>(value);
  bytes_[size_t{2} * word + 1] = static_cast<uint8_t>(value >> 8);
}

void IdentifyWords::SetWide(unsigned word, unsigned words, uint64_t value) {
  for (unsigned i = 0; i < words; ++i) Set(word + i, value >> (16 * i));
}

void IdentifyWords::SetString(unsigned word, unsigned bytes, std::string_view text) {
  for (unsigned i = 0; i < bytes; ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    bytes_[2 * word + (i ^ 1u)] = static_cast<uint8_t>(c);
  }
}

void IdentifyWords::SetTransferModes(const AtaTransferModes& modes) {
  Set(49, Bit(11) | Bit(9) | Bit(8));  // IORDY, LBA, DMA.
  Set(50, Bit(14));
  Set(51, 0x0200);  // PIO mode 2 without IORDY.
  const auto selected = [](uint8_t mode) { return mode == kAtaNoMode ? 0 : Bit(8u + mode); };
  Set(63, 0x07 | selected(modes.multiword));
  Set(64, 0x03);                                                // PIO modes 3 and 4.
  for (unsigned word = 65; word <= 68; ++word) Set(word, 120);  // Nanoseconds a cycle.
  Set(88, 0x3f | selected(modes.ultra));
}

void IdentifyWords::SetHardwareReset(unsigned unit) {
  Set(93, Bit(14) | Bit(13) | (unit == 0 ? 0x0b : 0x0b00));
}

void IdentifyWords::SetWorldWideName(uint64_t wwn) {
  for (unsigned i = 0; i < 4; ++i) Set(108 + i, wwn >> (16 * (3 - i)));
}

const std::array<uint8_t, kSectorSize>& IdentifyWords::Seal() {
  bytes_[510] = 0xa5;
  bytes_[511] = 0;
  uint8_t sum = 0;
  for (const uint8_t byte : bytes_) sum = static_cast<uint8_t>(sum + byte);
  bytes_[511] = static_cast<uint8_t>(-sum);
  return bytes_;
}

}  // namespace platter
