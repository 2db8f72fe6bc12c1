// SPDX-License-Identifier: Apache-2.0
//
// SyncQueue: the flushes of one file, made one after the other. The kernel reports a failed
// write-back once per open file: of two fdatasync calls at the same time only one sees the error
// and the other returns success for the same lost data. So at most one is under way; flushes that
// come meanwhile wait, and one further fdatasync serves all that waited (each of them starts after
// the writes that its submitter wants durable, as it must).
//
// A failed sync is sticky: that flush, those that waited with it and all later ones fail with the
// same errno, without trying again, until the file is opened again.
//
// Lock-free. A context submits only syncs of its own requests, so one that has no request in
// flight has no file operation outstanding either; results for other contexts are posted.
//
// Ownership: the node. Threading: Start in any context; completes in the request's.
// Errors: the errno of fdatasync.

#ifndef PLATTER_DRIVERS_FILE_SYNC_QUEUE_H_
#define PLATTER_DRIVERS_FILE_SYNC_QUEUE_H_

#include <atomic>
#include <cstdint>

#include "aio/aio_context.h"
#include "aio/file_io.h"
#include "aio/io_request.h"
#include "aio/work_item.h"
#include "base/intrusive_fifo.h"
#include "base/mpsc_stack.h"
#include "drivers/file/file_state.h"

namespace platter {

class SyncQueue {
 public:
  explicit SyncQueue(FileState& state) : state_(state) {}
  SyncQueue(const SyncQueue&) = delete;
  SyncQueue& operator=(const SyncQueue&) = delete;

  // Makes everything durable that was written before, and completes `request` (of any operation):
  // at once when a sync has failed before, else through request.OnIoDone.
  IoResult Start(IoRequest& request);

 private:
  using Waiting = IntrusiveFifo<FileOp, &FileOp::next>;

  // A flush that waits, or the one whose fdatasync is under way (the leader).
  class Op final : public FileOp, public WorkItem {
   public:
    Op(SyncQueue& queue, IoRequest& request) : queue_(queue), request_(request) {}

    // Submits the fdatasync.
    void Lead();
    void OnFileDone(int64_t returned) override;
    void Run() override;
    AioContext* context() const { return request_.context; }

   private:
    enum class Task : uint8_t { kLead, kDeliver };
    friend class SyncQueue;

    void Deliver();

    SyncQueue& queue_;
    IoRequest& request_;
    Waiting others_;  // Of a leader: those that get its result.
    uint32_t retries_ = 0;
    Task task_ = Task::kDeliver;
    IoResult outcome_ = 0;
  };

  // By the holder of busy_, in `context`: lets the next batch go, or lets go of busy_. The queue
  // may be gone when this returns, unless the caller holds a request of it.
  void LeadNext(const AioContext* context);

  FileState& state_;
  std::atomic<bool> busy_{false};
  MpscStack<FileOp, &FileOp::next> waiting_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_SYNC_QUEUE_H_
