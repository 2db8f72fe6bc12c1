// SPDX-License-Identifier: Apache-2.0
//
// PeerProcess: a program of another project in a process of its own, its input by pipe; what it
// prints, on either output, is kept.
//
//   if (const std::string why = WhyNoPeer({kQemuIo}); !why.empty()) GTEST_SKIP() << why;
//   PeerProcess qemu({kQemuIo, "-r", path});
//   qemu.Send("length");
//   qemu.WaitFor({"MiB", "error"});
//
// Ownership: the process ends with it (by SIGTERM when it has not ended yet). Threading: one
// thread;
//   it ignores SIGPIPE for the process of the test. Units: none.
// Errors: a program that can't be started has ended at once, without output.

#ifndef PLATTER_TESTING_PEERS_PEER_PROCESS_H_
#define PLATTER_TESTING_PEERS_PEER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace platter {

// Empty when all of the programs (paths) are there, else a reason of testing/allowed_skips.txt.
std::string WhyNoPeer(const std::vector<std::string>& programs);

class PeerProcess {
 public:
  // Starts words[0], a path, with the others as its arguments.
  explicit PeerProcess(std::vector<std::string> words);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // Gives it a line of input. False when it takes no more.
  bool Send(std::string_view line);
  // Reads until one of the texts has been printed after what the last WaitFor found, and returns
  // it; empty when the program's output ended without.
  std::string WaitFor(const std::vector<std::string>& texts);
  // What it has printed, as far as it was read.
  const std::string& output() const { return output_; }

  // Ends its input, waits for its end and returns all that it printed.
  const std::string& Finish();
  // After Finish: whether it ended with 0.
  bool succeeded() const { return succeeded_; }

 private:
  bool ReadSome();
  void CloseInput();
  void Reap();

  pid_t pid_ = 0;
  int input_ = -1;
  int output_end_ = -1;
  std::string output_;
  size_t seen_ = 0;
  bool succeeded_ = false;
};

}  // namespace platter

#endif  // PLATTER_TESTING_PEERS_PEER_PROCESS_H_
