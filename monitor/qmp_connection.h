// SPDX-License-Identifier: Apache-2.0
//
// QmpConnection: a session over a connected stream socket. What it holds for a client that does not
// read is bounded: beyond kReplyRoom no further command is answered, and beyond kMostUnread, when
// events go on, the connection is closed.
//
// Ownership: owns the descriptor; the monitor outlives it. Threading: control context. Units:
// bytes. Errors: end the connection; `ended` is told once, not from inside the constructor, and the
// owner
//   destroys the connection later than in that call.

#ifndef PLATTER_MONITOR_QMP_CONNECTION_H_
#define PLATTER_MONITOR_QMP_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"

#include "aio/aio_context.h"
#include "base/log.h"
#include "monitor/qmp_monitor.h"
#include "monitor/qmp_session.h"

namespace platter {

class QmpConnection final : private FdWatch, private QmpOutput {
 public:
  static constexpr size_t kReplyRoom = size_t{64} << 10;
  static constexpr size_t kMostUnread = size_t{4} << 20;

  QmpConnection(QmpMonitor& monitor, LogSink& log, int socket, absl::AnyInvocable<void()> ended);
  ~QmpConnection();
  QmpConnection(const QmpConnection&) = delete;
  QmpConnection& operator=(const QmpConnection&) = delete;

  bool has_ended() const { return socket_ < 0; }

 private:
  void OnFdReady(uint32_t events) override;
  void SendLine(const std::string& line) override;
  bool has_room() const override { return unsent() < kReplyRoom; }
  void OnInputWanted() override { WatchAsNeeded(); }

  size_t unsent() const { return out_.size() - out_at_; }
  void ReadSome();
  void WriteSome();
  void WatchAsNeeded();
  void End();

  QmpMonitor& monitor_;
  LogSink& log_;
  absl::AnyInvocable<void()> ended_;
  int socket_;
  uint32_t watched_ = 0;  // Events; 0: no watch.
  std::string out_;
  size_t out_at_ = 0;
  std::shared_ptr<QmpSession> session_;
};

}  // namespace platter

#endif  // PLATTER_MONITOR_QMP_CONNECTION_H_
