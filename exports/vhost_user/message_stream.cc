// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/message_stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

constexpr size_t kHeaderBytes = sizeof(VhostUserHeader);

// Exactly as large as the most descriptors need: of more the kernel says MSG_CTRUNC.
constexpr size_t kControlBytes = CMSG_SPACE(kVhostUserMaxDescriptors * sizeof(int));
static_assert(kControlBytes == CMSG_LEN(kVhostUserMaxDescriptors * sizeof(int)));

absl::Status Bad(const std::string& what) {
  return ErrorWithErrno(EPROTO, absl::StrCat("vhost-user: ", what));
}

}  // namespace

MessageStream::MessageStream(AioContext& context, OwnedDescriptor socket, Peer peer,
                             MessageStreamUser& user)
    : context_(context), user_(user), peer_(peer), socket_(std::move(socket)) {
  PLATTER_CHECK(!closed());
  WatchAsNeeded();
}

MessageStream::~MessageStream() { Close(); }

void MessageStream::Close() {
  if (telling_) context_.CancelDeferred(*this);
  telling_ = false;
  LetGo();
}

void MessageStream::LetGo() {
  if (watching_) context_.Unwatch(*this);
  watching_ = false;
  {
    const OwnedDescriptor closing = std::move(socket_);
  }
  for (OwnedDescriptor& descriptor : descriptors_) {
    const OwnedDescriptor closing = std::move(descriptor);
  }
  descriptor_count_ = 0;
  out_.clear();
  out_at_ = 0;
  out_descriptor_ = OwnedDescriptor();
}

void MessageStream::Fail(absl::Status why) {
  if (closed()) return;
  LetGo();
  end_ = std::move(why);
  telling_ = true;
  context_.Defer(*this);
}

void MessageStream::Run() {
  telling_ = false;
  user_.OnStreamEnd(end_);
}

void MessageStream::Pause() {
  paused_ = true;
  WatchAsNeeded();
}

void MessageStream::Resume() {
  paused_ = false;
  WatchAsNeeded();
}

void MessageStream::WatchAsNeeded() {
  if (closed()) return;
  // With no events at all errors and hang-ups are reported still.
  uint32_t wanted = 0;
  if (unsent() > 0) {
    wanted = EPOLLOUT;
  } else if (!paused_) {
    wanted = EPOLLIN;
  }
  if (watching_ && wanted == watched_) return;
  if (watching_) context_.Unwatch(*this);
  watching_ = true;
  watched_ = wanted;
  context_.Watch(*this, socket_.get(), wanted);
}

void MessageStream::OnFdReady(uint32_t events) {
  if ((events & EPOLLOUT) != 0) WriteSome();
  if (closed()) return;
  const bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0;
  // A peer that has gone while nothing is read of it is not waited for.
  if (gone && (paused_ || unsent() > 0)) return Fail(absl::OkStatus());
  for (int messages = 0; messages < kMessagesPerTurn;) {
    if (closed() || paused_ || unsent() > 0) break;
    const Progress progress = ReadSome();
    if (progress == Progress::kNothing) break;
    if (progress == Progress::kMessage) ++messages;
  }
  WatchAsNeeded();
}

MessageStream::Progress MessageStream::ReadSome() {
  iovec into = {};
  if (got_ < kHeaderBytes) {
    into = {reinterpret_cast<uint8_t*>(&header_) + got_, kHeaderBytes - got_};
  } else {
    into = {payload_.data() + (got_ - kHeaderBytes), kHeaderBytes + header_.size - got_};
  }
  alignas(cmsghdr) std::array<uint8_t, kControlBytes> control;
  msghdr message = {};
  message.msg_iov = &into;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) {
    if (errno == EINTR) return Progress::kPart;
    if (errno != EAGAIN) Fail(ErrnoError(errno, "vhost-user: reading a message"));
    return Progress::kNothing;
  }
  // Descriptors are owned before anything else is looked at.
  if (!TakeDescriptors(message, got_ == 0)) return Progress::kNothing;
  if (count == 0) {
    Fail(got_ == 0 ? absl::OkStatus()
                   : Bad("the connection was closed in the middle of a message"));
    return Progress::kNothing;
  }
  const bool had_header = got_ >= kHeaderBytes;
  got_ += static_cast<size_t>(count);
  if (got_ < kHeaderBytes) return Progress::kPart;
  if (!had_header && !CheckHeader()) return Progress::kNothing;
  if (got_ < kHeaderBytes + header_.size) return Progress::kPart;
  Deliver();
  return Progress::kMessage;
}

