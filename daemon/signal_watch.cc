// SPDX-License-Identifier: Apache-2.0

#include "daemon/signal_watch.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/status.h"

namespace platter {

SignalWatch::SignalWatch() {
  sigemptyset(&signals_);
  for (const int each : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals_, each);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

SignalWatch::~SignalWatch() {
  PLATTER_CHECK(context_ == nullptr);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void SignalWatch::Stop() {
  if (context_ == nullptr) return;
  context_->Unwatch(*this);
  context_ = nullptr;
  // Each signal is pending once at most.
  while (Take() != 0) {
  }
}

absl::Status SignalWatch::Start(AioContext& context, absl::AnyInvocable<void(int)> came) {
  descriptor_ = OwnedDescriptor(signalfd(-1, &signals_, SFD_NONBLOCK | SFD_CLOEXEC));
  if (descriptor_.get() < 0) return ErrnoError(errno, "a descriptor for signals");
  came_ = std::move(came);
  context_ = &context;
  context.Watch(*this, descriptor_.get(), EPOLLIN);
  return absl::OkStatus();
}

int SignalWatch::Take() {
  signalfd_siginfo info = {};
  const ssize_t got = read(descriptor_.get(), &info, sizeof(info));
  return got == sizeof(info) ? static_cast<int>(info.ssi_signo) : 0;
}

void SignalWatch::OnFdReady(uint32_t /*events*/) {
  const int signal = Take();
  if (signal != 0) came_(signal);
}

}  // namespace platter
