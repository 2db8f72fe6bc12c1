// SPDX-License-Identifier: Apache-2.0
#include "testing/peers/peer_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"

#include "base/check.h"

extern char** environ;

namespace platter {

std::string WhyNoPeer(const std::vector<std::string>& programs) {
  for (const std::string& program : programs) {
    if (::access(program.c_str(), X_OK) != 0) {
      return absl::StrCat("no-peer: ", program, " isn't installed");
    }
  }
  return "";
}

PeerProcess::PeerProcess(std::vector<std::string> words) {
  ::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> in;
  std::array<int, 2> out;
  PLATTER_CHECK(::pipe2(in.data(), O_CLOEXEC) == 0 && ::pipe2(out.data(), O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 2);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = 0;
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  output_end_ = out[0];
}

PeerProcess::~PeerProcess() {
  CloseInput();
  if (pid_ > 0) ::kill(pid_, SIGTERM);
  Reap();
  ::close(output_end_);
}

bool PeerProcess::Send(std::string_view line) {
  const std::string text = std::string(line) + "\n";
  return ::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string PeerProcess::WaitFor(const std::vector<std::string>& texts) {
  for (;;) {
    size_t at = std::string::npos;
    const std::string* first = nullptr;
    for (const std::string& text : texts) {
      const size_t found = output_.find(text, seen_);
      if (found >= at) continue;
      at = found;
      first = &text;
    }
    if (first != nullptr) {
      seen_ = at + first->size();
      return *first;
    }
    if (!ReadSome()) return "";
  }
}

const std::string& PeerProcess::Finish() {
  CloseInput();
  while (ReadSome()) {
  }
  Reap();
  return output_;
}

bool PeerProcess::ReadSome() {
  std::array<char, 4096> chunk;
  ssize_t got = 0;
  do {
    got = ::read(output_end_, chunk.data(), chunk.size());
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  output_.append(chunk.data(), static_cast<size_t>(got));
  return true;
}

void PeerProcess::CloseInput() {
  if (input_ >= 0) ::close(input_);
  input_ = -1;
}

void PeerProcess::Reap() {
  if (pid_ <= 0) return;
  int status = -1;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  succeeded_ = status == 0;
  pid_ = 0;
}

}  // namespace platter
