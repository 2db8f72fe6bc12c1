// SPDX-License-Identifier: Apache-2.0
//
// RingMemoryFixture: the plain memory that a test's ring of either layout lies in.
// `Access::kAccessor` reaches the same bytes without host pointers.
//
// Ownership: owns the memory. Threading: one thread. Units: bytes.

#ifndef PLATTER_DEVICES_VIRTIO_RING_RING_MEMORY_FIXTURE_H_
#define PLATTER_DEVICES_VIRTIO_RING_RING_MEMORY_FIXTURE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "devices/bus/guest_memory.h"

namespace platter {

class RingMemoryFixture : private GuestMemoryAccessor {
 public:
  enum class Access : uint8_t { kMapped, kAccessor };

  static constexpr uint64_t kBase = 0x10000;

  template <typename T>
  void Put(uint64_t address, T value) {
    std::memcpy(host + (address - kBase), &value, sizeof(value));
  }
  template <typename T>
  T Get(uint64_t address) const {
    T value;
    std::memcpy(&value, host + (address - kBase), sizeof(value));
    return value;
  }

  std::vector<uint8_t> storage;
  uint8_t* host = nullptr;
  std::shared_ptr<const GuestMemory> memory;

 protected:
  RingMemoryFixture(uint64_t bytes, Access access) : storage(bytes + 64) {
    // 16-aligned as the guest's addresses are.
    const auto address = reinterpret_cast<uintptr_t>(storage.data());
    host = storage.data() + (16 - address % 16) % 16;
    GuestMemory::Region region = {.address = kBase, .size = bytes};
    if (access == Access::kMapped) {
      region.host = host;
    } else {
      region.accessor = this;
    }
    memory = *GuestMemory::Create({region}, nullptr);
  }
  ~RingMemoryFixture() = default;

 private:
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    std::memcpy(out.data(), host + offset, out.size());
  }
  void Write(uint64_t offset, std::span<const uint8_t> data) override {
    std::memcpy(host + offset, data.data(), data.size());
  }
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_RING_MEMORY_FIXTURE_H_
