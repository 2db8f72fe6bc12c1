// SPDX-License-Identifier: Apache-2.0
#include "drivers/graph.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/id.h"
#include "base/status.h"
#include "drivers/edge.h"

namespace platter {

BlockGraph::~BlockGraph() {
  kept_.clear();
  for (const auto& [name, node] : by_name_) PLATTER_CHECK(node.expired());
}

std::string BlockGraph::GenerateNodeName() { return absl::StrCat("#block", next_generated_++); }

absl::Status BlockGraph::CheckNodeName(std::string_view name) const {
  PLATTER_RETURN_IF_ERROR(CheckId("node", name));
  if (name.size() > kMaxNodeNameLength) {
    return ErrorWithErrno(EINVAL, absl::StrCat("node id '", std::string(name), "' is longer than ",
                                               kMaxNodeNameLength, " characters"));
  }
  if (Find(name) != nullptr) {
    return ErrorWithErrno(EEXIST,
                          absl::StrCat("there is a node '", std::string(name), "' already"));
  }
  return absl::OkStatus();
}

void BlockGraph::Register(const NodeRef& node, Keep keep) {
  std::erase_if(by_name_, [](const auto& entry) { return entry.second.expired(); });
  PLATTER_CHECK(by_name_.emplace(node->node_name(), node).second);
  if (keep == Keep::kYes) kept_.emplace(node->node_name(), node);
}

NodeRef BlockGraph::Find(std::string_view node_name) const {
  const auto found = by_name_.find(node_name);
  return found == by_name_.end() ? nullptr : found->second.lock();
}

absl::StatusOr<NodeRef> BlockGraph::Lookup(std::string_view node_name) const {
  NodeRef node = Find(node_name);
  if (node != nullptr) return node;
  return ErrorWithErrno(ENOENT,
                        absl::StrCat("there is no block node '", std::string(node_name), "'"));
}

absl::Status BlockGraph::CheckRemovable(std::string_view node_name) const {
  const auto kept = kept_.find(node_name);
  if (kept == kept_.end()) {
    const char* const why =
        Find(node_name) != nullptr ? "belongs to the node above it" : "does not exist";
    return ErrorWithErrno(ENOENT, absl::StrCat("node '", std::string(node_name), "' ", why));
  }
  const BlockNode& node = *kept->second;
  if (node.parents().empty()) return absl::OkStatus();
  return ErrorWithErrno(EBUSY, absl::StrCat("node '", node.node_name(), "' is in use by ",
                                            node.parents().front()->parent().Describe()));
}

Task<absl::Status> BlockGraph::Remove(std::string node_name) {
  if (absl::Status removable = CheckRemovable(node_name); !removable.ok()) co_return removable;
  NodeRef node = Find(node_name);
  const DrainedSection drained = co_await DrainedSection::Begin(*node);
  // Others may have come while everything became quiet.
  absl::Status removable = CheckRemovable(node_name);
  if (removable.ok()) kept_.erase(kept_.find(node_name));
  node.reset();  // Perhaps the last: within the section.
  co_return removable;
}

std::vector<NodeRef> BlockGraph::Nodes() const {
  std::vector<NodeRef> nodes;
  for (const auto& [name, weak] : by_name_) {
    if (NodeRef node = weak.lock(); node != nullptr) nodes.push_back(std::move(node));
  }
  return nodes;
}

std::vector<std::string> BlockGraph::KeptNames() const {
  std::vector<std::string> names;
  names.reserve(kept_.size());
  for (const auto& [name, node] : kept_) names.push_back(name);
  return names;
}

}  // namespace platter
