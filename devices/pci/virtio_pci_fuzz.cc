// SPDX-License-Identifier: Apache-2.0
//
// The bytes are a program of accesses to a virtio-blk device on PCI; pci_program.h says which.

#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/pci/pci_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMaxBytes = 4096;
  platter::PciProgram program;
  program.Run(std::span(data, size < kMaxBytes ? size : kMaxBytes));
  return 0;
}
