// SPDX-License-Identifier: Apache-2.0
#include "aio/uring/uring_context.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "aio/uring/ring_operations.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

// The low bits of user_data say what completed; the rest is an address (of objects that are
// aligned to 8 at least).
constexpr uint64_t kTagMask = 7;
constexpr uint64_t kFileTag = 0;
constexpr uint64_t kPollTag = 1;
constexpr uint64_t kWakeTag = 2;
constexpr uint64_t kTimerTag = 3;
constexpr uint64_t kIgnoredTag = 4;

// Room for completions per submission entry: more operations may be in flight than fit into one
// submission queue.
constexpr uint32_t kCompletionsPerEntry = 8;

// File operations that go to the kernel at once. All of a deep queue in one call would reach the
// disk together, at the call's end, and come back together: then the disk rests while the next are
// made, and the other way round (measured: 32 direct reads in flight, 150 us to submit, 300 us to
// wait).
constexpr uint32_t kSubmitChunk = 8;

constexpr uint32_t kPollEvents = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP;

uint64_t PollData(const WatchSlot& slot) { return reinterpret_cast<uint64_t>(&slot) | kPollTag; }

std::string SetupHint(int error) {
  if (error == EPERM || error == EACCES) {
    return " (the sysctl kernel.io_uring_disabled or a seccomp filter forbids io_uring; use the"
           " kind 'threads')";
  }
  if (error == ENOSYS)
    return " (this kernel has no io_uring; use the kind 'threads' (aio=threads))";
  if (error == ENOMEM) return " (the limit of locked memory may be too low: ulimit -l)";
  return "";
}

// Without the flags that an older kernel refuses.
int InitRing(io_uring& ring, uint32_t entries) {
  io_uring_params params{};
  params.cq_entries = entries * kCompletionsPerEntry;
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED;
  int result = io_uring_queue_init_params(entries, &ring, &params);
  if (result != -EINVAL) return result;
  const uint32_t cq_entries = params.cq_entries;
  params = io_uring_params{};
  params.cq_entries = cq_entries;
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED;
  return io_uring_queue_init_params(entries, &ring, &params);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AioContext>> UringContext::Create(std::string name, PollOptions poll,
                                                                 uint32_t ring_entries) {
  io_uring ring;
  const int result = InitRing(ring, ring_entries);
  if (result < 0) {
    return Annotate(ErrnoError(-result, "io_uring_setup" + SetupHint(-result)),
                    "AioContext '" + name + "'");
  }
  // Waiting with a time limit without an entry of its own (5.11), and no lost completions (5.5).
  constexpr uint32_t kNeeded = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;
  if ((ring.features & kNeeded) != kNeeded) {
    io_uring_queue_exit(&ring);
    return ErrorWithErrno(ENOSYS, "AioContext '" + name +
                                      "': io_uring of this kernel is too old (5.11 or newer is"
                                      " needed); use the kind 'threads' (aio=threads)");
  }
  if (const int restricted = RestrictRing(ring); restricted < 0) {
    io_uring_queue_exit(&ring);
    return ErrnoError(-restricted, "AioContext '" + name + "': what a ring may do");
  }
  const absl::StatusOr<int> event_fd = MakeEventFd(name);
  if (!event_fd.ok()) {
    io_uring_queue_exit(&ring);
    return event_fd.status();
  }
  return std::unique_ptr<AioContext>(new UringContext(std::move(name), poll, *event_fd, ring));
}

UringContext::UringContext(std::string name, PollOptions poll, int event_fd, io_uring ring)
    : HostContext(std::move(name), poll, event_fd), ring_(ring), pool_(*this, kPoolThreads) {}

UringContext::~UringContext() {
  Finish();
  PLATTER_CHECK(watches_.empty());
  PLATTER_CHECK(file_io_.outstanding() == 0);
  io_uring_queue_exit(&ring_);
}

int UringContext::StartForeignLoop() { return ring_.ring_fd; }

void UringContext::NoteChange(WatchSlot& slot) {
  if (slot.in_changes) return;
  slot.in_changes = true;
  changes_.PushBack(slot);
}

void UringContext::Watch(FdWatch& watch, int fd, uint32_t events) {
  NoteChange(watches_.Add(watch, fd, events));
  NudgeForeignLoop();
}

void UringContext::Unwatch(FdWatch& watch) {
  WatchSlot& slot = watches_.Remove(watch);
  if (slot.in_kernel) {
    NoteChange(slot);
    // The poll keeps the file open: outside a turn nobody would take it back soon.
    if (Current() != this) SubmitBatch();
  }
  watches_.Release(slot);
}

bool UringContext::RingCan(const FileOp& op) const {
  // The pool refuses offsets that the ring would misunderstand.
  return op.kind != FileOpKind::kDiscardDev && op.kind != FileOpKind::kZeroDev &&
         op.kind != FileOpKind::kIoctl && IsFileOffset(op.offset);
}

void UringContext::SubmitOp(FileOp& op) {
  if (RingCan(op)) {
    ++ring_outstanding_;
    queued_.PushBack(op);
  } else {
    pool_.Submit(op);
  }
  NudgeForeignLoop();
}

io_uring_sqe* UringContext::TakeSqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe != nullptr) return sqe;
  // Full. The kernel may refuse for now (EAGAIN, EBUSY): the lists keep what is left.
  if (io_uring_submit(&ring_) < 0) return nullptr;
  return io_uring_get_sqe(&ring_);
}

