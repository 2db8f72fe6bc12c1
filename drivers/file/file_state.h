// SPDX-License-Identifier: Apache-2.0
//
// FileState: what the requests of a file node share: the descriptor, what is known of the file, and
// what has gone wrong for good. The operations (transfer.h, range_op.h, sync_queue.h) see this, not
// the node.
//
// Ownership: the node. Threading: the plain members change only while no request is in flight; the
// atomics are used from every context.
// Units: bytes. Errors: negative errno.

#ifndef PLATTER_DRIVERS_FILE_FILE_STATE_H_
#define PLATTER_DRIVERS_FILE_FILE_STATE_H_

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "drivers/file/file_options.h"

namespace platter {

// Times in a row that an operation is made again because it was interrupted, refused for now
// (EAGAIN) or moved nothing: far more than ever happens, so that a port or kernel that never gets
// on ends in an error and not in a loop.
inline constexpr uint32_t kMaxRetries = 100;

struct FileState {
  FileState() = default;
  FileState(const FileState&) = delete;
  FileState& operator=(const FileState&) = delete;

  // The file now reaches `end` at least.
  virtual void OnGrown(uint64_t end) = 0;
  // A read in [0, file_bytes) met the end of the file at `offset`. In any context.
  virtual void OnShrunk(uint64_t offset) = 0;

  // Whether an operation that ended with `result` shall be made again.
  static bool IsTransient(int64_t result);
  // Remembers that a sync failed: what was written before may be lost, and the kernel reports such
  // a loss once only, so no later sync may claim success. Until the file is opened again.
  void LatchSyncError(IoResult error) {
    IoResult none = 0;
    sync_error.compare_exchange_strong(none, error, std::memory_order_acq_rel);
  }

  int fd = -1;
  FileDriver driver = FileDriver::kFile;
  uint32_t request_alignment = 1;
  // O_DIRECT: a write's error is its own, and nothing waits in the page cache to be lost later.
  bool direct = false;

  // The length of the file itself; the node's is this rounded up to request_alignment.
  std::atomic<uint64_t> file_bytes{0};
  std::atomic<IoResult> sync_error{0};
  // A bit per RangeMethod that the host turned out not to have; see range_op.h.
  std::atomic<uint32_t> missing_methods{0};

 protected:
  ~FileState() = default;
};

inline bool FileState::IsTransient(int64_t result) { return result == -EINTR || result == -EAGAIN; }

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_FILE_STATE_H_
