// SPDX-License-Identifier: Apache-2.0
//
// For tests of what a process cannot do any more: runs something in a process of its own,
// and says how that ended.
//
// Ownership: none. Threading: a test's only thread. Units: none. Errors: test failures.

#ifndef PLATTER_DAEMON_SANDBOX_CAPTIVE_FIXTURE_H_
#define PLATTER_DAEMON_SANDBOX_CAPTIVE_FIXTURE_H_

#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace platter {

// What waitpid says of a process that runs `work`, which returns its exit status.
template <typename Work>
int StatusOfCaptive(Work work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// The exit status of one that ends by itself.
template <typename Work>
int ResultOfCaptive(Work work) {
  const int status = StatusOfCaptive(work);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  return WEXITSTATUS(status);
}

}  // namespace platter

#endif  // PLATTER_DAEMON_SANDBOX_CAPTIVE_FIXTURE_H_
