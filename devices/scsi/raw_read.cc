// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/raw_read.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "devices/scsi/cd_sector.h"
#include "devices/scsi/mmc_disc.h"

namespace platter {
namespace {

// Read at a time.
constexpr uint64_t kPieceSectors = 64;
constexpr uint32_t kUserAt = kCdSyncBytes + kCdHeaderBytes;

// The user data of `count` sectors at the front of `scratch` become those sectors, whole.
void MakeWhole(uint8_t* scratch, uint32_t first_lba, uint32_t count) {
  // From the last one, which moves farthest, so that none is overwritten before it has moved.
  for (uint32_t i = count; i-- > 0;) {
    uint8_t* const sector = scratch + uint64_t{i} * kCdRawBytes;
    std::memmove(sector + kUserAt, scratch + uint64_t{i} * kCdUserBytes, kCdUserBytes);
    CompleteCdSector(first_lba + i, std::span<uint8_t, kCdRawBytes>(sector, kCdRawBytes));
  }
}

}  // namespace

bool HasRawSectors(uint64_t blocks) { return ProfileOf(blocks) != MmcProfile::kDvdRom; }

Execution StartRawRead(ScsiLane& lane, ScsiTask& task, const BlockRange& range) {
  if (!HasRawSectors(lane.unit().blocks())) {
    return lane.Fail(task, SenseCode::kIllegalModeForTrack);
  }
  if (range.blocks * kCdRawBytes > task.data_in.bytes) return lane.Overrun(task);
  const auto sectors = static_cast<uint32_t>(std::min(range.blocks, kPieceSectors));
  if (lane.Scratch(task, sectors * kCdRawBytes) == nullptr) return lane.OutOfMemory(task);
  task.work.offset = range.lba * kCdUserBytes;
  task.work.left = range.blocks * kCdUserBytes;
  task.work.piece = {};  // Nothing has been read that could be given.
  return ContinueRawRead(lane, task);
}

Execution ContinueRawRead(ScsiLane& lane, ScsiTask& task) {
  if (const uint64_t read = task.work.piece.iov_len; read != 0) {
    const auto count = static_cast<uint32_t>(read / kCdUserBytes);
    const auto first = static_cast<uint32_t>((task.work.offset - read) / kCdUserBytes);
    MakeWhole(task.work.scratch, first, count);
    task.transferred += CopyToBuffer(std::span(task.work.scratch, count * kCdRawBytes),
                                     task.data_in, task.transferred);
  }
  if (task.work.left == 0) return lane.Good(task, task.transferred);
  const uint64_t here = std::min<uint64_t>(
      task.work.left, task.work.scratch_bytes / kCdRawBytes * uint64_t{kCdUserBytes});
  const uint64_t offset = task.work.offset;
  task.work.offset += here;
  task.work.left -= here;
  task.work.piece = {.iov_base = task.work.scratch, .iov_len = here};
  task.flags = IoFlags::kNone;
  return lane.Submit(task, ScsiStep::kRawRead, IoOp::kRead, offset, here,
                     std::span(&task.work.piece, 1));
}

}  // namespace platter
