// SPDX-License-Identifier: Apache-2.0
//
// The part of the C interface that is the host's: trays, media, sizes, what is known of a drive,
// and saved state.

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "capi/call.h"
#include "capi/machine_handle.h"
#include "capi/platter.h"
#include "config/json.h"
#include "config/keyval.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"

namespace platter::capi {
namespace {

// Of its first version.
constexpr size_t kFirstDriveInfo = sizeof(platter_drive_info);

absl::StatusOr<BlockBackendRef> FindDrive(Machine& machine, const std::string& drive) {
  if (BlockBackendRef named = machine.backends().Find(drive); named != nullptr) return named;
  if (machine.FindDevice(drive) == nullptr) {
    return ErrorWithErrno(ENOENT, absl::StrCat("drive '", drive,
                                               "': there is neither a device nor a block backend "
                                               "of that name"));
  }
  BlockBackendRef backend = machine.BackendOfDevice(drive);
  if (backend != nullptr) return backend;
  return ErrorWithErrno(ENOENT, absl::StrCat("device '", drive, "' is no drive"));
}

// The life of every function on a drive; `act` returns what the function does.
template <typename Act>
int OnDrive(const char* function, platter_machine* machine, const char* drive, Act act) {
  return Guarded(function, [&] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    if (const int given = CheckGiven(function, drive, "drive"); given < 0) return given;
    absl::StatusOr<BlockBackendRef> found = FindDrive(*machine->machine, drive);
    if (!found.ok()) return Report(found.status());
    return act(*found);
  });
}

int CheckForce(const char* function, int force) {
  if (force == PLATTER_POLITELY || force == PLATTER_FORCE) return 0;
  return Refuse(EINVAL, function, "'force' is no enum platter_force");
}

Force ForceOf(int force) { return force == PLATTER_FORCE ? Force::kYes : Force::kNo; }

int ReportTray(const absl::StatusOr<TrayResult>& result) {
  if (!result.ok()) return Report(result.status());
  switch (*result) {
    case TrayResult::kMoved:
      return PLATTER_TRAY_MOVED;
    case TrayResult::kAlready:
      return PLATTER_TRAY_ALREADY;
    case TrayResult::kRequested:
      break;
  }
  return PLATTER_TRAY_REQUESTED;
}

// Options of a block node, which need no name here.
absl::StatusOr<config::BlockdevOptions> ParseMedium(std::string_view text) {
  constexpr std::string_view kRoot = "medium";
  const size_t first = text.find_first_not_of(" \t\r\n");
  Value options;
  if (first != std::string_view::npos && text[first] == '{') {
    absl::StatusOr<Value> parsed = ParseJson(text, kRoot);
    if (!parsed.ok()) return parsed.status();
    options = *std::move(parsed);
  } else {
    absl::StatusOr<Keyval> parsed = ParseKeyval(text, kRoot, "driver");
    if (!parsed.ok()) return parsed.status();
    options = std::move(parsed->options);
  }
  if (options.is_object() && options.Find("node-name") == nullptr) {
    options.mutable_object().push_back({"node-name", Value::String("medium")});
  }
  return BlockdevFromValue(options);
}

platter_io_count CountOf(const BlockStats::Operation& operation) {
  return {.operations = operation.operations, .bytes = operation.bytes, .failed = operation.failed};
}

uint32_t IoStatusOf(IoStatus status) {
  switch (status) {
    case IoStatus::kOk:
      return 0;
    case IoStatus::kFailed:
      return 1;
    case IoStatus::kNospace:
      break;
  }
  return 2;
}

platter_drive_info Describe(BlockBackend& drive) {
  const BlockStats stats = drive.Stats();
  platter_drive_info info = {};
  info.size = sizeof(info);
  info.length = drive.length();
  info.inserted = drive.is_inserted() ? 1 : 0;
  info.read_only = drive.is_read_only() ? 1 : 0;
  info.removable = drive.removable() ? 1 : 0;
  info.has_tray = drive.has_tray() ? 1 : 0;
  info.tray_open = drive.tray_open() ? 1 : 0;
  info.lockable = drive.lockable() ? 1 : 0;
  info.locked = drive.medium_locked() ? 1 : 0;
  info.io_status = IoStatusOf(drive.iostatus());
  info.read = CountOf(stats.read);
  info.write = CountOf(stats.write);
  info.flush = CountOf(stats.flush);
  return info;
}

}  // namespace
}  // namespace platter::capi

using namespace platter;        // NOLINT(google-build-using-namespace): what follows is C's.
using namespace platter::capi;  // NOLINT(google-build-using-namespace)

