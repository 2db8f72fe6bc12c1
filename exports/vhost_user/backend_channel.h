// SPDX-License-Identifier: Apache-2.0
//
// BackendChannel: the socket on which a back-end makes requests of its own ("Back-end
// communication"). It says that the configuration has changed; answers are not asked for, and what
// the peer sends is read and dropped.
//
// Ownership: owns the socket, which is the peer's choice and not trusted. Threading: in its
//   context. Errors: Create: INVALID_ARGUMENT for what is no unix stream socket. Later ones end
//   the channel, and nothing else.

#ifndef PLATTER_EXPORTS_VHOST_USER_BACKEND_CHANNEL_H_
#define PLATTER_EXPORTS_VHOST_USER_BACKEND_CHANNEL_H_

#include <memory>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "base/owned_descriptor.h"
#include "exports/vhost_user/message_stream.h"

namespace platter {

class BackendChannel final : private MessageStreamUser {
 public:
  static absl::StatusOr<std::unique_ptr<BackendChannel>> Create(AioContext& context,
                                                                OwnedDescriptor socket);

  // CONFIG_CHANGE_MSG. One that the peer has not read yet speaks for this change, too.
  void TellConfigChange();

 private:
  BackendChannel(AioContext& context, OwnedDescriptor socket);

  // MessageStreamUser.
  void OnMessage(VhostUserMessage& message) override { static_cast<void>(message); }
  void OnStreamEnd(const absl::Status& why) override { static_cast<void>(why); }

  MessageStream stream_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_BACKEND_CHANNEL_H_
