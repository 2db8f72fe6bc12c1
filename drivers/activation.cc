// SPDX-License-Identifier: Apache-2.0

#include "drivers/activation.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "drivers/edge.h"

namespace platter {
namespace {

bool Contains(const std::vector<BlockNode*>& nodes, const BlockNode* node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

// `node` and all below it, children first, each once.
void CollectBottomUp(BlockNode& node, std::vector<BlockNode*>& nodes) {
  if (Contains(nodes, &node)) return;
  for (const Edge* const edge : node.children()) {
    if (edge->child() != nullptr) CollectBottomUp(*edge->child(), nodes);
  }
  if (!Contains(nodes, &node)) nodes.push_back(&node);
}

std::vector<BlockNode*> BottomUp(const std::vector<NodeRef>& tops) {
  std::vector<BlockNode*> nodes;
  for (const NodeRef& top : tops) CollectBottomUp(*top, nodes);
  return nodes;
}

Task<std::vector<DrainedSection>> Drain(const std::vector<NodeRef>& nodes) {
  std::vector<DrainedSection> sections;
  for (const NodeRef& node : nodes) sections.push_back(co_await DrainedSection::Begin(*node));
  co_return sections;
}

// Parents first. Giving permissions up never fails (node.h).
void Deactivate(const std::vector<BlockNode*>& bottom_up) {
  for (auto node = bottom_up.rbegin(); node != bottom_up.rend(); ++node) {
    Edge::SetActive(**node, false).IgnoreError();
  }
}

// Whether nothing above `node` minds, now that `going` go.
absl::Status CheckMayGo(const BlockNode& node, const std::vector<BlockNode*>& going) {
  for (const Edge* const edge : node.parents()) {
    const BlockNode* const above = edge->parent().AsNode();
    if (above == nullptr) {
      PLATTER_RETURN_IF_ERROR(Annotate(edge->parent().CheckInactivate(),
                                       absl::StrCat("node '", node.node_name(), "'")));
    } else if (above->active() && !Contains(going, above)) {
      return ErrorWithErrno(EBUSY, absl::StrCat("node '", node.node_name(), "' is below node '",
                                                above->node_name(), "', which is active"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Task<absl::Status> ActivateNodes(std::vector<NodeRef> nodes) {
  const std::vector<DrainedSection> drained = co_await Drain(nodes);
  std::vector<BlockNode*> changed;
  absl::Status status;
  for (BlockNode* const node : BottomUp(nodes)) {
    if (node->active()) continue;
    status = Edge::SetActive(*node, true);
    if (!status.ok()) break;
    changed.push_back(node);
  }
  for (size_t i = 0; status.ok() && i < changed.size(); ++i) status = changed[i]->Invalidate();
  if (!status.ok()) Deactivate(changed);
  co_return status;
}

Task<absl::Status> InactivateNodes(std::vector<NodeRef> nodes) {
  const std::vector<DrainedSection> drained = co_await Drain(nodes);
  std::vector<BlockNode*> named;
  for (const NodeRef& node : nodes) named.push_back(node.get());
  for (const NodeRef& node : nodes) {
    if (absl::Status may = CheckMayGo(*node, named); !may.ok()) co_return may;
  }
  // Whether a node below goes, those above it decide: they come first.
  std::vector<BlockNode*> going = named;
  std::vector<BlockNode*> bottom_up = BottomUp(nodes);
  for (auto node = bottom_up.rbegin(); node != bottom_up.rend(); ++node) {
    if (!Contains(going, *node) && CheckMayGo(**node, going).ok()) going.push_back(*node);
  }
  std::erase_if(bottom_up, [&going](const BlockNode* node) { return !Contains(going, node); });
  Deactivate(bottom_up);
  co_return absl::OkStatus();
}

}  // namespace platter
