// SPDX-License-Identifier: Apache-2.0
//
// EpollContext: the AioContext that works everywhere: epoll for descriptors, a pool of threads for
// files. Its epoll descriptor is what a foreign loop polls.
//
// Ownership, threading, units, errors: as aio/aio_context.h says.

#ifndef PLATTER_AIO_EPOLL_EPOLL_CONTEXT_H_
#define PLATTER_AIO_EPOLL_EPOLL_CONTEXT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/host/host_context.h"
#include "aio/host/pool_file_io.h"
#include "aio/host/watch_table.h"

namespace platter {

class EpollContext final : public HostContext {
 public:
  static absl::StatusOr<std::unique_ptr<AioContext>> Create(std::string name, PollOptions poll,
                                                            uint32_t pool_threads);
  ~EpollContext() override;

  void Watch(FdWatch& watch, int fd, uint32_t events) override;
  void Unwatch(FdWatch& watch) override;
  FileIo& file_io() override { return file_io_; }

 private:
  // The pool, and a nudge when a foreign loop's idle context is given something.
  class File final : public KernelFileIo {
   public:
    File(EpollContext& context, uint32_t threads) : context_(context), pool(context, threads) {}
    void Submit(FileOp& op) override {
      pool.Submit(op);
      context_.NudgeForeignLoop();
    }
    void Flush() override { pool.Flush(); }
    uint32_t outstanding() const override { return pool.outstanding(); }

   private:
    EpollContext& context_;

   public:
    PoolFileIo pool;
  };

  EpollContext(std::string name, PollOptions poll, uint32_t pool_threads, int event_fd,
               int epoll_fd);

  void Collect(WaitTime wait) override;
  bool HasCompletions() const override { return file_io_.pool.HasDone(); }
  bool DispatchDescriptors() override;
  bool DispatchCompletions() override { return file_io_.pool.RunDone(); }
  void SubmitBatch() override { file_io_.Flush(); }
  bool HasUnsubmitted() const override { return file_io_.pool.queued(); }
  uint32_t KernelLookInterval() const override { return kKernelLookInterval; }
  int StartForeignLoop() override;

  // A look at the kernel is a system call (about 300 ns here).
  static constexpr uint32_t kKernelLookInterval = 8;

  void AddInternal(int fd, uint64_t tag);

  const int epoll_fd_;
  WatchTable watches_;
  File file_io_;
};

}  // namespace platter

#endif  // PLATTER_AIO_EPOLL_EPOLL_CONTEXT_H_
