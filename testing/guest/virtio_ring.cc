// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_ring.h"

#include <atomic>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

using guest::RingDescriptor;
using guest::UsedElement;

constexpr uint64_t kPage = 4096;

template <typename T>
constexpr T Le(T value) {
  return std::endian::native == std::endian::little ? value : ByteSwap(value);
}

// The 16-bit fields that both sides look at are read and written whole (virtio 1.3, 2.7.13).
uint16_t Load(uint8_t* field, std::memory_order order) {
  return Le(std::atomic_ref(*reinterpret_cast<uint16_t*>(field)).load(order));
}
template <typename T>
// NOLINTNEXTLINE(readability-non-const-parameter): it is stored to, by way of the cast.
void Store(uint8_t* field, T value, std::memory_order order) {
  std::atomic_ref(*reinterpret_cast<T*>(field)).store(Le(value), order);
}

void PutDescriptor(uint8_t* table, uint16_t index, const GuestSegment& segment, uint16_t flags,
                   uint16_t next) {
  // Two whole words, and atomic so that they stay two: put together on the stack, a descriptor is
  // read back before its stores are done.
  static_assert(sizeof(RingDescriptor) == 2 * sizeof(uint64_t));
  uint8_t* at = table + size_t{index} * sizeof(RingDescriptor);
  Store(at, segment.address, std::memory_order_relaxed);
  Store(at + sizeof(uint64_t), segment.bytes | uint64_t{flags} << 32 | uint64_t{next} << 48,
        std::memory_order_relaxed);
}

uint64_t BytesOf(std::span<const GuestSegment> segments) {
  uint64_t sum = 0;
  for (const GuestSegment& segment : segments) sum += segment.bytes;
  return sum;
}

}  // namespace

VirtioRing::VirtioRing(GuestBus& bus, const Options& options) : bus_(bus), options_(options) {}

VirtioRing::~VirtioRing() {
  if (base_ != 0) bus_.Free(base_);
}

absl::StatusOr<std::unique_ptr<VirtioRing>> VirtioRing::Create(GuestBus& bus,
                                                               const Options& options) {
  const bool is_packed = options.format == RingFormat::kPacked;
  if (options.size == 0 || options.size > guest::kMaxRingSize ||
      (!is_packed && !IsPowerOfTwo(options.size))) {
    return absl::InvalidArgumentError(
        absl::StrCat("ring size ", options.size, " is not a power of two up to 32768"));
  }
  std::unique_ptr<VirtioRing> ring(new VirtioRing(bus, options));
  if (options.order == UseOrder::kInOrder) ring->expected_.resize(options.size);
  if (is_packed) {
    auto packed = PackedRing::Create(bus, options);
    if (!packed.ok()) return packed.status();
    ring->packed_ = *std::move(packed);
    ring->layout_ = ring->packed_->layout();
    return ring;
  }
  PLATTER_RETURN_IF_ERROR(ring->Allocate());
  ring->SetUpSlots();
  return ring;
}

absl::Status VirtioRing::Allocate() {
  const uint16_t size = options_.size;
  const uint64_t descriptors = 0;
  const uint64_t avail = descriptors + uint64_t{size} * sizeof(RingDescriptor);
  // A cache line of its own for what the device writes.
  const uint64_t used = AlignUp(avail + guest::AvailBytes(size), 64);
  const uint64_t indirect = AlignUp(used + guest::UsedBytes(size), 16);
  const uint64_t total =
      indirect + uint64_t{size} * options_.indirect_entries * sizeof(RingDescriptor);
  auto base = bus_.Allocate(total, kPage);
  if (!base.ok()) return base.status();
  base_ = *base;
  indirect_at_ = base_ + indirect;
  layout_ = {.size = size,
             .descriptors = base_ + descriptors,
             .driver = base_ + avail,
             .device = base_ + used};
  memory_ = bus_.TryMap(base_, total);
  if (memory_ == nullptr) {
    mirror_.resize(total);
    memory_ = mirror_.data();
  }
  descriptors_ = memory_ + descriptors;
  avail_ = memory_ + avail;
  used_ = memory_ + used;
  indirect_ = memory_ + indirect;
  return absl::OkStatus();
}

void VirtioRing::SetUpSlots() {
  slots_.resize(options_.size);
  for (uint32_t i = 0; i < options_.size; ++i) slots_[i].next = static_cast<uint16_t>(i + 1);
  free_count_ = options_.size;
}

