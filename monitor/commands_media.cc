// SPDX-License-Identifier: Apache-2.0
//
// Trays and media. Each command is one operation of the backend, which looks and acts undivided: a
// guest's command never comes between.

#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "config/proto/blockdev.pb.h"
#include "machine/machine.h"
#include "machine/medium_options.h"
#include "monitor/all_commands.h"
#include "monitor/drive_lookup.h"
#include "monitor/proto/media.pb.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

Force ForceFrom(bool force) { return force ? Force::kYes : Force::kNo; }

Task<QmpResult> Eject(CommandContext context, qmp::Eject arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDrive(*context.machine, arguments);
  if (!drive.ok()) co_return drive.status();
  co_return ResultOf(co_await (*drive)->Eject(ForceFrom(arguments.force())));
}

// A tray that is locked is asked for: that is no error, DEVICE_TRAY_MOVED tells the rest.
Task<QmpResult> OpenTray(CommandContext context, qmp::BlockdevOpenTray arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDrive(*context.machine, arguments);
  if (!drive.ok()) co_return drive.status();
  co_return ResultOf((co_await (*drive)->OpenTray(ForceFrom(arguments.force()))).status());
}

Task<QmpResult> CloseTray(CommandContext context, qmp::BlockdevCloseTray arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDrive(*context.machine, arguments);
  if (!drive.ok()) co_return drive.status();
  co_return ResultOf((co_await (*drive)->CloseTray()).status());
}

Task<QmpResult> RemoveMedium(CommandContext context, qmp::BlockdevRemoveMedium arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDriveById(*context.machine, arguments.id());
  if (!drive.ok()) co_return drive.status();
  co_return ResultOf(co_await (*drive)->RemoveMedium());
}

Task<QmpResult> InsertMedium(CommandContext context, qmp::BlockdevInsertMedium arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDriveById(*context.machine, arguments.id());
  if (!drive.ok()) co_return drive.status();
  co_return ResultOf(
      co_await context.machine->InsertMedium(*std::move(drive), arguments.node_name()));
}

// Discs are read-only until one comes that is not.
bool IsForReading(const Machine& machine, const BlockBackend& drive) {
  const std::optional<std::string> id = drive.attached_device();
  const Device* const device = id.has_value() ? machine.FindDevice(*id) : nullptr;
  return device != nullptr && std::string_view(device->model()).ends_with("-cd");
}

// Opens the medium as the one was opened that is in the drive, or was the last.
void Retain(const Machine& machine, const BlockBackend& drive, qmp::ReadOnlyMode mode,
            config::BlockdevOptions& medium) {
  const BlockRootState state = drive.root_state();
  ApplyRootState(state, medium);
  if (mode != qmp::READ_ONLY_MODE_RETAIN) {
    medium.set_read_only(mode == qmp::READ_ONLY_MODE_READ_ONLY);
  } else if (!state.had_medium && IsForReading(machine, drive)) {
    medium.set_read_only(true);
  }
}

// What is at the path decides between the drivers for files and for devices.
void SetFile(const std::string& filename, config::BlockdevOptions& options) {
  struct stat found = {};
  const bool device = stat(filename.c_str(), &found) == 0 && S_ISBLK(found.st_mode);
  (device ? options.mutable_host_device() : options.mutable_file())->set_filename(filename);
}

absl::StatusOr<config::BlockdevOptions> MediumFrom(const qmp::BlockdevChangeMedium& arguments) {
  config::BlockdevOptions medium;
  if (arguments.format() == "file") {
    SetFile(arguments.filename(), medium);
  } else if (arguments.format() == "raw") {
    SetFile(arguments.filename(), *medium.mutable_raw()->mutable_file()->mutable_definition());
  } else {
    return QmpError(QmpErrorClass::kGenericError,
                    absl::StrCat("blockdev-change-medium.format: no driver for media is called ",
                                 Quote(arguments.format())));
  }
  return medium;
}

Task<QmpResult> ChangeMedium(CommandContext context, qmp::BlockdevChangeMedium arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDrive(*context.machine, arguments);
  if (!drive.ok()) co_return drive.status();
  absl::StatusOr<config::BlockdevOptions> medium = MediumFrom(arguments);
  if (!medium.ok()) co_return medium.status();
  Retain(*context.machine, **drive, arguments.read_only_mode(), *medium);
  MediumPatience patience;
  if (arguments.has_x_timeout() && !context.turn->ending()) {
    patience = {.wait = std::chrono::milliseconds(arguments.x_timeout()),
                .begins = [turn = context.turn] { turn->Release(); },
                .ended = [turn = context.turn] { return turn->Take(); }};
  }
  co_return ResultOf(co_await context.machine->ChangeMedium(
      *std::move(drive), *medium, ForceFrom(arguments.force()), std::move(patience)));
}

}  // namespace

std::vector<CommandRow> MediaCommands() {
  constexpr auto kNothing = CommandReturns::kNothing;
  return {
      CommandFor<&Eject>("eject", kNothing),
      CommandFor<&OpenTray>("blockdev-open-tray", kNothing),
      CommandFor<&CloseTray>("blockdev-close-tray", kNothing),
      CommandFor<&RemoveMedium>("blockdev-remove-medium", kNothing),
      CommandFor<&InsertMedium>("blockdev-insert-medium", kNothing),
      CommandFor<&ChangeMedium>("blockdev-change-medium", kNothing),
  };
}

}  // namespace platter
