// SPDX-License-Identifier: Apache-2.0
//
// ScsiCommand: one row of a device type's command table: what is checked before the command is
// done, who does it, and which bits of the CDB mean something.
//
// Ownership: constants. Threading: any. Units: none. Errors: none.

#ifndef PLATTER_DEVICES_SCSI_SCSI_COMMAND_H_
#define PLATTER_DEVICES_SCSI_SCSI_COMMAND_H_

#include <array>
#include <cstdint>
#include <span>

#include "devices/scsi/scsi_spec.h"

namespace platter {

class ScsiLane;
class ScsiTask;

enum class Execution : uint8_t {
  kDone,    // The task has its status; OnTaskDone is not called.
  kGoesOn,  // OnTaskDone comes.
};

// What a command is exempt from, or needs.
enum ScsiCommandFlag : uint8_t {
  kNeedsMedium = 1 << 0,
  kIgnoresAttention = 1 << 1,    // Neither reports nor clears one (SAM-5, 5.14).
  kIgnoresReservation = 1 << 2,  // Of another initiator (SPC-2, table 10).
  kInControl = 1 << 3,           // Done in the control context (ScsiTray).
  kTellsReport = 1 << 4,         // Also done there while a tray has something to report.
  kFlushesFirst = 1 << 6,        // Of a START STOP UNIT in the control context: when it stops.
  kNeedsUnmap = 1 << 5,  // Of units that can unmap (ScsiUnit::can_unmap); unknown to others.
};

struct ScsiCommand {
  static constexpr uint8_t kNoAction = 0xff;

  ScsiOpcode opcode{};
  uint8_t action = kNoAction;  // The service action, where the code has several commands.
  uint8_t flags = 0;
  Execution (*execute)(ScsiLane& lane, ScsiTask& task) = nullptr;
  const char* name = "";
  const char* clause = "";
  // The CDB usage data of REPORT SUPPORTED OPERATION CODES (SPC-4, 6.35.3) behind the operation
  // code; as many bytes as the CDB has.
  std::array<uint8_t, 15> usage{};
};

// The commands of one device type, found by operation code and service action.
class ScsiCommandTable {
 public:
  // `rows` outlive the table; those of one operation code follow each other. At most 255.
  explicit ScsiCommandTable(std::span<const ScsiCommand> rows);

  // nullptr when there is none.
  const ScsiCommand* Find(uint8_t opcode, uint8_t action) const;
  // The first command of that operation code; nullptr when there is none.
  const ScsiCommand* FirstOf(uint8_t opcode) const {
    return first_[opcode] == kNone ? nullptr : &rows_[first_[opcode]];
  }
  std::span<const ScsiCommand> rows() const { return rows_; }

 private:
  static constexpr uint8_t kNone = 0xff;

  const std::span<const ScsiCommand> rows_;
  std::array<uint8_t, 256> first_;  // Of each operation code, the first row.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_COMMAND_H_
