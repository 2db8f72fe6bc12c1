// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace platter {
namespace {

// What a session may hold of a client that sends faster than commands end.
constexpr size_t kReadBytes = 4096;

}  // namespace

QmpConnection::QmpConnection(QmpMonitor& monitor, LogSink& log, int socket,
                             absl::AnyInvocable<void()> ended)
    : monitor_(monitor),
      log_(log),
      ended_(std::move(ended)),
      socket_(socket),
      session_(std::make_shared<QmpSession>(monitor, static_cast<QmpOutput&>(*this))) {
  session_->Start();
  WatchAsNeeded();
}

QmpConnection::~QmpConnection() {
  ended_ = [] {};
  End();
}

void QmpConnection::End() {
  if (socket_ < 0) return;
  session_->Close();
  if (watched_ != 0) monitor_.control().Unwatch(*this);
  watched_ = 0;
  close(socket_);
  socket_ = -1;
  out_.clear();
  out_at_ = 0;
  ended_();
}

void QmpConnection::WatchAsNeeded() {
  if (socket_ < 0) return;
  uint32_t wanted = 0;
  if (session_->wants_input() && has_room()) wanted |= EPOLLIN;
  if (unsent() > 0) wanted |= EPOLLOUT;
  if (wanted == watched_) return;
  if (watched_ != 0) monitor_.control().Unwatch(*this);
  watched_ = wanted;
  if (wanted != 0) monitor_.control().Watch(*this, socket_, wanted);
}

void QmpConnection::OnFdReady(uint32_t events) {
  if ((events & EPOLLOUT) != 0) WriteSome();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && socket_ >= 0) ReadSome();
  WatchAsNeeded();
}

void QmpConnection::ReadSome() {
  // A client that has gone is noticed even while its input is not wanted.
  if (!session_->wants_input()) {
    char byte = 0;
    const ssize_t peeked = recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (peeked == 0 || (peeked < 0 && errno != EAGAIN && errno != EINTR)) End();
    return;
  }
  std::array<char, kReadBytes> bytes;
  const ssize_t got = recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got > 0) {
    session_->Receive(std::string_view(bytes.data(), static_cast<size_t>(got)));
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    End();
  }
}

void QmpConnection::SendLine(const std::string& line) {
  if (socket_ < 0) return;
  if (unsent() > kMostUnread) {
    log_.Log(LogLevel::kWarning,
             absl::StrCat("QMP: a client does not read: closed with ", unsent(), " bytes unsent"));
    End();
    return;
  }
  const bool idle = unsent() == 0;
  out_ += line;
  out_ += "\r\n";
  if (idle) WriteSome();
  WatchAsNeeded();
}

void QmpConnection::WriteSome() {
  const bool had_room = has_room();
  while (unsent() > 0) {
    const ssize_t sent =
        send(socket_, out_.data() + out_at_, unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return End();
    if (sent < 0) break;
    out_at_ += static_cast<size_t>(sent);
  }
  // What was sent goes, at a cost in proportion to it.
  if (unsent() == 0 || out_at_ >= kReplyRoom) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  if (!had_room && has_room()) session_->OnRoom();
}

}  // namespace platter
