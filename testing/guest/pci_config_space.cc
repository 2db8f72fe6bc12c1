// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/pci_config_space.h"

#include "base/arith.h"

namespace platter {
namespace {

// A list in 192 bytes has no more; one that goes in circles ends here.
constexpr int kMaxCapabilities = 48;
// Eight functions of a page each.
constexpr uint64_t kEcamDevice = 0x8000;

}  // namespace

uint32_t PciConfigSpace::Read(uint32_t offset, unsigned width) {
  if (place_.access == Access::kEcam) {
    return static_cast<uint32_t>(bus_.ReadRegister(
        RegisterSpace::kMmio, place_.ecam_base + place_.device * kEcamDevice + offset, width));
  }
  bus_.WriteRegister32(RegisterSpace::kPort, guest::kPciAddressPort,
                       guest::kPciAddressEnable | place_.device << 11 | (offset & ~3u));
  return static_cast<uint32_t>(
      bus_.ReadRegister(RegisterSpace::kPort, guest::kPciDataPort + offset % 4, width));
}

void PciConfigSpace::Write(uint32_t offset, unsigned width, uint32_t value) {
  if (place_.access == Access::kEcam) {
    return bus_.WriteRegister(RegisterSpace::kMmio,
                              place_.ecam_base + place_.device * kEcamDevice + offset, width,
                              value);
  }
  bus_.WriteRegister32(RegisterSpace::kPort, guest::kPciAddressPort,
                       guest::kPciAddressEnable | place_.device << 11 | (offset & ~3u));
  bus_.WriteRegister(RegisterSpace::kPort, guest::kPciDataPort + offset % 4, width, value);
}

uint8_t PciConfigSpace::FindCapability(uint8_t id, uint8_t after) {
  if ((Read(guest::kPciStatus, 2) & guest::kPciStatusCapabilities) == 0) return 0;
  uint32_t at = Read(after == 0 ? guest::kPciCapabilityPointer : after + 1u, 1) & ~3u;
  for (int i = 0; i < kMaxCapabilities && at != 0; ++i) {
    if (Read(at, 1) == id) return static_cast<uint8_t>(at);
    at = Read(at + 1, 1) & ~3u;
  }
  return 0;
}

PciConfigSpace::BarSize PciConfigSpace::SizeBar(uint32_t index) {
  // 6.2.5.1: off while it is sized, or it answers anywhere.
  Write(guest::kPciCommand, 2, Read(guest::kPciCommand, 2) & ~3u);
  const uint32_t at = guest::kPciBar + 4 * index;
  const auto size_word = [this](uint32_t offset) {
    const uint32_t before = Read(offset, 4);
    Write(offset, 4, UINT32_MAX);
    const uint32_t size = Read(offset, 4);
    Write(offset, 4, before);
    return size;
  };
  const uint32_t low = size_word(at);
  if ((low & ~guest::kPciBarTypeMask) == 0 || low == UINT32_MAX) return {};
  const bool wide = (low & guest::kPciBarType64) != 0;
  const uint64_t high = wide ? size_word(at + 4) : UINT32_MAX;
  return {.bytes = ~(high << 32 | (low & ~guest::kPciBarTypeMask)) + 1, .wide = wide};
}

void PciConfigSpace::PlaceBars(uint64_t base) {
  for (uint32_t i = 0; i < guest::kPciBarCount; ++i) {
    const BarSize size = SizeBar(i);
    bars_[i] = 0;
    if (size.bytes == 0) continue;
    bars_[i] = AlignUp(base, size.bytes);
    base = bars_[i] + size.bytes;
    Write(guest::kPciBar + 4 * i, 4, static_cast<uint32_t>(bars_[i]));
    if (!size.wide) continue;
    Write(guest::kPciBar + 4 * (i + 1), 4, static_cast<uint32_t>(bars_[i] >> 32));
    bars_[++i] = 0;
  }
}

}  // namespace platter
