// SPDX-License-Identifier: Apache-2.0
//
// What there is of drives and nodes.

#include <utility>

#include "machine/machine.h"
#include "machine/node_info.h"
#include "monitor/all_commands.h"
#include "monitor/block_info.h"
#include "monitor/proto/block.pb.h"
#include "monitor/proto/machine.pb.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

Task<QmpResult> QueryBlock(CommandContext context, qmp::NoArguments /*arguments*/) {
  Value::List drives;
  for (const BlockBackendRef& drive : context.machine->backends().All()) {
    if (IsListed(*drive)) drives.push_back(DriveValue(*drive));
  }
  co_return Value::FromList(std::move(drives));
}

Task<QmpResult> QueryBlockstats(CommandContext context, qmp::QueryBlockstats arguments) {
  if (arguments.query_nodes()) {
    co_return QmpError(QmpErrorClass::kGenericError,
                       "query-blockstats.query-nodes: not supported: requests are counted at "
                       "drives, not at nodes");
  }
  Value::List drives;
  for (const BlockBackendRef& drive : context.machine->backends().All()) {
    if (IsListed(*drive)) drives.push_back(DriveStatsValue(*drive));
  }
  co_return Value::FromList(std::move(drives));
}

// No node has a backing image, so `flat` leaves nothing out.
Task<QmpResult> QueryNamedBlockNodes(CommandContext context,
                                     qmp::QueryNamedBlockNodes /*arguments*/) {
  Value::List nodes;
  for (const NodeInfo& node : DescribeNodes(context.machine->graph())) {
    nodes.push_back(NodeValue(node));
  }
  co_return Value::FromList(std::move(nodes));
}

}  // namespace

std::vector<CommandRow> QueryBlockCommands() {
  constexpr auto kSomething = CommandReturns::kSomething;
  return {
      CommandFor<&QueryBlock>("query-block", kSomething),
      CommandFor<&QueryBlockstats>("query-blockstats", kSomething),
      CommandFor<&QueryNamedBlockNodes>("query-named-block-nodes", kSomething),
  };
}

}  // namespace platter
