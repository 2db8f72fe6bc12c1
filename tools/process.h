// SPDX-License-Identifier: Apache-2.0
//
// What every program here does as a process: it is not killed by the limit of a file's size, means
// paths as its user does, tells errors alike, and does not end well when its output is lost.
//
// Ownership: none. Threading: main, before and after all else. Units: exit codes.
// Errors: a message on stderr.

#ifndef PLATTER_TOOLS_PROCESS_H_
#define PLATTER_TOOLS_PROCESS_H_

#include <string_view>

#include "absl/status/status.h"

namespace platter {

// A write beyond `ulimit -f` fails with EFBIG, which the guest gets as an error, instead of ending
// the process by SIGXFSZ.
void PrepareProcess();

// `bazel run` starts programs elsewhere: paths are meant from where the user stands.
absl::Status EnterUsersFolder();

// "program: what" on stderr, and `code`; or, of a request for help (config/parse.h), the help on
// stdout, and 0.
int Report(std::string_view program, const absl::Status& status, int code);

// `code`, or 1 with a message when what was printed to stdout could not be written.
int FinishProcess(std::string_view program, int code);

}  // namespace platter

#endif  // PLATTER_TOOLS_PROCESS_H_
