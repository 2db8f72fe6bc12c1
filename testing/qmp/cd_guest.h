// SPDX-License-Identifier: Apache-2.0
//
// CdGuest: what an operating system does for a CD-ROM drive that it has mounted: it locks the tray,
// watches for the host's wish to have the disc, grants it by unlocking and opening, and locks the
// next disc in. In steps, which wait in the machine's event loop, so that a program can be guest
// and host at once. The guest stands still while its machine does, and so does its time.
//
//   CdGuest guest(MakeIdeCd(bus, place, [&] { return machine.state() == MachineState::kRunning;
//   })); co_await guest.Begin();
//   ... the host asks ...
//   co_await guest.Look();      // CdGuest::Did::kGranted
//
// Ownership: owns the driver; the bus outlives it. A step may be given up where it waits, by
//   destroying its Task; then the guest is of no more use. Threading: the bus's event loop; one
//   step at a time, also of drives on the same channel. Units: none.
// Errors: what the drive refuses, or doesn't answer in a minute, is tried again at the next look.

#ifndef PLATTER_TESTING_QMP_CD_GUEST_H_
#define PLATTER_TESTING_QMP_CD_GUEST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "aio/task.h"
#include "testing/guest/guest_bus.h"
#include "testing/guest/ide_driver.h"

namespace platter {

// A drive's commands, whatever its bus.
class GuestCd {
 public:
  enum class News : uint8_t { kNone, kEjectRequest, kOther };

  virtual ~GuestCd() = default;
  // Until the drive has no more to tell.
  virtual Task<void> ClearNews() = 0;
  virtual Task<bool> Lock() = 0;
  virtual Task<bool> Unlock() = 0;
  virtual Task<bool> OpenTray() = 0;
  // What GET EVENT STATUS NOTIFICATION says.
  virtual Task<News> AskForNews() = 0;
  // Closed, with a disc.
  virtual Task<bool> IsReady() = 0;
};

// `runs`: whether the machine runs now.
std::unique_ptr<GuestCd> MakeIdeCd(GuestBus& bus, IdeDriver::Place place,
                                   std::function<bool()> runs);

class CdGuest {
 public:
  enum class Did : uint8_t {
    kNothing,
    kGranted,  // It opened the tray, as the host wished.
    kLocked,   // A disc came, and is locked in.
  };

  explicit CdGuest(std::unique_ptr<GuestCd> drive) : drive_(std::move(drive)) {}

  // Locks the disc that is in.
  Task<Did> Begin();
  Task<Did> Look();

 private:
  Task<Did> LockWhatIsIn();

  std::unique_ptr<GuestCd> drive_;
  bool locked_ = false;
};

}  // namespace platter

#endif  // PLATTER_TESTING_QMP_CD_GUEST_H_
