// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/tray_commands.h"

#include <array>
#include <cstdint>

#include "devices/scsi/scsi_tray.h"

namespace platter {

Execution StartStopTray(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kStartBit = 0;
  constexpr unsigned kLoadEjectBit = 1;
  // MMC-6, 6.42: a power condition moves nothing (R-IDE-01: and the command ends all the same).
  const bool power_condition = task.cdb[4] >> 4 != 0;
  if (power_condition || !task.cdb.Bit(4, kLoadEjectBit)) return lane.Good(task);
  const MediumMove move = task.cdb.Bit(4, kStartBit) ? MediumMove::kLoad : MediumMove::kEject;
  if (lane.unit().tray()->Move(move) == TrayOutcome::kLocked) {
    return lane.Fail(task, SenseCode::kMediumRemovalPrevented);
  }
  return lane.Good(task);
}

Execution PreventAllowRemoval(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kPreventBit = 0;
  constexpr unsigned kPersistentBit = 1;  // Persistent prevention is not offered.
  if (task.cdb.Bit(4, kPersistentBit)) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  lane.unit().tray()->Lock(task.cdb.Bit(4, kPreventBit));
  return lane.Good(task);
}

Execution GetEventStatus(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kPolledBit = 0;
  constexpr uint8_t kMediaClass = 4;
  constexpr uint8_t kMediaMask = 1 << kMediaClass;
  constexpr uint8_t kNoEventAvailable = 0x80;
  // MMC-6, 6.6: asynchronous notification is not there.
  if (!task.cdb.Bit(1, kPolledBit)) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  ScsiTray& tray = *lane.unit().tray();
  std::array<uint8_t, 8> data{};
  size_t bytes = 4;
  data[3] = kMediaMask;
  if ((task.cdb[4] & kMediaMask) == 0) {
    data[2] = kNoEventAvailable;
  } else {
    bytes = 8;
    data[2] = kMediaClass;
    // A notice that the allocation length would cut off is not taken.
    const bool fits = task.cdb.Be16At(7) > 4;
    data[4] = static_cast<uint8_t>(fits ? tray.TakeNotice() : TrayNotice::kNone);
    data[5] = static_cast<uint8_t>((tray.open() ? 1 : 0) | (tray.has_medium() ? 2 : 0));
  }
  data[1] = static_cast<uint8_t>(bytes - 2);
  return lane.Reply(task, std::span(data).first(bytes), task.cdb.Be16At(7));
}

}  // namespace platter
