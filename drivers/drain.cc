// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "drivers/edge.h"

namespace platter {
namespace {

using Nodes = std::vector<BlockNode*>;

// Adds `node` unless it is there.
bool AddNew(BlockNode& node, Nodes& nodes) {
  if (std::find(nodes.begin(), nodes.end(), &node) != nodes.end()) return false;
  nodes.push_back(&node);
  return true;
}

// `node` and all below it.
void CollectSubtree(BlockNode& node, Nodes& nodes) {
  if (!AddNew(node, nodes)) return;
  for (const Edge* const edge : node.children()) {
    if (edge->child() != nullptr) CollectSubtree(*edge->child(), nodes);
  }
}

// Adds the roots above `node` that `roots` doesn't have yet.
void CollectRoots(BlockNode& node, std::vector<EdgeParent*>& roots, Nodes& visited) {
  if (!AddNew(node, visited)) return;
  for (const Edge* const edge : node.parents()) {
    EdgeParent& parent = edge->parent();
    if (BlockNode* const above = parent.AsNode(); above != nullptr) {
      CollectRoots(*above, roots, visited);
    } else if (std::find(roots.begin(), roots.end(), &parent) == roots.end()) {
      roots.push_back(&parent);
    }
  }
}

}  // namespace

Task<DrainedSection> DrainedSection::Begin(BlockNode& node) {
  DrainedSection section;
  for (;;) {
    Nodes subtree;
    CollectSubtree(node, subtree);
    std::vector<EdgeParent*> roots = section.roots_;
    Nodes visited;
    for (BlockNode* const below : subtree) CollectRoots(*below, roots, visited);
    if (roots.size() == section.roots_.size()) break;
    // One, then all are looked for again: others may come, and go, while it becomes quiet.
    EdgeParent* const next = roots[section.roots_.size()];
    co_await next->Quiesce();
    section.roots_.push_back(next);
  }
  co_return std::move(section);
}

DrainedSection::DrainedSection(DrainedSection&& other) noexcept
    : roots_(std::exchange(other.roots_, {})) {}

DrainedSection& DrainedSection::operator=(DrainedSection&& other) noexcept {
  if (this != &other) {
    End();
    roots_ = std::exchange(other.roots_, {});
  }
  return *this;
}

void DrainedSection::End() {
  const std::vector<EdgeParent*> roots = std::exchange(roots_, {});
  for (auto root = roots.rbegin(); root != roots.rend(); ++root) (*root)->Unquiesce();
}

}  // namespace platter
