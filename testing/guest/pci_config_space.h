// SPDX-License-Identifier: Apache-2.0
//
// PciConfigSpace: how a guest reaches the configuration space of a function of bus 0: by the ports
// 0xCF8 and 0xCFC, or in the memory window of PCI Express. And what firmware does with it: sizing
// BARs and giving them addresses.
//
// Ownership: the bus outlives it. Threading: as the bus. Units: bytes. Errors: a function that is
// not there reads all ones.

#ifndef PLATTER_TESTING_GUEST_PCI_CONFIG_SPACE_H_
#define PLATTER_TESTING_GUEST_PCI_CONFIG_SPACE_H_

#include <array>
#include <cstdint>

#include "testing/guest/guest_bus.h"
#include "testing/guest/pci_spec.h"

namespace platter {

class PciConfigSpace {
 public:
  enum class Access : uint8_t { kPorts, kEcam };
  struct Place {
    Access access = Access::kPorts;
    uint64_t ecam_base = 0;
    uint32_t device = 0;  // The device number.
  };

  PciConfigSpace(GuestBus& bus, const Place& place) : bus_(bus), place_(place) {}

  uint32_t Read(uint32_t offset, unsigned width);
  void Write(uint32_t offset, unsigned width, uint32_t value);

  // The first capability with this id behind the one at `after` (0: of all); 0 when there is none.
  uint8_t FindCapability(uint8_t id, uint8_t after);

  // Turns decoding off and finds out the size of BAR `index`; 0 when there is none.
  struct BarSize {
    uint64_t bytes = 0;
    bool wide = false;
  };
  BarSize SizeBar(uint32_t index);
  // Sizes all memory BARs and places them one after the other from `base` on, each at a multiple of
  // its size. Decoding stays off.
  void PlaceBars(uint64_t base);
  // Where PlaceBars put it; 0 where there is none.
  uint64_t bar(uint32_t index) const { return index < bars_.size() ? bars_[index] : 0; }

 private:
  GuestBus& bus_;
  const Place place_;
  std::array<uint64_t, guest::kPciBarCount> bars_{};
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_PCI_CONFIG_SPACE_H_
