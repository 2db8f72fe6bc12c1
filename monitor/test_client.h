// SPDX-License-Identifier: Apache-2.0
//
// TestClient: a client of a unix socket, for tests that run the server's loop themselves: nothing
// here waits.
//
// Ownership: the descriptor. Threading: one thread. Units: bytes.
// Errors: test failures.

#ifndef PLATTER_MONITOR_TEST_CLIENT_H_
#define PLATTER_MONITOR_TEST_CLIENT_H_

#include <optional>
#include <string>
#include <string_view>

namespace platter {

class TestClient {
 public:
  explicit TestClient(const std::string& path);
  ~TestClient() { Hangup(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // How many of them the socket took.
  size_t Send(std::string_view bytes);
  // A whole line that has come, without its end.
  std::optional<std::string> TakeLine();
  // Whether the server has closed the connection; reads what came.
  bool closed();
  void Hangup();

 private:
  void Fill();

  int fd_ = -1;
  bool end_ = false;
  std::string received_;
};

}  // namespace platter

#endif  // PLATTER_MONITOR_TEST_CLIENT_H_
