// SPDX-License-Identifier: Apache-2.0
//
// PoolFileIo: file operations on a small pool of threads that start with the first operation. The
// way there is a bounded lock-free queue (what does not fit waits in a list of the context); the
// way back is a lock-free list and one wake-up for all that completes while the context sleeps.
// No lock and no allocation per operation.
//
// Ownership: owns its threads; nothing is outstanding when it dies. The Waker outlives it.
// Threading: in the context. Units, errors: as aio/file_io.h says.

#ifndef PLATTER_AIO_HOST_POOL_FILE_IO_H_
#define PLATTER_AIO_HOST_POOL_FILE_IO_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "aio/file_io.h"
#include "aio/host/kernel_file_io.h"
#include "aio/host/spmc_queue.h"
#include "base/intrusive_fifo.h"
#include "base/mpsc_stack.h"

namespace platter {

// How the pool tells its context that the list of completions is no longer empty.
class Waker {
 public:
  // Any thread.
  virtual void Wake() = 0;

 protected:
  ~Waker() = default;
};

class PoolFileIo final : public KernelFileIo {
 public:
  PoolFileIo(Waker& waker, uint32_t threads) : waker_(waker), thread_count_(threads) {}
  ~PoolFileIo() override;

  void Submit(FileOp& op) override;
  void Flush() override;
  uint32_t outstanding() const override { return outstanding_; }

  // --- For the context. ---

  // Whether completions wait; cheap.
  bool HasDone() const { return !done_.empty(); }
  // Whether a Flush has something to do.
  bool queued() const { return !queued_.empty(); }
  // Runs OnFileDone of what has completed; true when there was any.
  bool RunDone();

 private:
  static constexpr size_t kQueueSize = 1024;

  // As many as the host gives.
  void StartThreads();
  bool StartThread();
  void RunHere();
  void WorkerLoop();

  Waker& waker_;
  const uint32_t thread_count_;
  uint32_t outstanding_ = 0;
  IntrusiveFifo<FileOp, &FileOp::next> queued_;
  SpmcQueue<FileOp, kQueueSize> queue_;
  MpscStack<FileOp, &FileOp::next> done_;
  // Moves with every batch; workers without work wait for it to move.
  std::atomic<uint32_t> ticket_{0};
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

}  // namespace platter

#endif  // PLATTER_AIO_HOST_POOL_FILE_IO_H_
