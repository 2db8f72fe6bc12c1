// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/run_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_split.h"

#include "base/status.h"

namespace platter {
namespace {

// Reads `fd` to its end.
std::string ReadAll(int fd) {
  std::string text;
  char piece[4096];
  while (true) {
    const ssize_t got = ::read(fd, piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    const size_t room = kMaxProgramOutput - text.size();
    text.append(piece, std::min(room, static_cast<size_t>(got)));
  }
}

int WaitFor(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

absl::StatusOr<std::string> FindProgram(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return std::string(name);
  const char* path = std::getenv("PATH");
  const std::string folders =
      std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
  for (const std::string& folder :
       std::vector<std::string>(absl::StrSplit(folders, ':', absl::SkipEmpty()))) {
    const std::string candidate = folder + "/" + std::string(name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return ErrnoError(ENOENT, "program " + std::string(name));
}

absl::StatusOr<ProgramResult> RunProgram(std::string_view name,
                                         const std::vector<std::string>& arguments) {
  absl::StatusOr<std::string> program = FindProgram(name);
  if (!program.ok()) return program.status();
  std::vector<std::string> words = {*program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return ErrnoError(errno, "a pipe for " + *program);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, program->c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ProgramResult result;
  if (error == 0) result = {.output = ReadAll(out[0])};
  ::close(out[0]);
  if (error != 0) return ErrnoError(error, "cannot run " + *program);
  result.exit_code = WaitFor(child);
  return result;
}

}  // namespace platter
