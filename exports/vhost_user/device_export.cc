// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/device_export.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await.h"
#include "aio/unix_listener.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {

VhostUserExport::~VhostUserExport() = default;

absl::Status VhostUserExport::CheckCommon(const std::string& title, const Socket& socket,
                                          QueueRange num_queues) {
  if (num_queues.asked == 0 || num_queues.asked > num_queues.most) {
    return absl::InvalidArgumentError(absl::StrCat(title, ": num-queues ", num_queues.asked,
                                                   " is not between 1 and ", num_queues.most));
  }
  if (socket.path.empty() == (socket.listener.get() < 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(title, " needs the path of a socket or one that listens"));
  }
  return absl::OkStatus();
}

absl::Status VhostUserExport::CheckWritable(const std::string& title,
                                            const BlockDeviceView& backend) {
  if (!backend.is_read_only()) return absl::OkStatus();
  return ErrorWithErrno(EACCES, absl::StrCat(title, " is to be writable, but block backend '",
                                             backend.name(), "' is read-only"));
}

absl::Status VhostUserExport::Serve(const std::string& title, Socket socket,
                                    const VhostUserServer::Options& options, VirtioDevice& device,
                                    AioContext& control, LogSink& log) {
  absl::StatusOr<UnixListener> listener = socket.path.empty()
                                              ? UnixListener::Adopt(std::move(socket.listener))
                                              : UnixListener::Listen(std::move(socket.path));
  if (!listener.ok()) return Annotate(listener.status(), title);
  device_ = &device;
  server_ = std::make_unique<VhostUserServer>(options, *std::move(listener), device, control, log);
  return absl::OkStatus();
}

Task<void> VhostUserExport::Close() {
  PLATTER_CHECK(server_ != nullptr);
  co_await server_->Close();
  Completion<bool> unplugged;
  device_->Unplug([&unplugged] { unplugged.Complete(true); });
  co_await unplugged;
}

}  // namespace platter
