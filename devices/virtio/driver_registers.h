// SPDX-License-Identifier: Apache-2.0
//
// DriverRegisters: what a driver sets through registers, wherever these lie: status, features,
// queue sizes and addresses, and the order in which they may change (virtio 1.3, 2.1 and 3.1.1).
// The transports that have registers (MMIO, PCI) keep one and lay it out.
//
// The status only gains bits, each after the one it depends on; features are frozen from
// FEATURES_OK on, a queue's registers while it is enabled and all of them from DRIVER_OK on
// (R-VQ-06).
//
// Ownership: device, transport and memory outlive it. Threading: status() and SetNeedsReset from
// any thread; the rest serialised. Units: guest physical addresses. Errors: what may not be written
// is ignored; a ring that cannot be right ends in the transport's OnNeedsReset.

#ifndef PLATTER_DEVICES_VIRTIO_DRIVER_REGISTERS_H_
#define PLATTER_DEVICES_VIRTIO_DRIVER_REGISTERS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "devices/bus/guest_memory.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtio_transport.h"

namespace platter {

class DriverRegisters {
 public:
  struct Queue {
    uint32_t size = 0;
    bool enabled = false;
    uint64_t descriptors = 0;
    uint64_t driver = 0;
    uint64_t device = 0;
    bool resetting = false;  // Its own reset (2.6.1) is under way.
    bool was_reset = false;  // By that; the driver may set it up anew.
  };
  // All of it, for a saved state: as wide as a message's fields, so not yet looked at.
  struct Values {
    uint32_t status = 0;
    uint32_t device_features_sel = 0;
    uint32_t driver_features_sel = 0;
    uint64_t driver_features = 0;
    uint32_t queue_sel = 0;
    std::vector<Queue> queues;
  };

  DriverRegisters(VirtioDevice& device, VirtioTransport& transport,
                  std::shared_ptr<const GuestMemory> memory);

  const std::shared_ptr<const GuestMemory>& memory() const { return memory_; }

  // --- Status. ---

  uint8_t status() const { return status_.load(std::memory_order_acquire); }
  // 0 begins a reset; DRIVER_OK starts the queues.
  void WriteStatus(uint32_t value);
  // DEVICE_NEEDS_RESET. Whether the driver is to be told (from DRIVER_OK on).
  bool SetNeedsReset();
  // The values of a new device.
  void Clear();

  // --- Features, a word of 32 bits at a time. ---

  void SelectDeviceFeatures(uint32_t word) { device_features_sel_ = word; }
  void SelectDriverFeatures(uint32_t word) { driver_features_sel_ = word; }
  uint32_t device_features_sel() const { return device_features_sel_; }
  uint32_t driver_features_sel() const { return driver_features_sel_; }
  // Of the selected word; 0 of words that there are none of.
  uint32_t device_features() const;
  uint32_t driver_features() const;
  void WriteDriverFeatures(uint32_t value);

  // --- Queues. ---

  void SelectQueue(uint32_t index) { queue_sel_ = index; }
  uint32_t queue_sel() const { return queue_sel_; }
  // The selected one, or nullptr when there is none.
  const Queue* queue() const {
    return queue_sel_ < queues_.size() ? &queues_[queue_sel_] : nullptr;
  }
  // The same to write to; nullptr also while it is frozen.
  Queue* writable_queue();
  // The selected queue starts at DRIVER_OK, or at once when it was reset.
  void EnableQueue();
  void Disable(uint16_t queue) { queues_[queue].enabled = false; }
  // The selected queue alone is reset (2.6.1), when VIRTIO_F_RING_RESET was negotiated: takes
  // nothing more, finishes what it has, and then has the values of a new one. Ignored otherwise.
  void ResetQueue();
  enum class Stopped : uint8_t { kDisabled, kReset };
  // What the stop of a queue was.
  Stopped OnQueueStopped(uint16_t queue);

  // --- Saved state. ---

  Values Save() const;
  // Whether it can be restored; nullptr, or what is wrong with it.
  const char* Check(const Values& from, bool features_ok, bool driver_ok) const;
  // Of values that Check has passed.
  void Restore(const Values& from);

 private:
  void StartQueues();
  void StartQueue(uint16_t index);

  VirtioDevice& device_;
  VirtioTransport& transport_;
  const std::shared_ptr<const GuestMemory> memory_;

  std::atomic<uint8_t> status_{0};

  // Under the device's serialiser.
  uint32_t device_features_sel_ = 0;
  uint32_t driver_features_sel_ = 0;
  uint64_t driver_features_ = 0;
  uint32_t queue_sel_ = 0;
  std::vector<Queue> queues_;
};

// The halves of an address that is written 32 bits at a time.
constexpr void SetLow32(uint64_t* to, uint32_t value) {
  *to = (*to & ~uint64_t{UINT32_MAX}) | value;
}
constexpr void SetHigh32(uint64_t* to, uint32_t value) {
  *to = (*to & UINT32_MAX) | (uint64_t{value} << 32);
}

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_DRIVER_REGISTERS_H_
