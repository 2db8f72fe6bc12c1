// SPDX-License-Identifier: Apache-2.0

#include "monitor/drive_lookup.h"

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

// Also what is no device of the machine uses a drive: an export.
absl::StatusOr<BlockBackendRef> FindDriveOfOthers(Machine& machine, const std::string& id) {
  for (BlockBackendRef& backend : machine.backends().All()) {
    if (backend->attached_device() == id) return std::move(backend);
  }
  return DeviceNotFound(id);
}

}  // namespace

absl::StatusOr<BlockBackendRef> FindDriveById(Machine& machine, const std::string& id) {
  if (machine.FindDevice(id) == nullptr) return FindDriveOfOthers(machine, id);
  BlockBackendRef backend = machine.BackendOfDevice(id);
  if (backend == nullptr) {
    return QmpError(QmpErrorClass::kGenericError,
                    absl::StrCat("Device ", Quote(id), " does not have a block device backend"));
  }
  return backend;
}

absl::StatusOr<BlockBackendRef> FindDriveByName(Machine& machine, const std::string& device) {
  BlockBackendRef backend = machine.backends().Find(device);
  if (backend != nullptr) return backend;
  return FindDriveById(machine, device);
}

absl::Status NeedExactlyOneName() {
  return QmpError(QmpErrorClass::kGenericError, "Need exactly one of 'device' and 'id'");
}

}  // namespace platter
