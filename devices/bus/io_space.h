// SPDX-License-Identifier: Apache-2.0
//
// IoSpace: an address space of device registers (MMIO, or x86 ports): ranges that lead to
// RegisterBlocks. A machine has one of each; a hypervisor forwards its exits here.
//
// Ownership: a RegisterBlock outlives its mapping.
// Threading: Read and Write from any thread (vCPUs), at the same time; Map and Unmap in the control
//   context while no vCPU runs. A RegisterBlock is entered by several threads and serialises itself
//   (devices/bus/serialiser.h).
// Units: addresses in bytes; width is 1, 2, 4 or 8 bytes; values little-endian, zero-extended.
// Errors: an access that no block covers reads all ones and ignores writes, as on real buses.

#ifndef PLATTER_DEVICES_BUS_IO_SPACE_H_
#define PLATTER_DEVICES_BUS_IO_SPACE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"

namespace platter {

class RegisterBlock {
 public:
  // `offset` is from the start of the block; offset + width is within its size.
  virtual uint64_t ReadRegister(uint64_t offset, unsigned width) = 0;
  virtual void WriteRegister(uint64_t offset, unsigned width, uint64_t value) = 0;

 protected:
  ~RegisterBlock() = default;
};

class IoSpace {
 public:
  // Places `block` at [base, base + size). ALREADY_EXISTS naming the range when it overlaps.
  absl::Status Map(uint64_t base, uint64_t size, RegisterBlock& block);
  void Unmap(uint64_t base);

  uint64_t Read(uint64_t address, unsigned width) const;
  void Write(uint64_t address, unsigned width, uint64_t value) const;

 private:
  struct Range {
    uint64_t size;
    RegisterBlock* block;
  };
  const Range* Find(uint64_t address, unsigned width, uint64_t* offset) const;

  std::map<uint64_t, Range> ranges_;  // By base.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_BUS_IO_SPACE_H_
