// SPDX-License-Identifier: Apache-2.0
//
// MessageStream: vhost-user messages over a connected unix stream socket, both ways.
//
//   MessageStream stream(context, OwnedDescriptor(socket), MessageStream::Peer::kSends, user);
//   void User::OnMessage(VhostUserMessage& message) { ... stream.SendReply(message.request, ...); }
//
// The peer is not trusted: a length is compared with the largest payload before a byte of it is
// read, nothing is allocated for it, and descriptors are owned from the moment they arrive: those
// that the user does not take are closed when OnMessage returns. Descriptors belong to the message
// whose first byte they came with; at any other byte they end the stream.
//
// While a reply is unsent no further message is taken, so what is queued for a peer that does not
// read is what one message makes. Pause stops the taking, too; that the peer has gone is noticed
// all the same.
//
// Ownership: owns the socket. The user outlives it, and destroys it not from inside OnMessage or
//   OnStreamEnd. Threading: in its context. Units: bytes.
// Errors: the first one ends the stream and is told once, in a turn of its own; ok: the peer closed
//   the connection between two messages. After Close nothing is told.

#ifndef PLATTER_EXPORTS_VHOST_USER_MESSAGE_STREAM_H_
#define PLATTER_EXPORTS_VHOST_USER_MESSAGE_STREAM_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "aio/work_item.h"
#include "base/owned_descriptor.h"
#include "exports/vhost_user/vhost_user_spec.h"

namespace platter {

struct VhostUserMessage {
  uint32_t request = 0;
  uint32_t flags = 0;
  std::span<const uint8_t> payload = {};        // Until OnMessage returns.
  std::span<OwnedDescriptor> descriptors = {};  // What is taken stays open.
};

class MessageStreamUser {
 public:
  // A whole message.
  virtual void OnMessage(VhostUserMessage& message) = 0;
  virtual void OnStreamEnd(const absl::Status& why) = 0;

 protected:
  ~MessageStreamUser() = default;
};

class MessageStream final : private FdWatch, private WorkItem {
 public:
  // What the peer may send: requests, or replies to ours.
  enum class Peer : uint8_t { kSendsRequests, kSendsReplies };
  // Bytes that may wait for a peer that does not read.
  static constexpr size_t kMostUnsent = size_t{4} << 10;

  MessageStream(AioContext& context, OwnedDescriptor socket, Peer peer, MessageStreamUser& user);
  ~MessageStream();
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // Ends the stream when the peer lets more than kMostUnsent wait. The descriptor, if there is one,
  // is sent with the message and closed here; one may be unsent at a time.
  void Send(uint32_t request, uint32_t flags, std::span<const uint8_t> payload,
            OwnedDescriptor descriptor = {});
  void SendReply(uint32_t request, std::span<const uint8_t> payload,
                 OwnedDescriptor descriptor = {}) {
    Send(request, kVhostUserVersion | kVhostUserReply, payload, std::move(descriptor));
  }
  size_t unsent() const { return out_.size() - out_at_; }

  // Takes no message until Resume. From inside OnMessage, too.
  void Pause();
  void Resume();

  void Close();
  bool closed() const { return socket_.get() < 0; }

 private:
  // Messages taken in one turn.
  static constexpr int kMessagesPerTurn = 16;

  enum class Progress : uint8_t { kMessage, kPart, kNothing };

  void OnFdReady(uint32_t events) override;
  void Run() override;  // Tells the end.

  // At most one read.
  Progress ReadSome();
  bool TakeDescriptors(const msghdr& received, bool first_byte);
  bool CheckHeader();
  void Deliver();
  void WriteSome();
  ssize_t WriteOnce();
  void WatchAsNeeded();
  void Fail(absl::Status why);
  void LetGo();

  AioContext& context_;
  MessageStreamUser& user_;
  const Peer peer_;
  OwnedDescriptor socket_;
  bool watching_ = false;
  uint32_t watched_ = 0;  // Events.
  bool paused_ = false;
  bool telling_ = false;  // Deferred.
  absl::Status end_;

  // The message that is coming in.
  VhostUserHeader header_;
  std::array<uint8_t, kVhostUserMaxPayload> payload_;
  size_t got_ = 0;  // Bytes of header and payload.
  std::array<OwnedDescriptor, kVhostUserMaxDescriptors> descriptors_;
  uint32_t descriptor_count_ = 0;

  std::string out_;
  size_t out_at_ = 0;
  OwnedDescriptor out_descriptor_;  // Goes with the byte at:
  size_t out_descriptor_at_ = 0;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_MESSAGE_STREAM_H_
