// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/transfer.h"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "aio/aio_context.h"
#include "base/arith.h"

namespace platter {

void Transfer::Begin(FileState& state, SyncQueue& sync_queue, IoRequest& request, uint64_t done) {
  auto* transfer = request.context->buffers().New<Transfer>(state, sync_queue, request);
  transfer->fd = state.fd;
  transfer->kind = request.op == IoOp::kRead ? FileOpKind::kRead : FileOpKind::kWrite;
  transfer->dsync = state.direct && Has(request.flags, IoFlags::kFua);
  transfer->AdvanceTo(AlignDown(done, state.request_alignment));
  transfer->SubmitRest();
}

IoResult Transfer::FinishWrite(FileState& state, SyncQueue& sync_queue, IoRequest& request) {
  const uint64_t end = request.offset + request.bytes;
  if (end > state.file_bytes.load(std::memory_order_relaxed)) [[unlikely]]
    state.OnGrown(end);
  return Has(request.flags, IoFlags::kFua) && !state.direct ? sync_queue.Start(request) : 0;
}

void Transfer::OnFileDone(int64_t returned) {
  if (returned > 0) return OnBytes(static_cast<uint64_t>(returned));
  if (FileState::IsTransient(returned)) return Retry(static_cast<IoResult>(returned));
  if (returned < 0) return Finish(static_cast<IoResult>(returned));
  if (kind == FileOpKind::kRead) return OnEndOfFile(request_.offset + done_);
  Retry(-EIO);  // A write that writes nothing and gives no reason.
}

void Transfer::OnBytes(uint64_t moved) {
  // More than asked for would be a fault of the port: nothing it says can be used then.
  if (moved > request_.bytes - done_) return Finish(-EIO);
  const uint64_t reached = done_ + moved;
  if (reached == request_.bytes) return Finish(0);
  if (kind == FileOpKind::kRead &&
      request_.offset + reached >= state_.file_bytes.load(std::memory_order_acquire)) {
    ZeroRest(reached);
    return Finish(0);
  }
  const uint64_t aligned = AlignDown(reached, state_.request_alignment);
  if (aligned == done_) {
    // Less than one unit of direct I/O. When that is all there ever is, it is the file's end.
    if (kind == FileOpKind::kRead && retries_ == kMaxRetries) {
      return OnEndOfFile(request_.offset + reached);
    }
    return Retry(-EIO);
  }
  AdvanceTo(aligned);
  retries_ = 0;
  SubmitRest();
}

void Transfer::OnEndOfFile(uint64_t position) {
  if (position >= state_.file_bytes.load(std::memory_order_acquire)) {
    ZeroRest(position - request_.offset);
    return Finish(0);
  }
  state_.OnShrunk(position);
  Finish(-EIO);
}

void Transfer::Retry(IoResult error_if_hopeless) {
  if (++retries_ > kMaxRetries) return Finish(error_if_hopeless);
  SubmitRest();
}

void Transfer::AdvanceTo(uint64_t done) {
  uint64_t step = done - done_ + iov_skip_;
  done_ = done;
  while (iov_index_ < request_.iov_count && step >= request_.iov[iov_index_].iov_len) {
    step -= request_.iov[iov_index_].iov_len;
    ++iov_index_;
  }
  iov_skip_ = step;
}

void Transfer::SubmitRest() {
  if (iov_skip_ == 0) {
    iov = request_.iov + iov_index_;
    iov_count = request_.iov_count - iov_index_;
  } else {
    // The submitter's array stays as it is: first what is left of this iovec, the others after it.
    const iovec& whole = request_.iov[iov_index_];
    fragment_ = {static_cast<std::byte*>(whole.iov_base) + iov_skip_, whole.iov_len - iov_skip_};
    iov = &fragment_;
    iov_count = 1;
  }
  offset = request_.offset + done_;
  bytes = request_.bytes - done_;
  request_.context->file_io().Submit(*this);
}

void Transfer::ZeroRest(uint64_t done) {
  AdvanceTo(done);
  for (uint32_t i = iov_index_; i < request_.iov_count; ++i) {
    const uint64_t skip = i == iov_index_ ? iov_skip_ : 0;
    std::memset(static_cast<std::byte*>(request_.iov[i].iov_base) + skip, 0,
                request_.iov[i].iov_len - skip);
  }
}

void Transfer::Finish(IoResult outcome) {
  FileState& state = state_;
  SyncQueue& sync_queue = sync_queue_;
  IoRequest& request = request_;
  request.context->buffers().Delete(this);
  if (outcome == 0 && request.op == IoOp::kWrite) {
    outcome = FinishWrite(state, sync_queue, request);
    if (outcome == kIoPending) return;
  }
  request.OnIoDone(outcome);
}

}  // namespace platter
