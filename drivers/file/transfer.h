// SPDX-License-Identifier: Apache-2.0
//
// Transfer: one read or write on its way through a context's FileIo port, continued until all of it
// is done: the kernel may transfer any part of what it was asked for, and may be interrupted.
//
// What is continued starts at the request's offset plus what is done, never at a count that the
// kernel returned by itself. With direct I/O the part done is rounded down to the alignment, so a
// continuation is aligned too; the bytes in between are simply transferred again.
//
// A durable write (kFua) is an RWF_DSYNC write with direct I/O. Through the page cache it is a
// plain write and then a turn in the SyncQueue: an RWF_DSYNC write could take the report of a
// failed write-back, which the kernel gives once, from a flush that runs at the same time.
//
// The end of the file: a read that reaches beyond the file's own length (which is only so within
// the last alignment unit) reads zeroes there. A read that meets the end earlier than that fails
// with -EIO: the file shrank under us, and neither zeroes nor stale bytes would be true.
//
// Ownership: lives in the buffer pool of the request's context from Begin until the request is
// done. Threading: the request's context. Units: bytes. Errors: the errno of the system call; -EIO
// for a file that shrank or a port that does not get on.

#ifndef PLATTER_DRIVERS_FILE_TRANSFER_H_
#define PLATTER_DRIVERS_FILE_TRANSFER_H_

#include <sys/uio.h>

#include <cstdint>

#include "aio/file_io.h"
#include "aio/io_request.h"
#include "drivers/file/file_state.h"
#include "drivers/file/sync_queue.h"

namespace platter {

class Transfer final : public FileOp {
 public:
  // Starts `request`, a read or a write of which the first `done` bytes (fewer than all) have been
  // transferred already. It completes through request.OnIoDone.
  static void Begin(FileState& state, SyncQueue& sync_queue, IoRequest& request, uint64_t done);

  // After all bytes of a write are in the file: notes how far the file reaches now, and makes a
  // durable one durable. The request's result, or kIoPending: it completes through OnIoDone.
  static IoResult FinishWrite(FileState& state, SyncQueue& sync_queue, IoRequest& request);

  Transfer(FileState& state, SyncQueue& sync_queue, IoRequest& request)
      : state_(state), sync_queue_(sync_queue), request_(request) {}

  void OnFileDone(int64_t returned) override;

 private:
  // Moves the cursor forward to `done` bytes from the start.
  void AdvanceTo(uint64_t done);
  void SubmitRest();
  void Retry(IoResult error_if_hopeless);
  void OnBytes(uint64_t moved);
  // The port says that nothing is left to read at `position`, an offset in the file.
  void OnEndOfFile(uint64_t position);
  // Zeroes what is left of the buffers, from `done` bytes on.
  void ZeroRest(uint64_t done);
  void Finish(IoResult outcome);

  FileState& state_;
  SyncQueue& sync_queue_;
  IoRequest& request_;
  uint64_t done_ = 0;  // A multiple of the alignment, or everything.
  // Where the rest starts: in iovec iov_index_, iov_skip_ bytes into it.
  uint32_t iov_index_ = 0;
  uint32_t retries_ = 0;
  uint64_t iov_skip_ = 0;
  iovec fragment_ = {};  // The rest of an iovec that was transferred in part.
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_TRANSFER_H_
