// SPDX-License-Identifier: Apache-2.0
//
// KickDescriptor and CallDescriptor: the two directions of notification between a queue and a
// driver in another process: a descriptor that is watched for kicks, and one that is signalled.
//
// What the peer gives is not trusted. A kick descriptor is an eventfd or anything else that is read
// and polled; a call descriptor is an eventfd, or a unix stream socket (User-mode Linux has those).
// Files, devices, and for calls pipes too (a write there may raise SIGPIPE) are refused.
//
// Ownership: each keeps a duplicate of its own and closes it; the caller's stays the caller's and
//   may be closed as soon as the call has returned.
// Threading: as each function says; a signal takes no lock. Units: one notification is the 8-byte
//   number 1.
// Errors: INVALID_ARGUMENT for a descriptor of the wrong kind or none, otherwise what the kernel
// said
//   of it, all with errno; then nothing has changed.
// Limits: O_NONBLOCK is set, but the peer shares it. An eventfd is read without waiting all the
// same;
//   a peer that takes the flag off again and fills its call counter up, or empties its own pipe,
//   makes the queue's thread wait for it.

#ifndef PLATTER_DEVICES_VIRTIO_EVENT_DESCRIPTORS_H_
#define PLATTER_DEVICES_VIRTIO_EVENT_DESCRIPTORS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "aio/clock.h"
#include "aio/timer.h"
#include "base/owned_descriptor.h"

namespace platter {

// Watches a descriptor in a context while started: each turn in which it is readable reads once and
// kicks once. One that is readable all the time (a counter with EFD_SEMAPHORE and a large value),
// though kicks find nothing new, is looked at once per kRest until they do. One that ends (its
// writer has gone), fails, or is said to be readable but never is, is closed: see error().
class KickDescriptor final : private FdWatch, public std::enable_shared_from_this<KickDescriptor> {
 public:
  // Kicks in a row that found nothing new before the descriptor is given a rest, and how long.
  static constexpr uint32_t kMaxIdleKicks = 1000;
  static constexpr Duration kRest = std::chrono::milliseconds(1);

  // Whether the kicks before this one have led to anything since it was asked last.
  enum class Progress : uint8_t { kSome, kNone };
  using Kick = absl::AnyInvocable<Progress()>;

  // `kick` runs in the context, and only between Start and Stop. Shared, since what is posted to
  // the context may run after the owner has gone.
  static std::shared_ptr<KickDescriptor> Create(AioContext& context, Kick kick);
  // Not while started.
  ~KickDescriptor();

  // These three from any thread, one at a time; they take effect in the context, in this order.

  // Instead of the one before; -1: none.
  absl::Status Set(int given);
  // What is pending on the descriptor already is noticed.
  void Start();
  void Stop();

  // In the context.
  void StopNow();

  // Any thread. The errno that ended watching (EPIPE: the end of the stream) since the last Set
  // took effect, or 0.
  int error() const { return error_.load(std::memory_order_relaxed); }

 private:
  // Reads in a row that found nothing, though the descriptor was said to be readable. Some may be
  // honest: another reader was faster.
  static constexpr uint32_t kMaxEmptyReads = 100;

  KickDescriptor(AioContext& context, Kick kick)
      : context_(context), kick_(std::move(kick)), rest_(context, [this] { WatchIfWanted(); }) {}

  void Install(OwnedDescriptor next);
  void WatchIfWanted();
  // Neither watched nor at rest afterwards.
  void Unwatch();
  void Fail(int error_number);
  void OnFdReady(uint32_t events) override;

  AioContext& context_;
  std::atomic<int> error_{0};

  // In the context.
  Kick kick_;
  OwnedDescriptor descriptor_;
  bool started_ = false;
  bool watched_ = false;
  uint32_t empty_reads_ = 0;
  uint32_t idle_kicks_ = 0;
  Timer rest_;  // Armed: not watched until it expires.
};

// Signals a descriptor that may be replaced at any time: each of the two kinds has one number as
// long as the object lives, behind which dup3 puts another file of that kind. So who signals needs
// no lock, and never writes into a file that happened to get a closed descriptor's number.
class CallDescriptor {
 public:
  // Any thread, one at a time, while others signal: such a signal goes to the old one or to the
  // new. -1: none.
  absl::Status Set(int fd);

  // Any thread, lock-free. False when there is no descriptor. A full counter is a signal that the
  // peer has not seen yet; other errors hurt nobody but the peer. Neither is an error here.
  bool Signal() {
    const int target = target_.load(std::memory_order_acquire);
    if (target < 0) return false;
    if ((target & kSocket) == 0) {
      Write(target >> 1);
    } else {
      Send(target >> 1);
    }
    return true;
  }

 private:
  static constexpr int kSocket = 1;

  static void Write(int fd);
  static void Send(int fd);

  // The numbers; under Set.
  OwnedDescriptor event_;
  OwnedDescriptor socket_;
  std::atomic<int> target_{-1};  // Twice the number, and kSocket if it is one; or -1.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_EVENT_DESCRIPTORS_H_
