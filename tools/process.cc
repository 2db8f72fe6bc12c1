// SPDX-License-Identifier: Apache-2.0
#include "tools/process.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>

namespace platter {

void PrepareProcess() { std::signal(SIGXFSZ, SIG_IGN); }

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
