// SPDX-License-Identifier: Apache-2.0
//
// StorageDaemon: objects, block nodes, exports and monitors from a configuration, until it is told
// to end: all that platter-storage-daemon does besides its flags.
//
//   auto daemon = StorageDaemon::Create(config, {}, log);   // Front-ends can connect afterwards,
//   (*daemon)->Run();                                       // and are served here.
//   daemon->reset();                                        // Flushes and ends all of it.
//
// Ownership: owns all of it; the log outlives it. Threading: its creator's thread, before others
//   are made (signal_watch.h). Units: the host's time.
// Errors: Create: the option that could not be, by its name ("--export 'e': ..."); nothing is left.

#ifndef PLATTER_DAEMON_STORAGE_DAEMON_H_
#define PLATTER_DAEMON_STORAGE_DAEMON_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "daemon/export_table.h"
#include "daemon/inherited_sockets.h"
#include "daemon/signal_watch.h"
#include "machine/machine.h"
#include "monitor/qmp_events.h"
#include "monitor/qmp_monitor.h"
#include "monitor/qmp_server.h"

namespace platter {

namespace config {
class SocketChardevOptions;
class StorageDaemonConfig;
}  // namespace config

struct StorageDaemonOptions {
  AioKind aio = AioKind::kThreads;
  InheritedSockets sockets = {};
};

class StorageDaemon {
 public:
  static absl::StatusOr<std::unique_ptr<StorageDaemon>> Create(
      const config::StorageDaemonConfig& config, const StorageDaemonOptions& options, LogSink& log);
  // Cuts off who is connected, then flushes.
  ~StorageDaemon();
  StorageDaemon(const StorageDaemon&) = delete;
  StorageDaemon& operator=(const StorageDaemon&) = delete;

  // Until a client says quit, or SIGTERM, SIGINT or SIGHUP comes.
  void Run();

  AioContext& control() { return *control_; }
  Machine& machine() { return *machine_; }
  ExportTable& exports() { return *exports_; }

 private:
  explicit StorageDaemon(LogSink& log) : log_(log) {}
  absl::Status Build(const config::StorageDaemonConfig& config,
                     const StorageDaemonOptions& options);
  absl::Status MakeNodes(const config::StorageDaemonConfig& config);
  absl::Status Listen(const config::StorageDaemonConfig& config, const InheritedSockets& inherited);
  absl::StatusOr<std::unique_ptr<QmpServer>> ServerAt(const config::SocketChardevOptions& socket,
                                                      const InheritedSockets& inherited);
  Task<void> End();
  Task<void> CloseServers();

  LogSink& log_;
  SignalWatch signals_;
  std::unique_ptr<AioContext> control_;
  QmpEvents events_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<ExportTable> exports_;
  std::unique_ptr<QmpMonitor> monitor_;
  std::vector<std::unique_ptr<QmpServer>> servers_;
  bool ended_ = false;
};

}  // namespace platter

#endif  // PLATTER_DAEMON_STORAGE_DAEMON_H_
