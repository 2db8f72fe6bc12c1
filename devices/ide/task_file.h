// SPDX-License-Identifier: Apache-2.0
//
// TaskFile: the command block registers of one device, with the value that each had before it was
// written last: 48-bit commands take the "previous content" as their high bytes
// (ATA/ATAPI-6, 6.20).
//
// Ownership, threading: a value. Units: sectors of 512 bytes. Errors: what can't be addressed is
// nullopt.

#ifndef PLATTER_DEVICES_IDE_TASK_FILE_H_
#define PLATTER_DEVICES_IDE_TASK_FILE_H_

#include <cstdint>
#include <optional>

#include "devices/ide/ata_spec.h"

namespace platter {

struct TaskFile {
  struct Register {
    uint8_t current = 0;
    uint8_t previous = 0;
    bool operator==(const Register&) const = default;
  };

  Register features = {};
  Register count = {};
  Register lba_low = {};
  Register lba_mid = {};
  Register lba_high = {};
  uint8_t device = 0;
  uint8_t command = 0;
  bool operator==(const TaskFile&) const = default;
};

// How a drive with cylinders, heads and sectors counts them; each at least 1.
struct ChsGeometry {
  uint32_t cylinders = 1;
  uint32_t heads = 1;    // At most 16.
  uint32_t sectors = 1;  // Per track; numbered from 1.
  bool operator==(const ChsGeometry&) const = default;
};

enum class AtaAddressing : uint8_t { k28, k48 };

// Which content of a register is read (HOB of device control).
enum class TaskFileHalf : uint8_t { kCurrent, kPrevious };

// The register at `offset` (2 ... 6 of ata_spec.h) as the guest reads it; others are 0. The device
// register has one content only.
uint8_t ReadTaskFile(const TaskFile& file, unsigned offset, TaskFileHalf half);
// The guest writes a register; offsets other than 1 ... 6 do nothing.
void WriteTaskFile(TaskFile& file, unsigned offset, uint8_t value);

// The sector count: 0 stands for 256, or 65536 with 48 bits (8.34, 8.35).
uint32_t SectorCount(const TaskFile& file, AtaAddressing addressing);

// The address of the first sector. With 28 bits and the LBA bit clear it is a place in `geometry`
// (6.2.2): nullopt when there is no such cylinder, head or sector.
std::optional<uint64_t> FirstLba(const TaskFile& file, AtaAddressing addressing,
                                 const ChsGeometry& geometry);
// Puts an address where FirstLba finds it. What does not fit the form is cut off.
void SetLba(TaskFile& file, AtaAddressing addressing, const ChsGeometry& geometry, uint64_t lba);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_TASK_FILE_H_
