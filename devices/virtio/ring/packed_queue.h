// SPDX-License-Identifier: Apache-2.0
//
// PackedQueue: the device's side of one packed virtqueue (virtio 1.3, 2.8), with the functions of
// SplitQueue, which says what they do. What differs:
//
// - A chain's head is its buffer id, below the queue's size.
// - Positions are PackedPlace's 16 bits: an index and a wrap counter.
// - The size need not be a power of two.
// - Used descriptors overwrite available ones, also those of chains that are still in use. So the
//   queue keeps a copy of the ring's part of each chain: Lookup reads that, and a saved state
//   carries it (ChainOf, Remember).
//
// Ownership: holds a reference to the guest memory from Start to Stop. What it needs is allocated
//   by the first Start.
// Threading: one thread at a time; who that is changes only while the queue is stopped.
// Units: bytes, guest physical addresses. Errors: broken() and error().

#ifndef PLATTER_DEVICES_VIRTIO_RING_PACKED_QUEUE_H_
#define PLATTER_DEVICES_VIRTIO_RING_PACKED_QUEUE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"

#include "devices/bus/guest_memory.h"
#include "devices/bus/memory_cursor.h"
#include "devices/virtio/ring/chain.h"
#include "devices/virtio/ring/chain_walker.h"
#include "devices/virtio/ring/packed_spec.h"
#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/ring/ring_area.h"

namespace platter {

class PackedQueue {
 public:
  // `max_size`: 1 ... kVirtqMaxSize.
  explicit PackedQueue(uint32_t max_size);
  PackedQueue(const PackedQueue&) = delete;
  PackedQueue& operator=(const PackedQueue&) = delete;

  uint32_t max_size() const { return max_size_; }

  absl::Status Start(std::shared_ptr<const GuestMemory> memory, const QueueLayout& layout,
                     uint64_t features);
  void Stop();

  bool started() const { return size_ != 0; }
  bool broken() const { return broken_; }
  const char* error() const { return error_; }
  void Break(const char* why);

  // --- Available descriptors. ---

  PopResult Pop(Chain* chain);
  void UndoPop(uint16_t id);
  // Of an id that Remember was told of.
  bool Lookup(uint16_t id, Chain* chain);
  // Puts such an id in use without a look at its chain, which is done. False (and broken) as there.
  bool TakeUp(uint16_t id);
  bool HasWork();

  // --- Used descriptors. ---

  void PushUsed(uint16_t id, uint32_t written);
  void Drop(uint16_t id) { Release(id); }
  bool Publish();
  bool unpublished() const { return used_ != published_; }

  // --- Notifications from the driver. ---

  void SuppressKicks();
  bool ArmKicks();

  // --- State. ---

  uint32_t in_use() const { return in_use_count_; }
  uint32_t size() const { return size_; }
  uint16_t next_avail() const { return avail_.bits(); }
  uint16_t next_used() const { return used_.bits(); }
  MemoryCursor& memory() { return cursor_; }

  // The ring's descriptors of a chain in use.
  std::vector<PackedDesc> ChainOf(uint16_t id) const;
  // The same from a saved state, which is not trusted: false when it can't be the chain of a ring
  // of this size beside those that were remembered before.
  bool Remember(uint16_t id, std::span<const PackedDesc> descriptors);

 private:
  // The copies of a chain's descriptors: a list of `count` cells from `first` to `last`.
  struct Taken {
    uint16_t first = 0;
    uint16_t last = 0;
    uint16_t count = 0;  // 0: there is no such chain.
    bool in_use = false;
  };
  struct Cell {
    PackedDesc desc;
    uint16_t next;
  };

  void Allocate();
  void LinkCells();
  bool IsAvailable(uint16_t flags, bool wrap) const {
    constexpr uint16_t kBoth = kPackedDescAvail | kPackedDescUsed;
    return (flags & kBoth) == (wrap ? kPackedDescAvail : kPackedDescUsed);
  }
  // Copies the chain that starts with `first`; nullptr, or what is wrong with it.
  const char* Copy(const PackedDesc& first, Taken* taken, uint16_t* id);
  // Another cell of a chain whose cells come from the free list in its order.
  void Append(const PackedDesc& desc, Taken* taken);
  bool Walk(uint16_t id, Chain* chain);
  const char* WalkIndirect(const PackedDesc& table, ChainWalker& walker);
  bool FindRemembered(uint16_t id);
  void Release(uint16_t id);

  const uint32_t max_size_;
  uint32_t size_ = 0;
  bool indirect_ = false;
  bool event_idx_ = false;
  bool broken_ = false;
  bool kicks_suppressed_ = false;

  PackedPlace avail_;        // The next descriptor to take.
  PackedPlace used_;         // The next one to write.
  PackedPlace published_;    // The first of those that the driver does not see yet.
  uint64_t first_used_ = 0;  // What makes them visible: the second word of the one there.
  uint32_t in_use_count_ = 0;
  uint32_t descriptors_in_use_ = 0;

  RingArea ring_;
  RingArea driver_events_;
  RingArea device_events_;
  MemoryCursor cursor_;
  std::shared_ptr<const GuestMemory> memory_;
  // max_size_ of each.
  std::unique_ptr<ChainBuffer[]> buffers_;
  std::unique_ptr<Taken[]> taken_;  // By id.
  std::unique_ptr<Cell[]> cells_;
  uint16_t free_cell_ = 0;
  const char* error_ = "";
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_PACKED_QUEUE_H_