void VirtioRing::Push(const uint8_t* at, uint64_t bytes) {
  if (mapped()) [[likely]]
    return;
  bus_.Write(base_ + static_cast<uint64_t>(at - memory_), std::span(at, bytes));
}

void VirtioRing::Pull(uint8_t* at, uint64_t bytes) {
  if (mapped()) [[likely]]
    return;
  bus_.Read(base_ + static_cast<uint64_t>(at - memory_), std::span(at, bytes));
}

bool VirtioRing::WriteIndirect(std::span<const GuestSegment> readable,
                               std::span<const GuestSegment> writable, uint16_t head) {
  const size_t count = readable.size() + writable.size();
  const size_t offset = size_t{head} * options_.indirect_entries * sizeof(RingDescriptor);
  uint8_t* table = indirect_ + offset;
  uint16_t index = 0;
  for (const GuestSegment& segment : readable) {
    const uint16_t flags = index + 1u < count ? guest::kDescNext : 0;
    PutDescriptor(table, index, segment, flags, static_cast<uint16_t>(index + 1));
    ++index;
  }
  for (const GuestSegment& segment : writable) {
    const uint16_t flags = index + 1u < count ? guest::kDescNext : 0;
    PutDescriptor(table, index, segment, flags | guest::kDescWrite,
                  static_cast<uint16_t>(index + 1));
    ++index;
  }
  const auto bytes = static_cast<uint32_t>(count * sizeof(RingDescriptor));
  Push(table, bytes);
  PutDescriptor(descriptors_, head, {indirect_at_ + offset, bytes}, guest::kDescIndirect, 0);
  Push(descriptors_ + size_t{head} * sizeof(RingDescriptor), sizeof(RingDescriptor));
  return true;
}

void VirtioRing::WriteDescriptors(std::span<const GuestSegment> readable,
                                  std::span<const GuestSegment> writable, uint16_t head,
                                  Slot& slot) {
  size_t left = readable.size() + writable.size();
  uint16_t index = head;
  const auto put = [&](const GuestSegment& segment, uint16_t flags) {
    const uint16_t next = slots_[index].next;
    --left;
    PutDescriptor(descriptors_, index, segment, left != 0 ? flags | guest::kDescNext : flags,
                  left != 0 ? next : 0);
    Push(descriptors_ + size_t{index} * sizeof(RingDescriptor), sizeof(RingDescriptor));
    slot.tail = index;
    index = next;
  };
  for (const GuestSegment& segment : readable) put(segment, 0);
  for (const GuestSegment& segment : writable) put(segment, guest::kDescWrite);
}

bool VirtioRing::Add(std::span<const GuestSegment> readable, std::span<const GuestSegment> writable,
                     uint64_t token) {
  const bool added = packed_ != nullptr ? packed_->Add(readable, writable, token)
                                        : AddSplit(readable, writable, token);
  if (added && options_.order == UseOrder::kInOrder) Expect(token);
  return added;
}

bool VirtioRing::AddSplit(std::span<const GuestSegment> readable,
                          std::span<const GuestSegment> writable, uint64_t token) {
  const size_t count = readable.size() + writable.size();
  const bool indirect = count > 1 && count <= options_.indirect_entries;
  const size_t needed = indirect ? 1 : count;
  if (count == 0 || needed > free_count_) return false;

  const uint16_t head = free_head_;
  Slot& slot = slots_[head];
  slot.token = token;
  slot.writable_bytes = BytesOf(writable);
  slot.count = static_cast<uint16_t>(needed);
  if (indirect) {
    slot.tail = head;
    WriteIndirect(readable, writable, head);
  } else {
    WriteDescriptors(readable, writable, head, slot);
  }
  free_head_ = slots_[slot.tail].next;
  free_count_ = static_cast<uint16_t>(free_count_ - needed);

  uint8_t* entry = avail_ + guest::kRingEntries + size_t{2} * (avail_index_ & (options_.size - 1u));
  const Le16 wire = head;
  std::memcpy(entry, &wire, sizeof(wire));
  Push(entry, sizeof(wire));
  ++avail_index_;
  ++in_flight_;
  return true;
}

