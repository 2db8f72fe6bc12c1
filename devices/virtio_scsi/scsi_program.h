// SPDX-License-Identifier: Apache-2.0
//
// ScsiProgram: a virtio-scsi adapter driven by bytes: each is an action of a driver that mostly
// keeps the rules: commands with CDBs of any kind, task management, event buffers, one field wrong
// now and then, raw stores anywhere in its memory; and of the host: units that come and go, media
// that change, errors. For the fuzzer and the seeded mutator. The bytes also choose which parts of
// the guest's memory have no host address and may read differently the second time.
//
// What must hold is checked as it goes; a violation fails a check: memory that was not given to the
// adapter does not change; no more is in flight than the rings hold; while the driver has kept the
// rules everything is answered once the backends hold nothing, each chain once; and after a reset a
// disk is read.
//
// Ownership: owns everything. Threading: one thread. Units: bytes.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_SCSI_PROGRAM_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_SCSI_PROGRAM_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "aio/simulated/world.h"
#include "devices/bus/interrupt.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/hostile_memory.h"
#include "devices/virtio_scsi/virtio_scsi.h"

namespace platter {

class ScsiProgram final : private HostileMemoryWatcher, private InterruptVectors {
 public:
  ScsiProgram();
  ~ScsiProgram();

  // Runs the bytes as actions, the first one a variant, then checks that the adapter still works.
  void Run(std::span<const uint8_t> bytes);
  // One action.
  void Step(std::span<const uint8_t>& bytes);
  // Resets the adapter and begins anew, with the parts of `hidden` (bits) without host addresses.
  void Start(uint8_t hidden);
  // Resets the adapter and reads a block.
  void CheckWorks();

  uint64_t answers() const { return answers_; }
  uint64_t good() const { return good_; }
  uint64_t broken() const { return broken_; }

 private:
  static constexpr uint16_t kSize = 8;
  static constexpr uint16_t kQueues = 3;
  using Input = std::span<const uint8_t>;

  struct Queue {
    uint16_t made_available = 0;
    uint16_t next_head = 0;
    uint16_t reaped = 0;                  // Used elements looked at.
    std::array<bool, kSize> in_flight{};  // By head.
  };

  void Reset();
  void MakeAvailable(uint16_t queue, uint16_t head);
  uint16_t UsedIndex(uint16_t queue);
  uint16_t Head(uint16_t queue);
  void PutChain(uint16_t queue, uint64_t readable, uint32_t readable_bytes, uint64_t out,
                uint32_t out_bytes, uint64_t writable, uint32_t writable_bytes, uint64_t in,
                uint32_t in_bytes);
  uint64_t PickData(Input& bytes);
  void PickLun(uint8_t pick, uint64_t address);
  void Command(Input& bytes);
  void Control(Input& bytes);
  void EventBuffer(Input& bytes);
  void Mutate(Input& bytes);
  void Host(Input& bytes);
  void Turn();
  void CheckInvariants();

  // HostileMemoryWatcher.
  void OnDeviceRead(uint64_t, std::span<const uint8_t>) override {}
  void OnDeviceWrite(uint64_t, std::span<const uint8_t>) override {}
  // InterruptVectors.
  void Raise(uint16_t) override {}

  SimulatedWorld world_{1};
  AioContext& control_;
  AioContext& io_;
  FakeBlockDevice disk_{64 * 1024};
  FakeBlockDevice cd_{64 * 1024};
  FakeBlockDevice plugged_{64 * 1024};
  HostileMemory memory_{*this};
  std::unique_ptr<DirectTransport> transport_;
  std::unique_ptr<VirtioScsi> adapter_;
  std::array<Queue, kQueues> queues_;
  bool honest_ = true;  // Since the start: nothing but whole, well-formed chains.
  uint64_t answers_ = 0;
  uint64_t good_ = 0;
  uint64_t broken_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_SCSI_PROGRAM_H_
