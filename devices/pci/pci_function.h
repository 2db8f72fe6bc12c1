// SPDX-License-Identifier: Apache-2.0
//
// PciFunction: what a bus asks of a function: its configuration space, and the registers behind its
// base address registers.
//
// Ownership: the function outlives its being on a bus (PciBus::Add to Remove).
// Threading: any thread (vCPUs), at the same time; the function serialises itself.
// Units: offsets and widths in bytes; values little-endian, zero-extended.
// Errors: none; a function that is gone reads as all ones and ignores writes.

#ifndef PLATTER_DEVICES_PCI_PCI_FUNCTION_H_
#define PLATTER_DEVICES_PCI_PCI_FUNCTION_H_

#include <cstdint>
#include <span>

#include "devices/pci/pci_config.h"

namespace platter {

class PciFunction {
 public:
  // Widths 1, 2 and 4; within one dword of the 256 bytes, as a transaction of a bus is, so what an
  // access sets off happens once.
  virtual uint32_t ReadConfig(uint32_t offset, unsigned width) = 0;
  virtual void WriteConfig(uint32_t offset, unsigned width, uint32_t value) = 0;

  // Sizes and kinds never change; where they are does.
  virtual std::span<const PciBar, kPciBars> bars() const = 0;
  // Widths 1, 2, 4 and 8; within the BAR's size.
  virtual uint64_t ReadBar(uint32_t bar, uint64_t offset, unsigned width) = 0;
  virtual void WriteBar(uint32_t bar, uint64_t offset, unsigned width, uint64_t value) = 0;

 protected:
  ~PciFunction() = default;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_PCI_FUNCTION_H_
