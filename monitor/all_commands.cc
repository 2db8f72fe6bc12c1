// SPDX-License-Identifier: Apache-2.0

#include "monitor/all_commands.h"

namespace platter {

CommandTable AllCommands() {
  CommandTable table;
  table.Add(MonitorCommands());
  table.Add(MachineCommands());
  table.Add(DeviceCommands());
  table.Add(MediaCommands());
  table.Add(BlockCommands());
  table.Add(QueryBlockCommands());
  table.Add(ErrorPolicyCommands());
  table.Add(LimitsCommands());
  return table;
}

}  // namespace platter
