// SPDX-License-Identifier: Apache-2.0
//
// All commands of this room, by theme. A new command is a row in one of these files.
//
// Ownership: values. Threading: pure functions. Units: none. Errors: none.

#ifndef PLATTER_MONITOR_ALL_COMMANDS_H_
#define PLATTER_MONITOR_ALL_COMMANDS_H_

#include <vector>

#include "monitor/command_table.h"

namespace platter {

std::vector<CommandRow> MonitorCommands();     // commands_monitor.cc: about the monitor itself
std::vector<CommandRow> MachineCommands();     // commands_machine.cc: run state
std::vector<CommandRow> DeviceCommands();      // commands_device.cc: devices and objects
std::vector<CommandRow> MediaCommands();       // commands_media.cc: trays and media
std::vector<CommandRow> BlockCommands();       // commands_block.cc: nodes and sizes
std::vector<CommandRow> QueryBlockCommands();  // commands_query_block.cc
// commands_error_policy.cc: error policies and stalls
std::vector<CommandRow> ErrorPolicyCommands();
std::vector<CommandRow> LimitsCommands();  // commands_limits.cc: what is set for a drive

// Of a machine's monitor.
CommandTable AllCommands();

std::vector<CommandRow> ExportCommands();  // commands_export.cc: exports
// The same, with exports and without what needs a machine: for monitors with an ExportHost.
CommandTable StorageDaemonCommands();

}  // namespace platter

#endif  // PLATTER_MONITOR_ALL_COMMANDS_H_
