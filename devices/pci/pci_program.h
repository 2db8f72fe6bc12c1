// SPDX-License-Identifier: Apache-2.0
//
// PciProgram: a virtio-blk device on PCI driven by bytes, each an access to configuration space, a
// BAR or guest memory that a driver could make, mostly near what means something. For the fuzzer
// and the seeded mutator. What must hold is checked as it goes, a violation fails a check:
// - an access never ends the process, and what it reads is the bytes that are there;
// - the line is high only while the status register says Interrupt Status and MSI-X is off;
// - queue sizes are powers of two, vectors exist or are none;
// - a saved state is restored to the same registers;
// - after a reset of the machine, a driver that keeps the rules finds and uses the device.
//
// Ownership: owns everything. Threading: one thread.

#ifndef PLATTER_DEVICES_PCI_PCI_PROGRAM_H_
#define PLATTER_DEVICES_PCI_PCI_PROGRAM_H_

#include <cstdint>
#include <span>

#include "devices/pci/virtio_pci_fixture.h"

namespace platter {

class PciProgram final : private PciBlkFixture {
 public:
  PciProgram();

  // Runs the bytes as actions, then checks that the device still works.
  void Run(std::span<const uint8_t> bytes);
  void CheckWorks();

 private:
  void Step(std::span<const uint8_t>& bytes);
  void AccessConfig(std::span<const uint8_t>& bytes);
  void AccessBar(std::span<const uint8_t>& bytes);
  void AccessWindow(std::span<const uint8_t>& bytes);
  void DriveForward(std::span<const uint8_t>& bytes);
  void SaveAndRestore();
  void CheckInvariants();

  uint64_t low_bar_ = 0;
  uint64_t msix_bar_ = 0;
  uint32_t msix_at_ = 0;
  uint32_t window_at_ = 0;
  uint64_t ring_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_PCI_PROGRAM_H_
