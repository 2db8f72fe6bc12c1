// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/task_file.h"

namespace platter {
namespace {

uint8_t Byte(uint64_t value, unsigned index) { return static_cast<uint8_t>(value >> (8 * index)); }

// Of the five registers that have a previous content.
TaskFile::Register* FindRegister(TaskFile& file, unsigned offset) {
  switch (offset) {
    case ata::kRegFeatures:
      return &file.features;
    case ata::kRegCount:
      return &file.count;
    case ata::kRegLbaLow:
      return &file.lba_low;
    case ata::kRegLbaMid:
      return &file.lba_mid;
    case ata::kRegLbaHigh:
      return &file.lba_high;
    default:
      return nullptr;
  }
}

uint32_t LowThree(uint8_t low, uint8_t mid, uint8_t high) {
  return uint32_t{low} | uint32_t{mid} << 8 | uint32_t{high} << 16;
}

bool IsChs(const TaskFile& file, AtaAddressing addressing) {
  return addressing == AtaAddressing::k28 && (file.device & ata::kDeviceLba) == 0;
}

}  // namespace

uint8_t ReadTaskFile(const TaskFile& file, unsigned offset, TaskFileHalf half) {
  if (offset == ata::kRegDevice) return file.device;
  TaskFile copy = file;
  const TaskFile::Register* at = FindRegister(copy, offset);
  if (at == nullptr) return 0;
  return half == TaskFileHalf::kPrevious ? at->previous : at->current;
}

void WriteTaskFile(TaskFile& file, unsigned offset, uint8_t value) {
  if (offset == ata::kRegDevice) {
    file.device = value;
    return;
  }
  TaskFile::Register* at = FindRegister(file, offset);
  if (at != nullptr) *at = {.current = value, .previous = at->current};
}

uint32_t SectorCount(const TaskFile& file, AtaAddressing addressing) {
  if (addressing == AtaAddressing::k28) return file.count.current == 0 ? 256 : file.count.current;
  const uint32_t count = uint32_t{file.count.previous} << 8 | file.count.current;
  return count == 0 ? 65536 : count;
}

std::optional<uint64_t> FirstLba(const TaskFile& file, AtaAddressing addressing,
                                 const ChsGeometry& geometry) {
  const uint64_t low = LowThree(file.lba_low.current, file.lba_mid.current, file.lba_high.current);
  if (addressing == AtaAddressing::k48) {
    return uint64_t{LowThree(file.lba_low.previous, file.lba_mid.previous, file.lba_high.previous)}
               << 24 |
           low;
  }
  const uint64_t head = file.device & ata::kDeviceHead;
  if (!IsChs(file, addressing)) return head << 24 | low;
  const uint64_t sector = file.lba_low.current;
  const uint64_t cylinder = uint64_t{file.lba_high.current} << 8 | file.lba_mid.current;
  if (sector == 0 || sector > geometry.sectors || head >= geometry.heads ||
      cylinder >= geometry.cylinders) {
    return std::nullopt;
  }
  return (cylinder * geometry.heads + head) * geometry.sectors + sector - 1;
}

void SetLba(TaskFile& file, AtaAddressing addressing, const ChsGeometry& geometry, uint64_t lba) {
  uint64_t low = lba;
  if (addressing == AtaAddressing::k48) {
    file.lba_low.previous = Byte(lba, 3);
    file.lba_mid.previous = Byte(lba, 4);
    file.lba_high.previous = Byte(lba, 5);
  } else {
    uint64_t head = lba >> 24;
    if (IsChs(file, addressing)) {
      const uint64_t track = lba / geometry.sectors;
      head = track % geometry.heads;
      low = (lba % geometry.sectors + 1) | track / geometry.heads << 8;
    }
    file.device =
        static_cast<uint8_t>((file.device & ~ata::kDeviceHead) | (head & ata::kDeviceHead));
  }
  file.lba_low.current = Byte(low, 0);
  file.lba_mid.current = Byte(low, 1);
  file.lba_high.current = Byte(low, 2);
}

}  // namespace platter
