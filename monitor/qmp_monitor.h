// SPDX-License-Identifier: Apache-2.0
//
// QmpMonitor: runs the commands of all of a machine's QMP sessions, one at a time, in the order in
// which they ask. Only while a command waits for a guest or device others run beside it.
//
//   QmpEvents events;
//   Machine machine({..., .events = &events});
//   QmpMonitor monitor({.machine = &machine, .events = &events, .quit = [&] { done = true; }});
//   ... sessions (qmp_session.h), a server (qmp_server.h) ...
//   BlockOn(control, monitor.Settle());
//
// Ownership: what QmpMonitorOptions names outlives it; it outlives its sessions (checked).
// Threading: control context. Units: none. Errors: become replies.

#ifndef PLATTER_MONITOR_QMP_MONITOR_H_
#define PLATTER_MONITOR_QMP_MONITOR_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"

#include "aio/await.h"
#include "aio/task.h"
#include "config/value.h"
#include "monitor/command_table.h"
#include "monitor/qmp_request.h"

namespace platter {

struct QmpMonitorOptions {
  Machine* machine;
  QmpEvents* events;
  // The command `quit`: the program ends soon. No session is answered any more.
  absl::AnyInvocable<void()> quit;
  // nullptr: a machine's monitor. Otherwise a storage daemon's (all_commands.h).
  ExportHost* exports = nullptr;
};

class QmpMonitor final : private CommandTurn {
 public:
  explicit QmpMonitor(QmpMonitorOptions options);
  // With other commands than those of this room.
  QmpMonitor(QmpMonitorOptions options, CommandTable table);
  QmpMonitor(const QmpMonitor&) = delete;
  QmpMonitor& operator=(const QmpMonitor&) = delete;
  ~QmpMonitor();

  // Tells `reply` once, before another command runs: CommandNotFound when there is none of the
  // name.
  Task<void> Execute(QmpRequest request, absl::AnyInvocable<void(QmpResult)> reply);

  // `quit` was said.
  bool quitting() const { return quitting_; }

  AioContext& control();
  QmpEvents& events() { return *options_.events; }
  const CommandTable& table() const { return table_; }

  // Finished when no session is left; they have been closed. Nobody waits for a guest any more.
  Task<void> Settle();

 private:
  friend class QmpSession;
  void Prepare();
  void SessionBegins() { ++sessions_; }
  void SessionEnds();

  void Release() override;
  Task<void> Take() override;
  bool ending() const override { return quitting_ || settling_; }

  QmpMonitorOptions options_;
  CommandTable table_;
  absl::AnyInvocable<void()> quit_;
  bool quitting_ = false;
  bool settling_ = false;
  bool busy_ = false;  // A command has its turn.
  AsyncEvent free_;    // Set for a moment when it has ended.
  uint32_t sessions_ = 0;
  AsyncEvent session_ended_;
};

}  // namespace platter

#endif  // PLATTER_MONITOR_QMP_MONITOR_H_
