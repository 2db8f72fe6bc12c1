// SPDX-License-Identifier: Apache-2.0

#include <vector>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/new_space.h"
#include "testing/demo/sense_text.h"
#include "testing/demo/step.h"

namespace platter {
namespace {

constexpr uint64_t kGrowth = 4 * kMiB;
constexpr uint8_t kUnitAttention = 6;
// SPC-4: CAPACITY DATA HAS CHANGED; in an event the code comes first (virtio 1.3, 5.6.6.3).
constexpr uint16_t kCapacityChanged = 0x2a09;
constexpr uint32_t kCapacityChangedReason = 0x092a;

// The adapter's event about the unit.
absl::Status ExpectParameterChange(Stage& stage, ScsiGuestDisk& disk) {
  std::vector<guest::ScsiEvent> events;
  PLATTER_RETURN_IF_ERROR(stage.WaitFor(
      [&] {
        disk.driver().HandleInterrupts();
        events = disk.driver().TakeEvents();
        return !events.empty();
      },
      "the guest's parameter-change event"));
  PLATTER_RETURN_IF_ERROR(Require(events.size() == 1 &&
                                      events[0].event.get() == guest::kScsiParamChange &&
                                      events[0].lun == guest::ScsiReported(disk.lun()) &&
                                      events[0].reason.get() == kCapacityChangedReason,
                                  "the event is about something else"));
  stage.narrator().Guest("event queue: parameters of the unit have changed");
  return absl::OkStatus();
}

}  // namespace

absl::Status StepScsiGrowth(Stage& stage) {
  Narrator& tell = stage.narrator();
  ScsiGuestDisk& disk = *stage.sd0();
  const auto at = stage.machine().LocationOf<VirtioMmioLocation>("scsi0");
  if (!at.ok()) return at.status();
  if (stage.Sabotaged(Sabotage::kLostScsiInterrupt)) stage.wires().Cut(at->irq);

  const uint64_t before = disk.capacity_bytes();
  const uint64_t after = before + kGrowth;
  tell.ToGuest(absl::StrCat("block_resize sd0 to ", FormatBytes(after)));
  PLATTER_RETURN_IF_ERROR(stage.Run(stage.machine().BackendOfDevice("sd0")->Resize(after)));
  PLATTER_RETURN_IF_ERROR(ExpectParameterChange(stage, disk));
  const auto attention = disk.initiator().TestUnitReady();
  if (!attention.ok()) return attention.status();
  tell.Guest(absl::StrCat("TEST UNIT READY: ", SenseText(attention->key(), attention->code())));
  PLATTER_RETURN_IF_ERROR(Require(attention->IsSense(kUnitAttention, kCapacityChanged),
                                  "the unit attention is about something else"));
  PLATTER_RETURN_IF_ERROR(disk.Probe());
  tell.Guest(absl::StrCat("READ CAPACITY: ", FormatBytes(before), ", now ",
                          FormatBytes(disk.capacity_bytes())));
  PLATTER_RETURN_IF_ERROR(Require(disk.capacity_bytes() == after,
                                  absl::StrCat("the guest sees ", disk.capacity_bytes(),
                                               " bytes after the growth, not ", after)));
  return UseNewSpace(stage, disk, stage.files().scsi_disk, before);
}

}  // namespace platter
