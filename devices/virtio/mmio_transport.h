// SPDX-License-Identifier: Apache-2.0
//
// MmioTransport: virtio over MMIO, version 2 (virtio 1.3, 4.2): a block of registers and one
// level-triggered interrupt line. Place it in an IoSpace: Map(base, kMmioTransportBytes,
// transport).
//
// Control registers (0x000 to 0x0ff) are 32 bits wide and aligned (4.2.2.2): any other access reads
// zero and ignores writes. Configuration space (0x100 on) takes every width at every offset.
// The status register only gains bits, in the order of 3.1.1; a queue's registers are frozen while
// it is ready, and all of them from DRIVER_OK on.
//
// Writing 0 to Status, or 0 to QueueReady of a live queue, waits for I/O in flight: when the
// writing thread runs no event loop of the device, the write itself returns only then (Linux does
// not read the register back in a loop); when it does, Status (QueueReady) reads non-zero until
// then, and every other register access but reads is ignored meanwhile.
//
// QueueReset (VIRTIO_F_RING_RESET) waits for nothing: it reads 1 until the queue has finished what
// it had, and then both it and QueueReady read 0.
//
// Ownership: device, line and memory outlive it. It is destroyed after the device.
// Threading: RegisterBlock's: any thread, at the same time. QueueNotify and the interrupt registers
//   are lock-free, the rest under the device's serialiser.
// Errors: none; see above for accesses that mean nothing.

#ifndef PLATTER_DEVICES_VIRTIO_MMIO_TRANSPORT_H_
#define PLATTER_DEVICES_VIRTIO_MMIO_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/bus/io_space.h"
#include "devices/virtio/driver_registers.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtio_transport.h"

namespace platter {

// The size that guests expect of a virtio-mmio window.
inline constexpr uint64_t kMmioTransportBytes = 0x200;

// 4.2.2 MMIO Device Register Layout.
enum class MmioRegister : uint16_t {
  kMagicValue = 0x000,
  kVersion = 0x004,
  kDeviceId = 0x008,
  kVendorId = 0x00c,
  kDeviceFeatures = 0x010,
  kDeviceFeaturesSel = 0x014,
  kDriverFeatures = 0x020,
  kDriverFeaturesSel = 0x024,
  kQueueSel = 0x030,
  kQueueSizeMax = 0x034,
  kQueueSize = 0x038,
  kQueueReady = 0x044,
  kQueueNotify = 0x050,
  kInterruptStatus = 0x060,
  kInterruptAck = 0x064,
  kStatus = 0x070,
  kQueueDescLow = 0x080,
  kQueueDescHigh = 0x084,
  kQueueDriverLow = 0x090,
  kQueueDriverHigh = 0x094,
  kQueueDeviceLow = 0x0a0,
  kQueueDeviceHigh = 0x0a4,
  kShmSel = 0x0ac,
  kShmLenLow = 0x0b0,
  kShmLenHigh = 0x0b4,
  kShmBaseLow = 0x0b8,
  kShmBaseHigh = 0x0bc,
  kQueueReset = 0x0c0,
  kConfigGeneration = 0x0fc,
  kConfig = 0x100,
};

// InterruptStatus and InterruptACK.
inline constexpr uint32_t kMmioInterruptQueue = 1;
inline constexpr uint32_t kMmioInterruptConfig = 2;

class MmioTransport final : public RegisterBlock,
                            public VirtioTransport,
                            private VirtioTransportState {
 public:
  static constexpr uint32_t kMagic = 0x74726976;  // "virt"
  static constexpr uint32_t kVersionModern = 2;
  static constexpr uint32_t kVendor = 0x544c4c50;  // "PLTT"

  // Connects itself to `device`.
  MmioTransport(VirtioDevice& device, std::shared_ptr<const GuestMemory> memory,
                InterruptLine& line);

  // RegisterBlock.
  uint64_t ReadRegister(uint64_t offset, unsigned width) override;
  void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override;

  // VirtioTransport.
  void InterruptQueue(uint16_t queue) override;
  void InterruptConfig() override;
  void OnNeedsReset() override;
  void OnResetDone() override;
  void OnQueueStopped(uint16_t queue) override;
  void OnUnplugged() override;
  VirtioTransportState* saved_state() override { return this; }

  // For tests and reports; any thread.
  uint8_t status() const { return registers_.status(); }

 private:
  // VirtioTransportState (mmio_transport_state.cc).
  std::string Save() override;
  const char* Check(const std::string& state, bool features_ok, bool driver_ok) override;
  void Restore(const std::string& state) override;
  std::shared_ptr<const GuestMemory> memory() override { return registers_.memory(); }

  uint32_t ReadControl(MmioRegister at);
  void WriteControl(MmioRegister at, uint32_t value);
  void WriteQueueRegister(MmioRegister at, uint32_t value);
  void WriteQueueReady(uint32_t value);
  void WriteStatus(uint32_t value);
  void RaiseInterrupt(uint32_t cause);
  void AcknowledgeInterrupt(uint32_t causes);
  void UpdateLine();
  // The part of a notification that says which queue it is for.
  void UpdateNotifyMask();

  VirtioDevice& device_;
  InterruptLine& line_;
  DriverRegisters registers_;

  // Lock-free.
  std::atomic<uint32_t> interrupt_status_{0};
  std::atomic<bool> gone_{false};
  std::atomic<uint32_t> notify_mask_{UINT32_MAX};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_MMIO_TRANSPORT_H_
