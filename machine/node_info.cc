// SPDX-License-Identifier: Apache-2.0

#include "machine/node_info.h"

#include <sys/stat.h>

#include "config/json_writer.h"
#include "config/value.h"
#include "drivers/edge.h"
#include "drivers/file/file_node.h"

namespace platter {
namespace {

// Of the fields of struct stat.
constexpr uint64_t kStatBlockBytes = 512;

const char* NameOf(NodePolicy::DetectZeroes detect) {
  switch (detect) {
    case NodePolicy::DetectZeroes::kOff:
      return "off";
    case NodePolicy::DetectZeroes::kOn:
      return "on";
    case NodePolicy::DetectZeroes::kUnmap:
      return "unmap";
  }
  return "?";
}

void DescribeFile(const FileNode& file, NodeInfo& info) {
  info.filename = file.path();
  info.cache_direct = file.geometry().direct;
  struct stat found = {};
  if (stat(file.path().c_str(), &found) == 0 && S_ISREG(found.st_mode)) {
    info.actual_size = static_cast<uint64_t>(found.st_blocks) * kStatBlockBytes;
  }
}

// The file of a node that has one child is its child's.
void DescribeBelow(BlockNode& node, NodeInfo& info) {
  if (const auto* const file = dynamic_cast<const FileNode*>(&node)) {
    DescribeFile(*file, info);
    return;
  }
  BlockNode* below = nullptr;
  for (const Edge* const edge : node.children()) {
    if (edge->child() == nullptr) continue;
    info.children.push_back(edge->child()->node_name());
    if (below == nullptr) below = edge->child().get();
  }
  if (below != nullptr) {
    NodeInfo of_child = DescribeNode(*below);
    info.filename = std::move(of_child.filename);
    info.actual_size = of_child.actual_size;
  } else {
    const Value options = Value::FromObject(
        {{"driver", Value::String(node.driver_name())}, {"size", Value::Uint(node.length())}});
    info.filename = "json:" + FormatJson(options);
  }
}

}  // namespace

// Trees are at most as deep as OpenNode makes them.
NodeInfo DescribeNode(BlockNode& node) {
  NodeInfo info;
  info.node_name = node.node_name();
  info.driver = node.driver_name();
  info.read_only = node.read_only();
  info.active = node.active();
  info.cache_direct = node.policy().host_cache == NodePolicy::HostCache::kBypassed;
  info.cache_no_flush = node.policy().flush == NodePolicy::Flush::kIgnore;
  info.detect_zeroes = NameOf(node.policy().detect_zeroes);
  info.write_threshold = node.write_threshold();
  info.virtual_size = node.length();
  DescribeBelow(node, info);
  return info;
}

std::vector<NodeInfo> DescribeNodes(const BlockGraph& graph) {
  std::vector<NodeInfo> infos;
  for (const NodeRef& node : graph.Nodes()) infos.push_back(DescribeNode(*node));
  return infos;
}

}  // namespace platter
