// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/block_commands.h"

#include <algorithm>

#include "base/arith.h"
#include "base/bytes.h"
#include "devices/scsi/raw_read.h"
#include "devices/scsi/tray_commands.h"

namespace platter {

namespace {

constexpr unsigned kProtectShift = 5;  // RDPROTECT, WRPROTECT and VRPROTECT, in byte 1.
constexpr unsigned kFuaBit = 3;

bool IsSixByte(const Cdb& cdb) { return cdb.ExpectedBytes() == 6; }

// A medium without a block has no last one to tell of (R-SCSI-09).
constexpr Sense kNoBlocks = NotReady(SenseCode::kManualInterventionRequired);

struct Transfer {
  BlockRange range;
  uint64_t bytes = 0;
};

// The range of a transfer through `buffer`. False when the task has been answered.
bool CheckTransfer(ScsiLane& lane, ScsiTask& task, IoOp op, const ScsiBuffer& buffer,
                   Transfer* transfer) {
  if (AsksForProtection(task.cdb)) {
    lane.Refuse(task, op, SenseCode::kInvalidFieldInCdb);
    return false;
  }
  transfer->range = task.cdb.Range();
  if (!OnMedium(lane, transfer->range)) [[unlikely]] {
    lane.Refuse(task, op, SenseCode::kLbaOutOfRange);
    return false;
  }
  // On the medium, so the product fits.
  transfer->bytes = transfer->range.blocks * lane.unit().block_size();
  if (transfer->bytes > buffer.bytes) [[unlikely]] {
    lane.Overrun(task);
    return false;
  }
  return true;
}

Execution StartWrite(ScsiLane& lane, ScsiTask& task, ScsiStep step, bool fua) {
  Transfer transfer;
  if (!CheckTransfer(lane, task, IoOp::kWrite, task.data_out, &transfer)) return Execution::kDone;
  if (lane.unit().backend().is_read_only()) [[unlikely]]
    return lane.RefuseWrite(task, IoOp::kWrite);
  if (transfer.bytes == 0) return lane.Good(task);
  task.flags = fua ? IoFlags::kFua : IoFlags::kNone;
  return lane.Submit(task, step, IoOp::kWrite, transfer.range.lba * lane.unit().block_size(),
                     transfer.bytes, Shorten(task.data_out, transfer.bytes));
}

}  // namespace

bool AsksForProtection(const Cdb& cdb) { return !IsSixByte(cdb) && cdb[1] >> kProtectShift != 0; }

bool OnMedium(ScsiLane& lane, const BlockRange& range) {
  return RangeFits(range.lba, range.blocks, lane.unit().blocks());
}

Execution ReadBlocks(ScsiLane& lane, ScsiTask& task) {
  Transfer transfer;
  if (!CheckTransfer(lane, task, IoOp::kRead, task.data_in, &transfer)) return Execution::kDone;
  if (transfer.bytes == 0) return lane.Good(task);
  // FUA: what is read comes from the medium, or is newer and not written yet. Nothing here keeps
  // reads, so the bit changes nothing.
  task.flags = IoFlags::kNone;
  return lane.Submit(task, ScsiStep::kTransfer, IoOp::kRead,
                     transfer.range.lba * lane.unit().block_size(), transfer.bytes,
                     Shorten(task.data_in, transfer.bytes));
}

Execution WriteBlocks(ScsiLane& lane, ScsiTask& task) {
  return StartWrite(lane, task, ScsiStep::kTransfer,
                    !IsSixByte(task.cdb) && task.cdb.Bit(1, kFuaBit));
}

Execution WriteAndVerifyBlocks(ScsiLane& lane, ScsiTask& task) {
  // SBC-3, 5.37: written to the medium, then verified as VERIFY with the same BYTCHK does; only 0
  // and 1 are defined.
  if ((task.cdb[1] >> 1 & 3) > 1) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  return StartWrite(lane, task, ScsiStep::kWriteThenVerify, /*fua=*/true);
}

Execution VerifyBlocks(ScsiLane& lane, ScsiTask& task) {
  if (AsksForProtection(task.cdb)) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  const BlockRange range = task.cdb.Range();
  if (!OnMedium(lane, range)) return lane.Refuse(task, IoOp::kRead, SenseCode::kLbaOutOfRange);
  return StartVerify(lane, task, range);
}

Execution SynchronizeCache(ScsiLane& lane, ScsiTask& task) {
  // The range is a hint (SBC-3, 5.26): all of the cache is flushed.
  if (!OnMedium(lane, task.cdb.Range())) {
    return lane.Refuse(task, IoOp::kFlush, SenseCode::kLbaOutOfRange);
  }
  task.flags = IoFlags::kNone;
  return lane.Submit(task, ScsiStep::kTransfer, IoOp::kFlush, 0, 0);
}

namespace {

// START_VALID, ACTIVE, IDLE, STANDBY, LU_CONTROL and the forced ones (SBC-3, table 84).
bool IsPowerCondition(uint8_t condition) {
  constexpr uint32_t kConditions =
      1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 7 | 1u << 0xa | 1u << 0xb;
  return (kConditions >> condition & 1) != 0;
}

}  // namespace

Execution StartStopRemovable(ScsiLane& lane, ScsiTask& task) {
  if (!IsPowerCondition(task.cdb[4] >> 4)) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  return StartStopTray(lane, task);
}

bool StopsMedium(const Cdb& cdb) {
  constexpr unsigned kStartBit = 0;
  constexpr unsigned kNoFlushBit = 2;
  constexpr uint8_t kStandby = 3;
  const uint8_t condition = cdb[4] >> 4;
  const bool rests = condition == kStandby || (condition == 0 && !cdb.Bit(4, kStartBit));
  return rests && !cdb.Bit(4, kNoFlushBit);
}

Execution StartStopUnit(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kLoadEjectBit = 1;
  const uint8_t condition = task.cdb[4] >> 4;
  if (!IsPowerCondition(condition) || (condition == 0 && task.cdb.Bit(4, kLoadEjectBit))) {
    return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  }
  if (!StopsMedium(task.cdb) || !lane.unit().Readiness().ok()) return lane.Good(task);
  task.flags = IoFlags::kNone;
  return lane.Submit(task, ScsiStep::kTransfer, IoOp::kFlush, 0, 0);
}

Execution ReadCapacity10(ScsiLane& lane, ScsiTask& task) {
  const uint64_t blocks = lane.unit().blocks();
  if (blocks == 0) return lane.Fail(task, kNoBlocks);
  struct {
    Be32 last;
    Be32 block_size;
  } reply;
  // SBC-3, 5.15.2: all ones send the initiator to READ CAPACITY(16).
  reply.last = static_cast<uint32_t>(std::min<uint64_t>(blocks - 1, UINT32_MAX));
  reply.block_size = lane.unit().block_size();
  return lane.Reply(task, std::span(reinterpret_cast<const uint8_t*>(&reply), sizeof(reply)),
                    sizeof(reply));
}

Execution ReadCapacity16(ScsiLane& lane, ScsiTask& task) {
  struct {  // SBC-3, table 65.
    Be64 last;
    Be32 block_size;
    uint8_t protection = 0;
    uint8_t exponent = 0;  // Logical blocks in a physical one, as a power of two.
    Be16 provisioning_and_align;
    uint8_t reserved[16] = {};
  } reply;
  static_assert(sizeof(reply) == 32);
  constexpr uint16_t kLbpme = 1 << 15;  // Unmapping is there; LBPRZ, that it zeroes, is not said.
  const uint64_t blocks = lane.unit().blocks();
  if (blocks == 0) return lane.Fail(task, kNoBlocks);
  reply.last = blocks - 1;
  reply.block_size = lane.unit().block_size();
  reply.exponent = lane.unit().physical_exponent();
  reply.provisioning_and_align = lane.unit().can_unmap() ? kLbpme : 0;
  return lane.Reply(task, std::span(reinterpret_cast<const uint8_t*>(&reply), sizeof(reply)),
                    task.cdb.Be32At(10));
}

Execution ContinueBlockCommand(ScsiLane& lane, ScsiTask& task) {
  switch (static_cast<ScsiStep>(task.work.step)) {
    case ScsiStep::kTransfer:
      return lane.Good(task, IsDataTransfer(task.op) ? task.bytes : task.work.taken);
    case ScsiStep::kUnmap:
      return ContinueUnmap(lane, task);
    case ScsiStep::kWriteSame:
      return ContinueWriteSame(lane, task);
    case ScsiStep::kVerify:
      return ContinueVerify(lane, task);
    case ScsiStep::kWriteThenVerify:
      return StartVerify(lane, task, task.cdb.Range());
    case ScsiStep::kRawRead:
      return ContinueRawRead(lane, task);
    case ScsiStep::kFlushFirst:
      return lane.GoOnFlushed(task);
  }
  return Execution::kDone;
}

}  // namespace platter
