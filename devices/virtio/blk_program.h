// SPDX-License-Identifier: Apache-2.0
//
// BlkProgram: a virtio-blk device driven by bytes: each is an action of a driver that mostly keeps
// the rules. For the fuzzer and the seeded mutator. The bytes also choose the variant: the
// transport, the layout of the ring, whether it is used in order and has an event index, and which
// parts of the guest's memory (rings, indirect tables, request headers, data) have no host address
// and may read differently the second time.
//
// What must hold is checked as it goes; a violation fails a check:
// - memory that was not given to the device does not change, no more is in flight than the ring
//   holds, and after a reset a well-formed request works: always;
// - each entry of the used ring names a head that was made available and not used since, in the
//   next slot, and the index counts the entries. Where the rings have no host address, each look
//   of the device at the available ring and each of its stores is seen, so whatever stands there
//   is known, and nothing may be stored once the ring broke. Where they are plain memory, what the
//   device sees is what the program wrote, until it overwrites ring memory byte by byte. In both,
//   entries mean nothing any more when a descriptor that points into rings or tables was there for
//   the device to take (the device is then asked to overwrite them), or after an access that can
//   start the queue anew: checked again from the next start on;
//   Of a packed ring, entries are not checked;
// - meanwhile, a ring that is not broken has everything answered once the backend holds nothing.
//
// Ownership: owns everything. Threading: one thread. Units: bytes.

#ifndef PLATTER_DEVICES_VIRTIO_BLK_PROGRAM_H_
#define PLATTER_DEVICES_VIRTIO_BLK_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <span>

#include "aio/simulated/world.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/blk_target.h"
#include "devices/virtio/hostile_memory.h"
#include "devices/virtio/ring/packed_spec.h"
#include "devices/virtio/used_ring_watch.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

class BlkProgram final : private HostileMemoryWatcher {
 public:
  // A variant's bits.
  static constexpr uint8_t kDirect = 1;
  static constexpr uint8_t kNoEventIndex = 2;
  static constexpr unsigned kHiddenShift = 2;  // HostileMemory::Part, without kDevice.
  static constexpr uint8_t kPacked = 1u << 6;
  static constexpr uint8_t kInOrder = 1u << 7;
  static constexpr uint32_t kVariants = 1u << 8;

  BlkProgram();
  ~BlkProgram();

  // Runs the bytes as actions, the first one a variant, then checks that the device still works.
  void Run(std::span<const uint8_t> bytes);
  // One action.
  void Step(std::span<const uint8_t>& bytes);
  // Resets the device and begins anew as this variant.
  void Start(uint8_t variant);
  // Resets the device and runs a well-formed read.
  void CheckWorks();

  uint64_t completions() const { return completions_; }
  // Of packed rings.
  uint64_t packed_completions() const { return packed_completions_; }
  uint64_t broken() const { return broken_; }
  // Used entries that were compared with what was made available.
  uint64_t checked() const { return watch_.checked(); }

 private:
  static constexpr uint16_t kSize = 8;

  // Takes from the input; zeroes when it is used up.
  static uint8_t Take8(std::span<const uint8_t>& bytes);
  static uint64_t Take(std::span<const uint8_t>& bytes, int count);

  template <typename T>
  void Poke(uint64_t address, T value) {
    memory_.Poke(address, value);
  }
  bool is_packed() const { return (variant_ & kPacked) != 0; }
  uint16_t UsedIndex();
  bool IsUsed(PackedPlace place);
  void MakeAvailable(uint16_t head);
  void PutDescriptor(uint64_t table, uint32_t index, uint64_t address, uint32_t length,
                     uint16_t flags, uint16_t next);
  uint64_t PickAddress(std::span<const uint8_t>& bytes);

  void Reset();
  void WellFormed(std::span<const uint8_t>& bytes);
  void Mutate(std::span<const uint8_t>& bytes);
  void PokeAnywhere(uint64_t address, uint8_t value);
  void SkipAvailable(uint16_t entries);
  void ChangeOnRead(uint8_t what, uint8_t step);
  void Turn();

  bool rings_are_hidden() const;
  // Whether a descriptor that the device can take asks it to write rings or tables, or refers to
  // a table elsewhere, whose bytes may.
  bool AimsAtRings();
  void LookAtUsedRing();
  void CheckInvariants();

  // HostileMemoryWatcher.
  void OnDeviceRead(uint64_t address, std::span<const uint8_t> bytes) override;
  void OnDeviceWrite(uint64_t address, std::span<const uint8_t> bytes) override;

  SimulatedWorld world_{1};
  AioContext& context_;
  FakeBlockDevice backend_{64 * 1024};
  HostileMemory memory_{*this};
  UsedRingWatch watch_{kSize};
  uint8_t variant_ = 0;
  std::unique_ptr<BlkTarget> target_;
  uint16_t made_available_ = 0;
  uint16_t next_head_ = 0;
  bool reset_began_ = false;  // By the program.
  PackedPlace next_place_;    // Of a packed ring: to make available, and to reap.
  PackedPlace used_place_;
  uint64_t completions_ = 0;
  uint64_t packed_completions_ = 0;
  uint64_t broken_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_BLK_PROGRAM_H_
