// SPDX-License-Identifier: Apache-2.0
//
// QmpSession: one client of a monitor, whatever carries its bytes: the greeting, the negotiation of
// capabilities, and then commands, answered in order, with events between the replies.
//
//   auto session = std::make_shared<QmpSession>(monitor, output);
//   session->Start();
//   session->Receive(bytes);    // Only while wants_input().
//   session->Close();           // The client has gone.
//
// Ownership: shared: a command that runs keeps its session, which the monitor outlives. The output
//   outlives the session's Close. Threading: control context. Units: bytes.
// Errors: become replies.

#ifndef PLATTER_MONITOR_QMP_SESSION_H_
#define PLATTER_MONITOR_QMP_SESSION_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "aio/await.h"
#include "aio/task.h"
#include "config/value.h"
#include "monitor/json_stream.h"
#include "monitor/qmp_events.h"
#include "monitor/qmp_monitor.h"
#include "monitor/qmp_request.h"

namespace platter {

// Where a session's lines go.
class QmpOutput {
 public:
  // A line without its end. May close the session.
  virtual void SendLine(const std::string& line) = 0;
  // Whether replies may go on: false while the client does not read them. It is asked again when
  // the session's OnRoom is called.
  virtual bool has_room() const = 0;
  // The session has answered what it had.
  virtual void OnInputWanted() = 0;

 protected:
  ~QmpOutput() = default;
};

class QmpSession final : public std::enable_shared_from_this<QmpSession>, private QmpEventListener {
 public:
  QmpSession(QmpMonitor& monitor, QmpOutput& output);
  ~QmpSession();
  QmpSession(const QmpSession&) = delete;
  QmpSession& operator=(const QmpSession&) = delete;

  // Sends the greeting.
  void Start();
  void Receive(std::string_view bytes);
  // Whether all that was received has been answered.
  bool wants_input() const { return !serving_; }
  void OnRoom();
  // Nothing is sent after that. A command that runs goes on to its end.
  void Close();

 private:
  static Task<void> Serve(std::shared_ptr<QmpSession> self);
  Task<void> Answer(absl::StatusOr<Value> input);
  void Reply(QmpResult result, std::optional<Value> id);
  // qmp_capabilities, and nothing else before it.
  QmpResult Negotiate(const QmpRequest& request);
  void OnQmpEvent(const std::string& line) override;

  QmpMonitor& monitor_;
  QmpOutput* output_;  // nullptr: closed.
  JsonStream stream_;
  bool negotiated_ = false;
  bool serving_ = false;  // Serve runs.
  AsyncEvent room_;
};

}  // namespace platter

#endif  // PLATTER_MONITOR_QMP_SESSION_H_