int platter_eject(platter_machine* machine, const char* drive, int force) {
  return OnDrive(__func__, machine, drive,
                 [&, function = __func__](const BlockBackendRef& backend) {
                   if (const int checked = CheckForce(function, force); checked < 0) return checked;
                   return Report(Wait(*machine, backend->Eject(ForceOf(force))));
                 });
}

int platter_open_tray(platter_machine* machine, const char* drive, int force) {
  return OnDrive(__func__, machine, drive,
                 [&, function = __func__](const BlockBackendRef& backend) {
                   if (const int checked = CheckForce(function, force); checked < 0) return checked;
                   return ReportTray(Wait(*machine, backend->OpenTray(ForceOf(force))));
                 });
}

int platter_close_tray(platter_machine* machine, const char* drive) {
  return OnDrive(__func__, machine, drive, [&](const BlockBackendRef& backend) {
    return ReportTray(Wait(*machine, backend->CloseTray()));
  });
}

int platter_insert_medium(platter_machine* machine, const char* drive, const char* node_name) {
  return OnDrive(
      __func__, machine, drive, [&, function = __func__](const BlockBackendRef& backend) {
        if (const int given = CheckGiven(function, node_name, "node_name"); given < 0) return given;
        return Report(Wait(*machine, machine->machine->InsertMedium(backend, node_name)));
      });
}

int platter_remove_medium(platter_machine* machine, const char* drive) {
  return OnDrive(__func__, machine, drive, [&](const BlockBackendRef& backend) {
    return Report(Wait(*machine, backend->RemoveMedium()));
  });
}

int platter_change_medium(platter_machine* machine, const char* drive, const char* options,
                          int force) {
  return OnDrive(
      __func__, machine, drive, [&, function = __func__](const BlockBackendRef& backend) {
        if (const int checked = CheckForce(function, force); checked < 0) return checked;
        if (const int given = CheckGiven(function, options, "options"); given < 0) return given;
        const absl::StatusOr<config::BlockdevOptions> medium = ParseMedium(options);
        if (!medium.ok()) return Report(medium.status());
        return Report(
            Wait(*machine, machine->machine->ChangeMedium(backend, *medium, ForceOf(force))));
      });
}

int platter_resize(platter_machine* machine, const char* drive, uint64_t bytes) {
  return OnDrive(__func__, machine, drive, [&](const BlockBackendRef& backend) {
    return Report(Wait(*machine, backend->Resize(bytes)));
  });
}

int platter_set_write_threshold(platter_machine* machine, const char* node_name,
                                uint64_t threshold) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    if (const int given = CheckGiven(function, node_name, "node_name"); given < 0) return given;
    return Report(Wait(*machine, machine->machine->SetWriteThreshold(node_name, threshold)));
  });
}

int platter_get_drive_info(platter_machine* machine, const char* drive, platter_drive_info* info) {
  return OnDrive(__func__, machine, drive,
                 [&, function = __func__](const BlockBackendRef& backend) {
                   if (const int given = CheckGiven(function, info, "info"); given < 0)
                     return given;
                   return CopyOut(function, Describe(*backend), kFirstDriveInfo, *info);
                 });
}

int platter_save_state(platter_machine* machine, void** data, size_t* bytes) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    if (const int given = CheckGiven(function, static_cast<const void*>(data), "data"); given < 0)
      return given;
    if (const int given = CheckGiven(function, bytes, "bytes"); given < 0) return given;
    const absl::StatusOr<std::string> state = Wait(*machine, machine->machine->SaveState());
    if (!state.ok()) return Report(state.status());
    void* const copy = std::malloc(state->size() + 1);  // Never nothing.
    if (copy == nullptr) return OutOfMemory();
    state->copy(static_cast<char*>(copy), state->size());
    *data = copy;
    *bytes = state->size();
    return 0;
  });
}

int platter_restore_state(platter_machine* machine, const void* data, size_t bytes) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    if (const int given = CheckGiven(function, data, "data"); given < 0) return given;
    return Report(Wait(*machine, machine->machine->RestoreState(
                                     std::string(static_cast<const char*>(data), bytes))));
  });
}

int platter_expect_incoming(platter_machine* machine) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    Machine& expecting = *machine->machine;
    if (!expecting.DeviceIds().empty() || !expecting.graph().Nodes().empty()) {
      return Refuse(EBUSY, function, "the machine has devices or block nodes already");
    }
    expecting.ExpectIncoming();
    return 0;
  });
}

int platter_inactivate(platter_machine* machine) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    return Report(Wait(*machine, machine->machine->Inactivate()));
  });
}

void platter_free(void* data) { std::free(data); }
