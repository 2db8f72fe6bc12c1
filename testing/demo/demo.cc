// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/demo.h"

#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/demo/scarce_space.h"
#include "testing/demo/stage.h"
#include "testing/demo/stage_files.h"
#include "testing/demo/step.h"
#include "testing/demo/temp_folder.h"

namespace platter {
namespace {

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
  const auto files = PrepareStageFiles(options, **folder, narrator);
  if (!files.ok()) return Failed(files.status());
  const auto stage = Stage::Open(options, *files, **space, narrator);
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
