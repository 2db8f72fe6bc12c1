// SPDX-License-Identifier: Apache-2.0
//
// Block nodes and sizes.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "machine/machine.h"
#include "monitor/all_commands.h"
#include "monitor/drive_lookup.h"
#include "monitor/proto/block.pb.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

absl::Status Refuse(const std::string& text) {
  return QmpError(QmpErrorClass::kGenericError, text);
}

Task<QmpResult> BlockdevAdd(CommandContext context, config::BlockdevOptions arguments) {
  if (arguments.node_name().empty()) {
    co_return Refuse("blockdev-add.node-name: missing; a node of its own needs a name");
  }
  co_return ResultOf(co_await context.machine->BlockdevAdd(arguments));
}

Task<QmpResult> BlockdevReopen(CommandContext context, qmp::BlockdevReopen arguments) {
  if (arguments.options().empty()) {
    co_return Refuse("blockdev-reopen.options: missing; it says what the nodes are to be");
  }
  std::vector<config::BlockdevOptions> options(arguments.options().begin(),
                                               arguments.options().end());
  co_return ResultOf(co_await context.machine->BlockdevReopen(std::move(options)));
}

Task<QmpResult> BlockdevDel(CommandContext context, qmp::BlockdevDel arguments) {
  co_return ResultOf(co_await context.machine->BlockdevDel(arguments.node_name()));
}

// Either name will do. Where both are given the device's counts, as with QEMU.
Task<QmpResult> BlockResize(CommandContext context, qmp::BlockResize arguments) {
  if (!arguments.has_device() && !arguments.has_node_name()) {
    co_return Refuse("Need one of 'device' and 'node-name'");
  }
  if (arguments.has_device()) {
    absl::StatusOr<BlockBackendRef> drive = FindDriveByName(*context.machine, arguments.device());
    if (drive.ok()) co_return ResultOf(co_await (*drive)->Resize(arguments.size()));
    // As the name may be meant for a node, its class is not DeviceNotFound.
    if (!arguments.has_node_name()) co_return Refuse(MessageOf(drive.status()));
  }
  co_return ResultOf(co_await context.machine->ResizeNode(arguments.node_name(), arguments.size()));
}

Task<QmpResult> BlockdevSetActive(CommandContext context, qmp::BlockdevSetActive arguments) {
  co_return ResultOf(
      co_await context.machine->SetNodeActive(arguments.node_name(), arguments.active()));
}

Task<QmpResult> SetWriteThreshold(CommandContext context, qmp::BlockSetWriteThreshold arguments) {
  co_return ResultOf(co_await context.machine->SetWriteThreshold(arguments.node_name(),
                                                                 arguments.write_threshold()));
}

}  // namespace

std::vector<CommandRow> BlockCommands() {
  constexpr auto kNothing = CommandReturns::kNothing;
  return {
      CommandFor<&BlockdevAdd>("blockdev-add", kNothing),
      CommandFor<&BlockdevReopen>("blockdev-reopen", kNothing),
      CommandFor<&BlockdevDel>("blockdev-del", kNothing),
      CommandFor<&BlockdevSetActive>("blockdev-set-active", kNothing),
      CommandFor<&BlockResize>("block_resize", kNothing),
      CommandFor<&SetWriteThreshold>("block-set-write-threshold", kNothing),
  };
}

}  // namespace platter
