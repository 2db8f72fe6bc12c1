// SPDX-License-Identifier: Apache-2.0
#include "aio/aio_context.h"

#include <memory>

#include "base/check.h"

namespace platter {

namespace {

// The one thing a thread knows about contexts: whose turn it runs. Trivial, so that it needs
// neither a constructor nor a guard.
thread_local AioContext* current_context = nullptr;

// What FinishQueuedWork allows before it calls queued work endless.
constexpr int kMaxFinishRounds = 100'000;

// A posted function: the allocating form of Post.
class PostedFunction final : public WorkItem {
 public:
  explicit PostedFunction(absl::AnyInvocable<void() &&> work) : work_(std::move(work)) {}

 private:
  void Run() override {
    std::unique_ptr<PostedFunction> self(this);
    std::move(work_)();
  }

  absl::AnyInvocable<void() &&> work_;
};

}  // namespace

AioContext::CurrentScope::CurrentScope(AioContext& context) : outer_(current_context) {
  current_context = &context;
}

AioContext::CurrentScope::~CurrentScope() { current_context = outer_; }

AioContext* AioContext::Current() { return current_context; }

AioContext::~AioContext() { PLATTER_CHECK(!HasQueuedWork()); }

void AioContext::Post(WorkItem& item) {
  if (remote_.Push(item)) WakeUp();
}

void AioContext::Post(absl::AnyInvocable<void() &&> work) {
  Post(*new PostedFunction(std::move(work)));
}

bool AioContext::CancelPosted(WorkItem& item) {
  remote_.TakeAll(posted_);
  return posted_.Remove(item);
}

void AioContext::RunUntil(absl::FunctionRef<bool()> done) {
  PLATTER_CHECK(Current() == nullptr);  // The blocking form is for a top level.
  in_run_until_ = true;
  while (!done()) RunOnce();
  in_run_until_ = false;
  LeaveRunUntil();
}

bool AioContext::RunUpToMarker(WorkFifo& fifo, Marker& marker) {
  bool ran = false;
  for (WorkItem* item = fifo.PopFront(); item != &marker; item = fifo.PopFront()) {
    item->Run();
    ran = true;
  }
  return ran;
}

bool AioContext::RunQueuedWork() {
  remote_.TakeAll(posted_);
  // Both marks are set before anything runs: what posted work defers belongs to the next turn.
  const bool deferred = !deferred_.empty();
  if (deferred) deferred_.PushBack(deferred_marker_);
  bool ran = false;
  if (!posted_.empty()) {
    posted_.PushBack(posted_marker_);
    ran = RunUpToMarker(posted_, posted_marker_);
  }
  if (deferred) ran |= RunUpToMarker(deferred_, deferred_marker_);
  return ran;
}

void AioContext::FinishQueuedWork() {
  CurrentScope scope(*this);
  for (int round = 0; HasQueuedWork(); ++round) {
    PLATTER_CHECK(round < kMaxFinishRounds);
    RunQueuedWork();
  }
}

BottomHalf::~BottomHalf() { PLATTER_CHECK(!scheduled()); }

}  // namespace platter
