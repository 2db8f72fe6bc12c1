// SPDX-License-Identifier: Apache-2.0
//
// MemoryBus: a guest bus with memory and nothing else, for tests of what needs no device: its
// memory can be hidden from TryMap, as behind a socket.
//
// Ownership: owns the memory. Threading: one thread. Errors: as GuestBus.

#ifndef PLATTER_TESTING_GUEST_MEMORY_BUS_H_
#define PLATTER_TESTING_GUEST_MEMORY_BUS_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/arith.h"
#include "testing/guest/guest_allocator.h"
#include "testing/guest/guest_bus.h"

namespace platter {

enum class Mapping : uint8_t { kMapped, kHidden };

class MemoryBus final : public GuestBus {
 public:
  static constexpr uint64_t kBase = 0x10000;

  explicit MemoryBus(Mapping mapping, uint64_t bytes = kMiB) : mapping_(mapping), memory_(bytes) {
    allocator_.AddRegion(kBase, bytes);
  }

  absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment) override {
    auto address = allocator_.Allocate(bytes, alignment);
    if (address.ok()) std::memset(At(*address), 0, bytes);
    return address;
  }
  void Free(uint64_t address) override { allocator_.Free(address); }

  bool Read(uint64_t address, std::span<uint8_t> out) override {
    if (!Has(address, out.size())) return false;
    std::memcpy(out.data(), At(address), out.size());
    return true;
  }
  bool Write(uint64_t address, std::span<const uint8_t> data) override {
    if (!Has(address, data.size())) return false;
    std::memcpy(At(address), data.data(), data.size());
    return true;
  }
  uint8_t* TryMap(uint64_t address, uint64_t bytes) override {
    return mapping_ == Mapping::kMapped && Has(address, bytes) ? At(address) : nullptr;
  }

  uint64_t ReadRegister(RegisterSpace, uint64_t, unsigned) override { return UINT64_MAX; }
  void WriteRegister(RegisterSpace, uint64_t, unsigned, uint64_t) override {}
  GuestInterrupt Interrupt(uint32_t) override { return {}; }
  bool WaitFor(absl::FunctionRef<bool()> done, Duration timeout) override {
    if (done()) return true;
    now_ += timeout;
    return done();
  }
  Instant Now() override { return now_; }

  uint64_t free_bytes() const { return allocator_.free_bytes(); }

 private:
  bool Has(uint64_t address, uint64_t bytes) const {
    return address >= kBase && RangeFits(address - kBase, bytes, memory_.size());
  }
  uint8_t* At(uint64_t address) { return memory_.data() + (address - kBase); }

  const Mapping mapping_;
  std::vector<uint8_t> memory_;
  GuestAllocator allocator_;
  Instant now_{};
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_MEMORY_BUS_H_
