// SPDX-License-Identifier: Apache-2.0
//
// VhostUserRings: the rings of a session: what the front-end has said of each, and whether it runs.
// A ring runs from when everything is there ("Ring states": size, addresses, a kick message,
// enabled; and memory and features) until it is stopped, disabled, or memory changes.
//
//   rings.SetNum(0, 256); ... rings.SetKick(0, fd);  rings.StartReady();
//   rings.StopAll([&] { /* drained */ ... rings.StartReady(); });
//
// Ownership: transport and table outlive it; so does it itself what is being stopped.
// Threading: the device's control context. Units: see vhost_user_spec.h.
// Errors: OUT_OF_RANGE, INVALID_ARGUMENT, FAILED_PRECONDITION naming the ring.

#ifndef PLATTER_EXPORTS_VHOST_USER_RINGS_H_
#define PLATTER_EXPORTS_VHOST_USER_RINGS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "base/owned_descriptor.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/virtio_spec.h"
#include "exports/vhost_user/inflight_area.h"
#include "exports/vhost_user/memory_table.h"
#include "exports/vhost_user/vhost_user_spec.h"

namespace platter {

class VhostUserRings {
 public:
  using Done = absl::AnyInvocable<void() &&>;

  VhostUserRings(DirectTransport& transport, const MemoryTable& table, uint32_t count,
                 uint32_t max_size);
  ~VhostUserRings();

  // --- What the front-end says. Size, place and base are for a ring that does not run; to say the
  // same place again is allowed. ---

  absl::Status SetNum(uint32_t index, uint32_t size);
  absl::Status SetAddr(const VhostUserVringAddr& addr);
  absl::Status SetBase(uint32_t index, uint32_t base);
  // -1: none. Of a kick: the ring is looked at from time to time instead (polls()).
  absl::Status SetKick(uint32_t index, int fd);
  absl::Status SetCall(uint32_t index, int fd);
  absl::Status SetErr(uint32_t index, OwnedDescriptor fd);
  absl::Status SetEnabled(uint32_t index, bool enabled);
  // Of rings that SET_VRING_ENABLE did not name.
  void set_enabled_at_first(bool enabled) { enabled_at_first_ = enabled; }
  // With them rings may run; nullopt: they are not negotiated.
  void set_features(std::optional<uint64_t> features) { features_ = features; }
  // Where requests in flight are recorded, from the next start of a ring on; nullptr: nowhere.
  void set_inflight(const InflightArea* area) { inflight_ = area; }

  // --- Running. ---

  absl::Status CheckIndex(uint32_t index) const;
  bool running(uint32_t index) const { return rings_[index].running; }
  bool any_running() const;
  // Whether writes to a used ring are to be logged.
  bool any_logged() const;
  // Whether SetAddr is of a running ring whose used ring is to be logged at another place: it takes
  // a stop.
  bool MovesLog(const VhostUserVringAddr& addr) const;
  // Where one that does not run goes on, as the messages tell it: of a split ring, the next entry
  // of the available ring; of a packed one, the next descriptor to take, and in the upper 16 bits
  // the next one to use, both with their wrap counters in the highest bit.
  uint32_t base(uint32_t index) const { return rings_[index].base.value_or(FirstBase()); }

  // Starts those that have everything. The first error is the answer.
  absl::Status StartReady();
  // Stops what runs, where it stands; `done` when that is drained, from inside when nothing runs.
  void StopAll(Done done);
  void StopOne(uint32_t index, Done done);
  // GET_VRING_BASE: it takes another SET_VRING_KICK to start it.
  void ForgetKick(uint32_t index);
  // Those told to stop that have not.
  uint32_t stopping() const { return stopping_; }

  // The device was reset: what was said is forgotten, but for where to signal.
  void ForgetAll();
  // The session is over.
  void DropDescriptors();

  // The device cannot go on: the error descriptors are signalled.
  void SignalErrors();

  // Whether a running ring has no kick descriptor; and kicks those.
  bool polls() const;
  void KickPolled();

 private:
  struct Ring {
    uint32_t size = 0;  // 0: not known.
    std::optional<VhostUserVringAddr> addr;
    std::optional<uint32_t> base;
    bool kick_known = false;
    bool has_kick = false;
    bool has_call = false;
    std::optional<bool> enabled;
    bool running = false;
    // A predecessor may have ended between using a request and saying so.
    bool owes_call = false;
    OwnedDescriptor err;
  };

  bool packed() const { return (features_.value_or(0) & kVirtioFRingPacked) != 0; }
  uint32_t FirstBase() const;
  bool Ready(const Ring& ring) const;
  absl::Status CheckStill(uint32_t index, const char* what) const;
  absl::Status Start(uint32_t index);
  uint16_t ReadRing16(uint64_t address) const;
  bool IsNew(const QueueLayout& layout) const;
  absl::StatusOr<QueueLayout> LayoutOf(uint32_t index) const;
  uint64_t UsedLogOf(const VhostUserVringAddr& addr) const;
  // Completes the layout by where the ring stands, and says what a predecessor had in flight.
  absl::StatusOr<QueueState> StateOf(uint32_t index, const QueueLayout& layout);
  absl::StatusOr<QueueState> PackedStateOf(uint32_t index, const QueueLayout& layout) const;
  // What says that a packed ring runs, or nullptr where nobody records it.
  uint64_t* RunMark(uint32_t index) const;
  void CallIfOwed(uint32_t index);
  void Stop(uint32_t index);
  void OnStopped(uint32_t index, DirectTransport::Position position);

  DirectTransport& transport_;
  const MemoryTable& table_;
  const InflightArea* inflight_ = nullptr;
  const uint32_t max_size_;
  bool enabled_at_first_ = true;
  std::optional<uint64_t> features_;
  std::vector<Ring> rings_;
  uint32_t stopping_ = 0;
  Done stopped_;  // What comes when none is stopping any more.
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_RINGS_H_
