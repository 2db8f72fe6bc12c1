// SPDX-License-Identifier: Apache-2.0
//
// GuestRam: anonymous host memory that serves as a guest's RAM, and the GuestMemory map over it.
//
// Ownership: owns the memory; the map must not be used after it. Threading: any after creation.
// Units: bytes. Errors: RESOURCE_EXHAUSTED (ENOMEM) with the size.

#ifndef PLATTER_MACHINE_GUEST_RAM_H_
#define PLATTER_MACHINE_GUEST_RAM_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

#include "devices/bus/guest_memory.h"

namespace platter {

class GuestRam {
 public:
  // RAM of `bytes` (rounded up to a page) at guest address 0, zeroed, taken from the host as it is
  // touched.
  static absl::StatusOr<std::unique_ptr<GuestRam>> Create(uint64_t bytes);
  ~GuestRam();
  GuestRam(const GuestRam&) = delete;
  GuestRam& operator=(const GuestRam&) = delete;

  const std::shared_ptr<const GuestMemory>& map() const { return map_; }
  uint8_t* host() const { return host_; }
  uint64_t size() const { return size_; }

 private:
  GuestRam(uint8_t* host, uint64_t size) : host_(host), size_(size) {}

  uint8_t* const host_;
  const uint64_t size_;
  std::shared_ptr<const GuestMemory> map_;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_GUEST_RAM_H_
