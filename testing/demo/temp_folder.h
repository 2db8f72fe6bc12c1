// SPDX-License-Identifier: Apache-2.0
//
// TempFolder: a folder of its own for a run's files, gone with everything in it at the end.
//
// Ownership: owns the folder. Threading: one thread. Errors: ErrnoError naming the path.

#ifndef PLATTER_TESTING_DEMO_TEMP_FOLDER_H_
#define PLATTER_TESTING_DEMO_TEMP_FOLDER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace platter {

class TempFolder {
 public:
  // In $TMPDIR, or in /tmp when that isn't set.
  static absl::StatusOr<std::unique_ptr<TempFolder>> Create();
  static absl::StatusOr<std::unique_ptr<TempFolder>> CreateIn(std::string_view parent);
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }
  // It stays when this object goes.
  void Keep() { keep_ = true; }

 private:
  explicit TempFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  bool keep_ = false;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_TEMP_FOLDER_H_
