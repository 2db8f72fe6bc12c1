// SPDX-License-Identifier: Apache-2.0
//
// BlkTarget: the virtio-blk device of a BlkProgram with one queue, on either transport, behind the
// few things that a driver does to it.
//
// Ownership: owns device and transport; world, backend and memory outlive it. Threading: one
// thread. Errors: what a device must not refuse fails a check.

#ifndef PLATTER_DEVICES_VIRTIO_BLK_TARGET_H_
#define PLATTER_DEVICES_VIRTIO_BLK_TARGET_H_

#include <cstdint>
#include <memory>

#include "aio/simulated/world.h"
#include "blockbackend/device_view.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"

namespace platter {

class BlkTarget final : private InterruptLine, private InterruptVectors {
 public:
  enum class Transport : uint8_t { kMmio, kDirect };

  BlkTarget(Transport transport, SimulatedWorld& world, AioContext& context,
            BlockDeviceView& backend, std::shared_ptr<const GuestMemory> memory);
  // Unplugs; nothing is held in the backend.
  ~BlkTarget();

  // The queue runs from now on, with all features but `refused`. It was reset.
  void Start(const QueueLayout& layout, uint64_t refused);
  void Kick();
  void BeginReset();
  bool resetting() const { return device_->resetting(); }
  bool NeedsReset();
  // The queue is started and nothing keeps it from answering.
  bool Runs();

  // Any access of a driver: to a register, or a call. True when it may have stopped the queue or
  // started it again.
  bool Access(uint16_t where, uint8_t how, uint64_t value);

 private:
  void Set(LineLevel) override {}
  void Raise(uint16_t) override {}

  uint32_t Get(MmioRegister at);
  void Put(MmioRegister at, uint32_t value);
  bool AccessRegister(uint16_t where, uint8_t how, uint64_t value);

  SimulatedWorld& world_;
  const std::shared_ptr<const GuestMemory> memory_;
  // One of the two; they outlive the device.
  std::unique_ptr<MmioTransport> mmio_;
  std::unique_ptr<DirectTransport> direct_;
  std::unique_ptr<VirtioBlk> device_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_BLK_TARGET_H_
