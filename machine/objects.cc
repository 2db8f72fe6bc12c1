// SPDX-License-Identifier: Apache-2.0
//
// The part of Machine that makes objects: I/O threads and throttle groups. They share their names.

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/id.h"
#include "base/status.h"
#include "blockbackend/throttle/throttle_groups.h"
#include "config/parse.h"
#include "config/proto/machine.pb.h"
#include "machine/machine.h"
#include "machine/throttle_options.h"

namespace platter {

absl::Status Machine::ObjectAdd(const config::ObjectOptions& options) {
  PLATTER_RETURN_IF_ERROR(CheckId("object", options.id()));
  if (io_contexts_.contains(options.id()) || throttle_groups_.contains(options.id())) {
    return ErrorWithErrno(EEXIST, absl::StrCat("there is an object '", options.id(), "' already"));
  }
  switch (options.variant_case()) {
    case config::ObjectOptions::kIothread:
      return AddIoThread(options);
    case config::ObjectOptions::kThrottleGroup:
      return AddThrottleGroup(options);
    case config::ObjectOptions::VARIANT_NOT_SET:
      break;
  }
  return ErrorWithErrno(ENOTSUP, absl::StrCat("object '", options.id(), "': unknown kind"));
}

absl::Status Machine::AddIoThread(const config::ObjectOptions& options) {
  PollOptions poll{.max = Duration(static_cast<int64_t>(options.iothread().poll_max_ns()))};
  absl::StatusOr<AioContext*> context = host_.contexts->MakeIoContext(options.id(), poll);
  if (!context.ok()) {
    return Annotate(context.status(), absl::StrCat("iothread '", options.id(), "'"));
  }
  io_contexts_.emplace(options.id(), *context);
  return absl::OkStatus();
}

// Whose limits those of the group are; nullptr: nobody's.
BlockBackendRef Machine::DriveInThrottleGroup(const std::string& group) const {
  for (const BlockBackendRef& backend : backends_.All()) {
    if (backend->throttle_group() == group) return backend;
  }
  return nullptr;
}

absl::Status Machine::AddThrottleGroup(const config::ObjectOptions& options) {
  const std::string& id = options.id();
  const config::ThrottleGroupOptions& group = options.throttle_group();
  ThrottleConfig limits;
  ReadThrottleFields(group.limits(), kGroupThrottleFields, "", limits);
  ReadThrottleFields(group, kGroupThrottleFields, "x_", limits);
  if (absl::Status bad = CheckThrottleConfig(limits); !bad.ok()) {
    return Annotate(bad, absl::StrCat("throttle-group '", id, "'"));
  }
  // One that block_set_io_throttle has made of itself; its limits are somebody's.
  if (DriveInThrottleGroup(id) != nullptr) {
    return ErrorWithErrno(EEXIST, absl::StrCat("there is a throttle group '", id,
                                               "' already, which drives have made by its name"));
  }
  std::shared_ptr<ThrottleGroup> made = backends_.throttle_groups().FindOrMake(id);
  made->SetConfig(limits, host_.control->Now());
  throttle_groups_.emplace(id, std::move(made));
  return absl::OkStatus();
}

absl::Status Machine::CheckUnused(const std::string& id) const {
  const auto in_use = [&](const std::string& user) {
    return ErrorWithErrno(EBUSY, absl::StrCat("object '", id, "' is in use: ", user, " uses it"));
  };
  if (io_contexts_.contains(id)) {
    for (const std::unique_ptr<Plugged>& plugged : devices_) {
      if (plugged->io_threads.contains(id)) {
        return in_use(absl::StrCat("device '", plugged->device().id(), "'"));
      }
    }
  } else if (const BlockBackendRef drive = DriveInThrottleGroup(id); drive != nullptr) {
    const std::optional<std::string> device = drive->attached_device();
    return in_use(device.has_value() ? absl::StrCat("the drive of device '", *device, "'")
                                     : absl::StrCat("block backend '", drive->name(), "'"));
  }
  return absl::OkStatus();
}

void Machine::DropObject(const std::string& id) {
  throttle_groups_.erase(id);
  const auto found = io_contexts_.find(id);
  if (found == io_contexts_.end()) return;
  host_.contexts->DropIoContext(*found->second);
  io_contexts_.erase(found);
}

absl::Status Machine::ObjectDel(std::string_view id) {
  const std::string name(id);
  if (!io_contexts_.contains(name) && !throttle_groups_.contains(name)) {
    return ErrorWithErrno(ENOENT, absl::StrCat("there is no object '", name, "'"));
  }
  PLATTER_RETURN_IF_ERROR(CheckUnused(name));
  DropObject(name);
  return absl::OkStatus();
}

}  // namespace platter
