// SPDX-License-Identifier: Apache-2.0
//
// Sectors of a data CD as they are on the disc (ECMA-130, clause 14, Sector Mode 01): 12 bytes of
// synchronisation, a header of 4, 2048 bytes of user data, and 288 bytes of error detection and
// correction. READ CD can ask for each of these parts.
//
// Ownership: the caller's buffers. Threading: any. Units: bytes; sectors by logical block address.
// Errors: none.

#ifndef PLATTER_DEVICES_SCSI_CD_SECTOR_H_
#define PLATTER_DEVICES_SCSI_CD_SECTOR_H_

#include <cstdint>
#include <span>

namespace platter {

inline constexpr uint32_t kCdSyncBytes = 12;
inline constexpr uint32_t kCdHeaderBytes = 4;
inline constexpr uint32_t kCdUserBytes = 2048;
inline constexpr uint32_t kCdRawBytes = 2352;

// Fills in everything but the user data, which is there already, at
// kCdSyncBytes + kCdHeaderBytes. `lba` is below 449,850, where the minutes of the header end
// (99:59:74); beyond it they start again from 0.
void CompleteCdSector(uint32_t lba, std::span<uint8_t, kCdRawBytes> sector);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_CD_SECTOR_H_
