// SPDX-License-Identifier: Apache-2.0
//
// The checks are those of ECMA-130's decoder, written as its annexes define them: nothing is shared
// with the encoder.

#include "devices/scsi/cd_sector.h"

#include <array>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

using Sector = std::array<uint8_t, kCdRawBytes>;

Sector Make(uint32_t lba, uint32_t seed) {
  Sector sector;
  sector.fill(0xee);
  for (uint32_t i = 0; i < kCdUserBytes; ++i) {
    seed = seed * 1664525 + 1013904223;
    sector[16 + i] = static_cast<uint8_t>(seed >> 24);
  }
  CompleteCdSector(lba, sector);
  return sector;
}

// 14.3: the bits of bytes 0 to 2067, each byte's lowest first, as a polynomial whose highest term
// comes first, leave nothing when divided.
uint64_t EdcRemainder(const Sector& sector) {
  // (x^16 + x^15 + x^2 + 1) * (x^16 + x^2 + x + 1)
  uint64_t divisor = 0;
  for (const int a : {16, 15, 2, 0}) {
    for (const int b : {16, 2, 1, 0}) divisor ^= uint64_t{1} << (a + b);
  }
  uint64_t rest = 0;
  for (uint32_t i = 0; i < 2068; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      rest = (rest << 1) | ((sector[i] >> bit) & 1);
      if ((rest >> 32) != 0) rest ^= divisor;
    }
  }
  return rest;
}

uint8_t Multiply(uint8_t a, uint8_t b) {
  uint32_t product = 0;
  for (int bit = 0; bit < 8; ++bit) {
    if ((b >> bit & 1) != 0) product ^= uint32_t{a} << bit;
  }
  for (int bit = 14; bit >= 8; --bit) {
    if ((product >> bit & 1) != 0) product ^= 0x11du << (bit - 8);
  }
  return static_cast<uint8_t>(product);
}

uint8_t PowerOfA(int exponent) {
  uint8_t power = 1;
  for (int i = 0; i < exponent; ++i) power = Multiply(power, 2);
  return power;
}

// Annex A: both rows of the parity check matrix over a vector.
bool Holds(const std::vector<uint8_t>& vector) {
  uint8_t plain = 0;
  uint8_t weighted = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    plain ^= vector[i];
    weighted ^= Multiply(PowerOfA(static_cast<int>(vector.size() - 1 - i)), vector[i]);
  }
  return plain == 0 && weighted == 0;
}

// How many of the 86 P-vectors and 52 Q-vectors hold.
int VectorsThatHold(const Sector& sector) {
  int count = 0;
  for (uint32_t half = 0; half < 2; ++half) {
    const auto word = [&](uint32_t n) { return sector[12 + 2 * n + half]; };
    for (uint32_t n = 0; n < 43; ++n) {
      std::vector<uint8_t> vector;
      for (uint32_t m = 0; m < 26; ++m) vector.push_back(word(43 * m + n));
      count += Holds(vector) ? 1 : 0;
    }
    for (uint32_t n = 0; n < 26; ++n) {
      std::vector<uint8_t> vector;
      for (uint32_t m = 0; m < 43; ++m) vector.push_back(word((44 * m + 43 * n) % 1118));
      vector.push_back(word(1118 + n));
      vector.push_back(word(1144 + n));
      count += Holds(vector) ? 1 : 0;
    }
  }
  return count;
}

TEST(CdSectorTest, SyncAndHeader) {
  const Sector sector = Make(0, 1);
  EXPECT_EQ(sector[0], 0x00);
  for (int i = 1; i <= 10; ++i) EXPECT_EQ(sector[i], 0xff);
  EXPECT_EQ(sector[11], 0x00);
  // LBA 0 is 00:02:00.
  EXPECT_EQ(sector[12], 0x00);
  EXPECT_EQ(sector[13], 0x02);
  EXPECT_EQ(sector[14], 0x00);
  EXPECT_EQ(sector[15], 0x01);
}

TEST(CdSectorTest, AddressesAreMinutesSecondsAndFramesInBcd) {
  const auto address = [](uint32_t lba) {
    const Sector sector = Make(lba, 1);
    return uint32_t{sector[12]} << 16 | uint32_t{sector[13]} << 8 | sector[14];
  };
  EXPECT_EQ(address(74), 0x000274u);
  EXPECT_EQ(address(75), 0x000300u);
  EXPECT_EQ(address(60 * 75 - 150), 0x010000u);
  EXPECT_EQ(address(449'849), 0x995974u);
  EXPECT_EQ(address(449'850), 0x000000u);
}

TEST(CdSectorTest, DetectionAndCorrectionCodesHold) {
  for (const uint32_t lba : {0u, 1u, 16u, 12'345u, 449'849u}) {
    const Sector sector = Make(lba, lba + 7);
    EXPECT_EQ(EdcRemainder(sector), 0u) << lba;
    EXPECT_EQ(VectorsThatHold(sector), 86 + 52) << lba;
    for (uint32_t i = 2068; i < 2076; ++i) EXPECT_EQ(sector[i], 0);
  }
}

TEST(CdSectorTest, AWrongByteBreaksThem) {
  Sector sector = Make(5, 5);
  sector[1000] ^= 1;
  EXPECT_NE(EdcRemainder(sector), 0u);
  // One of each kind.
  EXPECT_EQ(VectorsThatHold(sector), 86 + 52 - 2);
}

TEST(CdSectorTest, UserDataStays) {
  const Sector sector = Make(9, 42);
  uint32_t seed = 42;
  for (uint32_t i = 0; i < kCdUserBytes; ++i) {
    seed = seed * 1664525 + 1013904223;
    ASSERT_EQ(sector[16 + i], static_cast<uint8_t>(seed >> 24)) << i;
  }
}

}  // namespace
}  // namespace platter
