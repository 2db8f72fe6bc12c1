// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/split_queue.h"

#include <atomic>
#include <bit>
#include <string>
#include <utility>

#include "base/arith.h"
#include "base/check.h"

namespace platter {

namespace {

constexpr uint32_t kBitsPerWord = 64;

uint32_t WordsFor(uint32_t bits) { return (bits + kBitsPerWord - 1) / kBitsPerWord; }

VirtqDesc AsDesc(const RingArea::Words& words) { return std::bit_cast<VirtqDesc>(words); }

bool Has(const VirtqDesc& desc, uint16_t flag) { return (desc.flags.get() & flag) != 0; }

absl::Status Refuse(const std::string& why) { return absl::InvalidArgumentError(why); }

}  // namespace

SplitQueue::SplitQueue(uint32_t max_size)
    : max_size_(max_size),
      // Not touched before it is used: large queues cost nothing until a driver fills them.
      buffers_(std::make_unique_for_overwrite<ChainBuffer[]>(max_size)),
      in_use_(std::make_unique<uint64_t[]>(WordsFor(max_size))) {
  PLATTER_CHECK(IsPowerOfTwo(max_size) && max_size <= kVirtqMaxSize);
}

absl::Status SplitQueue::Start(std::shared_ptr<const GuestMemory> memory, const QueueLayout& layout,
                               uint64_t features) {
  PLATTER_CHECK(!started());
  // R-VQ-07: what was advertised is what was allocated, and nothing above it is taken.
  if (layout.size == 0 || !IsPowerOfTwo(layout.size) || layout.size > max_size_) {
    return Refuse("queue size " + std::to_string(layout.size) +
                  " is not a power of two between 1 and " + std::to_string(max_size_));
  }
  PLATTER_CHECK(layout.inflight.host == nullptr || layout.size <= layout.inflight.entries);
  if (!IsAligned(layout.descriptors, kVirtqDescAlign) ||
      !IsAligned(layout.driver, kVirtqAvailAlign) || !IsAligned(layout.device, kVirtqUsedAlign)) {
    return Refuse("a part of the queue is not aligned as virtio 1.3, 2.7 demands");
  }
  const uint64_t table_bytes = sizeof(VirtqDesc) * uint64_t{layout.size};
  if (!descriptors_.Attach(*memory, layout.descriptors, table_bytes, DmaAccess::kDeviceReads)) {
    return Refuse("the descriptor table is not in memory");
  }
  if (!avail_.Attach(*memory, layout.driver, VirtqAvailBytes(layout.size),
                     DmaAccess::kDeviceReads)) {
    return Refuse("the available ring is not in memory");
  }
  if (!used_.Attach(*memory, layout.device, VirtqUsedBytes(layout.size),
                    DmaAccess::kDeviceWrites)) {
    return Refuse("the used ring is not in memory");
  }
  memory_ = std::move(memory);
  cursor_ = MemoryCursor(*memory_);
  size_ = layout.size;
  indirect_ = (features & kVirtioFIndirectDesc) != 0;
  event_idx_ = (features & kVirtioFEventIdx) != 0;
  avail_next_ = avail_limit_ = layout.next_avail;
  used_next_ = used_published_ = layout.next_used;
  inflight_.Attach(layout.inflight);
  if (layout.used_log) used_.LogAs(*layout.used_log);
  return absl::OkStatus();
}

void SplitQueue::Stop() {
  size_ = 0;
  broken_ = false;
  error_ = "";
  kicks_suppressed_ = false;
  for (uint32_t i = 0; i < WordsFor(max_size_); ++i) in_use_[i] = 0;
  in_use_count_ = 0;
  avail_limit_ = avail_next_;
  used_published_ = used_next_;
  descriptors_.Detach();
  avail_.Detach();
  used_.Detach();
  inflight_.Detach();
  cursor_ = MemoryCursor();
  memory_.reset();
}

void SplitQueue::Break(const char* why) {
  if (broken_) return;
  broken_ = true;
  error_ = why;
}

bool SplitQueue::LoadAvailIndex() {
  if (broken_ || size_ == 0) return false;
  const uint16_t index = avail_.LoadAcquire16(kVirtqAvailIdx);
  // R-VQ-03: a driver can't have made more available than the ring holds.
  if (static_cast<uint16_t>(index - avail_next_) > size_) {
    Break("the available index is more than the queue's size ahead");
    return false;
  }
  avail_limit_ = index;
  return index != avail_next_;
}

bool SplitQueue::HasWork() {
  if (broken_ || size_ == 0) return false;
  return avail_next_ != avail_limit_ || LoadAvailIndex();
}

PopResult SplitQueue::Pop(Chain* chain) {
  if (!HasWork()) return broken_ ? PopResult::kBroken : PopResult::kEmpty;
  const uint64_t entry = kVirtqAvailRing + 2 * uint64_t{avail_next_ & (size_ - 1)};
  const uint16_t head = avail_.Load16(entry);
  if (!TakeHead(head)) return PopResult::kBroken;
  if (!Walk(head, chain)) {
    ReleaseHead(head);
    return PopResult::kBroken;
  }
  ++avail_next_;
  if (inflight_.attached()) [[unlikely]]
    inflight_.Take(head);
  return PopResult::kChain;
}

void SplitQueue::UndoPop(uint16_t head) {
  ReleaseHead(head);
  --avail_next_;
  if (inflight_.attached()) [[unlikely]]
    inflight_.Undo(head);
}

bool SplitQueue::Lookup(uint16_t head, Chain* chain) {
  if (broken_ || size_ == 0 || !TakeHead(head)) return false;
  if (Walk(head, chain)) return true;
  ReleaseHead(head);
  return false;
}

bool SplitQueue::TakeHead(uint16_t head) {
  if (head >= size_) {
    Break("the available ring names a descriptor that does not exist");
    return false;
  }
  uint64_t& word = in_use_[head / kBitsPerWord];
  const uint64_t bit = uint64_t{1} << (head % kBitsPerWord);
  // R-VQ-05: a head that is in use can't be told from the new one when it completes.
  if ((word & bit) != 0) {
    Break("a descriptor was made available again before it was used");
    return false;
  }
  word |= bit;
  ++in_use_count_;
  return true;
}

void SplitQueue::ReleaseHead(uint16_t head) {
  uint64_t& word = in_use_[head / kBitsPerWord];
  const uint64_t bit = uint64_t{1} << (head % kBitsPerWord);
  PLATTER_CHECK(head < max_size_ && (word & bit) != 0);
  word &= ~bit;
  --in_use_count_;
}

inline bool SplitQueue::Append(const VirtqDesc& desc, ChainWalker& walker) {
  const char* const wrong = walker.Append(desc);
  if (wrong == nullptr) [[likely]]
    return true;
  Break(wrong);
  return false;
}

bool SplitQueue::Walk(uint16_t head, Chain* chain) {
  ChainWalker walker(buffers_.get(), size_);
  uint32_t at = head;
  while (true) {
    const VirtqDesc desc = AsDesc(descriptors_.Load128(at * sizeof(VirtqDesc)));
    if (Has(desc, kVirtqDescIndirect)) {
      // Zero or more plain descriptors, then one table, end the chain (2.7.5.3.2).
      if (!WalkIndirect(desc, walker)) return false;
      break;
    }
    if (!Append(desc, walker)) return false;
    if (!Has(desc, kVirtqDescNext)) break;
    at = desc.next.get();
    if (at >= size_) {
      Break("a descriptor's next one does not exist");
      return false;
    }
  }
  walker.Finish(head, chain);
  return true;
}

bool SplitQueue::WalkIndirect(const VirtqDesc& table, ChainWalker& walker) {
  if (!indirect_) {
    Break("an indirect descriptor without the feature");
    return false;
  }
  if (Has(table, kVirtqDescNext)) {
    Break("an indirect descriptor that has a next one");
    return false;
  }
  const uint32_t bytes = table.length.get();
  if (bytes == 0 || bytes % sizeof(VirtqDesc) != 0) {
    Break("an indirect table whose length is not a number of descriptors");
    return false;
  }
  // The write flag of a descriptor that refers to a table means nothing (2.7.5.3.2).
  const uint32_t entries = bytes / sizeof(VirtqDesc);
  const uint64_t address = table.address.get();
  const uint8_t* host = cursor_.TryMap(address, bytes, DmaAccess::kDeviceReads);
  if (host != nullptr && reinterpret_cast<uintptr_t>(host) % alignof(uint64_t) == 0) [[likely]] {
    return WalkEntries(entries, walker, [host](uint32_t index, VirtqDesc* desc) {
      const auto* words = reinterpret_cast<const uint64_t*>(host + index * sizeof(VirtqDesc));
      *desc = AsDesc(
          {__atomic_load_n(words, __ATOMIC_RELAXED), __atomic_load_n(words + 1, __ATOMIC_RELAXED)});
      return true;
    });
  }
  // Not aligned (2.7.5.3 does not ask for it), across a region's border, or without a pointer.
  return WalkEntries(entries, walker, [this, address](uint32_t index, VirtqDesc* desc) {
    return CopyIndirect(address, index, desc);
  });
}

template <typename Load>
bool SplitQueue::WalkEntries(uint32_t entries, ChainWalker& walker, Load load) {
  for (uint32_t at = 0;;) {
    VirtqDesc desc;
    if (!load(at, &desc)) return false;
    if (Has(desc, kVirtqDescIndirect)) [[unlikely]] {
      Break("an indirect table within an indirect table");
      return false;
    }
    if (!Append(desc, walker)) return false;
    if (!Has(desc, kVirtqDescNext)) return true;
    at = desc.next.get();
    if (at >= entries) [[unlikely]] {
      Break("a descriptor's next one lies outside its indirect table");
      return false;
    }
  }
}

bool SplitQueue::CopyIndirect(uint64_t table, uint32_t index, VirtqDesc* desc) {
  const std::optional<uint64_t> address = CheckedAdd(table, index * sizeof(VirtqDesc));
  if (!address) {
    Break("an indirect table that wraps around the address space");
    return false;
  }
  if (memory_->Read(*address, {reinterpret_cast<uint8_t*>(desc), sizeof(*desc)})) return true;
  Break("an indirect table is not in memory");
  return false;
}

void SplitQueue::PushUsed(uint16_t head, uint32_t written) {
  ReleaseHead(head);
  if (broken_) return;  // R-VQ-08: nothing more happens on a broken ring.
  const uint64_t slot = used_next_ & (size_ - 1);
  used_.Store64(kVirtqUsedRing + kVirtqUsedElement * slot, head, written);
  ++used_next_;
  if (inflight_.attached()) [[unlikely]]
    inflight_.Push(head);
}

void SplitQueue::Drop(uint16_t head) { ReleaseHead(head); }

bool SplitQueue::Publish() {
  if (broken_ || used_next_ == used_published_) return false;
  const uint16_t before = used_published_;
  used_published_ = used_next_;
  used_.StoreRelease16(kVirtqUsedIdx, used_next_);
  if (inflight_.attached()) [[unlikely]]
    inflight_.Published(used_next_);
  // 2.7.7.2 and 2.7.10: the driver's wish is read after the index is visible; a driver that asks
  // for an interrupt looks at the index afterwards, so one of the two sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!event_idx_) return (avail_.Load16(0) & kVirtqAvailNoInterrupt) == 0;
  const uint16_t event = avail_.Load16(VirtqUsedEvent(size_));
  return static_cast<uint16_t>(used_next_ - event - 1) < static_cast<uint16_t>(used_next_ - before);
}

void SplitQueue::SuppressKicks() {
  if (broken_ || size_ == 0 || kicks_suppressed_) return;
  kicks_suppressed_ = true;
  // With event index nothing is to be done: the event was passed by the kick that came.
  if (!event_idx_) used_.StoreRelease16(0, kVirtqUsedNoNotify);
}

bool SplitQueue::ArmKicks() {
  if (broken_ || size_ == 0) return false;
  kicks_suppressed_ = false;
  if (event_idx_) {
    used_.StoreRelease16(VirtqAvailEvent(size_), avail_next_);
  } else {
    used_.StoreRelease16(0, 0);
  }
  // As in Publish, the other way round.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return HasWork();
}

}  // namespace platter
