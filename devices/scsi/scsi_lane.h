// SPDX-License-Identifier: Apache-2.0
//
// ScsiLane: a logical unit's execution in one AioContext: the checks that every command passes,
// then the command's own function; and the block channel that its I/O goes through.
//
//   switch (lane.Execute(task)) { case Execution::kDone: answer; case Execution::kGoesOn: later }
//
// Ownership: unit, context and client (or channel) outlive it; no task is with it when it goes.
// Threading: its context, but for the constructor (control context) and, of units with a tray, the
//   functions of commands that go to the control context.
// Units: bytes. Errors: in the task.

#ifndef PLATTER_DEVICES_SCSI_SCSI_LANE_H_
#define PLATTER_DEVICES_SCSI_SCSI_LANE_H_

#include <cstdint>
#include <memory>
#include <span>

#include "blockbackend/device_view.h"
#include "devices/scsi/scsi_command.h"
#include "devices/scsi/scsi_task.h"
#include "devices/scsi/scsi_unit.h"

namespace platter {

// Why a block request of a task is under way; where the task goes on when it is done.
enum class ScsiStep : uint8_t {
  kTransfer,         // All of the command.
  kUnmap,            // A range of the list; work.offset is the next one's index.
  kWriteSame,        // A piece of the range.
  kVerify,           // A piece read for comparison, or just to see that it can be read.
  kWriteThenVerify,  // All of the data.
  kRawRead,          // A piece whose sectors are made whole.
  kFlushFirst,       // Of what a medium's cache has, before the command is done.
};

class ScsiLane final : private ScsiTaskOwner {
 public:
  // With a channel of its own. `client` is told after batches of completions, and after a task that
  // came back from the control context.
  ScsiLane(ScsiUnit& unit, AioContext& context, ChannelClient& client);
  // Through the channel of a drive that has attached to the unit's backend itself, in its context.
  ScsiLane(ScsiUnit& unit, BlockChannel& channel);

  // Of an ATAPI drive: what is the control byte elsewhere is reserved in its packets, and not
  // looked at.
  void IgnoreControlByte() { has_control_byte_ = false; }

  // `nexus` below UnitAttentions::kMaxNexuses.
  Execution Execute(ScsiTask& task, uint8_t nexus);
  // A task that a saved state had: as Execute, but what may be told in place of doing it was told,
  // or not, when it first came.
  Execution ExecuteAgain(ScsiTask& task, uint8_t nexus);

  // Of a task that goes on: it ends as soon as what it has in flight allows; as TASK ABORTED,
  // unless it was done before. May come again.
  void Cancel(ScsiTask& task);

  ScsiUnit& unit() { return unit_; }
  AioContext& context() { return context_; }
  BlockChannel& channel() { return *channel_; }
  // Of a lane with a channel of its own.
  void CloseChannel() { own_channel_.reset(); }

  // --- For the functions of commands. ---

  Execution Good(ScsiTask& task, uint64_t transferred = 0);
  Execution Fail(ScsiTask& task, const Sense& sense);
  Execution Fail(ScsiTask& task, SenseCode code) { return Fail(task, IllegalRequest(code)); }
  // Good with `data` in the guest's buffer, as far as the CDB's allocation length and the buffer
  // go.
  Execution Reply(ScsiTask& task, std::span<const uint8_t> data, uint64_t allocation);
  // kDone with `overrun`.
  Execution Overrun(ScsiTask& task);
  // As Fail, counting an operation that never became a block request.
  Execution Refuse(ScsiTask& task, IoOp op, SenseCode code);
  // The same of a write to a read-only medium (SBC-3, 4.12).
  Execution RefuseWrite(ScsiTask& task, IoOp op);
  // There is no memory for what the command needs.
  Execution OutOfMemory(ScsiTask& task);
  // Starts a block request of the task.
  Execution Submit(ScsiTask& task, ScsiStep step, IoOp op, uint64_t offset, uint64_t bytes,
                   std::span<const iovec> pieces = {});
  // After the flush of a command that begins with one.
  Execution GoOnFlushed(ScsiTask& task);
  // Memory for the task until it is done, zeroed; nullptr when there is none.
  uint8_t* Scratch(ScsiTask& task, uint32_t bytes);

 private:
  void OnTaskIoDone(ScsiTask& task, IoResult result) override;
  void FreeScratch(ScsiTask& task);
  // The task as new; its command.
  const ScsiCommand& Begin(ScsiTask& task, uint8_t nexus);
  Execution Do(ScsiTask& task, const ScsiCommand& command);
  Execution FlushFirst(ScsiTask& task);
  // nullptr: there is no such command.
  const ScsiCommand* CommandOf(const ScsiTask& task) const {
    return unit_.FindCommand(task.cdb.opcode(), task.cdb.action());
  }
  Execution ExecuteInControl(ScsiTray& tray, ScsiTask& task, const ScsiCommand& command);
  // Whether the command may be done now; if not, the task has its status.
  bool Admit(ScsiTask& task, const ScsiCommand& command);

  ScsiUnit& unit_;
  AioContext& context_;
  ChannelClient* const client_;                // nullptr: nobody wants to be told.
  std::unique_ptr<BlockChannel> own_channel_;  // nullptr: somebody else's.
  BlockChannel* channel_;
  bool has_control_byte_ = true;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_LANE_H_
