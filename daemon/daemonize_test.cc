// SPDX-License-Identifier: Apache-2.0

#include "daemon/daemonize.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

#include "gtest/gtest.h"

namespace platter {
namespace {

// What the process that was started ends with, when `background` runs in the other one.
int StatusOf(int (*background)(Daemonize&)) {
  const pid_t first = fork();
  if (first == 0) {
    absl::StatusOr<Daemonize> daemon = Daemonize::Begin();
    if (!daemon.ok()) _exit(99);
    _exit(background(*daemon));
  }
  int status = 0;
  EXPECT_EQ(waitpid(first, &status, 0), first);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST(DaemonizeTest, TheFirstProcessEndsWellWhenAllIsReady) {
  EXPECT_EQ(StatusOf([](Daemonize& daemon) {
              // What it ends with later is its own affair.
              return daemon.Ready().ok() ? 7 : 1;
            }),
            0);
}

TEST(DaemonizeTest, TheFirstProcessFailsWhenThatNeverComes) {
  EXPECT_EQ(StatusOf([](Daemonize&) { return 0; }), 1);
}

TEST(DaemonizeTest, TheDaemonIsInASessionOfItsOwnAndLeadsNone) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  static int tell = -1;
  tell = ends[1];
  EXPECT_EQ(StatusOf([](Daemonize& daemon) {
              if (!daemon.Ready().ok()) return 1;
              const bool right = getsid(0) != getpid() && isatty(STDOUT_FILENO) == 0;
              const pid_t session = right ? getsid(0) : 0;
              return write(tell, &session, sizeof(session)) == sizeof(session) ? 0 : 1;
            }),
            0);
  pid_t session = 0;
  ASSERT_EQ(read(ends[0], &session, sizeof(session)), static_cast<ssize_t>(sizeof(session)));
  EXPECT_NE(session, 0);
  EXPECT_NE(session, getsid(0));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace platter
