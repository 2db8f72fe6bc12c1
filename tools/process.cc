// SPDX-License-Identifier: Apache-2.0
#include "tools/process.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "base/status.h"
#include "config/parse.h"

namespace platter {

void PrepareProcess() { std::signal(SIGXFSZ, SIG_IGN); }

absl::Status EnterUsersFolder() {
  const char* const folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr || chdir(folder) == 0) return absl::OkStatus();
  return ErrnoError(errno, folder);
}

int Report(std::string_view program, const absl::Status& status, int code) {
  if (const std::optional<std::string> help = HelpRequested(status)) {
    std::cout << *help;
    return 0;
  }
  std::cerr << program << ": " << MessageOf(status) << '\n';
  return code;
}

int FinishProcess(std::string_view program, int code) {
  std::cout.flush();
  if (std::cout.good() && std::fflush(stdout) == 0) return code;
  // A reader that has seen enough ("demo | head") is no loss.
  pollfd output = {.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  if (poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0) return code;
  std::cerr << program << ": cannot write all of the output\n";
  return code == 0 ? 1 : code;
}

}  // namespace platter
