// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/server.h"

#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/owned_descriptor.h"
#include "base/status.h"

namespace platter {

using std::chrono_literals::operator""s;

VhostUserServer::VhostUserServer(const Options& options, UnixListener listener,
                                 VirtioDevice& device, AioContext& control, LogSink& log)
    : listener_(std::move(listener)),
      control_(control),
      transport_(device, static_cast<InterruptVectors&>(*this)),
      target_({.name = options.name,
               .device = device,
               .transport = transport_,
               .control = control,
               .log = RateLimitedLog(log),
               .sealed = options.sealed}),
      config_(control,
              [this] {
                if (session_ != nullptr) session_->OnConfigVector();
              }),
      accept_again_(control, [this] { WatchAsNeeded(); }) {
  idle_.Set();
  WatchAsNeeded();
}

VhostUserServer::~VhostUserServer() { PLATTER_CHECK(closed_); }

void VhostUserServer::WatchAsNeeded() {
  const bool wanted = !closing_ && session_ == nullptr && !accept_again_.armed();
  if (wanted == watched_) return;
  watched_ = wanted;
  if (wanted) {
    control_.Watch(*this, listener_.fd(), EPOLLIN);
  } else {
    control_.Unwatch(*this);
  }
}

void VhostUserServer::OnFdReady(uint32_t /*events*/) {
  const int client = listener_.Accept();
  if (client >= 0) {
    idle_.Reset();
    session_ = std::make_unique<VhostUserSession>(target_, OwnedDescriptor(client),
                                                  [this] { OnSessionEnd(); });
  } else if (client != -EAGAIN && client != -ECONNABORTED && client != -EINTR) {
    target_.log.Log(LogLevel::kWarning,
                    absl::StrCat("export '", target_.name,
                                 "': ", MessageOf(ErrnoError(-client, "a front-end of " + path()))),
                    control_.Now().time_since_epoch().count());
    accept_again_.ArmAfter(1s);
  }
  WatchAsNeeded();
}

void VhostUserServer::OnSessionEnd() {
  session_.reset();
  idle_.Set();
  WatchAsNeeded();
}

void VhostUserServer::Raise(uint16_t vector) {
  // A ring without a call descriptor is polled by its driver.
  if (vector == transport_.config_vector()) config_.Schedule();
}

Task<void> VhostUserServer::Close() {
  closing_ = true;
  accept_again_.Cancel();
  WatchAsNeeded();
  if (session_ != nullptr) session_->End(absl::OkStatus());
  co_await idle_.Wait();
  // A notification may be on its way still; after the reset there are no new ones.
  while (config_.scheduled()) co_await Yield();
  closed_ = true;
}

}  // namespace platter
