// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/throttle/throttle_group.h"

#include <utility>

#include "base/check.h"

namespace platter {

// --- The group. ---

void ThrottleGroup::SetConfig(const ThrottleConfig& config, Instant now) {
  MutexLock lock(mutex_);
  state_.SetConfig(config, now);
  for (const ThrottleDirection direction : kThrottleDirections) {
    if (ThrottlePort* const port = Turn(direction)) port->PostNudge();
  }
}

ThrottleConfig ThrottleGroup::config() const {
  MutexLock lock(mutex_);
  return state_.config();
}

ThrottlePort* ThrottleGroup::Turn(ThrottleDirection direction) {
  const ThrottleMemberSeat* const member = RoundOf(direction).front();
  return member == nullptr ? nullptr : member->ports.front()->port;
}

void ThrottleGroup::Sit(ThrottlePort& port, ThrottleDirection direction) {
  ThrottlePortSeat& seat = port.WayOf(direction).seat;
  if (seat.taken) return;
  seat.taken = true;
  ThrottleMemberSeat& member = port.member_->seats_[IndexOf(direction)];
  if (member.ports.empty()) RoundOf(direction).PushBack(member);
  member.ports.PushBack(seat);
}

void ThrottleGroup::PassOn(ThrottleDirection direction, More more) {
  ThrottleMemberSeat& member = *RoundOf(direction).PopFront();
  ThrottlePortSeat& seat = *member.ports.PopFront();
  seat.taken = more == More::kYes;
  if (seat.taken) member.ports.PushBack(seat);
  if (!member.ports.empty()) RoundOf(direction).PushBack(member);
}

void ThrottleGroup::StandUp(ThrottlePort& port, ThrottleDirection direction) {
  ThrottlePortSeat& seat = port.WayOf(direction).seat;
  seat.taken = false;
  ThrottleMemberSeat& member = port.member_->seats_[IndexOf(direction)];
  PLATTER_CHECK(member.ports.Remove(seat));
  if (member.ports.empty()) PLATTER_CHECK(RoundOf(direction).Remove(member));
}

// --- A port. ---

ThrottlePort::ThrottlePort(std::shared_ptr<ThrottleMember> member, AioContext& context,
                           ThrottlePortClient& client)
    : member_(std::move(member)),
      context_(context),
      client_(client),
      ways_{Way(*this, context, ThrottleDirection::kRead),
            Way(*this, context, ThrottleDirection::kWrite)} {}

ThrottlePort::~ThrottlePort() {
  PLATTER_CHECK(empty());
  MutexLock lock(group().mutex_);
  if (nudged_) PLATTER_CHECK(context_.CancelPosted(nudge_));
}

bool ThrottlePort::Admit(IoRequest& request) {
  const std::optional<ThrottleDirection> direction = ThrottleDirectionOf(request.op);
  if (!direction) return true;
  Way& way = WayOf(*direction);
  ThrottleGroup& shared = group();
  MutexLock lock(shared.mutex_);
  if (shared.Turn(*direction) == nullptr) {
    const Instant now = context_.Now();
    const Duration wait = shared.state_.WaitFor(*direction, now);
    if (wait == Duration{0}) {
      shared.state_.Account(*direction, request.bytes, now);
      return true;
    }
    way.timer.ArmAt(now + wait);
  }
  way.waiting.PushBack(request);
  shared.Sit(*this, *direction);
  return false;
}

void ThrottlePort::TakeTurn(ThrottleDirection direction, Due due) {
  Way& way = WayOf(direction);
  ThrottleGroup& shared = group();
  RequestFifo going;
  {
    MutexLock lock(shared.mutex_);
    if (shared.Turn(direction) != this) return;
    const Instant now = context_.Now();
    while (shared.Turn(direction) == this) {
      if (due == Due::kNo) {
        const Duration wait = shared.state_.WaitFor(direction, now);
        if (wait > Duration{0}) {
          way.timer.ArmAt(now + wait);
          break;
        }
      }
      due = Due::kNo;
      IoRequest& request = *way.waiting.PopFront();
      shared.state_.Account(direction, request.bytes, now);
      going.PushBack(request);
      shared.PassOn(direction,
                    way.waiting.empty() ? ThrottleGroup::More::kNo : ThrottleGroup::More::kYes);
    }
    ThrottlePort* const next = shared.Turn(direction);
    if (next != this) {
      way.timer.Cancel();
      if (next != nullptr) next->PostNudge();
    }
  }
  while (IoRequest* const request = going.PopFront()) client_.OnThrottleTurn(*request);
}

bool ThrottlePort::Remove(IoRequest& request) {
  const std::optional<ThrottleDirection> direction = ThrottleDirectionOf(request.op);
  if (!direction || !WayOf(*direction).waiting.Remove(request)) return false;
  AfterRemoval(*direction);
  return true;
}

void ThrottlePort::TakeAll(ThrottleDirection direction, RequestFifo& to) {
  Way& way = WayOf(direction);
  if (way.waiting.empty()) return;
  to.Append(way.waiting);
  AfterRemoval(direction);
}

void ThrottlePort::AfterRemoval(ThrottleDirection direction) {
  Way& way = WayOf(direction);
  if (!way.waiting.empty()) return;
  ThrottleGroup& shared = group();
  MutexLock lock(shared.mutex_);
  const bool was_ours = shared.Turn(direction) == this;
  shared.StandUp(*this, direction);
  if (!was_ours) return;
  way.timer.Cancel();
  if (ThrottlePort* const next = shared.Turn(direction)) next->PostNudge();
}

void ThrottlePort::PostNudge() {
  if (nudged_) return;
  nudged_ = true;
  context_.Post(nudge_);
}

void ThrottlePort::OnNudge() {
  {
    MutexLock lock(group().mutex_);
    nudged_ = false;
  }
  for (const ThrottleDirection direction : kThrottleDirections) TakeTurn(direction, Due::kNo);
}

}  // namespace platter
