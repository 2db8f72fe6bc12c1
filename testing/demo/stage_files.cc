// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/stage_files.h"

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/demo/disk_image.h"

namespace platter {
namespace {

constexpr uint64_t kOwnDiskBytes = uint64_t{32} << 20;
constexpr const char* kLabel = "platter-demo";
// Of the file on each disc; not whole blocks.
constexpr uint64_t kIsoABytes = 300'000;
constexpr uint64_t kIsoBBytes = 200'001;
constexpr uint32_t kPatternDiscBytes = uint32_t{512} << 10;
constexpr uint64_t kIsoASeed = 0x1a;
constexpr uint64_t kIsoBSeed = 0x1b;

// The image that vda will have: a copy of the user's, or one of our own.
absl::Status PrepareDisk(const DemoOptions& options, Narrator& tell, StageFiles& files) {
  if (!options.disk.empty()) {
    const absl::StatusOr<uint64_t> size = CheckDiskFile(options.disk, kMinDemoDiskBytes);
    if (!size.ok()) return size.status();
    const HostClock::time_point start = HostClock::now();
    PLATTER_RETURN_IF_ERROR(CopyDiskFile(options.disk, files.disk));
    tell.Line(absl::StrCat("disk      a copy of ", options.disk, ", ", FormatBytes(*size),
                           " (yours is not written to; copied in ", FormatDuration(Since(start)),
                           ")"));
    return absl::OkStatus();
  }
  absl::Status made =
      MakeExt4Image(files.disk, kOwnDiskBytes, {.mkfs = options.mkfs, .label = kLabel});
  if (made.ok()) {
    files.ext4_label = kLabel;
    tell.Line(absl::StrCat("disk      ", FormatBytes(kOwnDiskBytes),
                           " with an ext4 file system made by ", options.mkfs));
    return absl::OkStatus();
  }
  if (ErrnoOf(made) != ENOENT) return made;
  tell.Warning(absl::StrCat("there is no ", options.mkfs,
                            " here (package e2fsprogs): the disk holds a pattern instead"));
  tell.Line(absl::StrCat("disk      ", FormatBytes(kOwnDiskBytes), " with a pattern"));
  return MakePatternImage(files.disk, kOwnDiskBytes, options.seed);
}

struct DiscPlan {
  std::string path;
  std::string label;
  std::string file_name;
  uint64_t file_bytes;
  uint64_t seed;
};

// With a file system where the host has the program for it.
absl::StatusOr<CdDisc> MakeDisc(const DemoOptions& options, const DiscPlan& plan) {
  absl::StatusOr<CdDisc> disc = MakeIsoDisc(plan.path, {.xorriso = options.xorriso,
                                                        .label = plan.label,
                                                        .file_name = plan.file_name,
                                                        .file_bytes = plan.file_bytes,
                                                        .seed = plan.seed});
  if (disc.ok() || ErrnoOf(disc.status()) != ENOENT) return disc;
  return MakePatternDisc(plan.path, kPatternDiscBytes, plan.seed);
}

absl::Status PrepareDiscs(const DemoOptions& options, const TempFolder& folder, Narrator& tell,
                          StageFiles& files) {
  absl::StatusOr<CdDisc> a = options.iso.empty()
                                 ? MakeDisc(options, {.path = folder.File("iso-a.iso"),
                                                      .label = "DISC_A",
                                                      .file_name = "README.A",
                                                      .file_bytes = kIsoABytes,
                                                      .seed = options.seed + kIsoASeed})
                                 : LookAtIsoDisc(options.iso);
  if (!a.ok()) return a.status();
  absl::StatusOr<CdDisc> b = MakeDisc(options, {.path = folder.File("iso-b.iso"),
                                                .label = "DISC_B",
                                                .file_name = "README.B",
                                                .file_bytes = kIsoBBytes,
                                                .seed = options.seed + kIsoBSeed});
  if (!b.ok()) return b.status();
  if (!b->has_file_system()) {
    tell.Warning(absl::StrCat("there is no ", options.xorriso,
                              " here (package xorriso): discs made here hold a pattern instead"));
  }
  if (!options.iso.empty()) {
    tell.Line(absl::StrCat("disc      ", options.iso, " (yours is not written to)"));
  } else if (a->has_file_system()) {
    tell.Line(absl::StrCat("discs     two with ISO 9660 file systems made by ", options.xorriso));
  } else {
    tell.Line("discs     two with patterns");
  }
  files.iso_a = *std::move(a);
  files.iso_b = *std::move(b);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StageFiles> PrepareStageFiles(const DemoOptions& options, const TempFolder& folder,
                                             Narrator& tell) {
  StageFiles files = {.disk = folder.File("disk.img"),
                      .disc_a = folder.File("disc-a.img"),
                      .disc_b = folder.File("disc-b.img"),
                      .iso_a = {},
                      .iso_b = {},
                      .scsi_disk = folder.File("scsi-disk.img")};
  PLATTER_RETURN_IF_ERROR(PrepareDisk(options, tell, files));
  PLATTER_RETURN_IF_ERROR(PrepareDiscs(options, folder, tell, files));
  PLATTER_RETURN_IF_ERROR(MakePatternImage(files.disc_a, kDiscABytes, options.seed + kDiscASeed));
  PLATTER_RETURN_IF_ERROR(MakePatternImage(files.disc_b, kDiscBBytes, options.seed + kDiscBSeed));
  PLATTER_RETURN_IF_ERROR(MakeSparseImage(files.scsi_disk, kScsiDiskBytes));
  return files;
}

}  // namespace platter
