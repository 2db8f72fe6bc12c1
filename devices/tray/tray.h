// SPDX-License-Identifier: Apache-2.0
//
// Tray: the mechanism of a drive with removable media, the same for ATAPI and SCSI: open or closed,
// locked or not, with a medium or without, and what the guest has yet to be told. One table
// (tray.cc) says what each event does in each state; nothing else changes it.
//
//   if (tray.Apply(TrayEvent::kGuestOpen) == TrayOutcome::kLocked) ...            // 5/53/02
//   if (tray.report() == TrayReport::kArrived) tray.Apply(TrayEvent::kReported);  // 6/28/00
//
// A change that the host made is told in two steps, since a guest that hears "changed" only may
// keep what it has cached of the old disc: that the medium has gone, then that one has arrived. A
// guest that opened and closed the tray itself is told of the arrival.
//
// Ownership: a value. Threading: one thread at a time (the control context). Units: none.
// Errors: outcomes.

#ifndef PLATTER_DEVICES_TRAY_TRAY_H_
#define PLATTER_DEVICES_TRAY_TRAY_H_

#include <cstdint>

#include "blockbackend/device_view.h"

namespace platter {

enum class TrayEvent : uint8_t {
  kGuestOpen,    // START STOP UNIT with LoEj and without Start (MMC-6, 6.42).
  kGuestClose,   // ... with both.
  kGuestLock,    // PREVENT ALLOW MEDIUM REMOVAL with Prevent (MMC-6, 6.16).
  kGuestUnlock,  // ... without.
  kHostOpen,     // Asks the guest instead while locked.
  kHostClose,
  kHostRequestEject,  // Asks the guest.
  kHostBreakLock,     // Asks the guest, and unlocks.
  kMediumIn,          // Put in: through the open tray, or into a drive that moves none for it.
  kMediumOut,
  kReported,      // The guest was told report().
  kNotified,      // The guest was told notice().
  kDeviceReset,   // Of device, bus or logical unit: unlocks, and leaves the tray where it is.
  kMachineReset,  // Unlocks, closes, and forgets what was to be told.
};
inline constexpr int kTrayEvents = 14;

enum class TrayOutcome : uint8_t {
  kDone,
  kOpened,   // The tray moved.
  kClosed,   // The tray moved.
  kAlready,  // Nothing changed: it was so before.
  kLocked,   // Nothing moved; when the host asked, the guest has now been asked.
};

// What a command that needs a medium answers once, instead of being done.
enum class TrayReport : uint8_t {
  kNone,
  kGone,     // "Medium not present"; kArrived follows when there is one.
  kArrived,  // "Not ready to ready change, medium may have changed".
};

// Media event codes of GET EVENT STATUS NOTIFICATION (MMC-6, 6.6.3.5).
enum class TrayNotice : uint8_t {
  kNone = 0,
  kEjectRequest = 1,
  kNewMedia = 2,
  kMediaRemoval = 3,
};

// All that a tray remembers, for a saved state.
struct TraySnapshot {
  bool open = false;
  bool locked = false;
  bool medium = false;
  bool eject_requested = false;
  bool removal_due = false;  // Notices not given yet.
  bool arrival_due = false;
  TrayReport report = TrayReport::kNone;

  friend bool operator==(const TraySnapshot&, const TraySnapshot&) = default;
};

class Tray {
 public:
  TrayOutcome Apply(TrayEvent event);

  // --- What a host does, each as one step. ---

  // Opens; with kYes also when locked. kLocked: the guest has been asked.
  TrayOutcome TryOpen(Force force);
  // Asks the guest to let go; with kYes also unlocks. kAlready: the tray is open.
  TrayOutcome RequestEject(Force force);
  // Takes the medium out, puts one in (or, with `medium` false, none) and closes. kClosed, or
  // kLocked: nothing changed, and the guest has been asked. For owners whose medium is at hand; a
  // backend's change (BlockBackend::ChangeMedium) tells the drive both halves, drained.
  TrayOutcome Swap(Force force, bool medium);
  // Notes what is in the drive now. kAlready: that was known.
  TrayOutcome SetMedium(bool medium);

  bool open() const { return Has(kOpen); }
  bool locked() const { return Has(kLock); }
  bool has_medium() const { return Has(kMedium); }  // Also on the open tray.
  bool ready() const { return (bits_ & (kMedium | kOpen)) == kMedium; }
  TrayReport report() const;
  TrayNotice notice() const;

  TraySnapshot snapshot() const;
  // Takes any snapshot; parts that contradict each other (a medium that arrived on an open tray)
  // are left out.
  void Restore(const TraySnapshot& snapshot);

 private:
  friend struct TrayRule;
  enum Bit : uint8_t {
    kOpen = 1 << 0,
    kLock = 1 << 1,
    kMedium = 1 << 2,
    kRequest = 1 << 3,     // The host has asked for the medium.
    kRemovalDue = 1 << 4,  // Notices.
    kArrivalDue = 1 << 5,
    kGone = 1 << 6,  // The report; one of them at most.
    kArrived = 1 << 7,
  };
  bool Has(Bit bit) const { return (bits_ & bit) != 0; }

  uint8_t bits_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_TRAY_TRAY_H_
