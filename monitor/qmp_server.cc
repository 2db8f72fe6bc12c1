// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_server.h"

#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {

using std::chrono_literals::operator""s;

absl::StatusOr<std::unique_ptr<QmpServer>> QmpServer::Listen(QmpMonitor& monitor, LogSink& log,
                                                             std::string path) {
  absl::StatusOr<UnixListener> listener = UnixListener::Listen(std::move(path));
  if (!listener.ok()) return Annotate(listener.status(), "QMP");
  // The constructor is private.
  return std::unique_ptr<QmpServer>(new QmpServer(monitor, log, *std::move(listener)));
}

absl::StatusOr<std::unique_ptr<QmpServer>> QmpServer::Adopt(QmpMonitor& monitor, LogSink& log,
                                                            OwnedDescriptor socket) {
  absl::StatusOr<UnixListener> listener = UnixListener::Adopt(std::move(socket));
  if (!listener.ok()) return Annotate(listener.status(), "QMP");
  return std::unique_ptr<QmpServer>(new QmpServer(monitor, log, *std::move(listener)));
}

QmpServer::QmpServer(QmpMonitor& monitor, LogSink& log, UnixListener listener)
    : monitor_(monitor),
      log_(log),
      listener_(std::move(listener)),
      reap_(monitor.control(), [this] { Reap(); }),
      accept_again_(monitor.control(), [this] { WatchAsNeeded(); }) {
  WatchAsNeeded();
}

QmpServer::~QmpServer() { PLATTER_CHECK(closed_); }

void QmpServer::WatchAsNeeded() {
  const bool wanted = !closed_ && connections_.size() < kMostClients && !accept_again_.armed();
  if (wanted == watched_) return;
  watched_ = wanted;
  if (wanted) {
    monitor_.control().Watch(*this, listener_.fd(), EPOLLIN);
  } else {
    monitor_.control().Unwatch(*this);
  }
}

void QmpServer::OnFdReady(uint32_t /*events*/) {
  Accept();
  WatchAsNeeded();
}

void QmpServer::Accept() {
  const int client = listener_.Accept();
  if (client >= 0) {
    connections_.push_back(
        std::make_unique<QmpConnection>(monitor_, log_, client, [this] { reap_.Schedule(); }));
    return;
  }
  if (client == -EAGAIN || client == -ECONNABORTED || client == -EINTR) return;
  log_.Log(LogLevel::kWarning,
           MessageOf(ErrnoError(-client, absl::StrCat("QMP: a client of ", listener_.path()))));
  accept_again_.ArmAfter(1s);
}

void QmpServer::Reap() {
  std::erase_if(connections_, [](const auto& connection) { return connection->has_ended(); });
  WatchAsNeeded();
}

Task<void> QmpServer::Close() {
  closed_ = true;
  accept_again_.Cancel();
  WatchAsNeeded();
  connections_.clear();
  co_await monitor_.Settle();
  // A connection that ended of itself may have asked to be dropped.
  while (reap_.scheduled()) co_await Yield();
}

}  // namespace platter
