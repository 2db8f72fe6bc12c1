// SPDX-License-Identifier: Apache-2.0
//
// The 256 words that IDENTIFY DEVICE gives (ATA/ATAPI-6, 8.15; words from ACS-2 where noted), and
// the geometry that a disk of some size has.
//
// Ownership, threading: functions of their arguments. Units: sectors of 512 bytes.
// Errors: none; sizes that a field can't hold are the field's largest.

#ifndef PLATTER_DEVICES_IDE_ATA_IDENTIFY_H_
#define PLATTER_DEVICES_IDE_ATA_IDENTIFY_H_

#include <array>
#include <cstdint>

#include "base/arith.h"
#include "devices/ide/ata_disk_options.h"
#include "devices/ide/task_file.h"
#include "devices/ide/transfer_modes.h"

namespace platter {

// 6.2: the most sectors that each form of address reaches.
inline constexpr uint64_t kAtaMaxLba28Sectors = 0x0fffffff;
inline constexpr uint64_t kAtaMaxLba48Sectors = uint64_t{1} << 48;

// The largest DRQ block of READ and WRITE MULTIPLE.
inline constexpr uint32_t kAtaMaxMultiple = 16;
// Blocks of 512 bytes that one DATA SET MANAGEMENT command may bring.
inline constexpr uint32_t kAtaMaxTrimBlocks = 8;

// What the guest can change.
struct AtaSettings {
  ChsGeometry geometry = {};  // The current one.
  uint32_t multiple = 0;      // Sectors per block; 0: not set.
  AtaTransferModes modes = {};
  bool look_ahead = true;
  bool smart = true;
  bool operator==(const AtaSettings&) const = default;
};

// What it can't.
struct AtaMedium {
  uint64_t sectors = 0;
  bool discards = false;
  bool write_cache = true;  // On now.
};

// The geometry that words 1, 3 and 6 report: 16 heads and 63 sectors, as the standard wants it of
// disks above 8 GB and BIOSes like it for others.
ChsGeometry DefaultGeometry(uint64_t sectors);

// `unit` is 0 or 1.
std::array<uint8_t, kSectorSize> MakeAtaIdentify(const AtaDiskOptions& options,
                                                 const AtaSettings& settings,
                                                 const AtaMedium& medium, unsigned unit);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATA_IDENTIFY_H_
