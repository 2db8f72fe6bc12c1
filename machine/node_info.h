// SPDX-License-Identifier: Apache-2.0
//
// NodeInfo: what a monitor tells of a block node.
//
//   for (const NodeInfo& info : DescribeNodes(machine.graph())) ...
//
// Ownership: values. Threading: control context. Units: bytes. Errors: none; what the host does not
// tell is left out.

#ifndef PLATTER_MACHINE_NODE_INFO_H_
#define PLATTER_MACHINE_NODE_INFO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/graph.h"
#include "drivers/node.h"

namespace platter {

struct NodeInfo {
  std::string node_name;
  std::string driver;
  // The path of the file that holds the data, or, where there is none, "json:{...}" as the field
  // has it.
  std::string filename;
  bool read_only = false;
  bool active = true;
  bool cache_direct = false;     // Past the host's page cache; of the node, not of what is below.
  bool cache_no_flush = false;   // Flushes are ignored.
  std::string detect_zeroes;     // "off", "on" or "unmap".
  uint64_t write_threshold = 0;  // 0: none.
  uint64_t virtual_size = 0;
  std::optional<uint64_t> actual_size;  // What the file takes on the host.
  std::vector<std::string> children;    // Their names.
};

NodeInfo DescribeNode(BlockNode& node);

// All nodes that live, by name; those that the user did not name, too.
std::vector<NodeInfo> DescribeNodes(const BlockGraph& graph);

}  // namespace platter

#endif  // PLATTER_MACHINE_NODE_INFO_H_
