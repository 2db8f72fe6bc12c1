// SPDX-License-Identifier: Apache-2.0
//
// MediumWait: waits for the guest of a drive, which has been asked for its medium, to let it go.
//
//   MediumWait wait(control, drive, deadline);
//   switch (co_await wait.Wait()) ...
//
// Ownership: the drive's backend and the context outlive it. Threading: control context.
// Units: Instants of the context. Errors: outcomes.

#ifndef PLATTER_MACHINE_MEDIUM_WAIT_H_
#define PLATTER_MACHINE_MEDIUM_WAIT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/clock.h"
#include "aio/task.h"
#include "aio/timer.h"
#include "blockbackend/block_backend.h"

namespace platter {

class MediumWait {
 public:
  enum class Outcome : uint8_t {
    // The tray is open, or the time is over and the guest has at least unlocked it.
    kLetGo,
    kTimeout,
    kOtherMedium,  // Somebody else took the medium that there was, or put one in.
    kDeviceGone,
    kCancelled,
  };

  MediumWait(AioContext& control, BlockBackend& drive, Instant deadline);
  MediumWait(const MediumWait&) = delete;
  MediumWait& operator=(const MediumWait&) = delete;

  // Once.
  Task<Outcome> Wait();
  void Cancel();

  const BlockBackend& drive() const { return drive_; }

 private:
  std::optional<Outcome> Look() const;

  BlockBackend& drive_;
  // Not the node itself: nobody's medium is kept by it.
  const std::weak_ptr<BlockNode> medium_;
  const bool had_medium_;
  const std::optional<std::string> device_;
  AsyncEvent look_;
  bool expired_ = false;
  bool cancelled_ = false;
  Timer timer_;
  Notifier<> news_;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_MEDIUM_WAIT_H_
