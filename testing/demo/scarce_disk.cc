// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/scarce_disk.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/expect.h"

namespace platter {
namespace {

constexpr const char* kNode = "scarce";

absl::StatusOr<std::unique_ptr<GuestDisk>> FindDriver(Stage& stage, const DiskKind& kind) {
  if (&kind == &kScsiDisk) return stage.FindScsiDisk(kind.id);
  return stage.FindDisk(kind.id);
}

}  // namespace

const DiskKind kVirtioDisk = {.device = "virtio-blk,id=vdb",
                              .id = "vdb",
                              .first_offset = 8 * kMiB,
                              .room_left = Sabotage::kRoomLeft,
                              .wrong_policy = Sabotage::kWrongPolicy,
                              .lost_stop_event = Sabotage::kLostStopEvent,
                              .no_room_made = Sabotage::kNoRoomMade,
                              .corrupted_new_data = Sabotage::kCorruptedNewData};
const DiskKind kScsiDisk = {.device = "scsi-hd,id=sdb",
                            .id = "sdb",
                            .first_offset = 12 * kMiB,
                            .room_left = Sabotage::kScsiRoomLeft,
                            .wrong_policy = Sabotage::kScsiWrongPolicy,
                            .lost_stop_event = Sabotage::kScsiLostStopEvent,
                            .no_room_made = Sabotage::kScsiNoRoomMade,
                            .corrupted_new_data = Sabotage::kScsiCorruptedNewData};

absl::StatusOr<std::unique_ptr<ScarceDisk>> ScarceDisk::Plug(Stage& stage, const DiskKind& kind,
                                                             const std::string& policy) {
  Machine& machine = stage.machine();
  const std::string device = absl::StrCat(kind.device, ",werror=", policy);
  stage.narrator().Host(absl::StrCat("plugs ", device, " over ", stage.space().Kind()));
  PLATTER_RETURN_IF_ERROR(stage.Run(machine.BlockdevAdd(stage.space().NodeOptions(kNode))));
  stage.space().SetNode(machine.graph().Find(kNode));
  PLATTER_RETURN_IF_ERROR(stage.AddDevice(absl::StrCat(device, ",drive=", kNode)));
  auto driver = FindDriver(stage, kind);
  if (!driver.ok()) return driver.status();
  return std::make_unique<ScarceDisk>(stage, kind, *std::move(driver));
}

absl::Status ScarceDisk::Fill() {
  if (stage_.Sabotaged(kind_.room_left)) return absl::OkStatus();
  PLATTER_RETURN_IF_ERROR(stage_.space().Fill());
  const absl::StatusOr<uint64_t> left = stage_.space().FreeBytes();
  if (!left.ok()) return left.status();
  stage_.narrator().Host(absl::StrCat("fills it up: ", FormatBytes(*left), " free"));
  return Require(*left == 0, "there is room left on the full file system");
}

absl::Status ScarceDisk::MakeRoom(ScarceSpace::Room how) {
  if (stage_.Sabotaged(kind_.no_room_made) && how == ScarceSpace::Room::kGrow) {
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> what = stage_.space().MakeRoom(how);
  if (!what.ok()) return what.status();
  const absl::StatusOr<uint64_t> left = stage_.space().FreeBytes();
  if (!left.ok()) return left.status();
  stage_.narrator().Host(absl::StrCat("makes room: ", *what, ": ", FormatBytes(*left), " free"));
  return absl::OkStatus();
}

absl::Status ScarceDisk::Unplug() {
  driver_.reset();
  stage_.space().SetNode(nullptr);
  PLATTER_RETURN_IF_ERROR(platter::Unplug(stage_, kind_.id));
  return stage_.Run(stage_.machine().BlockdevDel(kNode));
}

}  // namespace platter
