// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/temp_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/status.h"

namespace platter {

absl::StatusOr<std::unique_ptr<TempFolder>> TempFolder::Create() {
  const char* parent = std::getenv("TMPDIR");
  return CreateIn(parent != nullptr && *parent != '\0' ? parent : "/tmp");
}

absl::StatusOr<std::unique_ptr<TempFolder>> TempFolder::CreateIn(std::string_view parent) {
  std::string path = std::string(parent) + "/platter-demo-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return ErrnoError(errno, "cannot make a temporary folder in " + std::string(parent));
  }
  return std::unique_ptr<TempFolder>(new TempFolder(std::move(path)));
}

TempFolder::~TempFolder() {
  if (keep_) return;
  // What can't be removed stays: there is nobody to tell at this point.
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace platter
