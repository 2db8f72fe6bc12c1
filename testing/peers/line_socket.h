// SPDX-License-Identifier: Apache-2.0
//
// LineSocket: a unix socket that a peer connects to, spoken line by line.
//
//   LineSocket socket(path);          // From here on the peer can connect.
//   PeerProcess qemu({..., "-qtest", "unix:" + path});
//   socket.Accept(10s);
//   socket.Send("inb 0x1f7");
//   socket.Read(10s);                 // "OK 0x0050"
//
// Ownership: the socket and its file. Threading: one thread. Units: the host's time.
// Errors: absl::Status, naming what was waited for; a peer that went away is UNAVAILABLE.

#ifndef PLATTER_TESTING_PEERS_LINE_SOCKET_H_
#define PLATTER_TESTING_PEERS_LINE_SOCKET_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/clock.h"

namespace platter {

class LineSocket {
 public:
  // `path` is short (107 bytes) and free.
  explicit LineSocket(std::string path);
  ~LineSocket();
  LineSocket(const LineSocket&) = delete;
  LineSocket& operator=(const LineSocket&) = delete;

  absl::Status Accept(Duration timeout);
  absl::Status Send(std::string_view line);
  // The next line, without its end. Nothing when none is complete within `timeout`.
  absl::StatusOr<std::optional<std::string>> Poll(Duration timeout);
  // As Poll, but nothing within `timeout` is DEADLINE_EXCEEDED.
  absl::StatusOr<std::string> Read(Duration timeout);

 private:
  std::optional<std::string> TakeLine();

  const std::string path_;
  int listener_ = -1;
  int peer_ = -1;
  std::string received_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_PEERS_LINE_SOCKET_H_
