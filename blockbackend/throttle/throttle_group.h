// SPDX-License-Identifier: Apache-2.0
//
// ThrottleGroup, ThrottleMember, ThrottlePort: limits that several drives share. A member is a
// drive; a port is where its requests pass in one context (a channel). Members with waiting
// requests take turns, one request each, reads and writes apart, and the ports of a member take its
// turns in turn: a drive with many queues gets no more than one with one.
//
//   auto group = std::make_shared<ThrottleGroup>("group0");
//   group->SetConfig(config, now);
//   auto member = std::make_shared<ThrottleMember>(group);
//   ThrottlePort port(member, context, client);
//   if (port.Admit(request)) Start(request);      // Else OnThrottleTurn(request) comes later.
//
// Whose turn it is in a direction, and nobody else, waits on a timer, of its own context; who takes
// or loses the last waiting request there hands the turn on before anything else happens. So no one
// waits for somebody who has gone. A turn that has become due is served even when a request of the
// other direction came first at the same instant: neither direction starves the other, and what
// that is too much the next ones wait for.
//
// Ownership: a port shares its member, a member its group; requests are the client's.
// Threading: Admit, Remove, TakeAll and a port's end in the port's context; the rest in any thread.
//   The group's Mutex is taken once per request, only where there are limits.
// Units: bytes; Instants of the contexts' one clock. Errors: none. Nothing allocates but joining.

#ifndef PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_GROUP_H_
#define PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_GROUP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "aio/timer.h"
#include "aio/work_item.h"
#include "base/intrusive_fifo.h"
#include "base/mutex.h"
#include "blockbackend/throttle/throttle_config.h"
#include "blockbackend/throttle/throttle_state.h"

namespace platter {

class ThrottlePort;

// What a request counts as; nullopt: it is never held up. A flush moves no data, and a discard that
// waited for its length would wait for ever.
constexpr std::optional<ThrottleDirection> ThrottleDirectionOf(IoOp op) {
  switch (op) {
    case IoOp::kRead:
      return ThrottleDirection::kRead;
    case IoOp::kWrite:
    case IoOp::kWriteZeroes:
      return ThrottleDirection::kWrite;
    case IoOp::kFlush:
    case IoOp::kDiscard:
      return std::nullopt;
  }
  return std::nullopt;
}

// Places in the two rounds. Guarded by the group's Mutex.
struct ThrottlePortSeat {
  ThrottlePortSeat* next = nullptr;
  ThrottlePort* port = nullptr;
  bool taken = false;  // The port has waiting requests.
};
struct ThrottleMemberSeat {
  ThrottleMemberSeat* next = nullptr;
  // Of this member, those with waiting requests; whose turn is next in front.
  IntrusiveFifo<ThrottlePortSeat, &ThrottlePortSeat::next> ports;
};

class ThrottleGroup {
 public:
  explicit ThrottleGroup(std::string name) : name_(std::move(name)) {}
  ThrottleGroup(const ThrottleGroup&) = delete;
  ThrottleGroup& operator=(const ThrottleGroup&) = delete;

  const std::string& name() const { return name_; }

  // `config` has passed CheckThrottleConfig. Who waits learns of it soon.
  void SetConfig(const ThrottleConfig& config, Instant now);
  ThrottleConfig config() const;

 private:
  friend class ThrottlePort;
  using MemberRound = IntrusiveFifo<ThrottleMemberSeat, &ThrottleMemberSeat::next>;

