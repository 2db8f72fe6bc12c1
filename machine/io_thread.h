// SPDX-License-Identifier: Apache-2.0
//
// IoThread: a thread with an AioContext of its own that serves device queues. ContextProvider is
// how a machine gets its I/O contexts: real threads, or the contexts of a simulated world.
//
// Ownership: the provider owns threads and contexts, until they are dropped or it is destroyed; it
//   outlives the machine's devices.
// Threading: made and destroyed in the control context. Errors: what the host refused, by name.

#ifndef PLATTER_MACHINE_IO_THREAD_H_
#define PLATTER_MACHINE_IO_THREAD_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/create.h"

namespace platter {

class ContextProvider {
 public:
  // A context that runs on its own from now on. `name` is the iothread's id.
  virtual absl::StatusOr<AioContext*> MakeIoContext(const std::string& name, PollOptions poll) = 0;
  // Nobody uses `context`, which MakeIoContext gave, any more: it may end now.
  virtual void DropIoContext(AioContext& context) = 0;

 protected:
  ~ContextProvider() = default;
};

// One thread, one context; runs until destroyed. Nothing is registered with the context then.
class IoThread {
 public:
  static absl::StatusOr<std::unique_ptr<IoThread>> Start(const AioOptions& options);
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  AioContext& context() { return *context_; }

 private:
  explicit IoThread(std::unique_ptr<AioContext> context) : context_(std::move(context)) {}
  void Run();

  std::unique_ptr<AioContext> context_;
  std::atomic<bool> bound_{false};  // The thread has made the context its own.
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class ThreadContextProvider final : public ContextProvider {
 public:
  explicit ThreadContextProvider(AioKind kind) : kind_(kind) {}
  // Of the contexts made from now on.
  AioKind kind() const { return kind_; }
  void set_kind(AioKind kind) { kind_ = kind; }
  absl::StatusOr<AioContext*> MakeIoContext(const std::string& name, PollOptions poll) override;
  void DropIoContext(AioContext& context) override;

 private:
  AioKind kind_;
  std::vector<std::unique_ptr<IoThread>> threads_;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_IO_THREAD_H_
