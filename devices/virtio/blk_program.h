// SPDX-License-Identifier: Apache-2.0
//
// BlkProgram: a virtio-blk device driven by bytes: each is an action of a driver that mostly keeps
// the rules. For the fuzzer and the seeded mutator.
//
// What must hold is checked as it goes: the used ring grows by one entry for each head in use, no
// more is in use than the ring holds, memory that was not given to the device does not change, and
// after a reset a well-formed request works. A violation fails a check.
//
// Ownership: owns everything. Threading: one thread. Units: bytes.

#ifndef PLATTER_DEVICES_VIRTIO_BLK_PROGRAM_H_
#define PLATTER_DEVICES_VIRTIO_BLK_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "aio/simulated/world.h"
#include "devices/bus/interrupt.h"
#include "devices/bus/io_space.h"
#include "devices/virtio/fake_block_device.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"

namespace platter {

class BlkProgram final : private GuestMemoryAccessor, private InterruptLine {
 public:
  BlkProgram();
  ~BlkProgram();

  // Runs the bytes as actions, then checks that the device still works.
  void Run(std::span<const uint8_t> bytes);
  // One action.
  void Step(std::span<const uint8_t>& bytes);
  // Resets the device and runs a well-formed read.
  void CheckWorks();

  uint64_t completions() const { return completions_; }
  uint64_t broken() const { return broken_; }

 private:
  // Guest addresses: plain memory, then memory behind this object's accessor, then a guard.
  static constexpr uint64_t kRam = 0x10000;
  static constexpr uint64_t kRamBytes = 0x8000;
  static constexpr uint64_t kShim = kRam + kRamBytes;
  static constexpr uint64_t kShimBytes = 0x2000;
  static constexpr uint64_t kGuard = kShim + kShimBytes;
  static constexpr uint64_t kGuardBytes = 0x1000;
  static constexpr uint16_t kSize = 8;

  // Takes from the input; zeroes when it is used up.
  static uint8_t Take8(std::span<const uint8_t>& bytes);
  static uint64_t Take(std::span<const uint8_t>& bytes, int count);

  uint32_t Get(uint64_t offset);
  void Set(uint64_t offset, uint32_t value);
  template <typename T>
  void Poke(uint64_t address, T value);
  uint16_t UsedIndex();
  void MakeAvailable(uint16_t head);
  void PutDescriptor(uint64_t table, uint32_t index, uint64_t address, uint32_t length,
                     uint16_t flags, uint16_t next);
  uint64_t PickAddress(std::span<const uint8_t>& bytes);

  void Start();
  void WellFormed(std::span<const uint8_t>& bytes);
  void Mutate(std::span<const uint8_t>& bytes);
  void Turn();
  void CheckInvariants();

  // GuestMemoryAccessor: reads of an address differ each time, once `tricky_`.
  void Read(uint64_t offset, std::span<uint8_t> out) override;
  void Write(uint64_t offset, std::span<const uint8_t> data) override;
  // InterruptLine.
  void Set(LineLevel) override {}

  SimulatedWorld world_{1};
  AioContext& context_;
  FakeBlockDevice backend_{64 * 1024};
  std::vector<uint8_t> storage_;
  std::vector<uint8_t> shim_;
  uint8_t* ram_ = nullptr;
  std::unique_ptr<VirtioBlk> device_;
  std::unique_ptr<MmioTransport> transport_;
  uint16_t made_available_ = 0;
  uint16_t next_head_ = 0;
  uint8_t trick_ = 0;
  uint64_t completions_ = 0;
  uint64_t broken_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_BLK_PROGRAM_H_
