// SPDX-License-Identifier: Apache-2.0
//
// What the commands that read a disc ask for: READ(10) and READ(12) (SBC-3, 5.11 and 5.12), READ CD
// (MMC-6, 6.15), READ CD MSF (MMC-3, 6.16).
//
// Ownership, threading: functions of a CDB. Units: blocks of 2048 bytes. Errors: sense codes.

#ifndef PLATTER_DEVICES_SCSI_MEDIUM_READ_H_
#define PLATTER_DEVICES_SCSI_MEDIUM_READ_H_

#include <cstdint>
#include <optional>

#include "devices/scsi/cd_sector.h"
#include "devices/scsi/cdb.h"
#include "devices/scsi/scsi_spec.h"

namespace platter {

// Byte 9 of READ CD: every part of a sector of mode 1.
inline constexpr uint8_t kReadCdEverything = 0xf8;

struct SectorRead {
  BlockRange range = {};
  // What the guest gets of each: kCdUserBytes, kCdRawBytes, or nothing (the sectors are looked
  // for).
  uint32_t sector_bytes = 0;
  SenseCode wrong = SenseCode::kNone;  // Why the command is refused, whatever the disc.
};
// Of READ CD and READ CD MSF: of mode 1, user data or whole sectors; other parts are refused.
SectorRead ParseReadCd(const Cdb& cdb);
SectorRead ParseReadCdMsf(const Cdb& cdb);

// The sectors whose data a command gives to the guest, at least one. Nothing for commands that give
// other data or none, and for those that are refused whatever the disc. Whether the sectors are on
// the disc, and such as it has, is another question.
std::optional<SectorRead> MediumReadOf(const Cdb& cdb);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_MEDIUM_READ_H_
