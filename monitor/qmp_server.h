// SPDX-License-Identifier: Apache-2.0
//
// QmpServer: serves a monitor to the clients of a unix socket, several at once.
//
//   auto server = QmpServer::Listen(monitor, log, "/run/vm/qmp.sock");
//   ... the control context runs ...
//   BlockOn(control, (*server)->Close());
//
// Ownership: owns the socket and its file (unix_listener.h); monitor and log outlive it. Close has
//   finished before it ends (checked). Threading: control context. Units: none.
// Errors: Listen's name the path; a client's errors end its connection.

#ifndef PLATTER_MONITOR_QMP_SERVER_H_
#define PLATTER_MONITOR_QMP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/task.h"
#include "aio/timer.h"
#include "aio/unix_listener.h"
#include "base/log.h"
#include "base/owned_descriptor.h"
#include "monitor/qmp_connection.h"
#include "monitor/qmp_monitor.h"

namespace platter {

class QmpServer final : private FdWatch {
 public:
  // More wait until one of these goes.
  static constexpr size_t kMostClients = 16;

  static absl::StatusOr<std::unique_ptr<QmpServer>> Listen(QmpMonitor& monitor, LogSink& log,
                                                           std::string path);
  // At a socket that listens already.
  static absl::StatusOr<std::unique_ptr<QmpServer>> Adopt(QmpMonitor& monitor, LogSink& log,
                                                          OwnedDescriptor socket);
  ~QmpServer();

  const std::string& path() const { return listener_.path(); }
  size_t clients() const { return connections_.size(); }

  // Closes every connection and waits for the commands that run.
  Task<void> Close();

 private:
  QmpServer(QmpMonitor& monitor, LogSink& log, UnixListener listener);

  void OnFdReady(uint32_t events) override;
  void Accept();
  // Drops the connections that have ended.
  void Reap();
  void WatchAsNeeded();

  QmpMonitor& monitor_;
  LogSink& log_;
  UnixListener listener_;
  std::vector<std::unique_ptr<QmpConnection>> connections_;
  BottomHalf reap_;
  Timer accept_again_;  // The host had no descriptor left for a client.
  bool watched_ = false;
  bool closed_ = false;
};

}  // namespace platter

#endif  // PLATTER_MONITOR_QMP_SERVER_H_
