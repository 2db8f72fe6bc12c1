// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/world.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/check.h"

namespace platter {

namespace {

// Its address tells threads apart.
thread_local char this_thread;

constexpr Instant kForever = Instant::max();
// A run of this many turns without the clock moving is a livelock.
constexpr uint64_t kMaxFinishRounds = 100'000;

// poll(2) and epoll(7) use the same bits for these.
static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT);
static_assert(POLLERR == EPOLLERR && POLLHUP == EPOLLHUP);

}  // namespace

SimulatedWorld::SimulatedWorld(uint64_t seed) : seed_(seed), random_(seed), disk_(random_) {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  PLATTER_CHECK(wake_fd_ >= 0);
  BindToThisThread();
}

SimulatedWorld::~SimulatedWorld() {
  BindToThisThread();
  // Finishing one context's work may post to another.
  const auto has_work = [](const auto& context) { return context->HasQueuedWork(); };
  for (uint64_t round = 0; std::any_of(contexts_.begin(), contexts_.end(), has_work); ++round) {
    PLATTER_CHECK(round < kMaxFinishRounds);
    for (const auto& context : contexts_) context->FinishQueuedWork();
  }
  while (!contexts_.empty()) contexts_.pop_back();
  close(wake_fd_);
}

AioContext& SimulatedWorld::NewContext(std::string name) {
  contexts_.push_back(std::make_unique<SimulatedContext>(*this, std::move(name)));
  return *contexts_.back();
}

void SimulatedWorld::RunUntil(absl::FunctionRef<bool()> done) {
  while (!done()) StepOrDie();
}

bool SimulatedWorld::RunUntilIdle() {
  bool any = false;
  for (;;) {
    Instant limit = clock_.Now();
    for (const auto& context : contexts_) {
      if (const auto next = context->file_io_.next()) limit = std::max(limit, *next);
    }
    const Progress progress = Step(limit);
    if (progress == Progress::kTooLate || progress == Progress::kDeadlock) return any;
    any |= progress == Progress::kTurn;
  }
}

void SimulatedWorld::RunFor(Duration duration) {
  const Instant end = clock_.Now() + duration;
  for (;;) {
    const Progress progress = Step(end);
    if (progress == Progress::kTooLate || progress == Progress::kDeadlock) break;
  }
  clock_.AdvanceTo(end);
}

void SimulatedWorld::StepOrDie() {
  PLATTER_CHECK(AioContext::Current() == nullptr);
  if (Step(kForever) != Progress::kDeadlock) return;
  const std::string text =
      "the simulated world can make progress (seed " + std::to_string(seed_) + ")";
  CheckFailed(__FILE__, __LINE__, text.c_str());
}

SimulatedContext* SimulatedWorld::Draw(absl::FunctionRef<bool(SimulatedContext&)> wanted) {
  drawn_.clear();
  for (const auto& context : contexts_) {
    if (wanted(*context)) drawn_.push_back(context.get());
  }
  return drawn_.empty() ? nullptr : drawn_[random_.Below(drawn_.size())];
}

bool SimulatedWorld::TurnOf(SimulatedContext& context) {
  turning_.store(&context, std::memory_order_relaxed);
  const bool did = context.Turn();
  turning_.store(nullptr, std::memory_order_relaxed);
  return did;
}

SimulatedWorld::Progress SimulatedWorld::Step(Instant limit) {
  CheckDescriptors();
  SimulatedContext* ready = Draw([](SimulatedContext& context) { return context.Ready(); });
  if (ready == nullptr) {
    ready = Draw([this](SimulatedContext& context) {
      turning_.store(&context, std::memory_order_relaxed);
      const bool found = context.PollInWindow();
      turning_.store(nullptr, std::memory_order_relaxed);
      return found;
    });
  }
  if (ready != nullptr) {
    TurnOf(*ready);
    return Progress::kTurn;
  }
  return AdvanceClock(limit);
}

SimulatedWorld::Progress SimulatedWorld::AdvanceClock(Instant limit) {
  // Notifications are armed before the clock moves, as before a real sleep.
  bool found = false;
  for (const auto& context : contexts_) {
    turning_.store(context.get(), std::memory_order_relaxed);
    found |= context->BecomeIdle();
    turning_.store(nullptr, std::memory_order_relaxed);
  }
  found |= Draw([](SimulatedContext& context) { return context.Ready(); }) != nullptr;
  if (found) return Progress::kTurn;
  if (holds_ > 0) {
    WaitForRealIo();
    return Progress::kReal;
  }
  std::optional<Instant> next;
  for (const auto& context : contexts_) {
    const auto event = context->NextEvent();
    if (event.has_value() && (!next.has_value() || *event < *next)) next = event;
  }
  if (next.has_value()) {
    if (*next > limit) return Progress::kTooLate;
    clock_.AdvanceTo(*next);
    return Progress::kTime;
  }
  if (!HasWatches()) return Progress::kDeadlock;
  if (limit != kForever) return Progress::kTooLate;
  WaitForRealIo();
  return Progress::kReal;
}

bool SimulatedWorld::HasWatches() const {
  return std::any_of(contexts_.begin(), contexts_.end(),
                     [](const auto& context) { return !context->watches_.empty(); });
}

void SimulatedWorld::CheckDescriptors(int timeout_ms) {
  if (timeout_ms == 0 && !HasWatches()) return;
  pollfds_.clear();
  pollfds_.push_back(pollfd{wake_fd_, POLLIN, 0});
  for (const auto& context : contexts_) {
    for (const auto& entry : context->watches_) {
      pollfds_.push_back(pollfd{entry.watch->fd, static_cast<int16_t>(entry.events), 0});
    }
  }
  if (poll(pollfds_.data(), pollfds_.size(), timeout_ms) <= 0) return;
  if (pollfds_[0].revents != 0) {
    uint64_t count = 0;
    if (read(wake_fd_, &count, sizeof(count)) == sizeof(count)) {
      contexts_.front()->stats_.wakeups += count;
    }
  }
  size_t at = 1;
  for (const auto& context : contexts_) {
    for (auto& entry : context->watches_) {
      entry.ready = static_cast<uint32_t>(pollfds_[at++].revents) &
                    (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP);
    }
  }
}

void SimulatedWorld::WaitForRealIo() {
  waiting_.store(true, std::memory_order_seq_cst);
  const bool posted =
      Draw([](SimulatedContext& context) { return context.HasQueuedWork(); }) != nullptr;
  if (!posted) CheckDescriptors(-1);
  waiting_.store(false, std::memory_order_relaxed);
}

void SimulatedWorld::Wake() {
  if (!waiting_.load(std::memory_order_seq_cst)) return;
  if (!waiting_.exchange(false, std::memory_order_seq_cst)) return;
  const uint64_t one = 1;
  PLATTER_CHECK(write(wake_fd_, &one, sizeof(one)) == sizeof(one));
}

bool SimulatedWorld::InContext(const SimulatedContext& context) const {
  if (home_.load(std::memory_order_relaxed) != &this_thread) return false;
  const SimulatedContext* turning = turning_.load(std::memory_order_relaxed);
  return turning == nullptr || turning == &context;
}

void SimulatedWorld::BindToThisThread() { home_.store(&this_thread, std::memory_order_relaxed); }

}  // namespace platter
