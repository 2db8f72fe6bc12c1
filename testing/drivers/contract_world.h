// SPDX-License-Identifier: Apache-2.0
//
// ContractWorld: the contexts of a test that runs on every kind of them: a control context on the
// test's thread, and more that are served: by threads of their own (io_uring, threads), or by the
// simulated world, all on the test's thread.
//
// Ownership: owns the contexts; its destruction ends their threads. Threading: the test's thread.
// Errors: Create: what the kernel refused.

#ifndef PLATTER_TESTING_DRIVERS_CONTRACT_WORLD_H_
#define PLATTER_TESTING_DRIVERS_CONTRACT_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/simulated/world.h"

namespace platter {

enum class ContextKind : uint8_t { kSimulated, kThreads, kUring };
const char* NameOf(ContextKind kind);

class ContractWorld {
 public:
  static absl::StatusOr<std::unique_ptr<ContractWorld>> Create(ContextKind kind, uint64_t seed);
  ~ContractWorld();
  ContractWorld(const ContractWorld&) = delete;
  ContractWorld& operator=(const ContractWorld&) = delete;

  ContextKind kind() const { return kind_; }
  AioContext& control() { return *control_; }
  // A context that is served without the test doing anything, but for the simulated kind, where
  // RunUntil serves all.
  AioContext& NewServedContext(const std::string& name);
  // nullptr unless the kind is kSimulated.
  SimulatedWorld* simulated() { return simulated_.get(); }

  // Turns the control context (and, simulated, the others) until `done`.
  void RunUntil(absl::FunctionRef<bool()> done) { control_->RunUntil(done); }
  // Runs `work` in a turn of `context` and waits for its end.
  void RunIn(AioContext& context, absl::FunctionRef<void()> work);
  // As RunUntil, for what a served context makes true without telling the control context.
  void AwaitIn(AioContext& context, absl::FunctionRef<bool()> done);

 private:
  class ServedContext;

  explicit ContractWorld(ContextKind kind);

  const ContextKind kind_;
  std::unique_ptr<SimulatedWorld> simulated_;
  std::unique_ptr<AioContext> owned_control_;
  AioContext* control_ = nullptr;
  std::vector<std::unique_ptr<ServedContext>> served_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DRIVERS_CONTRACT_WORLD_H_
