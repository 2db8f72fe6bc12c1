// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/ring/packed_ring.h"

#include <atomic>
#include <bit>
#include <cstring>

#include "base/arith.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

using guest::PackedDescriptor;

constexpr uint64_t kPage = 4096;
constexpr size_t kLineBytes = 64;
constexpr size_t kSecondWord = sizeof(uint64_t);
constexpr size_t kFlagsAt = 14;

template <typename T>
constexpr T Le(T value) {
  return std::endian::native == std::endian::little ? value : ByteSwap(value);
}
template <typename T>
// NOLINTNEXTLINE(readability-non-const-parameter): atomic_ref takes no const.
T Load(uint8_t* field, std::memory_order order) {
  return Le(std::atomic_ref(*reinterpret_cast<T*>(field)).load(order));
}
template <typename T>
// NOLINTNEXTLINE(readability-non-const-parameter): it is stored to, by way of the cast.
void Store(uint8_t* field, T value, std::memory_order order) {
  std::atomic_ref(*reinterpret_cast<T*>(field)).store(Le(value), order);
}

uint16_t FlagsOf(bool wrap) { return wrap ? guest::kPackedAvail : guest::kPackedUsed; }

}  // namespace

absl::StatusOr<std::unique_ptr<PackedRing>> PackedRing::Create(GuestBus& bus,
                                                               const RingOptions& options) {
  PLATTER_CHECK(options.size != 0 && options.size <= guest::kMaxRingSize);
  std::unique_ptr<PackedRing> ring(new PackedRing(bus, options));
  PLATTER_RETURN_IF_ERROR(ring->Allocate());
  return ring;
}

PackedRing::~PackedRing() {
  if (base_ != 0) bus_.Free(base_);
}

absl::Status PackedRing::Allocate() {
  const uint16_t size = options_.size;
  // Cache lines of their own for what one side writes.
  const uint64_t driver = AlignUp(uint64_t{size} * sizeof(PackedDescriptor), kLineBytes);
  const uint64_t device = driver + kLineBytes;
  const uint64_t indirect = device + kLineBytes;
  const uint64_t total =
      indirect + uint64_t{size} * options_.indirect_entries * sizeof(PackedDescriptor);
  const auto base = bus_.Allocate(total, kPage);
  if (!base.ok()) return base.status();
  base_ = *base;
  indirect_at_ = base_ + indirect;
  layout_ = {
      .size = size, .descriptors = base_, .driver = base_ + driver, .device = base_ + device};
  memory_ = bus_.TryMap(base_, total);
  if (memory_ == nullptr) {
    mirror_.resize(total);
    memory_ = mirror_.data();
  }
  descriptors_ = memory_;
  driver_events_ = memory_ + driver;
  device_events_ = memory_ + device;
  indirect_ = memory_ + indirect;
  // 2.8.13: the ring is zero at first, whatever was there.
  std::memset(memory_, 0, indirect);
  Push(memory_, indirect);
  slots_.resize(size);
  for (uint32_t i = 0; i < size; ++i) slots_[i].next = static_cast<uint16_t>(i + 1);
  free_count_ = size;
  return absl::OkStatus();
}

void PackedRing::Push(const uint8_t* at, uint64_t bytes) {
  if (mapped()) [[likely]]
    return;
  bus_.Write(base_ + static_cast<uint64_t>(at - memory_), std::span(at, bytes));
}

void PackedRing::Pull(uint8_t* at, uint64_t bytes) {
  if (mapped()) [[likely]]
    return;
  bus_.Read(base_ + static_cast<uint64_t>(at - memory_), std::span(at, bytes));
}

// --- Making available. ---

void PackedRing::PutNext(const GuestSegment& segment, uint16_t id, uint16_t flags) {
  uint8_t* at = descriptors_ + size_t{next_.index} * sizeof(PackedDescriptor);
  flags |= FlagsOf(next_.wrap);
  Store(at, segment.address, std::memory_order_relaxed);
  if (unpublished_++ == 0) {
    // The device must not see this one yet: all that follow it wait for it too.
    first_flags_ = flags;
    Store(at + kSecondWord, segment.bytes, std::memory_order_relaxed);
    Store(at + kSecondWord + sizeof(uint32_t), id, std::memory_order_relaxed);
    Push(at, kFlagsAt);
  } else {
    Store(at + kSecondWord, segment.bytes | uint64_t{id} << 32 | uint64_t{flags} << 48,
          std::memory_order_relaxed);
    Push(at, sizeof(PackedDescriptor));
  }
  next_.Advance(1, options_.size);
}

GuestSegment PackedRing::WriteIndirect(std::span<const GuestSegment> readable,
                                       std::span<const GuestSegment> writable, uint16_t id) {
  const size_t offset = size_t{id} * options_.indirect_entries * sizeof(PackedDescriptor);
  uint8_t* table = indirect_ + offset;
  uint8_t* at = table;
  const auto put = [&at](const GuestSegment& segment, uint16_t flags) {
    Store(at, segment.address, std::memory_order_relaxed);
    Store(at + kSecondWord, segment.bytes | uint64_t{flags} << 48, std::memory_order_relaxed);
    at += sizeof(PackedDescriptor);
  };
  for (const GuestSegment& segment : readable) put(segment, 0);
  for (const GuestSegment& segment : writable) put(segment, guest::kDescWrite);
  const auto bytes = static_cast<uint32_t>(at - table);
  Push(table, bytes);
  return {.address = indirect_at_ + offset, .bytes = bytes};
}

