// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_lane.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/check.h"
#include "devices/scsi/block_commands.h"
#include "devices/scsi/scsi_tray.h"

namespace platter {

namespace {

Execution RefuseUnknown(ScsiLane& lane, ScsiTask& task) {
  // Of a code with service actions, it is the action that is not there (SPC-4, 4.3.4.2).
  const ScsiCommand* const first = lane.unit().commands().FirstOf(task.cdb.opcode());
  const bool known = first != nullptr && first->action != ScsiCommand::kNoAction;
  return lane.Fail(task, known ? SenseCode::kInvalidFieldInCdb : SenseCode::kInvalidOpcode);
}

// NACA of the control byte (SAM-5, 5.2), which is the last one; no unit has an ACA condition.
bool AsksForAca(const Cdb& cdb) {
  constexpr unsigned kNacaBit = 2;
  const size_t bytes = cdb.ExpectedBytes();
  return bytes != 0 && cdb.Bit(bytes - 1, kNacaBit);
}

}  // namespace

ScsiLane::ScsiLane(ScsiUnit& unit, AioContext& context, ChannelClient& client)
    : unit_(unit),
      context_(context),
      client_(&client),
      own_channel_(unit.backend().OpenChannel(context, client)),
      channel_(own_channel_.get()) {}

ScsiLane::ScsiLane(ScsiUnit& unit, BlockChannel& channel)
    : unit_(unit), context_(channel.context()), client_(nullptr), channel_(&channel) {}

const ScsiCommand& ScsiLane::Begin(ScsiTask& task, uint8_t nexus) {
  PLATTER_CHECK(nexus < UnitAttentions::kMaxNexuses);
  task.work = {.owner = this, .nexus = nexus};
  task.status = ScsiStatus::kGood;
  task.sense = {};
  task.transferred = 0;
  task.overrun = false;
  const ScsiCommand* const found = CommandOf(task);
  // SAM-5, 5.14: an attention comes before an invalid operation code too.
  static constexpr ScsiCommand kUnknown = {.execute = RefuseUnknown};
  return found == nullptr ? kUnknown : *found;
}

Execution ScsiLane::Execute(ScsiTask& task, uint8_t nexus) {
  const ScsiCommand& command = Begin(task, nexus);
  if (!Admit(task, command)) return Execution::kDone;
  ScsiTray* const tray = unit_.tray();
  if (tray != nullptr && tray->GoesToControl(command, nexus)) [[unlikely]] {
    if ((command.flags & kFlushesFirst) != 0 && StopsMedium(task.cdb)) return FlushFirst(task);
    return ExecuteInControl(*tray, task, command);
  }
  return Do(task, command);
}

Execution ScsiLane::FlushFirst(ScsiTask& task) {
  if (!unit_.Readiness().ok()) return GoOnFlushed(task);
  task.flags = IoFlags::kNone;
  return Submit(task, ScsiStep::kFlushFirst, IoOp::kFlush, 0, 0);
}

Execution ScsiLane::GoOnFlushed(ScsiTask& task) {
  return ExecuteInControl(*unit_.tray(), task, *CommandOf(task));
}

Execution ScsiLane::ExecuteAgain(ScsiTask& task, uint8_t nexus) {
  const ScsiCommand& command = Begin(task, nexus);
  // Of those that move the tray, only one that flushes is not done at once where it came from.
  if ((command.flags & kFlushesFirst) != 0) {
    return StopsMedium(task.cdb) ? FlushFirst(task) : GoOnFlushed(task);
  }
  return Do(task, command);
}

Execution ScsiLane::Do(ScsiTask& task, const ScsiCommand& command) {
  if ((command.flags & kNeedsMedium) != 0) {
    const Sense readiness = unit_.Readiness();
    if (!readiness.ok()) return Fail(task, readiness);
  }
  const Execution execution = command.execute(*this, task);
  if (execution == Execution::kDone) FreeScratch(task);
  return execution;
}

// There and back; a task of a removable drive that has nothing to report does not come here, unless
// it moves the tray.
Execution ScsiLane::ExecuteInControl(ScsiTray& tray, ScsiTask& task, const ScsiCommand& command) {
  if (&tray.control() == &context_) {
    if (const std::optional<Sense> refused = tray.Admit(command, task.work.nexus)) {
      return Fail(task, *refused);
    }
    return Do(task, command);
  }
  tray.control().Post([this, &tray, &task, &command] {
    bool answered = true;
    if (const std::optional<Sense> refused = tray.Admit(command, task.work.nexus)) {
      Fail(task, *refused);
    } else if ((command.flags & (kInControl | kTellsReport)) != 0) {
      Do(task, command);
    } else {
      answered = false;
    }
    context_.Post([this, &task, &command, answered] {
      if (!answered && Do(task, command) == Execution::kGoesOn) return;
      // The last task of a unit may take the lane with it.
      ChannelClient* const client = client_;
      task.OnTaskDone();
      if (client != nullptr) client->OnBatchDone();
    });
  });
  return Execution::kGoesOn;
}

void ScsiLane::Cancel(ScsiTask& task) {
  task.work.cancelled = true;
  if (task.work.in_channel) channel_->Cancel(task);
}

bool ScsiLane::Admit(ScsiTask& task, const ScsiCommand& command) {
  const uint8_t nexus = task.work.nexus;
  if ((command.flags & kIgnoresAttention) == 0 && unit_.attentions().pending(nexus)) [[unlikely]] {
    if (const auto code = unit_.attentions().Take(nexus)) {
      Fail(task, UnitAttention(*code));
      return false;
    }
  }
  const int holder = unit_.reserved_by();
  if (holder != ScsiUnit::kNobody && holder != nexus &&
      (command.flags & kIgnoresReservation) == 0) {
    task.status = ScsiStatus::kReservationConflict;
    return false;
  }
  if (has_control_byte_ && AsksForAca(task.cdb) && command.execute != RefuseUnknown) [[unlikely]] {
    Fail(task, SenseCode::kInvalidFieldInCdb);
    return false;
  }
  return true;
}

Execution ScsiLane::Good(ScsiTask& task, uint64_t transferred) {
  task.transferred = transferred;
  return Execution::kDone;
}

Execution ScsiLane::Fail(ScsiTask& task, const Sense& sense) {
  task.status = ScsiStatus::kCheckCondition;
  task.sense = sense;
  return Execution::kDone;
}

Execution ScsiLane::Reply(ScsiTask& task, std::span<const uint8_t> data, uint64_t allocation) {
  ReplyTo(task, data, allocation);
  return Execution::kDone;
}

Execution ScsiLane::Overrun(ScsiTask& task) {
  task.overrun = true;
  return Execution::kDone;
}

Execution ScsiLane::Refuse(ScsiTask& task, IoOp op, SenseCode code) {
  channel_->CountInvalid(op);
  return Fail(task, code);
}

Execution ScsiLane::RefuseWrite(ScsiTask& task, IoOp op) {
  channel_->CountInvalid(op);
  return Fail(task, {.key = SenseKey::kDataProtect, .code = SenseCode::kWriteProtected});
}

Execution ScsiLane::OutOfMemory(ScsiTask& task) {
  return Fail(task, {.key = SenseKey::kHardwareError, .code = SenseCode::kInternalTargetFailure});
}

Execution ScsiLane::Submit(ScsiTask& task, ScsiStep step, IoOp op, uint64_t offset, uint64_t bytes,
                           std::span<const iovec> pieces) {
  if (task.work.cancelled) [[unlikely]] {
    task.status = ScsiStatus::kTaskAborted;
    return Execution::kDone;
  }
  task.work.in_channel = true;
  task.work.step = static_cast<uint8_t>(step);
  task.op = op;
  task.offset = offset;
  task.bytes = bytes;
  task.iov = pieces.data();
  task.iov_count = static_cast<uint32_t>(pieces.size());
  channel_->Submit(task);
  return Execution::kGoesOn;
}

uint8_t* ScsiLane::Scratch(ScsiTask& task, uint32_t bytes) {
  PLATTER_CHECK(task.work.scratch == nullptr);
  task.work.scratch = static_cast<uint8_t*>(context_.buffers().TryAllocate(bytes));
  task.work.scratch_bytes = bytes;
  // Others have used it: what an ignored error leaves in it must not be theirs.
  if (task.work.scratch != nullptr) std::memset(task.work.scratch, 0, bytes);
  return task.work.scratch;
}

void ScsiLane::FreeScratch(ScsiTask& task) {
  if (task.work.scratch == nullptr) return;
  context_.buffers().Free(task.work.scratch, task.work.scratch_bytes);
  task.work.scratch = nullptr;
}

void ScsiLane::OnTaskIoDone(ScsiTask& task, IoResult result) {
  task.work.in_channel = false;
  if (result != 0) [[unlikely]] {
    const IoFailure failure = FailureOf(result, task.op == IoOp::kRead);
    task.status = failure.status;
    task.sense = failure.sense;
  } else if (ContinueBlockCommand(*this, task) == Execution::kGoesOn) {
    return;
  }
  FreeScratch(task);
  task.OnTaskDone();
}

}  // namespace platter
