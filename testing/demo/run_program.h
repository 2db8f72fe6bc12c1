// SPDX-License-Identifier: Apache-2.0
//
// RunProgram: another program, run to its end, with what it printed.
//
// Ownership: values. Threading: any; blocks. Errors: NOT_FOUND (ENOENT) when there is no such
// program in $PATH or in the folders of system administration; ErrnoError for what the host
// refused. How it ended is a value.

#ifndef PLATTER_TESTING_DEMO_RUN_PROGRAM_H_
#define PLATTER_TESTING_DEMO_RUN_PROGRAM_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace platter {

struct ProgramResult {
  int exit_code = 0;   // 128 + the signal's number when one ended it.
  std::string output;  // Of stdout and stderr together, up to kMaxProgramOutput bytes.
};

inline constexpr size_t kMaxProgramOutput = 64 * 1024;

// Debian keeps mkfs.ext4 and its like in /usr/sbin, which is not in everybody's $PATH.
absl::StatusOr<std::string> FindProgram(std::string_view name);

// `name` is a name for FindProgram, or a path.
absl::StatusOr<ProgramResult> RunProgram(std::string_view name,
                                         const std::vector<std::string>& arguments);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_RUN_PROGRAM_H_
