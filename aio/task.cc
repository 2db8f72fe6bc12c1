// SPDX-License-Identifier: Apache-2.0
#include "aio/task.h"

#include <new>

#include "aio/buffer_pool.h"

namespace platter {

namespace {

// In front of every frame: where it came from.
struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) FrameHeader {
  AioContext* context;  // nullptr: operator new.
};

// A frame on its way back to a pool that the destroying thread must not touch: the dead frame's
// own memory becomes the message.
class ReturnedFrame final : public WorkItem {
 public:
  ReturnedFrame(AioContext& context, size_t size) : context_(context), size_(size) {}

 private:
  void Run() override { context_.buffers().Free(this, size_); }

  AioContext& context_;
  const size_t size_;
};
static_assert(sizeof(ReturnedFrame) <= BufferPool::kMinSize);

Task<void> RunAndTell(Task<void> inner, bool& ended) {
  co_await std::move(inner);
  ended = true;
}

}  // namespace

void* TaskPromiseBase::operator new(size_t size) {
  const size_t total = size + sizeof(FrameHeader);
  AioContext* context = AioContext::Current();
  void* memory = nullptr;
  if (context != nullptr && total <= BufferPool::kPageAligned) {
    memory = context->buffers().Allocate(total);
  } else {
    context = nullptr;
    memory = ::operator new(total);
  }
  return ::new (memory) FrameHeader{context} + 1;
}

void TaskPromiseBase::operator delete(void* frame, size_t size) {
  FrameHeader* header = static_cast<FrameHeader*>(frame) - 1;
  AioContext* context = header->context;
  const size_t total = size + sizeof(FrameHeader);
  if (context == nullptr) {
    ::operator delete(header);
  } else if (AioContext::Current() == context || context->InContext()) {
    context->buffers().Free(header, total);
  } else {
    context->Post(*::new (static_cast<void*>(header)) ReturnedFrame(*context, total));
  }
}

TaskPromiseBase::~TaskPromiseBase() {
  if (!queued_) return;
  PLATTER_CHECK(context_->InContext());
  PLATTER_CHECK(context_->CancelDeferred(*this) || context_->CancelPosted(*this));
}

void TaskPromiseBase::ScheduleResume() {
  queued_ = true;
  if (AioContext::Current() == context_ || context_->InContext()) {
    context_->Defer(*this);
  } else {
    context_->Post(*this);
  }
}

void TaskPromiseBase::MoveAndResume(AioContext& context) {
  // Before anybody else can run it: see StartFor.
  if (state_ == State::kStarting) state_ = State::kWaitedFor;
  context_ = &context;
  queued_ = true;
  context.Post(*this);
}

bool TaskPromiseBase::StartFor(TaskPromiseBase& parent) {
  AioContext& context = parent.context();
  context_ = &context;
  parent_ = &parent;
  parent.child_ = this;
  if (context.task_depth_ >= kMaxDepth) {
    state_ = State::kWaitedFor;
    ScheduleResume();
    return false;
  }
  state_ = State::kStarting;
  ++context.task_depth_;
  self_.resume();
  --context.task_depth_;
  // If it moved to another context it may have ended there by now: then MoveAndResume set
  // kWaitedFor, and its end queued the parent, which it does not touch otherwise.
  if (state_ == State::kDone) return true;
  if (state_ == State::kStarting) state_ = State::kWaitedFor;
  return false;
}

void TaskPromiseBase::Finish() noexcept {
  if (detached_) {
    self_.destroy();
  } else if (state_ == State::kStarting) {
    state_ = State::kDone;
  } else if (parent_ != nullptr) {
    parent_->ScheduleResume();
  }
}

void TaskPromiseBase::Destroy(TaskPromiseBase& root) {
  TaskPromiseBase* at = &root;
  while (at->child_ != nullptr) at = at->child_;
  for (;;) {
    TaskPromiseBase* const parent = at == &root ? nullptr : at->parent_;
    if (at->owner_ != nullptr) at->owner_->promise_ = nullptr;
    if (parent != nullptr) parent->child_ = nullptr;
    at->self_.destroy();
    if (parent == nullptr) return;
    at = parent;
  }
}

void Spawn(AioContext& context, Task<void> task) {
  TaskPromiseBase* promise = task.Release();
  promise->context_ = &context;
  promise->detached_ = true;
  promise->ScheduleResume();
}

void StartOwned(AioContext& context, Task<void>& task) {
  TaskPromiseBase& promise = task.promise();
  PLATTER_CHECK(promise.state_ == TaskPromiseBase::State::kNotStarted);
  promise.state_ = TaskPromiseBase::State::kWaitedFor;
  promise.context_ = &context;
  promise.ScheduleResume();
}

void BlockOn(AioContext& context, Task<void> task) {
  bool done = false;
  Spawn(context, RunAndTell(std::move(task), done));
  context.RunUntil([&] { return done; });
}

}  // namespace platter