  static size_t IndexOf(ThrottleDirection direction) { return static_cast<size_t>(direction); }
  MemberRound& RoundOf(ThrottleDirection direction) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return rounds_[IndexOf(direction)];
  }
  // Whose turn it is; nullptr: nobody waits.
  ThrottlePort* Turn(ThrottleDirection direction) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sit(ThrottlePort& port, ThrottleDirection direction) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The port whose turn it was has been served; it has `more` waiting, or none.
  enum class More : uint8_t { kNo, kYes };
  void PassOn(ThrottleDirection direction, More more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The port has no waiting requests any more.
  void StandUp(ThrottlePort& port, ThrottleDirection direction)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  mutable Mutex mutex_;
  ThrottleState state_ ABSL_GUARDED_BY(mutex_);
  // Members with waiting requests; whose turn it is in front.
  std::array<MemberRound, 2> rounds_ ABSL_GUARDED_BY(mutex_);
};

class ThrottleMember {
 public:
  explicit ThrottleMember(std::shared_ptr<ThrottleGroup> group) : group_(std::move(group)) {}
  ThrottleMember(const ThrottleMember&) = delete;
  ThrottleMember& operator=(const ThrottleMember&) = delete;

  const std::shared_ptr<ThrottleGroup>& group() const { return group_; }

 private:
  friend class ThrottleGroup;

  const std::shared_ptr<ThrottleGroup> group_;
  std::array<ThrottleMemberSeat, 2> seats_;  // Guarded by the group's Mutex.
};

class ThrottlePortClient {
 public:
  // In the port's context, never from inside Admit: `request`, which had to wait, goes now. It may
  // call Admit, not end the port.
  virtual void OnThrottleTurn(IoRequest& request) = 0;

 protected:
  ~ThrottlePortClient() = default;
};

class ThrottlePort {
 public:
  using RequestFifo = IntrusiveFifo<IoRequest, &IoRequest::next>;

  // `client` outlives it.
  ThrottlePort(std::shared_ptr<ThrottleMember> member, AioContext& context,
               ThrottlePortClient& client);
  ThrottlePort(const ThrottlePort&) = delete;
  ThrottlePort& operator=(const ThrottlePort&) = delete;
  // Nothing waits here (checked).
  ~ThrottlePort();

  const std::shared_ptr<ThrottleMember>& member() const { return member_; }

  // True: `request` has been counted and goes now. False: it waits here, in order with others of
  // its direction, until OnThrottleTurn.
  bool Admit(IoRequest& request);
  // Takes a waiting request out, uncounted; false when it doesn't wait here.
  bool Remove(IoRequest& request);
  // Appends what waits in a direction to `to`, in order, uncounted.
  void TakeAll(ThrottleDirection direction, RequestFifo& to);
  bool empty() const { return ways_[0].waiting.empty() && ways_[1].waiting.empty(); }

 private:
  friend class ThrottleGroup;

  // One direction. The list and the timer are the context's own.
  struct Way {
    Way(ThrottlePort& port, AioContext& context, ThrottleDirection direction)
        : timer(context, [&port, direction] { port.TakeTurn(direction, Due::kYes); }) {
      seat.port = &port;
    }
    RequestFifo waiting;
    Timer timer;            // Armed while it is this port's turn.
    ThrottlePortSeat seat;  // Guarded by the group's Mutex.
  };
  class Nudge final : public WorkItem {
   public:
    explicit Nudge(ThrottlePort& port) : port_(port) {}
    void Run() override { port_.OnNudge(); }

   private:
    ThrottlePort& port_;
  };
  // Whether the time that was waited for has come.
  enum class Due : uint8_t { kNo, kYes };

  Way& WayOf(ThrottleDirection direction) { return ways_[static_cast<size_t>(direction)]; }
  ThrottleGroup& group() const { return *member_->group(); }
  void TakeTurn(ThrottleDirection direction, Due due);
  // After what waited here has been taken out: stands up when that was all, and hands the turn on.
  void AfterRemoval(ThrottleDirection direction);
  // The group's Mutex is held. It is this port's turn, or its time has changed.
  void PostNudge();
  void OnNudge();

  const std::shared_ptr<ThrottleMember> member_;
  AioContext& context_;
  ThrottlePortClient& client_;
  std::array<Way, 2> ways_;
  Nudge nudge_{*this};
  bool nudged_ = false;  // Guarded by the group's Mutex.
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_GROUP_H_
