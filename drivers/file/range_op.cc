// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/range_op.h"

#include <fcntl.h>
#include <linux/falloc.h>

#include <cerrno>

#include "aio/aio_context.h"

namespace platter {

namespace {

constexpr int kPunchMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

constexpr uint32_t BitOf(RangeMethod method) { return 1u << static_cast<unsigned>(method); }

// The host does not have the operation for this file, now or ever.
bool IsUnsupported(int64_t result) {
  return result == -EOPNOTSUPP || result == -ENOTTY || result == -ENOSYS || result == -ENODEV;
}

// The methods that fit the request, as bits.
uint32_t FittingMethods(const FileState& state, const IoRequest& request) {
  const bool device = state.driver == FileDriver::kHostDevice;
  if (request.op == IoOp::kDiscard) {
    return BitOf(device ? RangeMethod::kDiscardDevice : RangeMethod::kPunch);
  }
  uint32_t methods = device ? BitOf(RangeMethod::kZeroDevice)
                            : BitOf(RangeMethod::kZeroRange) | BitOf(RangeMethod::kPunchAllocate);
  // A hole punched beyond the end would not make the file longer.
  const bool within =
      request.offset + request.bytes <= state.file_bytes.load(std::memory_order_relaxed);
  if (Has(request.flags, IoFlags::kMayUnmap) && (device || within)) {
    methods |= BitOf(RangeMethod::kPunch);
  }
  return methods;
}

}  // namespace

RangeMethod RangeOp::ChooseMethod(const FileState& state, const IoRequest& request,
                                  uint32_t refused_here) {
  const uint32_t usable = FittingMethods(state, request) & ~refused_here &
                          ~state.missing_methods.load(std::memory_order_relaxed);
  for (int i = 0; i < static_cast<int>(RangeMethod::kNone); ++i) {
    if ((usable >> i & 1) != 0) return static_cast<RangeMethod>(i);
  }
  return RangeMethod::kNone;
}

IoResult RangeOp::Unsupported(const IoRequest& request) {
  return request.op == IoOp::kDiscard ? 0 : -ENOTSUP;
}

IoResult RangeOp::Start(FileState& state, SyncQueue& sync_queue, IoRequest& request) {
  const RangeMethod method = ChooseMethod(state, request, 0);
  if (method == RangeMethod::kNone) return Unsupported(request);
  auto* op = request.context->buffers().New<RangeOp>(state, sync_queue, request);
  op->fd = state.fd;
  op->method_ = method;
  op->SubmitMethod();
  return kIoPending;
}

void RangeOp::SubmitMethod() {
  offset = request_.offset;
  bytes = request_.bytes;
  kind = FileOpKind::kAllocate;
  mode = 0;
  switch (method_) {
    case RangeMethod::kDiscardDevice:
      kind = FileOpKind::kDiscardDev;
      break;
    case RangeMethod::kPunch:
      mode = kPunchMode;
      break;
    case RangeMethod::kZeroRange:
      mode = FALLOC_FL_ZERO_RANGE;
      break;
    case RangeMethod::kZeroDevice:
      kind = FileOpKind::kZeroDev;
      break;
    case RangeMethod::kPunchAllocate:
      mode = punched_ ? 0 : kPunchMode;
      break;
    case RangeMethod::kNone:
      break;
  }
  request_.context->file_io().Submit(*this);
}

void RangeOp::OnFileDone(int64_t returned) {
  if (FileState::IsTransient(returned) && ++retries_ <= kMaxRetries) return SubmitMethod();
  if (IsUnsupported(returned) || returned == -EINVAL) return OnRefused(returned);
  if (returned < 0) return Finish(static_cast<IoResult>(returned));
  // Success, whatever number the kernel chose to return with it.
  if (method_ == RangeMethod::kPunchAllocate && !punched_) {
    punched_ = true;
    return SubmitMethod();
  }
  Finish(0);
}

void RangeOp::OnRefused(int64_t error) {
  refused_here_ |= BitOf(method_);
  // EINVAL is about this range; the others are about the file.
  if (error != -EINVAL) {
    state_.missing_methods.fetch_or(BitOf(method_), std::memory_order_relaxed);
  }
  method_ = ChooseMethod(state_, request_, refused_here_);
  punched_ = false;
  if (method_ == RangeMethod::kNone) return Finish(Unsupported(request_));
  SubmitMethod();
}

void RangeOp::Finish(IoResult outcome) {
  IoRequest& request = request_;
  SyncQueue& sync_queue = sync_queue_;
  if (outcome == 0 && request.op == IoOp::kWriteZeroes) {
    const uint64_t end = request.offset + request.bytes;
    if (end > state_.file_bytes.load(std::memory_order_relaxed)) state_.OnGrown(end);
  }
  request.context->buffers().Delete(this);
  if (outcome == 0 && Has(request.flags, IoFlags::kFua)) {
    outcome = sync_queue.Start(request);
    if (outcome == kIoPending) return;
  }
  request.OnIoDone(outcome);
}

}  // namespace platter
