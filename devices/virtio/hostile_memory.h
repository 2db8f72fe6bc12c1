// SPDX-License-Identifier: Apache-2.0
//
// HostileMemory: a guest's memory, in parts: plain, or without host addresses. What has none can
// read differently the second time (R-VQ-21), as if another vCPU wrote between two looks, and a
// watcher sees each access.
//
// Ownership: owns the bytes; outlives the maps that it makes. Threading: one thread.
// Units: guest addresses, bytes. Errors: addresses of Poke, Peek and At outside fail a check.

#ifndef PLATTER_DEVICES_VIRTIO_HOSTILE_MEMORY_H_
#define PLATTER_DEVICES_VIRTIO_HOSTILE_MEMORY_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "devices/bus/guest_memory.h"

namespace platter {

// Told what the device does to parts without host addresses: the bytes that it saw or wrote.
class HostileMemoryWatcher {
 public:
  virtual void OnDeviceRead(uint64_t address, std::span<const uint8_t> bytes) = 0;
  virtual void OnDeviceWrite(uint64_t address, std::span<const uint8_t> bytes) = 0;

 protected:
  ~HostileMemoryWatcher() = default;
};

class HostileMemory {
 public:
  // One after the other, without gaps, then a guard that the device may not write.
  enum class Part : uint8_t { kRings, kTables, kHeaders, kData, kDevice };
  static constexpr size_t kParts = 5;
  static constexpr std::array<uint64_t, kParts + 1> kBegin = {0x10000, 0x11000, 0x12000,
                                                              0x13000, 0x18000, 0x1a000};
  static constexpr uint64_t kGuardBytes = 0x1000;
  static constexpr uint64_t kBase = kBegin.front();
  static constexpr uint64_t kGuard = kBegin.back();

  static constexpr uint64_t Begin(Part part) { return kBegin[static_cast<size_t>(part)]; }
  static constexpr uint64_t Bytes(Part part) {
    return kBegin[static_cast<size_t>(part) + 1] - Begin(part);
  }
  static constexpr uint8_t Bit(Part part) {
    return static_cast<uint8_t>(1u << static_cast<unsigned>(part));
  }

  explicit HostileMemory(HostileMemoryWatcher& watcher);
  HostileMemory(const HostileMemory&) = delete;
  HostileMemory& operator=(const HostileMemory&) = delete;

  // The map in which the parts of `hidden` (bits) have no host address; kDevice never has one.
  std::shared_ptr<const GuestMemory> Map(uint8_t hidden);

  // Zeroes, and nothing changes by being read.
  void Clear();
  // From now on a byte of [address, address + bytes) is another one after each read of the device,
  // where it has no host address. `step` 0: nothing changes any more. After kChanges reads it ends
  // by itself, or a ring whose flags change would give the device work for ever.
  static constexpr uint32_t kChanges = 1000;
  void ChangeOnRead(uint64_t address, uint64_t bytes, uint8_t step);
  bool GuardIsIntact() const;

  // The guest's side.
  uint8_t* At(uint64_t address, uint64_t bytes);
  template <typename T>
  void Poke(uint64_t address, T value) {
    std::memcpy(At(address, sizeof(value)), &value, sizeof(value));
  }
  template <typename T>
  T Peek(uint64_t address) {
    T value;
    std::memcpy(&value, At(address, sizeof(value)), sizeof(value));
    return value;
  }

 private:
  class Window final : public GuestMemoryAccessor {
   public:
    HostileMemory* memory = nullptr;
    uint64_t begin = 0;

   private:
    void Read(uint64_t offset, std::span<uint8_t> out) override {
      memory->DeviceRead(begin + offset, out);
    }
    void Write(uint64_t offset, std::span<const uint8_t> data) override {
      memory->DeviceWrite(begin + offset, data);
    }
  };

  void DeviceRead(uint64_t address, std::span<uint8_t> out);
  void DeviceWrite(uint64_t address, std::span<const uint8_t> data);

  HostileMemoryWatcher& watcher_;
  std::vector<uint8_t> storage_;
  uint8_t* host_ = nullptr;  // Of kBase.
  std::array<Window, kParts> windows_;
  uint64_t changing_begin_ = 0;
  uint64_t changing_end_ = 0;
  uint8_t step_ = 0;
  uint32_t changes_left_ = 0;  // Reads.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_HOSTILE_MEMORY_H_
