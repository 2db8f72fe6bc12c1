// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/medium_read.h"

#include "devices/scsi/block_commands.h"
#include "devices/scsi/mmc_disc.h"

namespace platter {

namespace {

// What of a sector is wanted: byte 9 of READ CD and READ CD MSF (MMC-6, table 351).
constexpr uint8_t kUserData = 0x10;
constexpr uint8_t kNothing = 0x00;

SectorRead ParseSectors(const Cdb& cdb, const BlockRange& range) {
  SectorRead read = {.range = range};
  if (cdb[9] == kUserData) read.sector_bytes = kCdUserBytes;
  if (cdb[9] == kReadCdEverything) read.sector_bytes = kCdRawBytes;
  const uint8_t type = cdb[1] >> 2 & 7;  // Expected: any, CD-DA, mode 1, ...
  constexpr uint8_t kLastType = 5;       // The others are reserved (MMC-6, 6.15).
  if (type != 0 && type != 2 && type <= kLastType) {
    read.wrong = SenseCode::kIllegalModeForTrack;
  } else if (type > kLastType || (cdb[10] & 7) != 0 ||
             (read.sector_bytes == 0 && cdb[9] != kNothing)) {
    // No subchannel data, and of the main channel all of the user data, everything or nothing.
    read.wrong = SenseCode::kInvalidFieldInCdb;
  }
  return read;
}

}  // namespace

SectorRead ParseReadCd(const Cdb& cdb) {
  const uint64_t blocks = cdb.Be32At(5) & 0xffffff;  // Bytes 6 to 8.
  return ParseSectors(cdb, {.lba = cdb.Be32At(2), .blocks = blocks});
}

SectorRead ParseReadCdMsf(const Cdb& cdb) {
  uint64_t first = 0;
  uint64_t end = 0;
  if (!LbaOf({.minute = cdb[3], .second = cdb[4], .frame = cdb[5]}, &first) ||
      !LbaOf({.minute = cdb[6], .second = cdb[7], .frame = cdb[8]}, &end) || end < first) {
    return {.wrong = SenseCode::kInvalidFieldInCdb};
  }
  return ParseSectors(cdb, {.lba = first, .blocks = end - first});
}

std::optional<SectorRead> MediumReadOf(const Cdb& cdb) {
  SectorRead read;
  switch (static_cast<ScsiOpcode>(cdb.opcode())) {
    case ScsiOpcode::kRead10:
    case ScsiOpcode::kRead12:
      if (AsksForProtection(cdb)) return std::nullopt;
      read = {.range = cdb.Range(), .sector_bytes = kCdUserBytes};
      break;
    case ScsiOpcode::kReadCd:
      read = ParseReadCd(cdb);
      break;
    case ScsiOpcode::kReadCdMsf:
      read = ParseReadCdMsf(cdb);
      break;
    default:
      return std::nullopt;
  }
  if (read.sector_bytes == 0 || read.wrong != SenseCode::kNone || read.range.blocks == 0) {
    return std::nullopt;
  }
  return read;
}

}  // namespace platter