bool UringContext::PrepareChange(WatchSlot& slot) {
  io_uring_sqe* sqe = TakeSqe();
  if (sqe == nullptr) return false;
  if (slot.watch != nullptr) {
    io_uring_prep_poll_add(sqe, slot.fd, slot.events);
    io_uring_sqe_set_data64(sqe, PollData(slot));
    slot.in_kernel = true;
  } else {
    io_uring_prep_poll_remove(sqe, PollData(slot));
    io_uring_sqe_set_data64(sqe, kIgnoredTag);
  }
  return true;
}

bool UringContext::PrepareEventRead(int fd, uint64_t& value, bool& armed, uint64_t tag) {
  io_uring_sqe* sqe = TakeSqe();
  if (sqe == nullptr) return false;
  io_uring_prep_read(sqe, fd, &value, sizeof(value), 0);
  io_uring_sqe_set_data64(sqe, tag);
  armed = true;
  return true;
}

namespace {

void PrepareFileOp(io_uring_sqe* sqe, const FileOp& op) {
  // One buffer needs no vector, which the kernel would have to copy.
  const bool single = op.iov_count == 1 && op.iov->iov_len <= INT32_MAX;
  const auto single_length = single ? static_cast<uint32_t>(op.iov->iov_len) : 0;
  const int write_flags = op.dsync ? RWF_DSYNC : 0;
  switch (op.kind) {
    case FileOpKind::kRead:
      if (single) {
        io_uring_prep_read(sqe, op.fd, op.iov->iov_base, single_length, op.offset);
      } else {
        io_uring_prep_readv(sqe, op.fd, op.iov, op.iov_count, op.offset);
      }
      break;
    case FileOpKind::kWrite:
      if (single) {
        io_uring_prep_write(sqe, op.fd, op.iov->iov_base, single_length, op.offset);
        sqe->rw_flags = write_flags;
      } else {
        io_uring_prep_writev2(sqe, op.fd, op.iov, op.iov_count, op.offset, write_flags);
      }
      break;
    case FileOpKind::kSync:
      io_uring_prep_fsync(sqe, op.fd, IORING_FSYNC_DATASYNC);
      break;
    case FileOpKind::kAllocate:
      io_uring_prep_fallocate(sqe, op.fd, op.mode, static_cast<off_t>(op.offset),
                              static_cast<off_t>(op.bytes));
      break;
    case FileOpKind::kDiscardDev:
    case FileOpKind::kZeroDev:
    case FileOpKind::kIoctl:
      CheckFailed(__FILE__, __LINE__, "the ring is given only what it can do");
  }
  io_uring_sqe_set_data64(sqe, reinterpret_cast<uint64_t>(&op) | kFileTag);
}

}  // namespace

void UringContext::FillQueue() {
  if (!event_read_armed_ &&
      !PrepareEventRead(event_fd_, event_count_, event_read_armed_, kWakeTag)) {
    return;
  }
  if (timer_fd_ >= 0 && !timer_read_armed_ &&
      !PrepareEventRead(timer_fd_, timer_count_, timer_read_armed_, kTimerTag)) {
    return;
  }
  while (WatchSlot* slot = changes_.PopFront()) {
    // A poll that the kernel holds and that is wanted, or neither: nothing to tell.
    if ((slot->watch != nullptr) != slot->in_kernel && !PrepareChange(*slot)) {
      changes_.PushFront(*slot);
      return;
    }
    slot->in_changes = false;
    watches_.Release(*slot);
  }
  for (uint32_t taken = 0; FileOp* op = queued_.PopFront(); ++taken) {
    // A full chunk goes while the next is prepared. Refused for now: it goes with the next.
    if (taken == kSubmitChunk) {
      io_uring_submit(&ring_);
      taken = 0;
    }
    io_uring_sqe* sqe = TakeSqe();
    if (sqe == nullptr) {
      queued_.PushFront(*op);
      return;
    }
    PrepareFileOp(sqe, *op);
  }
}