bool MessageStream::TakeDescriptors(const msghdr& received, bool first_byte) {
  bool expected = true;
  for (const cmsghdr* at = CMSG_FIRSTHDR(&received); at != nullptr;
       at = CMSG_NXTHDR(const_cast<msghdr*>(&received), const_cast<cmsghdr*>(at))) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int given = -1;
      std::memcpy(&given, CMSG_DATA(at) + i * sizeof(int), sizeof(given));
      OwnedDescriptor owned(given);
      if (first_byte && descriptor_count_ < kVhostUserMaxDescriptors) {
        descriptors_[descriptor_count_++] = std::move(owned);
      } else {
        expected = false;
      }
    }
  }
  if ((received.msg_flags & MSG_CTRUNC) != 0) {
    Fail(Bad(absl::StrCat("a message with more than ", kVhostUserMaxDescriptors,
                          " file descriptors, or this process can have no more of them")));
    return false;
  }
  if (!expected) Fail(Bad("file descriptors in the middle of a message"));
  return expected;
}

bool MessageStream::CheckHeader() {
  const std::string name = absl::StrCat("message ", header_.request);
  if ((header_.flags & kVhostUserVersionMask) != kVhostUserVersion) {
    Fail(Bad(absl::StrCat(name, " is of version ", header_.flags & kVhostUserVersionMask)));
  } else if (((header_.flags & kVhostUserReply) != 0) != (peer_ == Peer::kSendsReplies)) {
    Fail(Bad(absl::StrCat(name, peer_ == Peer::kSendsReplies ? " is no reply" : " is a reply")));
  } else if (header_.size > kVhostUserMaxPayload) {
    Fail(Bad(
        absl::StrCat(name, " has ", header_.size, " bytes, more than any message that is served")));
  }
  return !closed();
}

void MessageStream::Deliver() {
  VhostUserMessage message = {.request = header_.request,
                              .flags = header_.flags,
                              .payload = std::span(payload_).first(header_.size),
                              .descriptors = std::span(descriptors_).first(descriptor_count_)};
  got_ = 0;
  user_.OnMessage(message);
  for (OwnedDescriptor& descriptor : descriptors_) {
    const OwnedDescriptor closing = std::move(descriptor);
  }
  descriptor_count_ = 0;
}

void MessageStream::Send(uint32_t request, uint32_t flags, std::span<const uint8_t> payload,
                         OwnedDescriptor descriptor) {
  if (closed()) return;
  if (unsent() > kMostUnsent) {
    return Fail(
        Bad(absl::StrCat("the peer does not read: closed with ", unsent(), " bytes unsent")));
  }
  const VhostUserHeader header = {
      .request = request, .flags = flags, .size = static_cast<uint32_t>(payload.size())};
  if (descriptor.get() >= 0) {
    PLATTER_CHECK(out_descriptor_.get() < 0);
    out_descriptor_ = std::move(descriptor);
    out_descriptor_at_ = out_.size();
  }
  out_.append(reinterpret_cast<const char*>(&header), sizeof(header));
  out_.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  WriteSome();
  WatchAsNeeded();
}

void MessageStream::WriteSome() {
  while (unsent() > 0) {
    const ssize_t sent = WriteOnce();
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
      // A peer that has gone is no error of its last message.
      return Fail(errno == EPIPE ? absl::OkStatus()
                                 : ErrnoError(errno, "vhost-user: sending a message"));
    }
    out_at_ += static_cast<size_t>(sent);
  }
  out_.clear();
  out_at_ = 0;
}

ssize_t MessageStream::WriteOnce() {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  char* const from = out_.data() + out_at_;
  if (out_descriptor_.get() < 0) return send(socket_.get(), from, unsent(), kFlags);
  if (out_at_ < out_descriptor_at_) {
    return send(socket_.get(), from, out_descriptor_at_ - out_at_, kFlags);
  }
  iovec bytes = {from, unsent()};
  const int given = out_descriptor_.get();
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(given))> control = {};
  msghdr message = {};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(given));
  std::memcpy(CMSG_DATA(header), &given, sizeof(given));
  const ssize_t sent = sendmsg(socket_.get(), &message, kFlags);
  if (sent > 0) out_descriptor_ = OwnedDescriptor();
  return sent;
}

}  // namespace platter