bool VirtioRing::Publish() {
  if (packed_ != nullptr) return packed_->Publish();
  const uint16_t before = published_index_;
  if (before == avail_index_) return false;
  published_index_ = avail_index_;
  Store(avail_ + guest::kRingIndex, avail_index_, std::memory_order_release);
  Push(avail_ + guest::kRingIndex, 2);
  // The index before the question whether the device wants to know (2.7.13.4.1).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (options_.event_index == EventIndex::kOn) {
    uint8_t* field = used_ + guest::AvailEventOffset(options_.size);
    Pull(field, 2);
    const uint16_t event = Load(field, std::memory_order_relaxed);
    // Whether avail_event lies in [before, published): 2.7.10.
    return static_cast<uint16_t>(avail_index_ - event - 1) <
           static_cast<uint16_t>(avail_index_ - before);
  }
  Pull(used_ + guest::kRingFlags, 2);
  return (Load(used_ + guest::kRingFlags, std::memory_order_relaxed) & guest::kUsedNoNotify) == 0;
}

bool VirtioRing::Reap(RingCompletion& done) {
  const bool reaped = packed_ != nullptr ? packed_->Reap(done) : ReapSplit(done);
  if (reaped && options_.order == UseOrder::kInOrder) CheckExpected(done.token);
  return reaped;
}

void VirtioRing::CheckExpected(uint64_t token) {
  if (expected_[reaped_++ % options_.size] != token) ++faults_.reordered;
}

RingFaults VirtioRing::faults() const {
  RingFaults faults = packed_ != nullptr ? packed_->faults() : faults_;
  faults.reordered = faults_.reordered;
  return faults;
}

bool VirtioRing::ReapSplit(RingCompletion& done) {
  while (true) {
    if (used_index_ == seen_used_index_) {
      Pull(used_ + guest::kRingIndex, 2);
      seen_used_index_ = Load(used_ + guest::kRingIndex, std::memory_order_acquire);
      const auto news = static_cast<uint16_t>(seen_used_index_ - used_index_);
      if (news == 0) return false;
      if (news > in_flight_) {
        ++faults_.index_jumps;
        // What is really there is unknown: take no more than can be.
        seen_used_index_ = static_cast<uint16_t>(used_index_ + in_flight_);
        if (in_flight_ == 0) return false;
      }
    }
    if (Deliver(done)) return true;
  }
}

bool VirtioRing::Deliver(RingCompletion& done) {
  uint8_t* entry =
      used_ + guest::kRingEntries + sizeof(UsedElement) * (used_index_ & (options_.size - 1u));
  Pull(entry, sizeof(UsedElement));
  UsedElement element;
  std::memcpy(&element, entry, sizeof(element));
  ++used_index_;
  const uint32_t id = element.id.get();
  if (id >= options_.size || slots_[id].count == 0) {
    ++faults_.unknown_ids;
    return false;
  }
  Slot& slot = slots_[id];
  done.token = slot.token;
  done.bytes = element.length.get();
  if (done.bytes > slot.writable_bytes) ++faults_.over_long;
  slots_[slot.tail].next = free_head_;
  free_head_ = static_cast<uint16_t>(id);
  free_count_ = static_cast<uint16_t>(free_count_ + slot.count);
  slot.count = 0;
  --in_flight_;
  return true;
}

bool VirtioRing::EnableInterrupts() { return EnableInterruptsAfter(1); }

bool VirtioRing::EnableInterruptsAfter(uint16_t completions) {
  if (packed_ != nullptr) return packed_->EnableInterruptsAfter(completions);
  PLATTER_CHECK(completions >= 1);
  if (options_.event_index == EventIndex::kOn) {
    uint8_t* field = avail_ + guest::UsedEventOffset(options_.size);
    Store(field, static_cast<uint16_t>(used_index_ + completions - 1), std::memory_order_relaxed);
    Push(field, 2);
  } else {
    Store(avail_ + guest::kRingFlags, uint16_t{0}, std::memory_order_relaxed);
    Push(avail_ + guest::kRingFlags, 2);
  }
  // The wish before the look (2.7.7.2).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Pull(used_ + guest::kRingIndex, 2);
  const uint16_t now = Load(used_ + guest::kRingIndex, std::memory_order_acquire);
  return static_cast<uint16_t>(now - used_index_) >= completions;
}

void VirtioRing::DisableInterrupts() {
  if (packed_ != nullptr) return packed_->DisableInterrupts();
  if (options_.event_index == EventIndex::kOn) {
    // As far away as the index can be: behind the next completion.
    uint8_t* field = avail_ + guest::UsedEventOffset(options_.size);
    Store(field, static_cast<uint16_t>(used_index_ - 1), std::memory_order_relaxed);
    Push(field, 2);
  } else {
    Store(avail_ + guest::kRingFlags, guest::kAvailNoInterrupt, std::memory_order_relaxed);
    Push(avail_ + guest::kRingFlags, 2);
  }
}

}  // namespace platter
