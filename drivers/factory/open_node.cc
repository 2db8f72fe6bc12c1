// SPDX-License-Identifier: Apache-2.0

#include "drivers/factory/open_node.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "drivers/edge.h"
#include "drivers/factory/node_options.h"
#include "drivers/factory/node_origin.h"
#include "drivers/file/file_node.h"

namespace platter {
namespace {

using Variant = config::BlockdevOptions::VariantCase;

// Trees come from users: deep enough for any sensible one, and no stack is at risk.
constexpr int kMaxDepth = 64;

// `parent` has neither name nor owner yet: `what` stands for it in messages.
absl::StatusOr<NodeRef> Reference(BlockGraph& graph, const std::string& name,
                                  const std::string& what) {
  absl::StatusOr<NodeRef> node = graph.Lookup(name);
  if (!node.ok()) return Annotate(node.status(), what);
  return node;
}

// `parent`: the node that this one is made for; nullptr: for none.
absl::StatusOr<NodeRef> Make(BlockGraph& graph, const config::BlockdevOptions& said,
                             const config::BlockdevOptions* parent, BlockGraph::Keep keep,
                             int depth);

absl::StatusOr<NodeRef> MakeChild(BlockGraph& graph, const config::BlockdevRef& ref,
                                  const config::BlockdevOptions& parent, const std::string& what,
                                  int depth) {
  if (ref.ref_case() == config::BlockdevRef::kReference) {
    return Reference(graph, ref.reference(), what);
  }
  if (ref.ref_case() != config::BlockdevRef::kDefinition) {
    return ErrorWithErrno(EINVAL, absl::StrCat(what, ": missing"));
  }
  return Make(graph, ref.definition(), &parent, BlockGraph::Keep::kNo, depth + 1);
}

// As MakeChild, with an error that names the parent (when the user did), as drivers' own do.
absl::StatusOr<NodeRef> Child(BlockGraph& graph, const config::BlockdevRef& ref,
                              const config::BlockdevOptions& parent, const std::string& what,
                              int depth) {
  absl::StatusOr<NodeRef> child = MakeChild(graph, ref, parent, what, depth);
  if (child.ok() || parent.node_name().empty()) return child;
  return Annotate(child.status(), absl::StrCat("node '", parent.node_name(), "'"));
}

// The existing nodes that the tree of `options` is to stand on.
std::vector<NodeRef> ReferencedNodes(const BlockGraph& graph,
                                     const config::BlockdevOptions& options) {
  std::vector<NodeRef> nodes;
  const config::BlockdevOptions* at = &options;
  while (const config::BlockdevRef* child = ChildOf(*at)) {
    if (child->ref_case() == config::BlockdevRef::kReference) {
      if (NodeRef node = graph.Find(child->reference()); node != nullptr) nodes.push_back(node);
    }
    if (child->ref_case() != config::BlockdevRef::kDefinition) break;
    at = &child->definition();
  }
  return nodes;
}

// The one place that knows every driver.
absl::StatusOr<NodeRef> MakeByDriver(BlockGraph& graph, const config::BlockdevOptions& options,
                                     const std::string& name, int depth) {
  switch (options.variant_case()) {
    case Variant::kFile:
    case Variant::kHostDevice:
      return FileNode::Open({.control = &graph.control(), .log = &graph.log(), .host = nullptr},
                            name, FileOptionsFrom(options));
    case Variant::kNullCo:
    case Variant::kNullAio:
      return std::make_shared<NullNode>(name, NullOptionsFrom(options));
    case Variant::kMemory:
      return MemoryNode::Create(name, MemoryOptionsFrom(options, graph));
    case Variant::kRaw: {
      absl::StatusOr<NodeRef> file = Child(graph, options.raw().file(), options, "file", depth);
      if (!file.ok()) return file.status();
      return RawNode::Create(name, *std::move(file), RawOptionsFrom(options));
    }
    case Variant::kBlkdebug: {
      absl::StatusOr<NodeRef> image =
          Child(graph, options.blkdebug().image(), options, "image", depth);
      if (!image.ok()) return image.status();
      return BlkdebugNode::Create(name, *std::move(image), BlkdebugOptionsFrom(options));
    }
    case Variant::VARIANT_NOT_SET:
      break;
  }
  return ErrorWithErrno(EINVAL, "driver: missing");
}

// An active node stands on active ones.
absl::Status SetActivity(BlockNode& node, bool active) {
  if (!active) return Edge::SetActive(node, false);
  for (const Edge* const edge : node.children()) {
    const BlockNode* const child = edge->child().get();
    if (child == nullptr || child->active()) continue;
    return ErrorWithErrno(EBUSY, absl::StrCat("node '", node.node_name(), "' cannot be active: '",
                                              child->node_name(), "' below it is inactive"));
  }
  return absl::OkStatus();
}

absl::StatusOr<NodeRef> Make(BlockGraph& graph, const config::BlockdevOptions& said,
                             const config::BlockdevOptions* parent, BlockGraph::Keep keep,
                             int depth) {
  if (depth > kMaxDepth) {
    return ErrorWithErrno(EINVAL, absl::StrCat("block nodes nest more than ", kMaxDepth, " deep"));
  }
  config::BlockdevOptions options = parent == nullptr ? said : WithInherited(said, *parent);
  std::string name = options.node_name();
  if (name.empty()) {
    name = graph.GenerateNodeName();
  } else {
    PLATTER_RETURN_IF_ERROR(graph.CheckNodeName(name));
  }
  absl::StatusOr<NodeRef> node = MakeByDriver(graph, options, name, depth);
  if (!node.ok()) return node.status();
  (*node)->set_policy(PolicyFrom(options));
  const bool active = IsActive(options) && !graph.opens_inactive();
  PLATTER_RETURN_IF_ERROR(SetActivity(**node, active));
  // A child may have taken the name meanwhile.
  if (!options.node_name().empty()) PLATTER_RETURN_IF_ERROR(graph.CheckNodeName(name));
  (*node)->set_origin(std::make_unique<OptionsOrigin>(
      said, std::move(options),
      parent == nullptr ? OptionsOrigin::Place::kOwn : OptionsOrigin::Place::kNested));
  graph.Register(*node, keep);
  return node;
}

}  // namespace

Task<absl::StatusOr<NodeRef>> OpenNode(BlockGraph& graph, config::BlockdevOptions options) {
  // What it will stand on may be in use by others: their requests wait while it gets a parent more.
  const std::vector<NodeRef> below = ReferencedNodes(graph, options);
  std::vector<DrainedSection> drained;
  for (const NodeRef& node : below) drained.push_back(co_await DrainedSection::Begin(*node));
  const BlockGraph::Keep keep =
      options.node_name().empty() ? BlockGraph::Keep::kNo : BlockGraph::Keep::kYes;
  co_return Make(graph, options, nullptr, keep, 0);
}

}  // namespace platter
