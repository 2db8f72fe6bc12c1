// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/cdb.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace platter {

namespace {

template <typename Wire>
auto Load(const uint8_t* at) {
  Wire wire;
  std::memcpy(&wire, at, sizeof(wire));
  return wire.get();
}

// Groups of operation codes: the three top bits.
constexpr unsigned kSixBytes = 0;
constexpr unsigned kTenBytes = 1;
constexpr unsigned kTenBytesMore = 2;
constexpr unsigned kSixteenBytes = 4;
constexpr unsigned kTwelveBytes = 5;

unsigned GroupOf(uint8_t opcode) { return opcode >> 5; }

}  // namespace

Cdb::Cdb(std::span<const uint8_t> bytes) {
  std::copy_n(bytes.begin(), std::min(bytes.size(), kMaxBytes), bytes_.begin());
}

uint16_t Cdb::Be16At(size_t index) const { return Load<Be16>(&bytes_[index]); }
uint32_t Cdb::Be32At(size_t index) const { return Load<Be32>(&bytes_[index]); }
uint64_t Cdb::Be64At(size_t index) const { return Load<Be64>(&bytes_[index]); }

size_t Cdb::ExpectedBytes() const {
  switch (GroupOf(opcode())) {
    case kSixBytes:
      return 6;
    case kTenBytes:
    case kTenBytesMore:
      return 10;
    case kSixteenBytes:
      return 16;
    case kTwelveBytes:
      return 12;
    default:
      return 0;
  }
}

BlockRange Cdb::Range() const {
  switch (GroupOf(opcode())) {
    case kSixBytes: {
      const uint64_t blocks = bytes_[4];
      return {.lba = Be32At(0) & 0x1fffff, .blocks = blocks == 0 ? 256 : blocks};
    }
    case kTenBytes:
    case kTenBytesMore:
      return {.lba = Be32At(2), .blocks = Be16At(7)};
    case kSixteenBytes:
      return {.lba = Be64At(2), .blocks = Be32At(10)};
    case kTwelveBytes:
      return {.lba = Be32At(2), .blocks = Be32At(6)};
    default:
      return {};
  }
}

}  // namespace platter
