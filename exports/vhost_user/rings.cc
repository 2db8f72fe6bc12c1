// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/rings.h"

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status.h"
#include "devices/virtio/event_descriptors.h"
#include "devices/virtio/ring/packed_spec.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

// Of a packed ring's base: where the next descriptor to use is.
constexpr uint32_t kPackedUsedShift = 16;

std::string NameOf(uint32_t index) { return absl::StrCat("ring ", index); }

bool SamePlace(const VhostUserVringAddr& a, const VhostUserVringAddr& b) {
  return a.descriptor == b.descriptor && a.used == b.used && a.available == b.available;
}

}  // namespace

VhostUserRings::VhostUserRings(DirectTransport& transport, const MemoryTable& table, uint32_t count,
                               uint32_t max_size)
    : transport_(transport), table_(table), max_size_(max_size), rings_(count) {}

VhostUserRings::~VhostUserRings() { PLATTER_CHECK(stopping_ == 0); }

absl::Status VhostUserRings::CheckIndex(uint32_t index) const {
  if (index < rings_.size()) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("there is no ", NameOf(index), ", there are ", rings_.size()));
}

absl::Status VhostUserRings::CheckStill(uint32_t index, const char* what) const {
  PLATTER_RETURN_IF_ERROR(CheckIndex(index));
  if (!rings_[index].running) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(NameOf(index), " runs: its ", what, " can't change"));
}

// --- What the front-end says. ---

absl::Status VhostUserRings::SetNum(uint32_t index, uint32_t size) {
  PLATTER_RETURN_IF_ERROR(CheckStill(index, "size"));
  if (packed() && size != 0 && size <= max_size_) {
    rings_[index].size = size;  // 2.8.10.1: any.
    return absl::OkStatus();
  }
  if (!IsPowerOfTwo(size) || size > max_size_) {
    return absl::InvalidArgumentError(
        absl::StrCat(NameOf(index), ": size ", size, " is not a power of two up to ", max_size_));
  }
  rings_[index].size = size;
  return absl::OkStatus();
}

absl::Status VhostUserRings::SetAddr(const VhostUserVringAddr& addr) {
  PLATTER_RETURN_IF_ERROR(CheckIndex(addr.index));
  if ((addr.flags & ~kVhostVringFLog) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(NameOf(addr.index), ": unknown flags"));
  }
  Ring& ring = rings_[addr.index];
  if (ring.running && SamePlace(*ring.addr, addr) && !MovesLog(addr)) {
    ring.addr = addr;  // It may be logged from now on, or no more.
    return absl::OkStatus();
  }
  PLATTER_RETURN_IF_ERROR(CheckStill(addr.index, "place"));
  ring.addr = addr;
  return absl::OkStatus();
}

absl::Status VhostUserRings::SetBase(uint32_t index, uint32_t base) {
  PLATTER_RETURN_IF_ERROR(CheckStill(index, "base"));
  if (!packed() && base > UINT16_MAX) {
    return absl::InvalidArgumentError(absl::StrCat(NameOf(index), ": base ", base, " is no index"));
  }
  rings_[index].base = base;
  return absl::OkStatus();
}

absl::Status VhostUserRings::SetKick(uint32_t index, int fd) {
  PLATTER_RETURN_IF_ERROR(CheckIndex(index));
  PLATTER_RETURN_IF_ERROR(transport_.SetKickDescriptor(static_cast<uint16_t>(index), fd));
  rings_[index].kick_known = true;
  rings_[index].has_kick = fd >= 0;
  return absl::OkStatus();
}

absl::Status VhostUserRings::SetCall(uint32_t index, int fd) {
  PLATTER_RETURN_IF_ERROR(CheckIndex(index));
  PLATTER_RETURN_IF_ERROR(transport_.SetCallDescriptor(static_cast<uint16_t>(index), fd));
  rings_[index].has_call = fd >= 0;
  CallIfOwed(index);
  return absl::OkStatus();
}

absl::Status VhostUserRings::SetErr(uint32_t index, OwnedDescriptor fd) {
  PLATTER_RETURN_IF_ERROR(CheckIndex(index));
  // Refused now, not when there is something to say.
  CallDescriptor probe;
  PLATTER_RETURN_IF_ERROR(Annotate(probe.Set(fd.get()), NameOf(index) + ": error"));
  rings_[index].err = std::move(fd);
  return absl::OkStatus();
}

absl::Status VhostUserRings::SetEnabled(uint32_t index, bool enabled) {
  PLATTER_RETURN_IF_ERROR(CheckIndex(index));
  rings_[index].enabled = enabled;
  return absl::OkStatus();
}

// --- Running. ---

bool VhostUserRings::any_running() const {
  for (const Ring& ring : rings_) {
    if (ring.running) return true;
  }
  return false;
}

bool VhostUserRings::any_logged() const {
  for (const Ring& ring : rings_) {
    if (ring.addr && (ring.addr->flags & kVhostVringFLog) != 0) return true;
  }
  return false;
}

