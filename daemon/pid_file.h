// SPDX-License-Identifier: Apache-2.0
//
// PidFile: a file with this process's id, which no other process has at the same time: it is locked
// (F_OFD_SETLK, as the field's daemons do) and goes with its owner.
//
// Ownership: the file and its descriptor.
// Threading: a value. Units: none. Errors: EBUSY while somebody has it, else the host's; both name
// the path.

#ifndef PLATTER_DAEMON_PID_FILE_H_
#define PLATTER_DAEMON_PID_FILE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"

namespace platter {

class PidFile {
 public:
  // Locks the file, which is empty from now on.
  static absl::StatusOr<PidFile> Create(std::string path);
  // Writes the id: all is ready.
  absl::Status Write();
  PidFile(PidFile&&) noexcept = default;
  PidFile& operator=(PidFile&&) = delete;
  ~PidFile();

 private:
  PidFile(std::string path, OwnedDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  OwnedDescriptor file_;
};

}  // namespace platter

#endif  // PLATTER_DAEMON_PID_FILE_H_
