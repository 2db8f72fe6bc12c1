// SPDX-License-Identifier: Apache-2.0

#include "drivers/factory/reopen_nodes.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/message_differencer.h"

#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "config/schema.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/edge.h"
#include "drivers/factory/node_options.h"
#include "drivers/factory/node_origin.h"
#include "drivers/file/file_node.h"
#include "drivers/raw/raw_node.h"

namespace platter {
namespace {

using config::BlockdevOptions;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;
using Variant = BlockdevOptions::VariantCase;

// The options of a node's driver.
const Message& DriverOptions(const BlockdevOptions& options) {
  const MessageSchema schema(BlockdevOptions::descriptor());
  return options.GetReflection()->GetMessage(
      options, options.GetReflection()->GetOneofFieldDescriptor(options, schema.variant_oneof()));
}

bool IsSame(const Message& a, const Message& b, const FieldDescriptor* field) {
  MessageDifferencer differencer;
  return differencer.CompareWithFields(a, b, {field}, {field});
}

// Of drivers' own options; those that name a child are looked at elsewhere.
bool MayChange(Variant driver, std::string_view field) {
  switch (driver) {
    case Variant::kFile:
    case Variant::kHostDevice:
      return field == "aio" || field == "x_inline_writes";
    case Variant::kRaw:
      return field == "file" || field == "offset" || field == "size";
    case Variant::kBlkdebug:
      return field == "image";
    default:
      return false;
  }
}

// Whether a file must be opened anew for `after`.
bool IsOpenedOtherwise(const BlockdevOptions& before, const BlockdevOptions& after) {
  return before.read_only() != after.read_only() ||
         before.auto_read_only() != after.auto_read_only() ||
         before.cache().direct() != after.cache().direct() ||
         !MessageDifferencer::Equals(DriverOptions(before), DriverOptions(after));
}

// A parent that writes to the node; nullptr when there is none.
const Edge* WriterOf(const BlockNode& node) {
  const PermissionSet writing = Permission::kWrite | Permission::kResize;
  for (const Edge* const edge : node.parents()) {
    if (!(edge->options().permissions.used & writing).empty()) return edge;
  }
  return nullptr;
}

// What a client says of a node by its name.
BlockdevOptions OptionsByName(const BlockNode& node, const BlockdevOptions& said) {
  const OptionsOrigin* const origin = OptionsOrigin::Of(node);
  BlockdevOptions options = said;
  if (origin != nullptr && origin->place() == OptionsOrigin::Place::kNested) {
    PassDiscardsUnlessSaid(options);
  }
  return options;
}

// A node that changes, and what has been found out for it.
struct Change {
  NodeRef node;
  BlockdevOptions said;
  OptionsOrigin::Place place = OptionsOrigin::Place::kOwn;
  BlockdevOptions before;
  BlockdevOptions after;
  NodeRef new_child = nullptr;
  std::unique_ptr<FileNode::Reopening> file = nullptr;
  std::unique_ptr<RawNode::Reopening> raw = nullptr;

  absl::Status Refuse(int error, std::string_view what) const {
    return ErrorWithErrno(error,
                          absl::StrCat("node '", node->node_name(), "': ", std::string(what)));
  }
  absl::Status RefuseOption(std::string_view option, std::string_view why = "") const {
    return Refuse(
        EINVAL, absl::StrCat("can't change option '", std::string(option), "'", std::string(why)));
  }
};

// Everything that is to happen, children before their parents.
class Reopening {
 public:
  // `quiet`: the nodes that are drained, with what is below them.
  Reopening(const BlockGraph& graph, const std::vector<NodeRef>& quiet,
            const std::vector<BlockdevOptions>& wanted)
      : graph_(graph), quiet_(quiet), wanted_(wanted) {}

  // What changes; nothing has yet.
  absl::Status Plan() {
    for (const BlockdevOptions& options : wanted_) {
      NodeRef node = Find(options.node_name());
      if (node == nullptr) {
        return ErrorWithErrno(ENOENT,
                              absl::StrCat("there is no block node '", options.node_name(), "'"));
      }
      BlockdevOptions after = OptionsByName(*node, options);
      PLATTER_RETURN_IF_ERROR(Add(std::move(node), options, std::move(after)));
    }
    return absl::OkStatus();
  }

