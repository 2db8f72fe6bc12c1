// SPDX-License-Identifier: Apache-2.0
//
// LoopThread: an event loop (epoll and threads) on a thread of its own, for tests of devices whose
// queues run beside the guest's thread. Who posts to a context may still be in Post when the posted
// work runs, so the loop's thread does not destroy it.
//
// Ownership: owns context and thread; what is registered with the context goes before it.
// Threading: made and destroyed by one thread. Errors: aborts when the host refuses an event loop.

#ifndef PLATTER_DEVICES_TESTING_LOOP_THREAD_H_
#define PLATTER_DEVICES_TESTING_LOOP_THREAD_H_

#include <atomic>
#include <memory>
#include <thread>

#include "aio/aio_context.h"
#include "aio/create.h"

namespace platter {

class LoopThread {
 public:
  explicit LoopThread(const char* name)
      : context_(*CreateAioContext({.kind = AioKind::kThreads, .name = name})), thread_([this] {
          context_->BindToThisThread();
          bound_.store(true);
          bound_.notify_one();
          context_->RunUntil([this] { return stop_; });
        }) {
    // Until then the context counts as the calling thread's.
    bound_.wait(false);
  }
  ~LoopThread() {
    context_->Post([this] { stop_ = true; });
    thread_.join();
    context_->BindToThisThread();
  }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  AioContext& context() { return *context_; }

 private:
  std::unique_ptr<AioContext> context_;
  std::atomic<bool> bound_{false};
  bool stop_ = false;  // In the loop.
  std::thread thread_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_TESTING_LOOP_THREAD_H_
