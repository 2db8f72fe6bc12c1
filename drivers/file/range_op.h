// SPDX-License-Identifier: Apache-2.0
//
// RangeOp: a discard or write-zeroes on its way through a context's FileIo port. What the host does
// not have is found out by trying: a method that it refuses (EOPNOTSUPP, ENOTTY, ENOSYS) is not
// tried again for this file, and the next one is.
//
//   discard       file:    FALLOC_FL_PUNCH_HOLE
//                 device:  BLKDISCARD
//                 neither: success: a discard is a hint
//   write zeroes  file:    FALLOC_FL_PUNCH_HOLE (only kMayUnmap, and within the file), then
//                          FALLOC_FL_ZERO_RANGE, then FALLOC_FL_PUNCH_HOLE and fallocate (tmpfs)
//                 device:  FALLOC_FL_PUNCH_HOLE (only kMayUnmap; zeroes where the disk promises
//                          it), then BLKZEROOUT. Never BLKDISCARD: it need not zero.
//                 none:    -ENOTSUP, from Start at once or later; the Edge then writes zeroes
//
// Ownership: lives in the buffer pool of the request's context from Start until the request is
// done. Threading: the request's context. Units: bytes. Errors: the errno of the system call.

#ifndef PLATTER_DRIVERS_FILE_RANGE_OP_H_
#define PLATTER_DRIVERS_FILE_RANGE_OP_H_

#include <cstdint>

#include "aio/file_io.h"
#include "aio/io_request.h"
#include "drivers/file/file_state.h"
#include "drivers/file/sync_queue.h"

namespace platter {

// In the order in which they are tried.
enum class RangeMethod : uint8_t {
  kDiscardDevice,  // BLKDISCARD
  kPunch,          // FALLOC_FL_PUNCH_HOLE
  kZeroRange,      // FALLOC_FL_ZERO_RANGE
  kZeroDevice,     // BLKZEROOUT
  kPunchAllocate,  // FALLOC_FL_PUNCH_HOLE, then fallocate with mode 0
  kNone,
};

class RangeOp final : public FileOp {
 public:
  // Starts `request`, a discard or write-zeroes. `sync_queue` makes it durable when it is kFua.
  static IoResult Start(FileState& state, SyncQueue& sync_queue, IoRequest& request);

  RangeOp(FileState& state, SyncQueue& sync_queue, IoRequest& request)
      : state_(state), sync_queue_(sync_queue), request_(request) {}

  void OnFileDone(int64_t returned) override;

 private:
  // The first method for the request that is in none of the two sets.
  static RangeMethod ChooseMethod(const FileState& state, const IoRequest& request,
                                  uint32_t refused_here);
  // Of a request for which the host has no method.
  static IoResult Unsupported(const IoRequest& request);

  void SubmitMethod();
  void OnRefused(int64_t error);
  void Finish(IoResult outcome);

  FileState& state_;
  SyncQueue& sync_queue_;
  IoRequest& request_;
  RangeMethod method_ = RangeMethod::kNone;
  bool punched_ = false;       // Of kPunchAllocate the first half is done.
  uint32_t refused_here_ = 0;  // Methods that this very range was refused with (EINVAL).
  uint32_t retries_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_RANGE_OP_H_
