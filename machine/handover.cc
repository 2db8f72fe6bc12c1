// SPDX-License-Identifier: Apache-2.0
//
// The part of Machine that takes images over from another process and hands them over.

#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "drivers/activation.h"
#include "machine/machine.h"

namespace platter {

void Machine::ExpectIncoming() {
  PLATTER_CHECK(devices_.empty() && graph_.Nodes().empty());
  graph_.set_opens_inactive(true);
  run_state_.SetStopped(MachineState::kIncoming);
}

Task<absl::Status> Machine::Cont() {
  co_await run_state_.WaitUntilQuiet();
  // Nothing can stop a machine that stands, so after the last activation it goes on at once.
  if (run_state_.state() != MachineState::kRunning) {
    std::vector<NodeRef> nodes = graph_.Nodes();
    std::erase_if(nodes, [](const NodeRef& node) { return node->active(); });
    if (!nodes.empty()) {
      absl::Status active = co_await ActivateNodes(std::move(nodes));
      if (!active.ok()) co_return active;
    }
    graph_.set_opens_inactive(false);
  }
  co_await run_state_.Cont();
  co_return absl::OkStatus();
}

Task<absl::Status> Machine::Inactivate() {
  if (absl::Status stopped = CheckStopped("handed over"); !stopped.ok()) co_return stopped;
  co_return co_await SetNodeActive("", false);
}

Task<absl::Status> Machine::SetNodeActive(std::string node_name, bool active) {
  std::vector<NodeRef> nodes = graph_.Nodes();
  if (!node_name.empty()) {
    absl::StatusOr<NodeRef> node = graph_.Lookup(node_name);
    if (!node.ok()) co_return node.status();
    nodes = {*std::move(node)};
  }
  if (active) co_return co_await ActivateNodes(std::move(nodes));
  // What the host has written since the machine stopped is not durable yet.
  if (absl::Status flushed = co_await backends_.FlushAll(); !flushed.ok()) co_return flushed;
  co_return co_await InactivateNodes(std::move(nodes));
}

}  // namespace platter
