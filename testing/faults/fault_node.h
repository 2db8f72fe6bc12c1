// SPDX-License-Identifier: Apache-2.0
//
// FaultNode: a filter that asks a FaultPlan about every request and fails the one it says. What its
// child completes twice it notes in the plan and does not pass on.
//
// Ownership: see BlockNode; the plan outlives it. Threading: any-context, or the child's home
//   context. Errors: the plan's.

#ifndef PLATTER_TESTING_FAULTS_FAULT_NODE_H_
#define PLATTER_TESTING_FAULTS_FAULT_NODE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "base/mutex.h"
#include "drivers/edge.h"
#include "drivers/node.h"
#include "testing/faults/fault_plan.h"

namespace platter {

class FaultNode final : public BlockNode, public EdgeParent {
 public:
  // A node with the limits and features of `child`.
  static absl::StatusOr<std::shared_ptr<FaultNode>> Create(std::string node_name, NodeRef child,
                                                           FaultPlan& plan);
  ~FaultNode() override;

  const char* driver_name() const override { return "fault"; }
  IoResult Start(IoRequest& request) override;
  void Cancel(IoRequest& request) override;
  Task<absl::Status> Truncate(uint64_t new_length) override;
  Task<absl::StatusOr<BlockStatus>> GetBlockStatus(uint64_t offset, uint64_t bytes) override;
  absl::Status SetPermissions(Permissions cumulative) override;
  std::vector<Edge*> children() override { return {&child_}; }

  std::string Describe() const override { return "node '" + node_name() + "'"; }
  BlockNode* AsNode() override { return this; }
  void OnChildChanged() override;

 private:
  class Watched;

  FaultNode(std::string node_name, FaultPlan& plan);
  void Refresh();

  Watched& NewWatched(IoRequest& request, IoResult fault);
  void Forget(IoRequest& request);

  FaultPlan& plan_;
  Mutex mutex_;
  // All there ever were: a completion that comes when its request is long done finds its own.
  std::vector<std::unique_ptr<Watched>> watched_ ABSL_GUARDED_BY(mutex_);
  // Those that are not done, by the request above.
  std::map<IoRequest*, Watched*> live_ ABSL_GUARDED_BY(mutex_);
  Edge child_{*this, "file"};
};

}  // namespace platter

#endif  // PLATTER_TESTING_FAULTS_FAULT_NODE_H_
