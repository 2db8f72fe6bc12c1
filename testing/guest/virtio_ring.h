// SPDX-License-Identifier: Apache-2.0
//
// VirtioRing: the driver's side of a split virtqueue (virtio 1.3, 2.7) on a GuestBus: descriptors
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

namespace platter {

// A piece of guest memory.
struct GuestSegment {
  uint64_t address = 0;
  uint32_t bytes = 0;
};

// Where the three parts of a ring lie.
struct RingLayout {
  uint16_t size = 0;
  uint64_t descriptors = 0;
  uint64_t driver = 0;  // Available ring.
  uint64_t device = 0;  // Used ring.
};

struct RingCompletion {
  uint64_t token = 0;
  uint32_t bytes = 0;  // What the device says it wrote.
};

// What the device did wrong.
struct RingFaults {
  uint64_t unknown_ids = 0;  // Not a head, or not outstanding (completed twice).
  uint64_t over_long = 0;    // Claimed more bytes than the chain can take.
  uint64_t index_jumps = 0;  // The used index ran ahead of what was made available.
  uint64_t total() const { return unknown_ids + over_long + index_jumps; }
};

enum class EventIndex : uint8_t { kOff, kOn };

class VirtioRing {
 public:
  struct Options {
    uint16_t size = 128;  // A power of two, 1 ... 32768.
    EventIndex event_index = EventIndex::kOff;
    // Entries of the indirect table that each head has; 0: chains are direct only. A chain of more
    // than one piece that fits goes indirect.
    uint16_t indirect_entries = 0;
  };

  static absl::StatusOr<std::unique_ptr<VirtioRing>> Create(GuestBus& bus, const Options& options);
  ~VirtioRing();
  VirtioRing(const VirtioRing&) = delete;
  VirtioRing& operator=(const VirtioRing&) = delete;

  const RingLayout& layout() const { return layout_; }
  bool mapped() const { return mirror_.empty(); }

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

  uint16_t free_descriptors() const { return free_count_; }
  uint32_t in_flight() const { return in_flight_; }
  const RingFaults& faults() const { return faults_; }

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
  bool Deliver(RingCompletion& done);

  // The mirror's way to and from guest memory; nothing when mapped.
  void Push(const uint8_t* at, uint64_t bytes);
  void Pull(uint8_t* at, uint64_t bytes);

  GuestBus& bus_;
  const Options options_;
  RingLayout layout_;
  uint64_t base_ = 0;         // Of the allocation.
  uint64_t indirect_at_ = 0;  // Of the indirect tables, by head.

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
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_RING_H_
