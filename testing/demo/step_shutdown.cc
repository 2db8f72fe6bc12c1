// SPDX-License-Identifier: Apache-2.0

#include <cerrno>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/step.h"

namespace platter {

absl::Status StepShutdown(Stage& stage) {
  Narrator& tell = stage.narrator();
  tell.ToGuest("unplugs everything");
  if (stage.Sabotaged(Sabotage::kLostDeletedEvent)) {
    stage.events().Lose([](const MachineEvent& event) {
      const auto* deleted = std::get_if<DeviceDeletedEvent>(&event);
      return deleted != nullptr && deleted->device_id == "scsi0";
    });
  }
  stage.TakeDown();
  for (const char* id : {"sd0", "scsi0", "cd1", "cd0", "vda"}) {
    const std::optional<DeviceDeletedEvent> deleted = stage.events().Take<DeviceDeletedEvent>();
    PLATTER_RETURN_IF_ERROR(Require(deleted.has_value() && deleted->device_id == id,
                                    absl::StrCat("DEVICE_DELETED of ", id, " did not come")));
  }
  if (stage.Sabotaged(Sabotage::kCorruptedImage)) {
    const Stage::Place place = stage.promises().begin()->first;
    PLATTER_RETURN_IF_ERROR(FlipByteOfFile(place.image, place.offset + place.bytes / 2));
  }
  for (const auto& [place, checksum] : stage.promises()) {
    const absl::StatusOr<uint64_t> seen = ChecksumOfFile(place.image, place.offset, place.bytes);
    if (!seen.ok()) return seen.status();
    PLATTER_RETURN_IF_ERROR(Require(
        *seen == checksum,
        absl::StrCat("wrong checksum of ", FormatBytes(place.bytes), " at byte ", place.offset,
                     " of ", place.image, ": not what the guest was told is there")));
  }
  tell.Host(absl::StrCat("reads the images by itself: all ", stage.promises().size(),
                         " places hold what the guest left there"));
  if (stage.files().ext4_label.empty()) return absl::OkStatus();
  const std::string& fsck = stage.options().fsck;
  absl::Status clean = CheckExt4Image(stage.files().disk, fsck);
  if (ErrnoOf(clean) == ENOENT) {
    tell.Warning(absl::StrCat("there is no ", fsck,
                              " here (package e2fsprogs): nobody looks at the file system"));
    return absl::OkStatus();
  }
  if (clean.ok()) tell.Host(absl::StrCat(fsck, " finds the file system clean"));
  return clean;
}

}  // namespace platter