  // Whatever can fail.
  absl::Status Prepare() {
    // New parents first: what a file's parents use is then what they will.
    for (Change& change : changes_) PLATTER_RETURN_IF_ERROR(PrepareRaw(change));
    for (Change& change : changes_) PLATTER_RETURN_IF_ERROR(PrepareFile(change));
    for (const Change& change : changes_) PLATTER_RETURN_IF_ERROR(CheckAccess(change));
    return absl::OkStatus();
  }

  void Finish() {
    for (Change& change : changes_) {
      BlockNode& node = *change.node;
      if (change.file != nullptr) {
        static_cast<FileNode&>(node).FinishReopen(*change.file);
      } else if (change.raw != nullptr) {
        static_cast<RawNode&>(node).FinishReopen(*change.raw);
      } else if (change.before.read_only() != change.after.read_only()) {
        node.SetAccess(change.after.read_only() ? NodeAccess::kReadOnly : NodeAccess::kReadWrite);
      }
      node.set_policy(PolicyFrom(change.after));
      node.set_origin(std::make_unique<OptionsOrigin>(std::move(change.said),
                                                      std::move(change.after), change.place));
    }
  }

 private:
  // nullptr also when another node has got the name while everything became quiet.
  NodeRef Find(const std::string& node_name) const {
    NodeRef node = graph_.Find(node_name);
    return std::find(quiet_.begin(), quiet_.end(), node) == quiet_.end() ? nullptr : node;
  }

  // `after`: what `said` comes to.
  absl::Status Add(NodeRef node, BlockdevOptions said, BlockdevOptions after) {
    for (const Change& change : changes_) {
      if (change.node == node) return change.Refuse(EINVAL, "is to be reopened twice");
    }
    Change change = {
        .node = std::move(node), .said = std::move(said), .before = {}, .after = std::move(after)};
    const OptionsOrigin* const origin = OptionsOrigin::Of(*change.node);
    if (origin == nullptr) return change.Refuse(EINVAL, "was not opened by options");
    change.before = origin->options();
    change.place = origin->place();
    if (change.before.variant_case() != change.after.variant_case()) {
      return change.RefuseOption("driver");
    }
    // blockdev-set-active does that, with the nodes above and below in mind.
    if (change.node->active() && !IsActive(change.after)) return change.RefuseOption("active");
    PLATTER_RETURN_IF_ERROR(CheckDriverOptions(change));
    PLATTER_RETURN_IF_ERROR(AddChild(change));
    changes_.push_back(std::move(change));
    return absl::OkStatus();
  }

  static absl::Status CheckDriverOptions(const Change& change) {
    const Message& before = DriverOptions(change.before);
    const Message& after = DriverOptions(change.after);
    for (const SchemaOption& option : MessageSchema(before.GetDescriptor()).options()) {
      if (MayChange(change.before.variant_case(), option.field->name())) continue;
      if (!IsSame(before, after, option.field)) return change.RefuseOption(option.name);
    }
    return absl::OkStatus();
  }

  static absl::Status CheckNewChild(const Change& change) {
    if (change.new_child->active() || !change.node->active()) return absl::OkStatus();
    return change.Refuse(EBUSY, absl::StrCat("node '", change.new_child->node_name(),
                                             "' is inactive, and cannot be below it"));
  }

  // What becomes of the node below: it stays, perhaps with other options, or another one comes.
  absl::Status AddChild(Change& change) {
    config::BlockdevRef* const wanted = MutableChildOf(change.after);
    if (wanted == nullptr) return absl::OkStatus();
    const config::BlockdevRef& had = *ChildOf(change.before);
    const Edge& edge = *change.node->children().front();
    const NodeRef child = edge.child();
    if (wanted->has_reference() && wanted->reference() != child->node_name()) {
      if (change.before.variant_case() != Variant::kRaw) return change.RefuseOption(edge.role());
      change.new_child = Find(wanted->reference());
      if (change.new_child != nullptr) return CheckNewChild(change);
      return change.Refuse(ENOENT, absl::StrCat(edge.role(), ": there is no block node '",
                                                wanted->reference(), "'"));
    }
    if (had.has_reference()) {
      if (wanted->has_reference()) return absl::OkStatus();
      return change.RefuseOption(edge.role(), ": it takes the name of a node");
    }
    if (IsWanted(child->node_name())) {
      *wanted = had;
      return absl::OkStatus();
    }
    return AddOwnChild(change, child, had.definition(), *wanted);
  }

