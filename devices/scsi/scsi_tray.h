// SPDX-License-Identifier: Apache-2.0
//
// ScsiTray: the tray of a logical unit with removable media: the mechanism (devices/tray), moved by
// guest and host, and what the unit's lanes and its backend have to know of it. It moves in the
// control context, where the host's commands are too; lanes look at three flags, so that commands
// that neither move it nor have a change to report stay where they are.
//
// Ownership: of its unit (ScsiUnit::AddTray); the control context outlives it.
// Threading: control context, unless it says otherwise. Units: none. Errors: outcomes and sense.

#ifndef PLATTER_DEVICES_SCSI_SCSI_TRAY_H_
#define PLATTER_DEVICES_SCSI_SCSI_TRAY_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/scsi/scsi_command.h"
#include "devices/scsi/sense.h"
#include "devices/scsi/unit_attentions.h"
#include "devices/tray/tray.h"

namespace platter {

class ScsiUnit;

class ScsiTray {
 public:
  // `removal` is what the first command hears after the host has taken the medium out.
  ScsiTray(ScsiUnit& unit, AioContext& control, const Sense& removal)
      : unit_(unit), control_(control), removal_(removal) {}

  // All but resize. They call the unit: for as long as it is there.
  BlockDevOps Callbacks();
  // Looks at the medium for the first time.
  void OnAttached();

  // --- The guest's commands. ---

  // kLocked: it stays; kAlready: it is there.
  TrayOutcome Move(MediumMove move);
  void Lock(bool locked);
  TrayNotice TakeNotice();
  bool open() const { return mechanism_.open(); }
  bool locked() const { return mechanism_.locked(); }
  // What lies in an open tray is there to see; in a closed one the unit has to have noticed it.
  bool has_medium() const;
  const Tray& mechanism() const { return mechanism_; }

  // Of device, bus or unit: unlocks. Of the machine: closes, too, and forgets what was to be told.
  void Reset();
  void ResetMachine();

  // Of a saved state. Another medium than was there is one that has changed.
  void Restore(const TraySnapshot& snapshot);
  // What that initiator has yet to be told; mechanism() has nexus 0's.
  TrayReport report(uint8_t nexus) const { return view(nexus).report(); }
  void RestoreReport(uint8_t nexus, TrayReport report);

  // --- Admission. ---

  // Whether `command` has to go to the control context now: it moves the tray, or there is
  // something to report first. Any thread; the answer may be old by one command that runs at the
  // same time.
  bool GoesToControl(const ScsiCommand& command, uint8_t nexus) const {
    if ((command.flags & kInControl) != 0) return true;
    const bool tells = (command.flags & (kIgnoresAttention | kTellsReport)) != kIgnoresAttention;
    return tells && (reports_.load(std::memory_order_acquire) >> nexus & 1) != 0;
  }
  // Nothing: the command may be done.
  std::optional<Sense> Admit(const ScsiCommand& command, uint8_t nexus);
  // What there is to report to that initiator, as told now. Control context.
  std::optional<Sense> TakeReport(uint8_t nexus);
  AioContext& control() const { return control_; }  // Any thread.
  // Whether there is a medium that commands can use, and why not. Any thread.
  Sense Readiness() const;

 private:
  void OnHostMove(MediumMove move);
  void OnEjectRequest(Force force);
  void LookAtMedium();
  const Tray& view(uint8_t nexus) const { return nexus == 0 ? mechanism_ : others_[nexus - 1]; }
  // Does the same to the mechanism as each initiator knows it; returns what came of nexus 0's.
  TrayOutcome ForEveryNexus(absl::FunctionRef<TrayOutcome(Tray&)> action);
  TrayOutcome Apply(TrayEvent event) {
    return ForEveryNexus([event](Tray& tray) { return tray.Apply(event); });
  }
  // After each change: for the lanes.
  void Publish();

  ScsiUnit& unit_;
  AioContext& control_;
  const Sense removal_;
  // One mechanism, but each initiator is told of a change by itself (SAM-5, 5.14). The others
  // differ from nexus 0's in their reports alone.
  Tray mechanism_;
  std::array<Tray, UnitAttentions::kMaxNexuses - 1> others_;
  // For the lanes, of the mechanism.
  std::atomic<bool> ready_{false};
  std::atomic<bool> open_{false};
  std::atomic<uint32_t> reports_{0};  // A bit per nexus.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_TRAY_H_
