// SPDX-License-Identifier: Apache-2.0
//
// VirtioRing: the driver's side of a virtqueue on a GuestBus, split (virtio 1.3, 2.7) or, by way of
// packed_ring.h, packed (2.8): descriptors
// handed out and taken back, indirect tables, event index, batches. Where the bus maps memory it
// works on it directly and allocates nothing after Create, so it is also the load generator of the
// benchmarks; elsewhere it keeps a mirror and writes through the bus.
//
//   ring->Add(readable, writable, token);     // any number, then once:
//   if (ring->Publish()) transport.Notify(queue);
//   RingCompletion done;
//   while (ring->Reap(done)) ...              // done.token
//
// For rings that break the rules see raw_ring.h.
//
// Ownership: holds guest memory of the bus from Create to destruction; the device has let go of the
//   ring by then. Threading: one thread, as the bus. Units: lengths in bytes.
// Errors: Create: RESOURCE_EXHAUSTED, INVALID_ARGUMENT. What a device does wrong is counted in
//   faults(); an id that is not outstanding is not delivered.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_RING_H_
#define PLATTER_TESTING_GUEST_VIRTIO_RING_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/ring/packed_ring.h"
#include "testing/guest/ring/ring_types.h"

namespace platter {

class VirtioRing {
 public:
  using Options = RingOptions;

  static absl::StatusOr<std::unique_ptr<VirtioRing>> Create(GuestBus& bus, const Options& options);
  ~VirtioRing();
  VirtioRing(const VirtioRing&) = delete;
  VirtioRing& operator=(const VirtioRing&) = delete;

  const RingLayout& layout() const { return layout_; }
  bool mapped() const { return packed_ != nullptr ? packed_->mapped() : mirror_.empty(); }

  // Adds a chain of at least one piece; the device sees it after Publish. False when descriptors
  // are short; nothing is added then. `token` comes back with the completion.
  bool Add(std::span<const GuestSegment> readable, std::span<const GuestSegment> writable,
           uint64_t token);
  // Makes what was added available. True when the device wants to be notified.
  bool Publish();
  // Takes the oldest completion. False when there is none.
  bool Reap(RingCompletion& done);

  // Interrupts are on at first. Asks for one when the next chain completes; returns whether there
  // are completions already (look again, none may follow).
  bool EnableInterrupts();
  // A hint to the device.
  void DisableInterrupts();
  // With the event index: ask for one only when `completions` (1 ... in flight) more are done.
  bool EnableInterruptsAfter(uint16_t completions);

  uint16_t free_descriptors() const {
    return packed_ != nullptr ? packed_->free_descriptors() : free_count_;
  }
  uint32_t in_flight() const { return packed_ != nullptr ? packed_->in_flight() : in_flight_; }
  RingFaults faults() const;
  // Where the next chain will be made available, as a notification with data tells it (2.9): the
  // available index, or the place of a packed ring.
  uint16_t next_place() const {
    return packed_ != nullptr ? packed_->next_place() : published_index_;
  }

 private:
  // What the driver remembers of a descriptor; the table in guest memory is never read back.
  struct Slot {
    uint64_t token = 0;
    uint64_t writable_bytes = 0;
    uint16_t next = 0;
    uint16_t tail = 0;   // Of heads: the last descriptor of the chain.
    uint16_t count = 0;  // Of heads: descriptors taken; 0 when not outstanding.
  };

  VirtioRing(GuestBus& bus, const Options& options);
  absl::Status Allocate();
  void SetUpSlots();
  void WriteDescriptors(std::span<const GuestSegment> readable,
                        std::span<const GuestSegment> writable, uint16_t head, Slot& slot);
  bool WriteIndirect(std::span<const GuestSegment> readable, std::span<const GuestSegment> writable,
                     uint16_t head);
  bool AddSplit(std::span<const GuestSegment> readable, std::span<const GuestSegment> writable,
                uint64_t token);
  bool ReapSplit(RingCompletion& done);
  bool Deliver(RingCompletion& done);
  // In order: what was added, and what is to come next.
  void Expect(uint64_t token) { expected_[added_++ % options_.size] = token; }
  void CheckExpected(uint64_t token);

  // The mirror's way to and from guest memory; nothing when mapped.
  void Push(const uint8_t* at, uint64_t bytes);
  void Pull(uint8_t* at, uint64_t bytes);

  GuestBus& bus_;
  const Options options_;
  RingLayout layout_;
  std::unique_ptr<PackedRing> packed_;  // Instead of all below but what is about the order.
  uint64_t base_ = 0;                   // Of the allocation.
  uint64_t indirect_at_ = 0;            // Of the indirect tables, by head.

  // Host views of the ring: guest memory, or the mirror of it.
  uint8_t* memory_ = nullptr;
  uint8_t* descriptors_ = nullptr;
  uint8_t* avail_ = nullptr;
  uint8_t* used_ = nullptr;
  uint8_t* indirect_ = nullptr;
  std::vector<uint8_t> mirror_;

  std::vector<Slot> slots_;
  uint16_t free_head_ = 0;
  uint16_t free_count_ = 0;
  uint16_t avail_index_ = 0;      // Next to fill.
  uint16_t published_index_ = 0;  // What the device knows.
  uint16_t used_index_ = 0;       // Next to reap.
  uint16_t seen_used_index_ = 0;  // The device's index as read last.
  uint32_t in_flight_ = 0;
  RingFaults faults_;

  std::vector<uint64_t> expected_;  // Tokens.
  uint64_t added_ = 0;
  uint64_t reaped_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_RING_H_
