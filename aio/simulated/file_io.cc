// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/file_io.h"

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/check.h"

namespace platter {

namespace {

using OpFifo = IntrusiveFifo<FileOp, &FileOp::next>;

}  // namespace

SimulatedFileIo::SimulatedFileIo(SimulatedDisk& disk, const VirtualClock& clock,
                                 SimulatedRandom& random)
    : disk_(disk), clock_(clock), random_(random) {
  disk_.AddPort(*this);
}

SimulatedFileIo::~SimulatedFileIo() {
  disk_.RemovePort(*this);
  PLATTER_CHECK(outstanding_ == 0);
}

void SimulatedFileIo::Submit(FileOp& op) {
  ++outstanding_;
  queued_.PushBack(op);
}

void SimulatedFileIo::Flush() {
  while (FileOp* op = queued_.PopFront()) {
    heap_.push_back(Pending{clock_.Now() + disk_.DrawLatency(), random_.Next(), op});
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
}

int SimulatedFileIo::Open(const char* path, int flags, int) { return disk_.Open(path, flags); }

int SimulatedFileIo::Close(int fd) { return disk_.Close(fd); }

int64_t SimulatedFileIo::InlineRead(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                                    int) {
  return disk_.ExecuteInline(FileOpKind::kRead, fd, iov, iov_count, offset);
}

int64_t SimulatedFileIo::InlineWrite(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                                     int) {
  return disk_.ExecuteInline(FileOpKind::kWrite, fd, iov, iov_count, offset);
}

std::optional<Instant> SimulatedFileIo::next() const {
  if (!crashed_.empty()) return clock_.Now();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().done_at;
}

bool SimulatedFileIo::Complete() {
  OpFifo done;
  done.Append(crashed_);
  while (!heap_.empty() && heap_.front().done_at <= clock_.Now()) {
    FileOp& op = *heap_.front().op;
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
    op.result = disk_.Execute(op);
    done.PushBack(op);
  }
  const bool any = !done.empty();
  while (FileOp* op = done.PopFront()) {
    --outstanding_;
    op->OnFileDone(op->result);
  }
  return any;
}

void SimulatedFileIo::ApplyTorn(CrashMode mode) {
  for (const Pending& pending : heap_) {
    FileOp& op = *pending.op;
    // The write reaches the volatile cache; the crash that follows tears it.
    if (op.kind == FileOpKind::kWrite && mode == CrashMode::kTear) {
      const bool dsync = op.dsync;
      op.dsync = false;
      disk_.Execute(op);
      op.dsync = dsync;
    }
    op.result = -EIO;
    crashed_.PushBack(op);
  }
  heap_.clear();
  while (FileOp* op = queued_.PopFront()) {
    op->result = -EIO;
    crashed_.PushBack(*op);
  }
}

}  // namespace platter
