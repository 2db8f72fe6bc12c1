// SPDX-License-Identifier: Apache-2.0
//
// Commands that take several block requests: UNMAP with a list, WRITE SAME and VERIFY piece by
// piece. Where a task goes on is in its work, so that a cancel or an error finds it in a state of
// its own.

#include <algorithm>
#include <cstring>

#include "base/arith.h"
#include "base/bytes.h"
#include "devices/scsi/block_commands.h"

namespace platter {

namespace {

// Memory that one piece of VERIFY or WRITE SAME goes through.
constexpr uint32_t kPieceBytes = 256u << 10;

struct UnmapHeader {  // SBC-3, table 107.
  Be16 data_length;
  Be16 descriptors_length;
  uint8_t reserved[4];
};
static_assert(sizeof(UnmapHeader) == 8);

struct UnmapDescriptor {
  Be64 lba;
  Be32 blocks;
  uint8_t reserved[4];
};
static_assert(sizeof(UnmapDescriptor) == 16);

constexpr uint32_t kMaxListBytes = kMaxUnmapDescriptors * sizeof(UnmapDescriptor);

const UnmapDescriptor* ListOf(const ScsiTask& task) {
  return reinterpret_cast<const UnmapDescriptor*>(task.work.scratch);
}

// Every descriptor is checked before the first is done.
bool ListIsValid(ScsiLane& lane, const UnmapDescriptor* list, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    if (!OnMedium(lane, {.lba = list[i].lba.get(), .blocks = list[i].blocks.get()})) return false;
  }
  return true;
}

bool AllZero(std::span<const uint8_t> data) {
  return std::all_of(data.begin(), data.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

Execution UnmapBlocks(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kAnchorBit = 0;
  const uint64_t length = task.cdb.Be16At(7);
  if (task.cdb.Bit(1, kAnchorBit)) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  if (length == 0) return lane.Good(task);  // SBC-3, 5.28: not an error.
  if (length < sizeof(UnmapHeader)) return lane.Fail(task, SenseCode::kParameterListLengthError);
  if (length > task.data_out.bytes) return lane.Overrun(task);
  if (lane.unit().backend().is_read_only()) return lane.RefuseWrite(task, IoOp::kDiscard);
  UnmapHeader header;
  CopyFromBuffer(task.data_out, 0, {reinterpret_cast<uint8_t*>(&header), sizeof(header)});
  const uint64_t list_bytes =
      std::min<uint64_t>(header.descriptors_length.get(), length - sizeof(header));
  const uint64_t count = list_bytes / sizeof(UnmapDescriptor);
  if (count > kMaxUnmapDescriptors) return lane.Fail(task, SenseCode::kInvalidFieldInParameterList);
  if (count == 0) return lane.Good(task, length);
  if (lane.Scratch(task, kMaxListBytes) == nullptr) return lane.OutOfMemory(task);
  CopyFromBuffer(task.data_out, sizeof(header),
                 {task.work.scratch, count * sizeof(UnmapDescriptor)});
  if (!ListIsValid(lane, ListOf(task), count)) {
    return lane.Refuse(task, IoOp::kDiscard, SenseCode::kLbaOutOfRange);
  }
  task.work.offset = 0;
  task.work.left = count;
  return ContinueUnmap(lane, task);
}

Execution ContinueUnmap(ScsiLane& lane, ScsiTask& task) {
  while (task.work.left > 0) {
    const UnmapDescriptor& descriptor = ListOf(task)[task.work.offset++];
    --task.work.left;
    const uint64_t blocks = descriptor.blocks.get();
    if (blocks == 0) continue;
    const uint64_t size = lane.unit().block_size();
    task.flags = IoFlags::kNone;
    return lane.Submit(task, ScsiStep::kUnmap, IoOp::kDiscard, descriptor.lba.get() * size,
                       blocks * size);
  }
  return lane.Good(task, task.cdb.Be16At(7));
}

Execution WriteSame(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kUnmapBit = 3;
  constexpr unsigned kAnchorBit = 4;
  constexpr unsigned kNoDataBit = 0;  // NDOB, of the 16-byte command.
  const Cdb& cdb = task.cdb;
  const bool no_data = cdb.ExpectedBytes() == 16 && cdb.Bit(1, kNoDataBit);
  const BlockRange range = cdb.Range();
  const uint64_t size = lane.unit().block_size();
  // UNMAP of a unit that cannot; PBDATA and LBDATA are gone since SBC-3; no protection and no
  // anchors here. WSNZ: 0 blocks are not "to the end", and no more at once than page B0h says.
  const bool may_unmap = cdb.Bit(1, kUnmapBit);
  if ((cdb[1] & 0xe6) != 0 || cdb.Bit(1, kAnchorBit) || range.blocks == 0 ||
      (may_unmap && !lane.unit().can_unmap()) || range.blocks > kMaxWriteSameBytes / size) {
    return lane.Refuse(task, IoOp::kWrite, SenseCode::kInvalidFieldInCdb);
  }
  if (!OnMedium(lane, range)) return lane.Refuse(task, IoOp::kWrite, SenseCode::kLbaOutOfRange);
  if (!no_data && task.data_out.bytes < size) return lane.Overrun(task);
  if (lane.unit().backend().is_read_only()) return lane.RefuseWrite(task, IoOp::kWrite);
  const uint64_t bytes = range.blocks * size;
  const auto piece = static_cast<uint32_t>(
      std::min<uint64_t>(bytes, std::max<uint64_t>(AlignDown(kPieceBytes, size), size)));
  if (lane.Scratch(task, piece) == nullptr) return lane.OutOfMemory(task);
  if (!no_data) CopyFromBuffer(task.data_out, 0, {task.work.scratch, size});
  if (AllZero({task.work.scratch, size})) {
    task.flags = may_unmap ? IoFlags::kMayUnmap : IoFlags::kNone;
    task.work.left = 0;
    task.work.taken = no_data ? 0 : size;
    return lane.Submit(task, ScsiStep::kWriteSame, IoOp::kWriteZeroes, range.lba * size, bytes);
  }
  for (uint64_t at = size; at < piece; at += size) {
    std::memcpy(task.work.scratch + at, task.work.scratch, size);
  }
  task.work.offset = range.lba * size;
  task.work.left = bytes;
  task.work.taken = size;
  return ContinueWriteSame(lane, task);
}

Execution ContinueWriteSame(ScsiLane& lane, ScsiTask& task) {
  if (task.work.left == 0) return lane.Good(task, task.work.taken);
  const uint64_t here = std::min<uint64_t>(task.work.left, task.work.scratch_bytes);
  const uint64_t offset = task.work.offset;
  task.work.offset += here;
  task.work.left -= here;
  task.work.piece = {.iov_base = task.work.scratch, .iov_len = here};
  task.flags = IoFlags::kNone;
  return lane.Submit(task, ScsiStep::kWriteSame, IoOp::kWrite, offset, here,
                     std::span(&task.work.piece, 1));
}

namespace {

// BYTCHK (SBC-3, table 116).
enum class Compare : uint8_t { kNothing = 0, kAll = 1, kReserved = 2, kOneBlock = 3 };

Compare CompareOf(const Cdb& cdb) { return static_cast<Compare>(cdb[1] >> 1 & 3); }

// Whether what was read is what the initiator sent.
bool Matches(const ScsiTask& task, uint64_t at, std::span<uint8_t> read, uint64_t block_size) {
  uint8_t sent[512];
  const bool one_block = CompareOf(task.cdb) == Compare::kOneBlock;
  for (uint64_t done = 0; done < read.size();) {
    const uint64_t here = std::min<uint64_t>(sizeof(sent), read.size() - done);
    const uint64_t from = one_block ? (at + done) % block_size : at + done;
    CopyFromBuffer(task.data_out, from, std::span(sent).first(here));
    if (std::memcmp(sent, read.data() + done, here) != 0) return false;
    done += here;
  }
  return true;
}

// What of the initiator's data VERIFY compares, or WRITE AND VERIFY writes.
uint64_t BytesTaken(const ScsiTask& task, uint64_t block_size) {
  const auto opcode = static_cast<ScsiOpcode>(task.cdb.opcode());
  const bool writes = opcode == ScsiOpcode::kWriteAndVerify10 ||
                      opcode == ScsiOpcode::kWriteAndVerify12 ||
                      opcode == ScsiOpcode::kWriteAndVerify16;
  const Compare compare = CompareOf(task.cdb);
  if (writes || compare == Compare::kAll) return task.cdb.Range().blocks * block_size;
  return compare == Compare::kOneBlock ? block_size : 0;
}

}  // namespace

Execution StartVerify(ScsiLane& lane, ScsiTask& task, const BlockRange& range) {
  const uint64_t size = lane.unit().block_size();
  const Compare compare = CompareOf(task.cdb);
  const uint64_t sent = compare == Compare::kAll        ? range.blocks * size
                        : compare == Compare::kOneBlock ? size
                                                        : 0;
  if (compare == Compare::kReserved) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  if (range.blocks == 0) return lane.Good(task);
  if (sent > task.data_out.bytes) return lane.Overrun(task);
  const auto piece = static_cast<uint32_t>(std::max<uint64_t>(AlignDown(kPieceBytes, size), size));
  if (lane.Scratch(task, piece) == nullptr) return lane.OutOfMemory(task);
  task.work.offset = range.lba * size;
  task.work.left = range.blocks * size;
  task.work.piece = {};  // Nothing has been read that could be compared.
  return ContinueVerify(lane, task);
}

Execution ContinueVerify(ScsiLane& lane, ScsiTask& task) {
  const uint64_t size = lane.unit().block_size();
  const uint64_t start = task.cdb.Range().lba * size;
  const Compare compare = CompareOf(task.cdb);
  const uint64_t read = task.work.piece.iov_len;
  if (read != 0 && compare != Compare::kNothing &&
      !Matches(task, task.work.offset - read - start, {task.work.scratch, read}, size)) {
    return lane.Fail(task,
                     {.key = SenseKey::kMiscompare, .code = SenseCode::kMiscompareDuringVerify});
  }
  if (task.work.left == 0) return lane.Good(task, BytesTaken(task, size));
  const uint64_t here = std::min<uint64_t>(task.work.left, task.work.scratch_bytes);
  const uint64_t offset = task.work.offset;
  task.work.offset += here;
  task.work.left -= here;
  task.work.piece = {.iov_base = task.work.scratch, .iov_len = here};
  task.flags = IoFlags::kNone;
  return lane.Submit(task, ScsiStep::kVerify, IoOp::kRead, offset, here,
                     std::span(&task.work.piece, 1));
}

}  // namespace platter
