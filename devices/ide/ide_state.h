// SPDX-License-Identifier: Apache-2.0
//
// The small values of IDE drives in a saved state (ide_state.proto), and back.
//
// Ownership, threading: functions of values. Units: none. Errors: false, or INVALID_ARGUMENT, for
// what no drive can have saved; nothing has changed then.

#ifndef PLATTER_DEVICES_IDE_IDE_STATE_H_
#define PLATTER_DEVICES_IDE_IDE_STATE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "devices/ide/ide_state.pb.h"
#include "devices/ide/task_file.h"
#include "devices/ide/transfer_modes.h"

namespace platter {

// A drive's whole state, of the one version that can be restored.
template <typename Message>
absl::Status ParseState(const std::string& state, uint32_t version, Message& to) {
  if (!to.ParseFromString(state)) return absl::InvalidArgumentError("it is no message");
  if (to.version() == version) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("version ", to.version(), "; version ", version, " can be restored"));
}

void SaveTaskFile(const TaskFile& file, state::IdeTaskFile& to);
bool RestoreTaskFile(const state::IdeTaskFile& from, TaskFile& file);

void SaveModes(const AtaTransferModes& modes, state::AtaTransferModes& to);
bool RestoreModes(const state::AtaTransferModes& from, AtaTransferModes& modes);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_IDE_STATE_H_
