// SPDX-License-Identifier: Apache-2.0
//
// SplitQueue: the device's side of one split virtqueue (virtio 1.3, 2.7): takes descriptor chains
// from the available ring, puts them back on the used ring, and decides about notifications both
// ways. It knows nothing of threads, registers or what a chain means.
//
//   while (queue.Pop(&chain) == PopResult::kChain) { ... queue.PushUsed(chain.head, bytes); }
//   if (queue.Publish()) interrupt();
//
// The driver is not trusted and may change the ring at any time: each descriptor is copied once,
// checked, then used. What cannot be right (an index out of range, a loop, a head that is in use
// already) breaks the queue: from then on it is empty, and nothing more is written to the ring,
// until Stop and Start.
//
// Ownership: holds a reference to the guest memory from Start to Stop. Everything it needs is
//   allocated by the constructor.
// Threading: one thread at a time; who that is changes only while the queue is stopped.
// Units: bytes, guest physical addresses. Errors: broken() and error().

#ifndef PLATTER_DEVICES_VIRTIO_RING_SPLIT_QUEUE_H_
#define PLATTER_DEVICES_VIRTIO_RING_SPLIT_QUEUE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"

#include "devices/bus/guest_memory.h"
#include "devices/bus/memory_cursor.h"
#include "devices/virtio/ring/chain.h"
#include "devices/virtio/ring/chain_walker.h"
#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/ring/ring_area.h"
#include "devices/virtio/ring/split_inflight.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

class SplitQueue {
 public:
  // `max_size`: a power of two, 1 ... kVirtqMaxSize.
  explicit SplitQueue(uint32_t max_size);
  SplitQueue(const SplitQueue&) = delete;
  SplitQueue& operator=(const SplitQueue&) = delete;

  uint32_t max_size() const { return max_size_; }

  // Takes the ring into use. `features`: those negotiated. INVALID_ARGUMENT naming what is wrong
  // with size or alignment, or when a part of the ring is not memory. The queue is stopped.
  absl::Status Start(std::shared_ptr<const GuestMemory> memory, const QueueLayout& layout,
                     uint64_t features);
  // Lets go of the ring and the memory. What is in use is forgotten.
  void Stop();

  bool started() const { return size_ != 0; }
  bool broken() const { return broken_; }
  // Why it is broken; for the log.
  const char* error() const { return error_; }
  // For what the user of the queue finds wrong in a chain.
  void Break(const char* why);

  // --- Available ring. ---

  // The next chain. kBroken also when it was broken before.
  PopResult Pop(Chain* chain);
  // Makes the chain popped last available again (nothing else happened to it).
  void UndoPop(uint16_t head);
  // Reads the chain of `head` again, which a saved state says is in use. False (and broken) when
  // the chain is not valid or the head is in use.
  bool Lookup(uint16_t head, Chain* chain);
  // Puts a head in use without a look at its chain, which is done. False (and broken) as there.
  bool TakeUp(uint16_t head) { return TakeHead(head); }
  // Whether Pop would find something. False when broken or stopped.
  bool HasWork();

  // --- Used ring. ---

  // Puts a popped head back; the driver sees it after Publish. `written`: bytes really written to
  // the writable part.
  void PushUsed(uint16_t head, uint32_t written);
  // Forgets a popped head without telling the driver (a reset drops it).
  void Drop(uint16_t head);
  // One store makes everything pushed visible. True when the driver wants an interrupt for it.
  bool Publish();
  bool unpublished() const { return used_next_ != used_published_; }

  // --- Notifications from the driver. ---

  // Hints that the driver need not notify.
  void SuppressKicks();
  // Asks for a notification of the next chain. True when there is work already: the driver may
  // then not notify.
  bool ArmKicks();

  // --- State. ---

  // Popped and neither pushed nor dropped. Never above size().
  uint32_t in_use() const { return in_use_count_; }
  uint32_t size() const { return size_; }
  uint16_t next_avail() const { return avail_next_; }
  uint16_t next_used() const { return used_next_; }
  // For mapping the buffers of chains. Only while started.
  MemoryCursor& memory() { return cursor_; }

 private:
  bool LoadAvailIndex();
  bool Walk(uint16_t head, Chain* chain);
  bool WalkIndirect(const VirtqDesc& table, ChainWalker& walker);
  // `load` gives the entry of an index.
  template <typename Load>
  bool WalkEntries(uint32_t entries, ChainWalker& walker, Load load);
  bool CopyIndirect(uint64_t table, uint32_t index, VirtqDesc* desc);
  bool Append(const VirtqDesc& desc, ChainWalker& walker);
  bool TakeHead(uint16_t head);
  void ReleaseHead(uint16_t head);

  const uint32_t max_size_;
  uint32_t size_ = 0;
  bool indirect_ = false;
  bool event_idx_ = false;
  bool broken_ = false;
  bool kicks_suppressed_ = false;

  uint16_t avail_next_ = 0;   // The next entry of the available ring to take.
  uint16_t avail_limit_ = 0;  // The driver's index as read last.
  uint16_t used_next_ = 0;
  uint16_t used_published_ = 0;
  uint32_t in_use_count_ = 0;

  RingArea descriptors_;
  RingArea avail_;
  RingArea used_;
  SplitInflight inflight_;
  MemoryCursor cursor_;
  std::shared_ptr<const GuestMemory> memory_;
  std::unique_ptr<ChainBuffer[]> buffers_;  // max_size_ of them.
  std::unique_ptr<uint64_t[]> in_use_;      // A bit per head.
  const char* error_ = "";
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_SPLIT_QUEUE_H_
