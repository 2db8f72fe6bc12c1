// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/demo.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/scarce_space.h"
#include "testing/demo/stage.h"
#include "testing/demo/step.h"
#include "testing/demo/temp_folder.h"

namespace platter {
namespace {

using HostClock = std::chrono::steady_clock;

constexpr uint64_t kOwnDiskBytes = uint64_t{32} << 20;
constexpr const char* kLabel = "platter-demo";

Duration Since(HostClock::time_point start) {
  return std::chrono::duration_cast<Duration>(HostClock::now() - start);
}

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
  const absl::Status made =
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

absl::StatusOr<std::unique_ptr<ScarceSpace>> PrepareSpace(const DemoOptions& options,
                                                          const TempFolder& folder, Narrator& tell,
                                                          bool& on_tmpfs) {
  std::string why = "as asked for";
  if (options.space == DemoOptions::Space::kTmpfs) {
    const std::string mount_point = folder.File("mount");
    if (::mkdir(mount_point.c_str(), 0700) != 0) return ErrnoError(errno, mount_point);
    absl::StatusOr<std::unique_ptr<ScarceSpace>> space = ScarceSpace::OnTmpfs(mount_point);
    if (space.ok()) {
      on_tmpfs = true;
      return space;
    }
    why = absl::StrCat("this host refuses a tmpfs in namespaces (", MessageOf(space.status()), ")");
  }
  tell.Warning(absl::StrCat("'no space' is that of a memory node's allocation-limit: ", why));
  return ScarceSpace::InMemory();
}

absl::Status RunStep(Stage& stage, size_t index) {
  const Step& step = kDemoSteps[index];
  Narrator& tell = stage.narrator();
  tell.BeginStep(
      {.number = index + 1, .of = kDemoSteps.size(), .name = step.name, .title = step.title});
  const HostClock::time_point start = HostClock::now();
  absl::Status status = step.run(stage);
  if (status.ok()) {
    status = Require(stage.events().size() == 0,
                     absl::StrCat("an event that nothing explains: ", stage.events().FirstText()));
  }
  if (status.ok()) {
    tell.EndStep(Since(start));
  } else {
    tell.FailStep(step.name, MessageOf(status), Since(start));
  }
  return status;
}

DemoResult Failed(absl::Status status) {
  DemoResult result;
  result.status = std::move(status);
  return result;
}

}  // namespace

DemoResult RunDemo(const DemoOptions& options, Narrator& narrator) {
  const HostClock::time_point start = HostClock::now();
  const auto folder = TempFolder::Create();
  if (!folder.ok()) return Failed(folder.status());
  if (options.files == DemoOptions::Files::kKeep) (*folder)->Keep();

  DemoResult result;
  // The tmpfs first: its child is forked while there is one thread.
  const auto space = PrepareSpace(options, **folder, narrator, result.on_tmpfs);
  if (!space.ok()) return Failed(space.status());
  StageFiles files = {.disk = (*folder)->File("disk.img"),
                      .ext4_label = "",
                      .disc_a = (*folder)->File("disc-a.img"),
                      .disc_b = (*folder)->File("disc-b.img")};
  if (absl::Status ready = PrepareDisk(options, narrator, files); !ready.ok()) return Failed(ready);
  for (const auto& [path, bytes, seed] : {std::tuple(files.disc_a, kDiscABytes, kDiscASeed),
                                          std::tuple(files.disc_b, kDiscBBytes, kDiscBSeed)}) {
    absl::Status made = MakePatternImage(path, bytes, options.seed + seed);
    if (!made.ok()) return Failed(std::move(made));
  }

  const auto stage = Stage::Open(options, files, **space, narrator);
  if (!stage.ok()) return Failed(Annotate(stage.status(), "the machine"));
  narrator.Line(absl::StrCat("space     ", (*space)->Describe()));
  narrator.Line(absl::StrCat("machine   one thread, event loop: ", (*stage)->context_kind(),
                             "; seed ", options.seed));
  narrator.Columns();
  for (size_t i = 0; i < kDemoSteps.size() && result.status.ok(); ++i) {
    result.status = RunStep(**stage, i);
    if (!result.status.ok()) result.failed_step = kDemoSteps[i].name;
  }
  if (options.files == DemoOptions::Files::kKeep) {
    narrator.Line(absl::StrCat("\nfiles are kept in ", (*folder)->path()));
  }
  if (result.status.ok()) {
    narrator.Success(absl::StrCat("\nAll ", kDemoSteps.size(), " steps held, in ",
                                  FormatDuration(Since(start))));
  }
  return result;
}

}  // namespace platter
