// SPDX-License-Identifier: Apache-2.0
//
// Exports of block nodes to other processes, and what the monitor of a program that has them
// answers otherwise than a machine's.

#include <string>
#include <utility>
#include <vector>

#include "config/proto/export.pb.h"
#include "monitor/all_commands.h"
#include "monitor/export_host.h"
#include "monitor/proto/export.pb.h"
#include "monitor/proto/machine.pb.h"

namespace platter {
namespace {

// What a storage daemon has no use for, and why.
struct Absent {
  const char* name;
  const char* why;
};
constexpr char kNoMachine[] = "there is no machine";
constexpr char kNoPlug[] =
    "there is no machine to plug a device into; block-export-add and block-export-del make and end "
    "exports";
constexpr Absent kAbsent[] = {
    {"stop",
     "there is no machine to stop; x-block-set-on-error with stall holds the requests of a drive "
     "whose disk fails"},
    {"cont", "there is no machine to go on; x-block-resume ends a stall"},
    {"system_reset", kNoMachine},
    {"query-status", kNoMachine},
    {"query-name", kNoMachine},
    {"device_add", kNoPlug},
    {"device_del", kNoPlug},
    {"blockdev-set-active",
     "images are handed over by a machine that is stopped, and there is none"},
};

Task<QmpResult> ExportAdd(CommandContext context, config::BlockExportOptions arguments) {
  co_return ResultOf(co_await context.exports->Add(std::move(arguments)));
}

Task<QmpResult> ExportDel(CommandContext context, qmp::BlockExportDel arguments) {
  const ExportRemoval removal = arguments.mode() == qmp::BLOCK_EXPORT_REMOVE_MODE_HARD
                                    ? ExportRemoval::kHard
                                    : ExportRemoval::kSafe;
  co_return ResultOf(co_await context.exports->Delete(arguments.id(), removal));
}

Value LunValue(ExportLunInfo lun) {
  Value::Object object = {{"lun", Value::Uint(lun.lun)},
                          {"kind", Value::String(std::move(lun.kind))},
                          {"id", Value::String(std::move(lun.id))}};
  if (!lun.node_name.empty()) {
    object.push_back({"node-name", Value::String(std::move(lun.node_name))});
  }
  return Value::FromObject(std::move(object));
}

Value ExportValue(ExportInfo each) {
  Value::Object object = {{"id", Value::String(std::move(each.id))},
                          {"type", Value::String(std::move(each.type))}};
  if (each.luns.empty()) {
    object.push_back({"node-name", Value::String(std::move(each.node_name))});
  } else {
    Value::List luns;
    for (ExportLunInfo& lun : each.luns) luns.push_back(LunValue(std::move(lun)));
    object.push_back({"luns", Value::FromList(std::move(luns))});
  }
  object.push_back({"shutting-down", Value::Bool(each.shutting_down)});
  return Value::FromObject(std::move(object));
}

Task<QmpResult> QueryExports(CommandContext context, qmp::NoArguments /*arguments*/) {
  Value::List exports;
  for (ExportInfo& each : context.exports->List()) exports.push_back(ExportValue(std::move(each)));
  co_return Value::FromList(std::move(exports));
}

}  // namespace

std::vector<CommandRow> ExportCommands() {
  constexpr auto kNothing = CommandReturns::kNothing;
  return {
      CommandFor<&ExportAdd>("block-export-add", kNothing),
      CommandFor<&ExportDel>("block-export-del", kNothing),
      CommandFor<&QueryExports>("query-block-exports", CommandReturns::kSomething),
  };
}

CommandTable StorageDaemonCommands() {
  CommandTable table = AllCommands();
  for (const Absent& each : kAbsent) table.Remove(each.name, each.why);
  table.Add(ExportCommands());
  return table;
}

}  // namespace platter