void UringContext::SubmitBatch() {
  FillQueue();
  if (io_uring_sq_ready(&ring_) != 0) {
    const int result = io_uring_submit(&ring_);
    // Refused for now: the entries stay in the queue for the next turn.
    PLATTER_CHECK(result >= 0 || result == -EAGAIN || result == -EBUSY || result == -EINTR);
  }
  pool_.Flush();
}

bool UringContext::HasUnsubmitted() const {
  return !queued_.empty() || !changes_.empty() || !event_read_armed_ ||
         (timer_fd_ >= 0 && !timer_read_armed_) || io_uring_sq_ready(&ring_) != 0 || pool_.queued();
}

bool UringContext::KernelHasWorkForUs() const {
  const uint32_t flags = __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED);
  return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool UringContext::HasCompletions() const {
  return io_uring_cq_ready(&ring_) != 0 || KernelHasWorkForUs() || !completed_.empty() ||
         watches_.HasReady() || pool_.HasDone();
}

void UringContext::Collect(WaitTime wait) {
  FillQueue();
  pool_.Flush();
  const bool waits = !wait.limit.has_value() || *wait.limit > Duration{0};
  if (!waits) {
    if (io_uring_sq_ready(&ring_) != 0) {
      io_uring_submit(&ring_);
    }
    if (KernelHasWorkForUs()) io_uring_get_events(&ring_);
    Reap();
    return;
  }
  int result = 0;
  if (wait.limit.has_value()) {
    const timespec limit = ToTimespec(*wait.limit);
    __kernel_timespec timeout{limit.tv_sec, limit.tv_nsec};
    io_uring_cqe* cqe = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &timeout, nullptr);
  } else {
    result = io_uring_submit_and_wait(&ring_, 1);
  }
  PLATTER_CHECK(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
                result == -EBUSY);
  Reap();
}

void UringContext::Reap() {
  uint32_t head = 0;
  uint32_t count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    OnCompletion(cqe->user_data, cqe->res);
    ++count;
  }
  io_uring_cq_advance(&ring_, count);
}

void UringContext::OnCompletion(uint64_t user_data, int32_t result) {
  const uint64_t address = user_data & ~kTagMask;
  switch (user_data & kTagMask) {
    case kFileTag: {
      auto& op = *reinterpret_cast<FileOp*>(address);
      if (result == -EAGAIN) {
        // The system call would have waited; a thread of the pool will.
        --ring_outstanding_;
        pool_.Submit(op);
        break;
      }
      op.result = result;
      completed_.PushBack(op);
      break;
    }
    case kPollTag:
      OnPollCompletion(*reinterpret_cast<WatchSlot*>(address), result);
      break;
    case kWakeTag:
      event_read_armed_ = false;  // Also when the thread that armed it has ended (ECANCELED).
      if (result > 0) CountWakeups(event_count_);
      break;
    case kTimerTag:
      timer_read_armed_ = false;
      OnTimerFdRead();
      break;
    default:
      break;
  }
}

void UringContext::OnPollCompletion(WatchSlot& slot, int32_t result) {
  slot.in_kernel = false;
  if (slot.watch == nullptr) {
    watches_.Release(slot);
  } else if (result == -ECANCELED) {
    NoteChange(slot);  // The thread that armed it has ended.
  } else {
    const uint32_t events =
        result < 0 ? uint32_t{EPOLLERR} : static_cast<uint32_t>(result) & kPollEvents;
    watches_.SetReady(slot, events);
  }
}

bool UringContext::DispatchDescriptors() {
  return watches_.Dispatch([this](WatchSlot& slot) {
    if (slot.watch != nullptr) NoteChange(slot);  // Level-triggered: asks again.
    watches_.Release(slot);
  });
}

bool UringContext::DispatchCompletions() {
  bool any = pool_.RunDone();
  IntrusiveFifo<FileOp, &FileOp::next> batch;
  batch.Swap(completed_);
  any |= !batch.empty();
  while (FileOp* op = batch.PopFront()) {
    --ring_outstanding_;
    op->OnFileDone(op->result);
  }
  return any;
}

}  // namespace platter