uint64_t VhostUserRings::UsedLogOf(const VhostUserVringAddr& addr) const {
  if ((addr.flags & kVhostVringFLog) != 0) return addr.log;
  // A ring that runs is in memory.
  return table_.ToGuest(addr.used, 1).value_or(0);
}

bool VhostUserRings::MovesLog(const VhostUserVringAddr& addr) const {
  if (addr.index >= rings_.size()) return false;
  const Ring& ring = rings_[addr.index];
  return ring.running && SamePlace(*ring.addr, addr) && UsedLogOf(*ring.addr) != UsedLogOf(addr);
}

bool VhostUserRings::Ready(const Ring& ring) const {
  return !ring.running && ring.size != 0 && ring.addr.has_value() && ring.kick_known &&
         ring.enabled.value_or(enabled_at_first_);
}

absl::Status VhostUserRings::StartReady() {
  // A device that needs a reset starts nothing before it.
  if (!features_ || table_.memory() == nullptr || transport_.needs_reset()) {
    return absl::OkStatus();
  }
  for (uint32_t index = 0; index < rings_.size(); ++index) {
    if (!Ready(rings_[index])) continue;
    PLATTER_RETURN_IF_ERROR(Start(index));
  }
  return absl::OkStatus();
}

absl::StatusOr<QueueLayout> VhostUserRings::LayoutOf(uint32_t index) const {
  const Ring& ring = rings_[index];
  const uint64_t size = ring.size;
  const auto descriptors = table_.ToGuest(ring.addr->descriptor, size * sizeof(VirtqDesc));
  const uint64_t driver_bytes = packed() ? kPackedEventBytes : VirtqAvailBytes(ring.size);
  const uint64_t device_bytes = packed() ? kPackedEventBytes : VirtqUsedBytes(ring.size);
  const auto driver = table_.ToGuest(ring.addr->available, driver_bytes);
  const auto device = table_.ToGuest(ring.addr->used, device_bytes);
  if (!descriptors || !driver || !device) {
    return absl::InvalidArgumentError(
        absl::StrCat(NameOf(index), ": a part of it is not within one region of memory"));
  }
  return QueueLayout{.size = ring.size,
                     .descriptors = *descriptors,
                     .driver = *driver,
                     .device = *device,
                     .next_avail = static_cast<uint16_t>(base(index)),
                     .next_used = static_cast<uint16_t>(base(index) >> kPackedUsedShift),
                     .used_log = UsedLogOf(*ring.addr)};
}

uint32_t VhostUserRings::FirstBase() const {
  const uint32_t place = FirstPlace(features_.value_or(0));
  return place | place << kPackedUsedShift;
}

uint16_t VhostUserRings::ReadRing16(uint64_t address) const {
  std::array<uint8_t, sizeof(Le16)> bytes = {};
  table_.memory()->Read(address, bytes);
  return static_cast<uint16_t>(bytes[0] | bytes[1] << 8);
}

// User-mode Linux calls the base of every new ring 0, where a packed one's has wrap counters of 1.
// One that really stands there had its last descriptor written with a wrap counter of 1 just
// before; a new one's is zero (2.8.13).
bool VhostUserRings::IsNew(const QueueLayout& layout) const {
  const uint64_t last = layout.descriptors + (layout.size - 1) * sizeof(PackedDesc);
  return (ReadRing16(last + offsetof(PackedDesc, flags)) & kPackedDescAvail) == 0;
}

uint64_t* VhostUserRings::RunMark(uint32_t index) const {
  if (!packed() || inflight_ == nullptr) return nullptr;
  return reinterpret_cast<uint64_t*>(inflight_->region(index).host);
}

absl::StatusOr<QueueState> VhostUserRings::PackedStateOf(uint32_t index,
                                                         const QueueLayout& layout) const {
  QueueState state = {.layout = layout};
  if (base(index) == 0 && IsNew(layout)) {
    state.layout.next_avail = state.layout.next_used = PackedPlace::kFirst;
  }
  const uint64_t* const mark = RunMark(index);
  if (mark != nullptr && __atomic_load_n(mark, __ATOMIC_ACQUIRE) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameOf(index),
                     ": a back-end ended while this packed ring ran, of which is not "
                     "recorded what is in flight"));
  }
  if (state.layout.next_used == state.layout.next_avail) return state;
  return absl::InvalidArgumentError(
      absl::StrCat(NameOf(index), ": base ", state.layout.next_avail, ", but the place to use is ",
                   state.layout.next_used, ": which requests are in flight can't be known"));
}

