// SPDX-License-Identifier: Apache-2.0
//
// SignalWatch: SIGTERM, SIGINT and SIGHUP as events of a context, which sleeps until one comes.
//
//   SignalWatch signals;                       // Before threads are made: they inherit the mask.
//   signals.Start(control, [&](int signal) { ended = true; });
//   ...
//   signals.Stop();                            // The context may end before the watch.
//
// Ownership: its descriptor. Stop is called before the context ends (checked), and what came
//   meanwhile is gone then; the mask of the thread is as before when the watch ends. Threading: one
//   thread, the context's.
// Units: none. Errors: Start's are the host's.

#ifndef PLATTER_DAEMON_SIGNAL_WATCH_H_
#define PLATTER_DAEMON_SIGNAL_WATCH_H_

#include <csignal>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "base/owned_descriptor.h"

namespace platter {

class SignalWatch final : private FdWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  absl::Status Start(AioContext& context, absl::AnyInvocable<void(int signal)> came);
  // Also of one that was not started.
  void Stop();

 private:
  void OnFdReady(uint32_t events) override;
  // Of one that came; 0 when none did.
  int Take();

  sigset_t signals_;
  sigset_t before_;
  OwnedDescriptor descriptor_;
  AioContext* context_ = nullptr;
  absl::AnyInvocable<void(int)> came_;
};

}  // namespace platter

#endif  // PLATTER_DAEMON_SIGNAL_WATCH_H_
