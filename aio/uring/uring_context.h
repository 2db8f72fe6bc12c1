// SPDX-License-Identifier: Apache-2.0
//
// UringContext: the AioContext on one io_uring: descriptors by one-shot polls that are armed again
// after each event (level-triggered, as FdWatch promises), files by the ring, everything that a
// turn queued in one system call, and completions reaped from memory. What the ring cannot do goes
// to a small thread pool that starts when first needed. The ring's descriptor is what a foreign
// loop polls.
//
// Ownership, units, errors: as aio/aio_context.h says.
// Threading: as there; and the kernel cancels what a thread has queued when that thread ends, so a
//   context moves to another thread (BindToThisThread) only when no file I/O is outstanding.

#ifndef PLATTER_AIO_URING_URING_CONTEXT_H_
#define PLATTER_AIO_URING_URING_CONTEXT_H_

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/host/host_context.h"
#include "aio/host/kernel_file_io.h"
#include "aio/host/pool_file_io.h"
#include "aio/host/watch_table.h"
#include "base/intrusive_fifo.h"

namespace platter {

class UringContext final : public HostContext {
 public:
  static absl::StatusOr<std::unique_ptr<AioContext>> Create(std::string name, PollOptions poll,
                                                            uint32_t ring_entries);
  ~UringContext() override;

  void Watch(FdWatch& watch, int fd, uint32_t events) override;
  void Unwatch(FdWatch& watch) override;
  FileIo& file_io() override { return file_io_; }

 private:
  class File final : public KernelFileIo {
   public:
    explicit File(UringContext& context) : context_(context) {}
    void Submit(FileOp& op) override { context_.SubmitOp(op); }
    void Flush() override { context_.SubmitBatch(); }
    uint32_t outstanding() const override {
      return context_.ring_outstanding_ + context_.pool_.outstanding();
    }

   private:
    UringContext& context_;
  };
  // Threads for what the ring cannot do.
  static constexpr uint32_t kPoolThreads = 2;

  UringContext(std::string name, PollOptions poll, int event_fd, io_uring ring);

  void Collect(WaitTime wait) override;
  bool HasCompletions() const override;
  bool DispatchDescriptors() override;
  bool DispatchCompletions() override;
  void SubmitBatch() override;
  bool HasUnsubmitted() const override;
  uint32_t KernelLookInterval() const override { return 1; }
  int StartForeignLoop() override;

  void SubmitOp(FileOp& op);
  bool RingCan(const FileOp& op) const;
  // Fills the submission queue from the lists; what finds no place stays there.
  void FillQueue();
  // An entry, making room by a submission if need be; nullptr when the kernel takes none now.
  io_uring_sqe* TakeSqe();
  bool PrepareChange(WatchSlot& slot);
  bool PrepareEventRead(int fd, uint64_t& value, bool& armed, uint64_t tag);
  void NoteChange(WatchSlot& slot);
  // Moves what has completed from the ring to the lists of the next turn.
  void Reap();
  void OnCompletion(uint64_t user_data, int32_t result);
  void OnPollCompletion(WatchSlot& slot, int32_t result);
  bool KernelHasWorkForUs() const;

  io_uring ring_;
  WatchTable watches_;
  IntrusiveFifo<WatchSlot, &WatchSlot::next_change> changes_;
  IntrusiveFifo<FileOp, &FileOp::next> queued_;
  IntrusiveFifo<FileOp, &FileOp::next> completed_;
  uint32_t ring_outstanding_ = 0;
  // Reads of event_fd_ and timer_fd_ that the kernel holds, and where they put the counts.
  bool event_read_armed_ = false;
  bool timer_read_armed_ = false;
  uint64_t event_count_ = 0;
  uint64_t timer_count_ = 0;
  File file_io_{*this};
  PoolFileIo pool_;
};

}  // namespace platter

#endif  // PLATTER_AIO_URING_URING_CONTEXT_H_