bool PackedRing::Add(std::span<const GuestSegment> readable, std::span<const GuestSegment> writable,
                     uint64_t token) {
  const size_t count = readable.size() + writable.size();
  const bool indirect = count > 1 && count <= options_.indirect_entries;
  const size_t needed = indirect ? 1 : count;
  if (count == 0 || needed > free_count_) return false;

  const uint16_t id = free_id_;
  Slot& slot = slots_[id];
  free_id_ = slot.next;
  free_count_ = static_cast<uint16_t>(free_count_ - needed);
  slot.token = token;
  slot.count = static_cast<uint16_t>(needed);
  slot.writable_bytes = 0;
  for (const GuestSegment& segment : writable) slot.writable_bytes += segment.bytes;

  if (indirect) {
    PutNext(WriteIndirect(readable, writable, id), id, guest::kDescIndirect);
  } else {
    size_t left = count;
    const auto put = [&](const GuestSegment& segment, uint16_t flags) {
      PutNext(segment, id, --left != 0 ? flags | guest::kDescNext : flags);
    };
    for (const GuestSegment& segment : readable) put(segment, 0);
    for (const GuestSegment& segment : writable) put(segment, guest::kDescWrite);
  }
  ++in_flight_;
  return true;
}

bool PackedRing::Publish() {
  if (unpublished_ == 0) return false;
  const Place before = published_;
  published_ = next_;
  const uint32_t added = unpublished_;
  unpublished_ = 0;
  uint8_t* flags = descriptors_ + size_t{before.index} * sizeof(PackedDescriptor) + kFlagsAt;
  Store(flags, first_flags_, std::memory_order_release);
  Push(flags, sizeof(first_flags_));
  // The descriptor before the question whether the device wants to know (2.8.21.2).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Pull(device_events_, sizeof(uint32_t));
  const auto event = Load<uint32_t>(device_events_, std::memory_order_relaxed);
  const uint32_t wanted = event >> 16 & 3;
  if (wanted != guest::kPackedEventDescriptor) return wanted != guest::kPackedEventDisable;
  const Place at = {.index = static_cast<uint16_t>(event & 0x7fff), .wrap = (event & 0x8000) != 0};
  return Distance(before, at) < added;
}

uint32_t PackedRing::Distance(Place from, Place to) const {
  const uint32_t size = options_.size;
  const uint32_t start = from.index + (from.wrap ? 0 : size);
  const uint32_t end = to.index + (to.wrap ? 0 : size);
  return (end + 2 * size - start) % (2 * size);
}

// --- Reaping. ---

bool PackedRing::IsUsed(Place place) {
  uint8_t* at = descriptors_ + size_t{place.index} * sizeof(PackedDescriptor);
  Pull(at, sizeof(PackedDescriptor));
  const auto flags = Load<uint16_t>(at + kFlagsAt, std::memory_order_acquire);
  const uint16_t both = guest::kPackedAvail | guest::kPackedUsed;
  return (flags & both) == (place.wrap ? both : 0);
}

bool PackedRing::Reap(RingCompletion& done) {
  while (IsUsed(used_)) {
    const uint8_t* at = descriptors_ + size_t{used_.index} * sizeof(PackedDescriptor);
    PackedDescriptor desc;
    std::memcpy(&desc, at, sizeof(desc));
    const uint16_t id = desc.id.get();
    if (id >= options_.size || slots_[id].count == 0) {
      ++faults_.unknown_ids;
      used_.Advance(1, options_.size);
      continue;
    }
    Slot& slot = slots_[id];
    used_.Advance(slot.count, options_.size);
    done.token = slot.token;
    // 2.8.4: the length means something only with the flag.
    done.bytes = (desc.flags.get() & guest::kDescWrite) != 0 ? desc.length.get() : 0;
    if (done.bytes > slot.writable_bytes) ++faults_.over_long;
    free_count_ = static_cast<uint16_t>(free_count_ + slot.count);
    slot.count = 0;
    slot.next = free_id_;
    free_id_ = id;
    --in_flight_;
    return true;
  }
  return false;
}

void PackedRing::SetEvents(uint32_t value) {
  Store(driver_events_, value, std::memory_order_relaxed);
  Push(driver_events_, sizeof(value));
}

bool PackedRing::EnableInterruptsAfter(uint16_t completions) {
  PLATTER_CHECK(completions >= 1 && completions <= options_.size);
  if (options_.event_index == EventIndex::kOn) {
    Place at = used_;
    at.Advance(static_cast<uint16_t>(completions - 1), options_.size);
    SetEvents(at.bits() | uint32_t{guest::kPackedEventDescriptor} << 16);
  } else {
    SetEvents(uint32_t{guest::kPackedEventEnable} << 16);
  }
  // The wish before the look (2.8.22).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return IsUsed(used_);
}

void PackedRing::DisableInterrupts() { SetEvents(uint32_t{guest::kPackedEventDisable} << 16); }

}  // namespace platter
