// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/backend_channel.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/status.h"

namespace platter {

namespace {

bool Is(int socket, int option, int expected) {
  int value = 0;
  socklen_t size = sizeof(value);
  return getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 && value == expected;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackendChannel>> BackendChannel::Create(AioContext& context,
                                                                       OwnedDescriptor socket) {
  if (!Is(socket.get(), SO_DOMAIN, AF_UNIX) || !Is(socket.get(), SO_TYPE, SOCK_STREAM) ||
      !Is(socket.get(), SO_ACCEPTCONN, 0)) {
    return ErrorWithErrno(EINVAL, "its descriptor is not a connected unix stream socket");
  }
  // The constructor is private.
  return std::unique_ptr<BackendChannel>(new BackendChannel(context, std::move(socket)));
}

BackendChannel::BackendChannel(AioContext& context, OwnedDescriptor socket)
    : stream_(context, std::move(socket), MessageStream::Peer::kSendsReplies, *this) {}

void BackendChannel::TellConfigChange() {
  if (stream_.unsent() > 0) return;
  stream_.Send(kVhostUserBackendConfigChange, kVhostUserVersion, {});
}

}  // namespace platter
