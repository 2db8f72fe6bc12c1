// SPDX-License-Identifier: Apache-2.0
#include "testing/drivers/contract_world.h"

#include <atomic>
#include <thread>
#include <utility>

#include "aio/create.h"
#include "base/check.h"
#include "base/mutex.h"

namespace platter {
namespace {

absl::StatusOr<std::unique_ptr<AioContext>> CreateKind(ContextKind kind, const std::string& name) {
  AioOptions options;
  options.kind = kind == ContextKind::kUring ? AioKind::kUring : AioKind::kThreads;
  options.name = name;
  options.pool_threads = 2;
  return CreateAioContext(options);
}

}  // namespace

const char* NameOf(ContextKind kind) {
  switch (kind) {
    case ContextKind::kSimulated:
      return "Simulated";
    case ContextKind::kThreads:
      return "Threads";
    case ContextKind::kUring:
      break;
  }
  return "Uring";
}

// A context and the thread that makes it, serves it and destroys it.
class ContractWorld::ServedContext {
 public:
  ServedContext(ContextKind kind, std::string name)
      : thread_([this, kind, name = std::move(name)] { Serve(kind, name); }) {
    MutexLock lock(mutex_);
    while (context_ == nullptr) changed_.Wait(mutex_);
  }
  ~ServedContext() {
    {
      MutexLock lock(mutex_);
      may_destroy_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }
  // Ends the loop. The context lives on until the destructor: another thread may still be on its
  // way out of a Post to it.
  void StopServing() {
    context_->Post([this] { stop_ = true; });
    MutexLock lock(mutex_);
    while (!stopped_) changed_.Wait(mutex_);
  }
  AioContext& context() { return *context_; }

 private:
  void Serve(ContextKind kind, const std::string& name) {
    auto created = CreateKind(kind, name);
    PLATTER_CHECK(created.ok());  // The control context of the same kind could be made.
    AioContext& context = **created;
    {
      MutexLock lock(mutex_);
      context_ = &context;
      changed_.NotifyAll();
    }
    context.RunUntil([this] { return stop_; });
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.NotifyAll();
    while (!may_destroy_) changed_.Wait(mutex_);
  }

  Mutex mutex_;
  CondVar changed_;
  AioContext* context_ = nullptr;  // Set once, before the constructor returns.
  bool stop_ = false;              // Of the thread.
  bool stopped_ = false;
  bool may_destroy_ = false;
  std::thread thread_;
};

ContractWorld::ContractWorld(ContextKind kind) : kind_(kind) {}

ContractWorld::~ContractWorld() {
  for (const auto& served : served_) served->StopServing();
  served_.clear();
  owned_control_.reset();
}

absl::StatusOr<std::unique_ptr<ContractWorld>> ContractWorld::Create(ContextKind kind,
                                                                     uint64_t seed) {
  std::unique_ptr<ContractWorld> world(new ContractWorld(kind));
  if (kind == ContextKind::kSimulated) {
    world->simulated_ = std::make_unique<SimulatedWorld>(seed);
    world->control_ = &world->simulated_->NewContext("control");
    return world;
  }
  auto control = CreateKind(kind, "control");
  if (!control.ok()) return control.status();
  world->owned_control_ = *std::move(control);
  world->control_ = world->owned_control_.get();
  return world;
}

AioContext& ContractWorld::NewServedContext(const std::string& name) {
  if (simulated_ != nullptr) return simulated_->NewContext(name);
  served_.push_back(std::make_unique<ServedContext>(kind_, name));
  return served_.back()->context();
}

void ContractWorld::RunIn(AioContext& context, absl::FunctionRef<void()> work) {
  std::atomic<bool> ended{false};
  context.Post([this, work, &ended, &context] {
    work();
    if (&context == control_) {
      ended.store(true);
    } else {
      // Also wakes the control context, which waits for it.
      control_->Post([&ended] { ended.store(true); });
    }
  });
  RunUntil([&ended] { return ended.load(); });
}

void ContractWorld::AwaitIn(AioContext& context, absl::FunctionRef<bool()> done) {
  if (simulated_ != nullptr) {
    RunUntil(done);
    return;
  }
  while (!done()) RunIn(context, [] {});
}

}  // namespace platter
