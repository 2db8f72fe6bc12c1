// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/iso_image.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/run_program.h"
#include "testing/demo/temp_folder.h"

namespace platter {

absl::Status MakeIsoImage(const std::string& path, const IsoPlan& plan) {
  const absl::StatusOr<std::string> program = FindProgram(plan.xorriso);
  if (!program.ok()) return program.status();
  const std::string parent = std::filesystem::path(path).parent_path();
  const absl::StatusOr<std::unique_ptr<TempFolder>> content = TempFolder::CreateIn(parent);
  if (!content.ok()) return content.status();
  PLATTER_RETURN_IF_ERROR(
      MakePatternImage((*content)->File(plan.file_name), plan.file_bytes, plan.seed));
  const auto made = RunProgram(
      *program, {"-as", "mkisofs", "-quiet", "-V", plan.label, "-o", path, (*content)->path()});
  if (!made.ok()) return made.status();
  if (made->exit_code == 0) return absl::OkStatus();
  ::unlink(path.c_str());
  return ErrorWithErrno(EIO, absl::StrCat(plan.xorriso, " ", path, " failed (exit code ",
                                          made->exit_code, "): ", made->output));
}

}  // namespace platter
