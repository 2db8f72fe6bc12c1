// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/context.h"

#include <algorithm>
#include <utility>

#include "aio/simulated/world.h"
#include "base/check.h"

namespace platter {

namespace {

void KeepEarlier(std::optional<Instant>& earliest, std::optional<Instant> candidate) {
  if (candidate.has_value() && (!earliest.has_value() || *candidate < *earliest)) {
    earliest = candidate;
  }
}

}  // namespace

SimulatedContext::SimulatedContext(SimulatedWorld& world, std::string name)
    : AioContext(std::move(name)),
      world_(world),
      file_io_(world.disk(), world.clock(), world.random()) {
  turn_time_ = world.clock().Now();
}

SimulatedContext::~SimulatedContext() {
  FinishQueuedWork();
  PLATTER_CHECK(watches_.empty());
  PLATTER_CHECK(pollers_.empty());
  PLATTER_CHECK(timers_.empty());
  PLATTER_CHECK(file_io_.outstanding() == 0);
}

bool SimulatedContext::InContext() const { return world_.InContext(*this); }

void SimulatedContext::BindToThisThread() { world_.BindToThisThread(); }

Instant SimulatedContext::Now() const { return world_.clock().Now(); }

void SimulatedContext::WakeUp() { world_.Wake(); }

void SimulatedContext::Watch(FdWatch& watch, int fd, uint32_t events) {
  PLATTER_CHECK(fd >= 0);
  for (const WatchEntry& entry : watches_) PLATTER_CHECK(entry.watch->fd != fd);
  watch.fd = fd;
  watches_.push_back(WatchEntry{&watch, events, 0});
}

void SimulatedContext::Unwatch(FdWatch& watch) {
  const auto erased =
      std::erase_if(watches_, [&](const WatchEntry& entry) { return entry.watch == &watch; });
  PLATTER_CHECK(erased == 1);
  watch.fd = -1;
}

void SimulatedContext::AddPoller(Poller& poller) {
  pollers_.push_back(&poller);
  if (notifications_off_) poller.OnPollStart();
}

void SimulatedContext::RemovePoller(Poller& poller) {
  PLATTER_CHECK(std::erase(pollers_, &poller) == 1);
  if (notifications_off_) poller.OnPollEnd();
}

void SimulatedContext::SetPollOptions(PollOptions options) { window_.SetMax(options.max); }

bool SimulatedContext::Ready() const {
  if (HasQueuedWork() || file_io_.queued() || poll_found_work_) return true;
  const Instant now = Now();
  if (const auto next = timers_.next(); next.has_value() && *next <= now) return true;
  if (const auto next = file_io_.next(); next.has_value() && *next <= now) return true;
  return std::any_of(watches_.begin(), watches_.end(),
                     [](const WatchEntry& entry) { return entry.ready != 0; });
}

bool SimulatedContext::RunWatches() {
  bool ran = false;
  // Callbacks may add and remove watches: find the next ready one from the start each time.
  for (;;) {
    const auto found = std::find_if(watches_.begin(), watches_.end(),
                                    [](const WatchEntry& entry) { return entry.ready != 0; });
    if (found == watches_.end()) return ran;
    found->watch->OnFdReady(std::exchange(found->ready, 0));
    ran = true;
  }
}

bool SimulatedContext::AskPollers() {
  bool found = false;
  for (size_t i = 0; i < pollers_.size(); ++i) found |= pollers_[i]->Poll();
  return found;
}

bool SimulatedContext::Turn() {
  CurrentScope scope(*this);
  ++stats_.turns;
  if (idle_ == Idle::kPolling) {
    ++stats_.poll_hits;
    window_.OnHit();
  } else if (idle_ == Idle::kAsleep) {
    window_.OnSlept(Now() - idle_since_);
  }
  idle_ = Idle::kNo;
  bool did = std::exchange(poll_found_work_, false);
  RefreshTime();
  did |= RunQueuedWork();
  did |= timers_.RunExpired(turn_time_);
  did |= RunWatches();
  if (notifications_off_) did |= AskPollers();
  did |= file_io_.Complete();
  file_io_.Flush();
  return did;
}

bool SimulatedContext::EndPolling() {
  if (!notifications_off_) return false;
  notifications_off_ = false;
  CurrentScope scope(*this);
  bool found = false;
  for (size_t i = 0; i < pollers_.size(); ++i) found |= pollers_[i]->OnPollEnd();
  return found;
}

bool SimulatedContext::BecomeIdle() {
  if (idle_ == Idle::kNo) {
    idle_since_ = Now();
    if (!pollers_.empty() && window_.window() > Duration{0}) {
      idle_ = Idle::kPolling;
      window_end_ = idle_since_ + window_.window();
      ++stats_.poll_windows;
      if (!notifications_off_) {
        notifications_off_ = true;
        CurrentScope scope(*this);
        for (size_t i = 0; i < pollers_.size(); ++i) pollers_[i]->OnPollStart();
      }
      return false;
    }
  } else if (idle_ == Idle::kAsleep || Now() < window_end_) {
    return false;
  }
  if (EndPolling()) {
    idle_ = Idle::kNo;
    poll_found_work_ = true;
    return true;
  }
  idle_ = Idle::kAsleep;
  ++stats_.sleeps;
  return false;
}

bool SimulatedContext::PollInWindow() {
  if (idle_ != Idle::kPolling) return false;
  CurrentScope scope(*this);
  if (!AskPollers()) return false;
  poll_found_work_ = true;
  return true;
}

std::optional<Instant> SimulatedContext::NextEvent() const {
  std::optional<Instant> earliest = timers_.next();
  KeepEarlier(earliest, file_io_.next());
  if (idle_ == Idle::kPolling) KeepEarlier(earliest, window_end_);
  return earliest;
}

bool SimulatedContext::RunReady() {
  PLATTER_CHECK(Current() == nullptr);
  world_.CheckDescriptors();
  if (!Ready()) return false;
  const bool did = world_.TurnOf(*this);
  return did || Ready();
}

void SimulatedContext::RunOnce() { world_.StepOrDie(); }

std::optional<Instant> SimulatedContext::NextDeadline() {
  if (Ready()) return Now();
  return NextEvent();
}

}  // namespace platter
