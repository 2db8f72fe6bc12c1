// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_smart.h"

namespace platter {
namespace {

struct Attribute {
  uint8_t id;
  uint8_t flags;
  uint8_t value;
  uint8_t worst;
  uint8_t threshold;
};
// What programs look for before they call a disk healthy. Values go down from 100 when it is not.
constexpr Attribute kAttributes[] = {
    {1, 0x03, 100, 100, 6},    // Read error rate.
    {5, 0x03, 100, 100, 36},   // Reallocated sectors.
    {12, 0x02, 100, 100, 20},  // Power cycles.
};
constexpr unsigned kFirstAttribute = 2;
constexpr unsigned kAttributeBytes = 12;
constexpr uint8_t kVersion = 0x10;

// Byte 511 makes the sum of all bytes 0.
void Seal(std::array<uint8_t, kSectorSize>& data) {
  uint8_t sum = 0;
  for (const uint8_t byte : data) sum = static_cast<uint8_t>(sum + byte);
  data[kSectorSize - 1] = static_cast<uint8_t>(-sum);
}

}  // namespace

std::array<uint8_t, kSectorSize> MakeSmartData() {
  std::array<uint8_t, kSectorSize> data{};
  data[0] = kVersion;
  unsigned at = kFirstAttribute;
  for (const Attribute& attribute : kAttributes) {
    data[at] = attribute.id;
    data[at + 1] = attribute.flags;
    data[at + 3] = attribute.value;
    data[at + 4] = attribute.worst;
    at += kAttributeBytes;
  }
  data[368] = 0x03;  // Saves attributes before power-down and on its own.
  Seal(data);
  return data;
}

std::array<uint8_t, kSectorSize> MakeSmartThresholds() {
  std::array<uint8_t, kSectorSize> data{};
  data[0] = kVersion;
  unsigned at = kFirstAttribute;
  for (const Attribute& attribute : kAttributes) {
    data[at] = attribute.id;
    data[at + 1] = attribute.threshold;
    at += kAttributeBytes;
  }
  Seal(data);
  return data;
}

}  // namespace platter