absl::StatusOr<QueueState> VhostUserRings::StateOf(uint32_t index, const QueueLayout& layout) {
  if (packed()) return PackedStateOf(index, layout);
  QueueState state = {.layout = layout};
  // The protocol tells the available ring's place only; the used ring's is in the ring itself.
  const uint16_t used = ReadRing16(layout.device + kVirtqUsedIdx);
  state.layout.next_used = used;
  if (inflight_ != nullptr) state.layout.inflight = inflight_->region(index);
  if (state.layout.inflight.host != nullptr) {
    auto found = SplitInflight::Recover(state.layout.inflight, layout.size, used);
    if (!found.ok()) return Annotate(found.status(), NameOf(index));
    if (!found->fresh) {
      // What was taken is used or in flight, whatever the front-end knows of it.
      state.layout.next_avail = static_cast<uint16_t>(used + found->heads.size());
      state.heads = std::move(found->heads);
      rings_[index].owes_call = true;
      return state;
    }
  }
  if (used == layout.next_avail) return state;
  return absl::InvalidArgumentError(absl::StrCat(NameOf(index), ": base ", layout.next_avail,
                                                 ", but its used index is ", used,
                                                 ": which requests are in flight can't be known"));
}

absl::Status VhostUserRings::Start(uint32_t index) {
  Ring& ring = rings_[index];
  absl::StatusOr<QueueLayout> layout = LayoutOf(index);
  if (!layout.ok()) return layout.status();
  absl::StatusOr<QueueState> state = StateOf(index, *layout);
  if (!state.ok()) return state.status();
  PLATTER_RETURN_IF_ERROR(transport_.RestoreQueue(static_cast<uint16_t>(index), *std::move(state)));
  if (uint64_t* const mark = RunMark(index)) {
    __atomic_store_n(mark, kVirtioFRingPacked, __ATOMIC_RELEASE);
  }
  ring.running = true;
  CallIfOwed(index);
  return absl::OkStatus();
}

void VhostUserRings::CallIfOwed(uint32_t index) {
  Ring& ring = rings_[index];
  if (!ring.running || !ring.has_call || !std::exchange(ring.owes_call, false)) return;
  transport_.InterruptQueue(static_cast<uint16_t>(index));
}

void VhostUserRings::StopAll(Done done) {
  PLATTER_CHECK(stopping_ == 0);
  if (!any_running()) return std::move(done)();
  stopped_ = std::move(done);
  for (uint32_t index = 0; index < rings_.size(); ++index) {
    if (rings_[index].running) ++stopping_;
  }
  for (uint32_t index = 0; index < rings_.size(); ++index) {
    if (rings_[index].running) Stop(index);
  }
}

void VhostUserRings::StopOne(uint32_t index, Done done) {
  PLATTER_CHECK(stopping_ == 0);
  if (!rings_[index].running) return std::move(done)();
  stopped_ = std::move(done);
  stopping_ = 1;
  Stop(index);
}

void VhostUserRings::Stop(uint32_t index) {
  transport_.StopQueue(
      static_cast<uint16_t>(index),
      [this, index](DirectTransport::Position position) { OnStopped(index, position); });
}

void VhostUserRings::OnStopped(uint32_t index, DirectTransport::Position position) {
  rings_[index].running = false;
  const uint32_t used = packed() ? uint32_t{position.next_used} << kPackedUsedShift : 0;
  rings_[index].base = position.next_avail | used;
  if (uint64_t* const mark = RunMark(index)) __atomic_store_n(mark, uint64_t{0}, __ATOMIC_RELEASE);
  if (--stopping_ != 0) return;
  Done done = std::move(stopped_);
  std::move(done)();
}

void VhostUserRings::ForgetKick(uint32_t index) {
  rings_[index].kick_known = false;
  rings_[index].has_kick = false;
  PLATTER_CHECK(transport_.SetKickDescriptor(static_cast<uint16_t>(index), -1).ok());
}

void VhostUserRings::ForgetAll() {
  for (uint32_t index = 0; index < rings_.size(); ++index) {
    ForgetKick(index);
    OwnedDescriptor err = std::move(rings_[index].err);
    const bool has_call = rings_[index].has_call;
    rings_[index] = Ring();
    rings_[index].err = std::move(err);
    rings_[index].has_call = has_call;
  }
  features_.reset();
}

void VhostUserRings::DropDescriptors() {
  for (uint32_t index = 0; index < rings_.size(); ++index) {
    ForgetKick(index);
    PLATTER_CHECK(transport_.SetCallDescriptor(static_cast<uint16_t>(index), -1).ok());
    rings_[index].err = OwnedDescriptor();
  }
}

void VhostUserRings::SignalErrors() {
  for (Ring& ring : rings_) {
    if (ring.err.get() < 0) continue;
    CallDescriptor call;
    if (call.Set(ring.err.get()).ok()) call.Signal();
  }
}

bool VhostUserRings::polls() const {
  for (const Ring& ring : rings_) {
    if (ring.running && !ring.has_kick) return true;
  }
  return false;
}

void VhostUserRings::KickPolled() {
  for (uint32_t index = 0; index < rings_.size(); ++index) {
    if (rings_[index].running && !rings_[index].has_kick) {
      transport_.Kick(static_cast<uint16_t>(index));
    }
  }
}

}  // namespace platter
