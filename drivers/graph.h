// SPDX-License-Identifier: Apache-2.0
//
// BlockGraph: the named nodes of one machine, and the services that drivers need (control context,
// log, file I/O). Nothing is global: two machines have two graphs.
//
// Ownership: the owner of the machine owns the graph; it outlives its nodes. The graph holds a
//   reference to each node that the user named (blockdev-add), until Remove.
// Threading: control context only. Errors: absl::Status naming the node.

#ifndef PLATTER_DRIVERS_GRAPH_H_
#define PLATTER_DRIVERS_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/task.h"
#include "base/log.h"
#include "drivers/node.h"

namespace platter {

// As the field has it; the schema of config/ says the same.
inline constexpr size_t kMaxNodeNameLength = 31;

class BlockGraph {
 public:
  BlockGraph(AioContext& control, LogSink& log) : control_(control), log_(log) {}
  BlockGraph(const BlockGraph&) = delete;
  BlockGraph& operator=(const BlockGraph&) = delete;
  // Drops the references to named nodes; all backends have let go of theirs.
  ~BlockGraph();

  AioContext& control() { return control_; }
  LogSink& log() { return log_; }

  // Whether nodes are opened inactive, whatever their options say (activation.h): in a machine that
  // waits for the state of another one.
  bool opens_inactive() const { return opens_inactive_; }
  void set_opens_inactive(bool inactive) { opens_inactive_ = inactive; }

  // A name for a node that the user did not name: '#' first, so that it can't collide.
  std::string GenerateNodeName();
  // INVALID_ARGUMENT for an ill-formed name, ALREADY_EXISTS for one in use by a living node.
  absl::Status CheckNodeName(std::string_view name) const;

  // Makes a node findable (all nodes) and, when `keep`, holds a reference.
  enum class Keep : uint8_t { kNo, kYes };
  void Register(const NodeRef& node, Keep keep);
  // nullptr when there is none.
  NodeRef Find(std::string_view node_name) const;
  // The same, or NOT_FOUND (ENOENT) naming it.
  absl::StatusOr<NodeRef> Lookup(std::string_view node_name) const;
  // Drops the graph's reference, in a drained section: what is below may have other users.
  // NOT_FOUND; FAILED_PRECONDITION (EBUSY) while it has parents.
  Task<absl::Status> Remove(std::string node_name);
  // All living nodes, by name.
  std::vector<NodeRef> Nodes() const;
  // Of the nodes that Remove may remove: those the graph holds a reference to.
  std::vector<std::string> KeptNames() const;

 private:
  // Whether Remove may go on.
  absl::Status CheckRemovable(std::string_view node_name) const;

  AioContext& control_;
  LogSink& log_;
  bool opens_inactive_ = false;
  uint64_t next_generated_ = 0;
  std::map<std::string, std::weak_ptr<BlockNode>, std::less<>> by_name_;
  std::map<std::string, NodeRef, std::less<>> kept_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_GRAPH_H_
