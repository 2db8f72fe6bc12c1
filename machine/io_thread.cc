// SPDX-License-Identifier: Apache-2.0
#include "machine/io_thread.h"

#include <system_error>
#include <utility>

#include "base/status.h"

namespace platter {

absl::StatusOr<std::unique_ptr<IoThread>> IoThread::Start(const AioOptions& options) {
  absl::StatusOr<std::unique_ptr<AioContext>> context = CreateAioContext(options);
  if (!context.ok()) return context.status();
  std::unique_ptr<IoThread> io_thread(new IoThread(*std::move(context)));
  try {
    io_thread->thread_ = std::thread([self = io_thread.get()] { self->Run(); });
  } catch (const std::system_error& refused) {
    return ErrnoError(refused.code().value(), "cannot start a thread");
  }
  // Until then the context would count as this thread's, and a vCPU that is this thread would not
  // wait for it.
  io_thread->bound_.wait(false, std::memory_order_acquire);
  return io_thread;
}

void IoThread::Run() {
  context_->BindToThisThread();
  bound_.store(true, std::memory_order_release);
  bound_.notify_one();
  while (!stop_.load(std::memory_order_acquire)) context_->RunOnce();
  // What was posted before the stop still runs: a closed channel's last messages, say.
  while (context_->RunReady()) {
  }
}

IoThread::~IoThread() {
  if (thread_.joinable()) {
    // Posted, so that a sleeping context wakes up and sees it.
    context_->Post([this]() mutable { stop_.store(true, std::memory_order_release); });
    thread_.join();
  }
  context_->BindToThisThread();
}

absl::StatusOr<AioContext*> ThreadContextProvider::MakeIoContext(const std::string& name,
                                                                 PollOptions poll) {
  AioOptions options;
  options.kind = kind_;
  options.name = name;
  options.poll = poll;
  absl::StatusOr<std::unique_ptr<IoThread>> thread = IoThread::Start(options);
  if (!thread.ok()) return thread.status();
  threads_.push_back(*std::move(thread));
  return &threads_.back()->context();
}

void ThreadContextProvider::DropIoContext(AioContext& context) {
  std::erase_if(threads_, [&context](const std::unique_ptr<IoThread>& thread) {
    return &thread->context() == &context;
  });
}

}  // namespace platter