  // Of a node that was made for the one above it by `definition`.
  absl::Status AddOwnChild(const Change& change, const NodeRef& child,
                           const BlockdevOptions& definition, config::BlockdevRef& wanted) {
    const OptionsOrigin& now = *OptionsOrigin::Of(*child);
    BlockdevOptions said;
    if (wanted.has_definition()) {
      said = wanted.definition();
      if (said.has_node_name() && said.node_name() != child->node_name()) {
        return change.RefuseOption(
            absl::StrCat(change.node->children().front()->role(), ".node-name"));
      }
    } else {
      // Named: what it was told last counts, and the same for those below it.
      said = now.said();
      if (config::BlockdevRef* const below = MutableChildOf(said); below != nullptr) {
        below->set_reference(child->children().front()->child()->node_name());
      }
      wanted.mutable_definition()->CopyFrom(definition);
    }
    if (now.options().has_node_name()) said.set_node_name(now.options().node_name());
    BlockdevOptions after = WithInherited(said, change.after);
    return Add(child, std::move(said), std::move(after));
  }

  // Whether the client says himself what is to become of the node.
  bool IsWanted(const std::string& node_name) const {
    return std::any_of(wanted_.begin(), wanted_.end(), [&](const BlockdevOptions& options) {
      return options.node_name() == node_name;
    });
  }

  static absl::Status PrepareRaw(Change& change) {
    if (change.after.variant_case() != Variant::kRaw) return absl::OkStatus();
    auto& node = static_cast<RawNode&>(*change.node);
    absl::StatusOr<std::unique_ptr<RawNode::Reopening>> raw =
        node.PrepareReopen(RawOptionsFrom(change.after), change.new_child);
    if (!raw.ok()) return Annotate(raw.status(), absl::StrCat("node '", node.node_name(), "'"));
    change.raw = *std::move(raw);
    return absl::OkStatus();
  }

  static absl::Status PrepareFile(Change& change) {
    const Variant driver = change.after.variant_case();
    if (driver != Variant::kFile && driver != Variant::kHostDevice) return absl::OkStatus();
    if (!IsOpenedOtherwise(change.before, change.after)) return absl::OkStatus();
    auto& node = static_cast<FileNode&>(*change.node);
    absl::StatusOr<std::unique_ptr<FileNode::Reopening>> file =
        node.PrepareReopen(FileOptionsFrom(change.after));
    if (!file.ok()) return Annotate(file.status(), absl::StrCat("node '", node.node_name(), "'"));
    change.file = *std::move(file);
    return absl::OkStatus();
  }

  static absl::Status CheckAccess(const Change& change) {
    if (!change.after.read_only()) return absl::OkStatus();
    const Edge* const writer = WriterOf(*change.node);
    if (writer == nullptr) return absl::OkStatus();
    return change.Refuse(
        EACCES,
        absl::StrCat("can't become read-only: ", writer->parent().Describe(), " writes to it"));
  }

  const BlockGraph& graph_;
  const std::vector<NodeRef>& quiet_;
  const std::vector<BlockdevOptions>& wanted_;
  std::vector<Change> changes_;
};

// The nodes that are named, as far as they are there.
std::vector<NodeRef> NamedNodes(const BlockGraph& graph,
                                const std::vector<BlockdevOptions>& options) {
  std::vector<NodeRef> nodes;
  const auto add = [&](const std::string& name) {
    if (NodeRef node = graph.Find(name); node != nullptr) nodes.push_back(std::move(node));
  };
  for (const BlockdevOptions& one : options) {
    add(one.node_name());
    const config::BlockdevRef* const child = ChildOf(one);
    if (child != nullptr && child->has_reference()) add(child->reference());
  }
  return nodes;
}

}  // namespace

Task<absl::Status> ReopenNodes(BlockGraph& graph, std::vector<BlockdevOptions> options) {
  // Held beyond the drain, so that none of them goes meanwhile.
  std::vector<NodeRef> nodes = NamedNodes(graph, options);
  std::vector<DrainedSection> drained;
  for (const NodeRef& node : nodes) drained.push_back(co_await DrainedSection::Begin(*node));
  absl::Status status;
  {
    // Looked at now that all is quiet. From here on nothing waits.
    Reopening reopening(graph, nodes, options);
    status = reopening.Plan();
    if (status.ok()) status = reopening.Prepare();
    if (status.ok()) reopening.Finish();
  }
  nodes.clear();
  co_return status;
}

}  // namespace platter
