// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/packed_queue.h"

#include <atomic>
#include <bit>
#include <string>
#include <utility>

#include "base/arith.h"
#include "base/check.h"

namespace platter {

namespace {

// Of a descriptor: address, then length, id and flags.
constexpr uint64_t kSecondWord = 8;

PackedDesc AsDesc(const RingArea::Words& words) { return std::bit_cast<PackedDesc>(words); }

bool Has(const PackedDesc& desc, uint16_t flag) { return (desc.flags.get() & flag) != 0; }

uint64_t OffsetOf(PackedPlace place) { return place.index() * sizeof(PackedDesc); }

absl::Status Refuse(const std::string& why) { return absl::InvalidArgumentError(why); }

}  // namespace

PackedQueue::PackedQueue(uint32_t max_size) : max_size_(max_size) {
  PLATTER_CHECK(max_size != 0 && max_size <= kVirtqMaxSize);
}

// --- Start and stop. ---

absl::Status PackedQueue::Start(std::shared_ptr<const GuestMemory> memory,
                                const QueueLayout& layout, uint64_t features) {
  PLATTER_CHECK(!started());
  // R-VQ-07: what was advertised is what was allocated, and nothing above it is taken.
  if (layout.size == 0 || layout.size > max_size_) {
    return Refuse("queue size " + std::to_string(layout.size) + " is not between 1 and " +
                  std::to_string(max_size_));
  }
  const PackedPlace avail(layout.next_avail);
  const PackedPlace used(layout.next_used);
  if (avail.index() >= layout.size || used.index() >= layout.size ||
      used.DistanceTo(avail, layout.size) > layout.size) {
    return Refuse("the queue's position is not within its " + std::to_string(layout.size) +
                  " descriptors");
  }
  if (!IsAligned(layout.descriptors, kPackedDescAlign) ||
      !IsAligned(layout.driver, kPackedEventAlign) ||
      !IsAligned(layout.device, kPackedEventAlign)) {
    return Refuse("a part of the queue is not aligned as virtio 1.3, 2.8.10.1 demands");
  }
  const uint64_t ring_bytes = sizeof(PackedDesc) * uint64_t{layout.size};
  if (!memory->Contains(layout.descriptors, ring_bytes, DmaAccess::kDeviceReads) ||
      !ring_.Attach(*memory, layout.descriptors, ring_bytes, DmaAccess::kDeviceWrites)) {
    return Refuse("the descriptor ring is not in memory");
  }
  if (!driver_events_.Attach(*memory, layout.driver, kPackedEventBytes, DmaAccess::kDeviceReads)) {
    return Refuse("the driver's event suppression is not in memory");
  }
  if (!device_events_.Attach(*memory, layout.device, kPackedEventBytes, DmaAccess::kDeviceWrites)) {
    return Refuse("the device's event suppression is not in memory");
  }
  Allocate();
  memory_ = std::move(memory);
  cursor_ = MemoryCursor(*memory_);
  size_ = layout.size;
  indirect_ = (features & kVirtioFIndirectDesc) != 0;
  event_idx_ = (features & kVirtioFEventIdx) != 0;
  avail_ = avail;
  used_ = published_ = used;
  if (layout.used_log) device_events_.LogAs(*layout.used_log);
  LinkCells();
  return absl::OkStatus();
}

void PackedQueue::Allocate() {
  if (cells_ != nullptr) return;
  buffers_ = std::make_unique_for_overwrite<ChainBuffer[]>(max_size_);
  taken_ = std::make_unique<Taken[]>(max_size_);
  cells_ = std::make_unique_for_overwrite<Cell[]>(max_size_);
}

void PackedQueue::LinkCells() {
  for (uint32_t i = 0; i < size_; ++i) cells_[i].next = static_cast<uint16_t>(i + 1);
  free_cell_ = 0;
}

void PackedQueue::Stop() {
  for (uint32_t i = 0; i < size_; ++i) taken_[i] = Taken();
  size_ = 0;
  broken_ = false;
  error_ = "";
  kicks_suppressed_ = false;
  in_use_count_ = 0;
  descriptors_in_use_ = 0;
  published_ = used_;
  ring_.Detach();
  driver_events_.Detach();
  device_events_.Detach();
  cursor_ = MemoryCursor();
  memory_.reset();
}

void PackedQueue::Break(const char* why) {
  if (broken_) return;
  broken_ = true;
  error_ = why;
}

// --- Available descriptors. ---

bool PackedQueue::HasWork() {
  // R-VQ-08: a broken ring is an empty one.
  if (broken_ || size_ == 0) return false;
  const uint64_t second = ring_.LoadAcquire64(OffsetOf(avail_) + kSecondWord);
  return IsAvailable(AsDesc({0, second}).flags.get(), avail_.wrap());
}

PopResult PackedQueue::Pop(Chain* chain) {
  if (broken_ || size_ == 0) return broken_ ? PopResult::kBroken : PopResult::kEmpty;
  // The flags first: what else is in the descriptor was written before them.
  const PackedDesc first = AsDesc(ring_.LoadAcquire128(OffsetOf(avail_)));
  if (!IsAvailable(first.flags.get(), avail_.wrap())) return PopResult::kEmpty;
  Taken taken;
  uint16_t id = 0;
  if (const char* wrong = Copy(first, &taken, &id)) [[unlikely]] {
    Break(wrong);
    return PopResult::kBroken;
  }
  // 2.8: an id stands for one buffer at a time, and there are no more buffers than descriptors.
  if (id >= size_) [[unlikely]] {
    Break("a buffer id that is not below the queue's size");
    return PopResult::kBroken;
  }
  // R-VQ-05: an id that is in use can't be told from the new one when it completes.
  if (taken_[id].count != 0) [[unlikely]] {
    Break("a buffer id was made available again before it was used");
    return PopResult::kBroken;
  }
  taken_[id] = taken;
  if (!Walk(id, chain)) [[unlikely]] {
    taken_[id] = Taken();
    return PopResult::kBroken;
  }
  taken_[id].in_use = true;
  ++in_use_count_;
  descriptors_in_use_ += taken.count;
  avail_.Advance(taken.count, size_);
  return PopResult::kChain;
}

inline void PackedQueue::Append(const PackedDesc& desc, Taken* taken) {
  taken->last = taken->count == 0 ? taken->first : cells_[taken->last].next;
  ++taken->count;
  cells_[taken->last].desc = desc;
}

inline const char* PackedQueue::Copy(const PackedDesc& first, Taken* taken, uint16_t* id) {
  taken->first = free_cell_;
  PackedPlace at = avail_;
  PackedDesc desc = first;
  const uint32_t room = size_ - descriptors_in_use_;
  while (true) {
    // R-VQ-03: what is in use is never more than the ring has. Bounds the chain as well.
    if (taken->count == room) [[unlikely]] {
      return "more descriptors are available than the ring has room for";
    }
    Append(desc, taken);
    if (!Has(desc, kVirtqDescNext)) break;
    at.Advance(1, size_);
    // 2.8.6: the first one was made available last, so that the others are there by now.
    desc = AsDesc(ring_.Load128(OffsetOf(at)));
    if (!IsAvailable(desc.flags.get(), at.wrap())) [[unlikely]] {
      return "a chain goes on with a descriptor that is not available";
    }
  }
  // 2.8.6: the id is in the last descriptor of the chain.
  *id = desc.id.get();
  free_cell_ = cells_[taken->last].next;
  return nullptr;
}

bool PackedQueue::Walk(uint16_t id, Chain* chain) {
  const Taken& taken = taken_[id];
  ChainWalker walker(buffers_.get(), size_);
  uint16_t at = taken.first;
  for (uint16_t i = 0; i < taken.count; ++i, at = cells_[at].next) {
    const PackedDesc& desc = cells_[at].desc;
    const char* wrong = nullptr;
    if (!Has(desc, kVirtqDescIndirect)) {
      wrong = walker.Append(desc);
    } else if (taken.count != 1) {
      wrong = "an indirect descriptor in a chain of several";  // 2.8.19
    } else {
      wrong = WalkIndirect(desc, walker);
    }
    if (wrong != nullptr) [[unlikely]] {
      Break(wrong);
      return false;
    }
  }
  walker.Finish(id, chain);
  return true;
}

const char* PackedQueue::WalkIndirect(const PackedDesc& table, ChainWalker& walker) {
  if (!indirect_) return "an indirect descriptor without the feature";
  const uint32_t bytes = table.length.get();
  // R-VQ-09: also of length 0.
  if (bytes == 0 || bytes % sizeof(PackedDesc) != 0) {
    return "an indirect table whose length is not a number of descriptors";
  }
  // 2.8.7: all of the table is the chain; of flags in it, only the write flag means something, and
  // in the descriptor that refers to the table not even that.
  const uint32_t entries = bytes / sizeof(PackedDesc);
  if (entries > size_) return "an indirect table of more descriptors than the queue has";
  const uint64_t address = table.address.get();
  const uint8_t* host = cursor_.TryMap(address, bytes, DmaAccess::kDeviceReads);
  if (host != nullptr && reinterpret_cast<uintptr_t>(host) % alignof(uint64_t) == 0) [[likely]] {
    const auto* words = reinterpret_cast<const uint64_t*>(host);
    for (uint32_t i = 0; i < entries; ++i, words += 2) {
      const PackedDesc desc = AsDesc(
          {__atomic_load_n(words, __ATOMIC_RELAXED), __atomic_load_n(words + 1, __ATOMIC_RELAXED)});
      if (const char* wrong = walker.Append(desc)) [[unlikely]]
        return wrong;
    }
    return nullptr;
  }
  for (uint32_t i = 0; i < entries; ++i) {
    PackedDesc desc;
    const std::optional<uint64_t> at = CheckedAdd(address, i * sizeof(desc));
    if (!at) return "an indirect table that wraps around the address space";
    if (!memory_->Read(*at, {reinterpret_cast<uint8_t*>(&desc), sizeof(desc)})) {
      return "an indirect table is not in memory";
    }
    if (const char* wrong = walker.Append(desc)) return wrong;
  }
  return nullptr;
}

void PackedQueue::UndoPop(uint16_t id) {
  avail_.Retreat(taken_[id].count, size_);
  Release(id);
}

void PackedQueue::Release(uint16_t id) {
  PLATTER_CHECK(id < size_ && taken_[id].in_use);
  Taken& taken = taken_[id];
  cells_[taken.last].next = std::exchange(free_cell_, taken.first);
  --in_use_count_;
  descriptors_in_use_ -= taken.count;
  taken = Taken();
}

// --- Used descriptors. ---

void PackedQueue::PushUsed(uint16_t id, uint32_t written) {
  const uint32_t count = taken_[id].count;
  Release(id);
  if (broken_) return;  // Nothing more happens on a broken ring.
  // 2.8.1: both flags as the wrap counter; 2.8.3: whether anything was written.
  uint16_t flags = used_.wrap() ? kPackedDescAvail | kPackedDescUsed : 0;
  if (written != 0) flags |= kVirtqDescWrite;
  const PackedDesc desc = {.address = {}, .length = written, .id = id, .flags = flags};
  const uint64_t word = std::bit_cast<RingArea::Words>(desc).high;
  if (used_ == published_) {
    // The driver looks at this one only, so that it decides about all that follow it.
    first_used_ = word;
  } else {
    ring_.StoreRelease64(OffsetOf(used_) + kSecondWord, word);
  }
  // 2.8.6: the rest of the chain is skipped.
  used_.Advance(count, size_);
}

bool PackedQueue::Publish() {
  if (broken_ || used_ == published_) return false;
  const PackedPlace before = std::exchange(published_, used_);
  ring_.StoreRelease64(OffsetOf(before) + kSecondWord, first_used_);
  // The driver's wish is read after the descriptor is visible; a driver that asks for an interrupt
  // looks at the descriptor afterwards, so one of the two sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const uint32_t event = driver_events_.Load32(0);
  switch ((event >> 16) & kPackedEventMask) {
    case kPackedEventDisable:
      return false;
    case kPackedEventDesc: {
      const PackedPlace at(static_cast<uint16_t>(event));
      // What means nothing (2.8.10: the flag without the feature, a place outside) is no wish to be
      // left alone.
      if (!event_idx_ || at.index() >= size_) return true;
      return before.DistanceTo(at, size_) < before.DistanceTo(used_, size_);
    }
    default:
      return true;
  }
}

// --- Notifications from the driver. ---

void PackedQueue::SuppressKicks() {
  if (broken_ || size_ == 0 || kicks_suppressed_) return;
  kicks_suppressed_ = true;
  // With event index nothing is to be done: the descriptor asked for was passed by the kick that
  // came.
  if (!event_idx_) device_events_.StoreRelease32(0, uint32_t{kPackedEventDisable} << 16);
}

bool PackedQueue::ArmKicks() {
  if (broken_ || size_ == 0) return false;
  kicks_suppressed_ = false;
  // In one store, so that a driver never sees the flag with another place.
  device_events_.StoreRelease32(0, event_idx_ ? avail_.bits() | uint32_t{kPackedEventDesc} << 16
                                              : uint32_t{kPackedEventEnable} << 16);
  // As in Publish, the other way round.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return HasWork();
}

// --- Saved state. ---

std::vector<PackedDesc> PackedQueue::ChainOf(uint16_t id) const {
  PLATTER_CHECK(id < size_);
  std::vector<PackedDesc> descriptors;
  uint16_t at = taken_[id].first;
  for (uint16_t i = 0; i < taken_[id].count; ++i, at = cells_[at].next) {
    descriptors.push_back(cells_[at].desc);
  }
  return descriptors;
}

bool PackedQueue::Remember(uint16_t id, std::span<const PackedDesc> descriptors) {
  if (id >= size_ || taken_[id].count != 0 || descriptors.empty() ||
      descriptors.size() > size_ - descriptors_in_use_) {
    return false;
  }
  Taken& taken = taken_[id];
  taken.first = free_cell_;
  for (const PackedDesc& desc : descriptors) Append(desc, &taken);
  free_cell_ = cells_[taken.last].next;
  descriptors_in_use_ += taken.count;
  return true;
}

bool PackedQueue::FindRemembered(uint16_t id) {
  if (broken_ || size_ == 0) return false;
  if (id < size_ && taken_[id].count != 0 && !taken_[id].in_use) return true;
  Break("a buffer id that is not known, or in use already");
  return false;
}

bool PackedQueue::Lookup(uint16_t id, Chain* chain) {
  if (!FindRemembered(id) || !Walk(id, chain)) return false;
  taken_[id].in_use = true;
  ++in_use_count_;
  return true;
}

bool PackedQueue::TakeUp(uint16_t id) {
  if (!FindRemembered(id)) return false;
  taken_[id].in_use = true;
  ++in_use_count_;
  return true;
}

}  // namespace platter
