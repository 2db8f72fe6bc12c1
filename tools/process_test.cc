// SPDX-License-Identifier: Apache-2.0
#include "tools/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/parse.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

// Each in a process of its own: limits and streams are the process's.

TEST(ProcessTest, AFileThatMayNotGrowIsAnError) {
  const auto write_beyond = [] {
    PrepareProcess();
    const rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    const int fd = open(testing::TempDir().c_str(), O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 || setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(2);
    std::_Exit(pwrite(fd, "x", 1, 8192) == -1 && errno == EFBIG ? 0 : 3);
  };
  EXPECT_EXIT(write_beyond(), testing::ExitedWithCode(0), "");
}

TEST(ProcessTest, LostOutputIsAFailure) {
  const auto print_to = [](const char* path, int code) {
    if (std::freopen(path, "w", stdout) == nullptr) std::_Exit(9);
    std::cout << "result\n";
    std::_Exit(FinishProcess("tool", code));
  };
  EXPECT_EXIT(print_to("/dev/null", 0), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(print_to("/dev/full", 0), testing::ExitedWithCode(1), "tool: cannot write");
  EXPECT_EXIT(print_to("/dev/full", 2), testing::ExitedWithCode(2), "tool: cannot write");
}

TEST(ProcessTest, ErrorsAreToldAndHelpIsNoError) {
  const auto report = [](const absl::Status& status) { std::_Exit(Report("tool", status, 3)); };
  EXPECT_EXIT(report(ErrorWithErrno(ENOENT, "no such thing")), testing::ExitedWithCode(3),
              "tool: no such thing");
  EXPECT_EXIT(report(ParseObject("help").status()), testing::ExitedWithCode(0), "");
}

TEST(ProcessTest, PathsAreMeantFromWhereTheUserStands) {
  const auto enter = [](const char* folder) {
    setenv("BUILD_WORKING_DIRECTORY", folder, 1);
    const absl::Status entered = EnterUsersFolder();
    if (!entered.ok()) std::_Exit(Report("tool", entered, 4));
    std::_Exit(access("proc/self", F_OK) == 0 ? 0 : 5);
  };
  EXPECT_EXIT(enter("/"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(enter("/nosuch"), testing::ExitedWithCode(4), "tool: /nosuch: No such file");
}

}  // namespace
}  // namespace platter
