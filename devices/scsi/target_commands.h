// SPDX-License-Identifier: Apache-2.0
//
// What a SCSI target answers itself, whatever its logical units are: REPORT LUNS, commands for a
// LUN that has no unit, and those of the REPORT LUNS well-known logical unit. Answers are there
// when a function has returned.
//
//   LunList list(task, units.size());
//   for (const auto& unit : units) list.Add(SingleLevelLun(unit.lun));
//
// Ownership: the task is the caller's. Threading: the task's. Units: bytes.
// Errors: in the task.

#ifndef PLATTER_DEVICES_SCSI_TARGET_COMMANDS_H_
#define PLATTER_DEVICES_SCSI_TARGET_COMMANDS_H_

#include <array>
#include <cstdint>
#include <span>

#include "devices/scsi/scsi_task.h"

namespace platter {

// A logical unit number as SAM has it: four levels of two bytes.
using LunBytes = std::array<uint8_t, 8>;

// LUNs of one level are below this (SAM-5, 4.7.7: flat space addressing).
inline constexpr uint32_t kMaxLuns = 16384;

// `lun` alone: by peripheral device addressing below 256, by flat space addressing from there on.
LunBytes SingleLevelLun(uint16_t lun);

// REPORT LUNS (SPC-4, 6.33): the reply, written as the LUNs come, so that neither memory nor their
// number has to be set aside. The task has its answer from the constructor on; Add fills it.
class LunList {
 public:
  // `luns` will be added.
  LunList(ScsiTask& task, uint64_t luns);
  void Add(const LunBytes& lun);

 private:
  void Append(std::span<const uint8_t> bytes);

  ScsiTask& task_;
  uint64_t left_ = 0;  // Of what the guest wants.
  size_t piece_ = 0;
  size_t at_ = 0;  // In that piece.
};

// Of a target that exists, for a LUN where there is nothing (SAM-5, 5.11: incorrect logical unit
// numbers). REPORT LUNS is not among them: a target answers it for any LUN.
void AnswerForAbsentUnit(ScsiTask& task);

// The REPORT LUNS well-known logical unit (SPC-4, 8.2), but for REPORT LUNS itself.
void AnswerForWellKnownUnit(ScsiTask& task);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_TARGET_COMMANDS_H_
