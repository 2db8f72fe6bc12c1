// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/tray_commands.h"

#include <algorithm>
#include <array>
#include <bit>
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
  constexpr uint8_t kNoEventAvailable = 0x80;
  // Classes (MMC-6, 6.6.3); the lower number goes first.
  constexpr uint8_t kPower = 2;
  constexpr uint8_t kMedia = 4;
  constexpr uint8_t kDeviceBusy = 6;
  constexpr uint8_t kSupported = 1 << kPower | 1 << kMedia | 1 << kDeviceBusy;
  // MMC-6, 6.6: asynchronous notification is not there.
  if (!task.cdb.Bit(1, kPolledBit)) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  const uint8_t asked = task.cdb[4] & kSupported;
  std::array<uint8_t, 8> data{};
  data[1] = 2;
  data[2] = kNoEventAvailable;
  data[3] = kSupported;
  if (asked == 0) return lane.Reply(task, std::span(data).first(4), task.cdb.Be16At(7));
  ScsiTray& tray = *lane.unit().tray();
  // Only media have events. One that allocation length or buffer would cut off is not taken.
  if (std::min<uint64_t>(data.size(), task.cdb.Be16At(7)) > task.data_in.bytes) {
    return lane.Overrun(task);
  }
  const bool media = (asked & 1 << kMedia) != 0;
  const bool fits = task.cdb.Be16At(7) > 4;
  const TrayNotice notice = media && fits ? tray.TakeNotice() : TrayNotice::kNone;
  data[1] = 6;
  data[2] = notice != TrayNotice::kNone ? kMedia : static_cast<uint8_t>(std::countr_zero(asked));
  data[4] = static_cast<uint8_t>(notice);
  if (data[2] == kPower) data[5] = 1;  // Active.
  if (data[2] == kMedia) {
    data[5] = static_cast<uint8_t>((tray.open() ? 1 : 0) | (tray.has_medium() ? 2 : 0));
  }
  return lane.Reply(task, data, task.cdb.Be16At(7));  // Never busy, of that class.
}

}  // namespace platter
