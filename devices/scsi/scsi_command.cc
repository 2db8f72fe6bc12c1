// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_command.h"

#include "base/check.h"

namespace platter {

ScsiCommandTable::ScsiCommandTable(std::span<const ScsiCommand> rows) : rows_(rows) {
  PLATTER_CHECK(rows.size() <= kNone);
  first_.fill(kNone);
  for (size_t i = rows.size(); i-- > 0;) {
    first_[static_cast<uint8_t>(rows[i].opcode)] = static_cast<uint8_t>(i);
  }
}

const ScsiCommand* ScsiCommandTable::Find(uint8_t opcode, uint8_t action) const {
  for (size_t i = first_[opcode]; i < rows_.size(); ++i) {
    const ScsiCommand& command = rows_[i];
    if (static_cast<uint8_t>(command.opcode) != opcode) break;
    if (command.action == ScsiCommand::kNoAction || command.action == action) return &command;
  }
  return nullptr;
}

}  // namespace platter
