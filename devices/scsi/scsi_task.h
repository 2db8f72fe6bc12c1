// SPDX-License-Identifier: Apache-2.0
//
// ScsiTask: one command on its way from an adapter to a logical unit and back. The adapter embeds
// it in a request of its own and gives the guest's buffers as host memory; a logical unit works
// through the very object, which is also the request that the unit's block channel gets.
//
// Ownership: the adapter's, until Execute has returned kDone or OnTaskDone was called; buffers and
// the
//   lists of their pieces as long. Threading: the context of the lane that executes it.
// Units: bytes. Errors: status and sense; see also `overrun`.

#ifndef PLATTER_DEVICES_SCSI_SCSI_TASK_H_
#define PLATTER_DEVICES_SCSI_SCSI_TASK_H_

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "blockbackend/device_view.h"
#include "devices/scsi/cdb.h"
#include "devices/scsi/sense.h"

namespace platter {

class ScsiTask;

// Who goes on with a task when its block request is done: the lane that executes it.
class ScsiTaskOwner {
 public:
  virtual void OnTaskIoDone(ScsiTask& task, IoResult result) = 0;

 protected:
  ~ScsiTaskOwner() = default;
};

// Pieces of guest memory that a transfer goes through, in order. The logical unit may shorten the
// last one to what it transfers.
struct ScsiBuffer {
  std::span<iovec> pieces;
  uint64_t bytes = 0;  // Of all pieces.
};

class ScsiTask : public BlockRequest {
 public:
  // --- From the adapter. ---

  Cdb cdb;
  ScsiBuffer data_out;  // Guest to device.
  ScsiBuffer data_in;   // Device to guest.

  // --- What came of it. ---

  ScsiStatus status = ScsiStatus::kGood;
  Sense sense;               // With kCheckCondition.
  uint64_t transferred = 0;  // Bytes of the one buffer that the command uses.
  // The command needs more room than the buffers have: nothing was done (virtio 1.3, 5.6.6.1.1,
  // VIRTIO_SCSI_S_OVERRUN).
  bool overrun = false;

  // After an Execute that returned kGoesOn; never from inside it. The adapter may free the task.
  virtual void OnTaskDone() = 0;

  // --- The logical unit's own, meaningless to adapters. ---

  struct Work {
    ScsiTaskOwner* owner = nullptr;
    uint8_t nexus = 0;           // The initiator.
    uint8_t step = 0;            // What the block request in flight is for.
    bool in_channel = false;     // There is one.
    bool cancelled = false;      // No further one is started.
    uint8_t* scratch = nullptr;  // Of the context's BufferPool.
    uint32_t scratch_bytes = 0;
    iovec piece{};        // A list of one, for block requests that go to scratch.
    uint64_t offset = 0;  // Where the work goes on.
    uint64_t left = 0;
    uint64_t taken = 0;  // Bytes of data-out that the command will have used.
  };
  Work work;

 protected:
  ~ScsiTask() = default;

 private:
  void OnBlockDone(IoResult result) final { work.owner->OnTaskIoDone(*this, result); }
};

// GOOD with `data` in the guest's buffer, as far as the CDB's allocation length goes; or an
// overrun, when the buffer is shorter than what the guest asked for.
void ReplyTo(ScsiTask& task, std::span<const uint8_t> data, uint64_t allocation);

// Copies as much of `data` as fits to the buffer from `skip` bytes on; returns how much.
uint64_t CopyToBuffer(std::span<const uint8_t> data, const ScsiBuffer& buffer, uint64_t skip = 0);
// Copies bytes from `skip` on out of the buffer; returns how many there were.
uint64_t CopyFromBuffer(const ScsiBuffer& buffer, uint64_t skip, std::span<uint8_t> out);
// Shortens the list to its first `bytes`, at most buffer.bytes, and returns the pieces.
std::span<iovec> Shorten(ScsiBuffer& buffer, uint64_t bytes);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_TASK_H_
