// SPDX-License-Identifier: Apache-2.0

#include "devices/scsi/cd_sector.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"

namespace platter {
namespace {

constexpr uint32_t kFramesPerSecond = 75;
// LBA 0 is at 00:02:00 (MMC-6, 4.2.3.9.2).
constexpr uint32_t kFirstFrame = 150;
constexpr uint8_t kMode1 = 1;

constexpr uint32_t kEdcAt = kCdSyncBytes + kCdHeaderBytes + kCdUserBytes;
// The intermediate field of zeroes follows the EDC's 4 bytes.
constexpr uint32_t kIntermediateAt = kEdcAt + 4;
constexpr uint32_t kIntermediateBytes = 8;
// The codes begin with the header and take even and odd bytes apart: words of two bytes.
constexpr uint32_t kCodesAt = kCdSyncBytes;
constexpr uint32_t kRowWords = 43;  // Of the matrix in annex A.
constexpr uint32_t kPData = 24;     // Words of a P-vector but its parity.
constexpr uint32_t kPAt = kPData * kRowWords;
constexpr uint32_t kQData = 43;
constexpr uint32_t kQVectors = 26;
constexpr uint32_t kQAt = (kPData + 2) * kRowWords;
static_assert(kCodesAt + 2 * (kQAt + 2 * kQVectors) == kCdRawBytes);

constexpr uint8_t Bcd(uint32_t value) { return static_cast<uint8_t>(value / 10 * 16 + value % 10); }

// 14.3: the remainder by (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), bits least significant first.
constexpr uint32_t kEdcPolynomial = 0xd8018001;

constexpr std::array<uint32_t, 256> MakeEdcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? kEdcPolynomial : 0);
    table[byte] = rest;
  }
  return table;
}

// Annex A: the field GF(2^8) by x^8 + x^4 + x^3 + x^2 + 1, and its primitive element a = x.
constexpr uint8_t TimesA(uint8_t value) {
  return static_cast<uint8_t>((value << 1) ^ ((value & 0x80) != 0 ? 0x1d : 0));
}

// Solves p0 * (a + 1) = s for p0, by table: the product with a + 1 permutes the field.
constexpr std::array<uint8_t, 256> MakeDivisionTable() {
  std::array<uint8_t, 256> table{};
  for (uint32_t p = 0; p < table.size(); ++p) {
    const auto value = static_cast<uint8_t>(p);
    table[TimesA(value) ^ value] = value;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kEdcTable = MakeEdcTable();
constexpr std::array<uint8_t, 256> kByAPlus1 = MakeDivisionTable();

// The two parity bytes of a vector of data whose i-th byte is at(i): both check sums of annex A,
// plain and weighted by powers of a down to a^0 for the last parity byte, are zero with them.
template <typename At>
void Parity(uint32_t length, At at, uint8_t& parity0, uint8_t& parity1) {
  uint8_t plain = 0;
  uint8_t weighted = 0;
  for (uint32_t i = 0; i < length; ++i) {
    const uint8_t byte = at(i);
    plain ^= byte;
    weighted = TimesA(weighted ^ byte);
  }
  // What was weighted has passed i places; one more to where the last parity byte weighs 1.
  weighted = TimesA(weighted);
  parity0 = kByAPlus1[plain ^ weighted];
  parity1 = plain ^ parity0;
}

void WriteHeader(uint32_t lba, std::span<uint8_t, kCdRawBytes> sector) {
  sector[0] = 0;
  std::fill_n(sector.begin() + 1, 10, uint8_t{0xff});
  sector[11] = 0;
  const uint32_t frame = lba + kFirstFrame;
  sector[12] = Bcd(frame / kFramesPerSecond / 60 % 100);
  sector[13] = Bcd(frame / kFramesPerSecond % 60);
  sector[14] = Bcd(frame % kFramesPerSecond);
  sector[15] = kMode1;
}

void WriteEdc(std::span<uint8_t, kCdRawBytes> sector) {
  uint32_t rest = 0;
  for (uint32_t i = 0; i < kEdcAt; ++i) rest = (rest >> 8) ^ kEdcTable[(rest ^ sector[i]) & 0xff];
  const Le32 edc = rest;
  std::memcpy(sector.data() + kEdcAt, &edc, sizeof(edc));
  std::fill_n(sector.begin() + kIntermediateAt, kIntermediateBytes, uint8_t{0});
}

void WriteEcc(std::span<uint8_t, kCdRawBytes> sector) {
  for (uint32_t half = 0; half < 2; ++half) {
    uint8_t* const codes = sector.data() + kCodesAt + half;
    // A.2: columns; then A.3: diagonals, of the P parity too.
    for (uint32_t n = 0; n < kRowWords; ++n) {
      const auto at = [&](uint32_t m) { return codes[2 * (kRowWords * m + n)]; };
      Parity(kPData, at, codes[2 * (kPAt + n)], codes[2 * (kPAt + kRowWords + n)]);
    }
    for (uint32_t n = 0; n < kQVectors; ++n) {
      const auto at = [&](uint32_t m) { return codes[2 * ((44 * m + 43 * n) % kQAt)]; };
      Parity(kQData, at, codes[2 * (kQAt + n)], codes[2 * (kQAt + kQVectors + n)]);
    }
  }
}

}  // namespace

void CompleteCdSector(uint32_t lba, std::span<uint8_t, kCdRawBytes> sector) {
  WriteHeader(lba, sector);
  WriteEdc(sector);
  WriteEcc(sector);
}

}  // namespace platter
