// SPDX-License-Identifier: Apache-2.0
#include "drivers/slow_request.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/arith.h"
#include "base/check.h"

namespace platter {
namespace {

bool NativeFlagsOnly(IoFlags flags, const NodeFeatures& features) {
  if (features.fua) flags = Without(flags, IoFlags::kFua);
  flags = Without(Without(flags, IoFlags::kMayUnmap), IoFlags::kNoFallback);
  return flags == IoFlags::kNone;
}

bool WouldDetectZeroes(const BlockNode& child, const IoRequest& request) {
  return request.op == IoOp::kWrite && child.features().write_zeroes &&
         child.policy().detect_zeroes != NodePolicy::DetectZeroes::kOff &&
         IovIsZero(request.iov, request.iov_count);
}

}  // namespace

bool SlowRequest::IsNeeded(const Edge& edge, const IoRequest& request) {
  const BlockNode& child = *edge.child_;
  if (edge.tracker_ != nullptr) return true;
  if (!NativeFlagsOnly(request.flags, child.features())) return true;
  // What a child turns out not to be able to do has to be done some other way.
  if (request.op == IoOp::kDiscard || request.op == IoOp::kWriteZeroes) return true;
  if (WouldDetectZeroes(child, request)) return true;
  if (((request.offset | request.bytes) & edge.request_mask_) != 0 ||
      request.bytes > edge.max_transfer_ || request.iov_count > edge.max_iov_) {
    return true;
  }
  if (edge.memory_mask_ == 0) return false;
  const IovCursor cursor(request.iov, request.iov_count);
  return cursor.AlignedRun(request.bytes, edge.request_mask_ + 1, edge.max_iov_,
                           edge.memory_mask_) != request.bytes;
}

IoResult SlowRequest::Start(Edge& edge, IoRequest& request) {
  return request.context->buffers().New<SlowRequest>(edge, request)->Begin();
}

SlowRequest::SlowRequest(Edge& edge, IoRequest& request)
    : EdgeOp(request),
      edge_(edge),
      kind_(request.op),
      wanted_(request.flags),
      pos_(request.offset),
      end_(request.offset + request.bytes),
      cursor_(request.iov, request.iov_count) {
  context = request.context;
  const BlockNode& child = *edge.child_;
  if (WouldDetectZeroes(child, request)) {
    kind_ = IoOp::kWriteZeroes;
    if (child.policy().detect_zeroes == NodePolicy::DetectZeroes::kUnmap &&
        child.features().may_unmap && child.policy().discard == NodePolicy::Discard::kUnmap) {
      wanted_ = wanted_ | IoFlags::kMayUnmap;
    }
  }
  flush_after_ = Has(wanted_, IoFlags::kFua) && !child.features().fua;
  edge.ops_.Get(*context).Add(*this);
}

IoResult SlowRequest::Begin() {
  const uint64_t mask = edge_.request_mask_;
  if (kind_ == IoOp::kDiscard) {
    // Parts that are not aligned are dropped.
    pos_ = AlignUp(pos_, limits().discard_alignment);
    end_ = AlignDown(end_, limits().discard_alignment);
    if (pos_ >= end_) {
      EndWith(0);
      return Finish();
    }
  }
  if (kind_ == IoOp::kWriteZeroes && edge_.child_->features().write_zeroes) {
    native_begin_ = AlignUp(pos_, limits().write_zeroes_alignment);
    native_end_ = AlignDown(end_, limits().write_zeroes_alignment);
    native_zeroes_ = native_begin_ < native_end_;
  }
  if (kind_ == IoOp::kWriteZeroes && Has(wanted_, IoFlags::kNoFallback) &&
      (!native_zeroes_ || native_begin_ != pos_ || native_end_ != end_)) {
    EndWith(-ENOTSUP);
    return Finish();
  }
  // A last block that is short because the child is has nobody else's bytes in it.
  const bool partial_end = (end_ & mask) != 0 && end_ < edge_.child_->length();
  const bool partial =
      (kind_ == IoOp::kWrite || kind_ == IoOp::kWriteZeroes) && ((pos_ & mask) != 0 || partial_end);
  // Zeroes may have a finer alignment than writes, if the child really can.
  const bool all_native = native_zeroes_ && native_begin_ == pos_ && native_end_ == end_;
  OverlapTracker* const tracker = edge_.tracker_;
  may_fall_back_ = !Has(wanted_, IoFlags::kNoFallback) && (tracker != nullptr || !partial);
  if (tracker == nullptr) {
    if (!partial || all_native) return Continue();
    EndWith(-EINVAL);  // The parent promised `granularity`.
    return Finish();
  }
  tracked_ = true;
  const bool serialise = partial || Has(wanted_, IoFlags::kSerialising);
  const bool goes_on =
      tracker->Add(*this, AlignDown(pos_, mask + 1), AlignUp(end_, mask + 1),
                   serialise ? OverlapTracker::Mode::kSerialising : OverlapTracker::Mode::kShared);
  return goes_on ? Continue() : kIoPending;
}

void SlowRequest::OnOverlapGone() { context->Post(*this); }

void SlowRequest::Run() {
  IoRequest& parent = parent_;
  const IoResult result = Continue();
  if (result != kIoPending) parent.OnIoDone(result);
}

void SlowRequest::OnIoDone(IoResult result) {
  Absorb(result);
  if (stage_ != Stage::kDone) {
    // No request starts from inside a completion (io_request.h).
    context->Defer(*this);
    return;
  }
  IoRequest& parent = parent_;
  parent.OnIoDone(Finish());
}

void SlowRequest::CancelOp() {
  cancelled_ = true;
  if (in_child_) edge_.child_->Cancel(*this);
}

IoResult SlowRequest::Continue() {
  for (int steps = 0; stage_ != Stage::kDone; ++steps) {
    if (steps == kStepsPerTurn) {
      context->Defer(*this);
      return kIoPending;
    }
    if (cancelled_) {
      EndWith(-ECANCELED);
      break;
    }
    const IoResult result = Issue();
    if (result == kIoPending) return kIoPending;
    Absorb(result);
  }
  return Finish();
}

IoResult SlowRequest::Finish() {
  const IoResult result = result_;
  FreeBuffer();
  FreePieces();
  if (tracked_) edge_.tracker_->Remove(*this);
  edge_.ops_.Find(*context)->Remove(*this);
  context->buffers().Delete(this);
  return result;
}

void SlowRequest::EndWith(IoResult result) {
  result_ = result;
  stage_ = Stage::kDone;
}

IoResult SlowRequest::Issue() {
  switch (stage_) {
    case Stage::kNext:
      return Choose();
    case Stage::kStore:
      return PrepareStore();
    case Stage::kFlush:
      return StartChild(IoOp::kFlush, 0, 0, nullptr, 0);
    default:
      PLATTER_CHECK(false);
      return -EIO;
  }
}

IoResult SlowRequest::Choose() {
  if (kind_ == IoOp::kDiscard) {
    return IssueNative(
        std::min(end_ - pos_, AlignDown(limits().max_discard, limits().discard_alignment)));
  }
  if (kind_ == IoOp::kWriteZeroes) return ChooseZeroes();
  if (IsAligned(pos_, alignment())) {
    const uint64_t run = cursor_.AlignedRun(std::min(end_ - pos_, edge_.max_transfer_), alignment(),
                                            edge_.max_iov_, edge_.memory_mask_);
    if (run > 0) return IssueDirect(run);
  }
  return StartBounce(end_);
}

IoResult SlowRequest::ChooseZeroes() {
  if (native_zeroes_ && pos_ >= native_begin_ && pos_ < native_end_) {
    return IssueNative(std::min(
        native_end_ - pos_, AlignDown(limits().max_write_zeroes, limits().write_zeroes_alignment)));
  }
  return StartZeroChunk(native_zeroes_ && pos_ < native_begin_ ? native_begin_ : end_);
}

// Decides how much goes through the buffer next, up to `limit`, and starts on it.
IoResult SlowRequest::StartBounce(uint64_t limit) {
  const uint64_t block = alignment();
  chunk_begin_ = AlignDown(pos_, block);
  const uint64_t span = AlignUp(limit, block) - chunk_begin_;
  const uint64_t most = std::min(std::max(block, kBounceBytes), edge_.max_transfer_);
  uint64_t chunk = std::min(span, AlignDown(most, block));
  if (span > chunk && pos_ != chunk_begin_) {
    // A long request that is only out of step at its head may go directly from the next block on.
    IovCursor after = cursor_;
    after.Advance(chunk_begin_ + block - pos_);
    if (after.AlignedRun(kBounceBytes, block, edge_.max_iov_, edge_.memory_mask_) > 0)
      chunk = block;
  }
  chunk_end_ = chunk_begin_ + chunk;
  data_end_ = std::min(chunk_end_, limit);
  if (!EnsureBuffer(chunk)) return -ENOMEM;
  if (kind_ == IoOp::kRead) {
    stage_ = Stage::kLoad;
    buffer_piece_ = {buffer_, chunk};
    return StartChild(IoOp::kRead, chunk_begin_, chunk, &buffer_piece_, 1);
  }
  const uint64_t length = edge_.child_->length();
  head_missing_ = pos_ != chunk_begin_;
  tail_missing_ = data_end_ != chunk_end_ && data_end_ < length;
  // Nothing but zeroes lies behind the data there.
  if (data_end_ != chunk_end_) {
    std::memset(buffer_ + (data_end_ - chunk_begin_), 0, chunk_end_ - data_end_);
  }
  stage_ = Stage::kStore;
  return PrepareStore();
}

// As StartBounce, for zeroes: whole blocks are written from one small buffer, again and again.
IoResult SlowRequest::StartZeroChunk(uint64_t limit) {
  const uint64_t block = alignment();
  const uint64_t whole_end = AlignDown(limit, block);
  if (!IsAligned(pos_, block) || whole_end <= pos_) {
    const uint64_t first_end = AlignDown(pos_, block) + block;
    return StartBounce(std::min(limit, first_end));
  }
  const uint64_t unit = std::max(block, AlignDown(kZeroBytes, block));
  const uint64_t most = std::min(edge_.max_transfer_, unit * std::min(kZeroPieces, edge_.max_iov_));
  chunk_begin_ = pos_;
  chunk_end_ = data_end_ = pos_ + std::min(whole_end - pos_, most);
  zero_unit_ = std::min(unit, chunk_end_ - pos_);
  if (!EnsureBuffer(zero_unit_)) return -ENOMEM;
  std::memset(buffer_, 0, zero_unit_);
  return IssueZeroes();
}

// Fetches what of the chunk's first and last block is not the parent's, then writes the chunk.
IoResult SlowRequest::PrepareStore() {
  const uint64_t block = alignment();
  const uint64_t chunk = chunk_end_ - chunk_begin_;
  if (tail_missing_ && !IsAligned(chunk - block, edge_.memory_mask_ + 1)) {
    // The last block's place in the buffer is none that the child can read to: read everything.
    head_missing_ = tail_missing_ = false;
    return IssueFill(chunk_begin_, chunk);
  }
  if (head_missing_) {
    head_missing_ = false;
    // The first block may be the last one too.
    if (chunk == block) tail_missing_ = false;
    if (chunk_begin_ < edge_.child_->length()) return IssueFill(chunk_begin_, block);
    std::memset(buffer_, 0, block);
  }
  if (tail_missing_) {
    tail_missing_ = false;
    return IssueFill(chunk_end_ - block, block);
  }
  return IssueStore();
}

IoResult SlowRequest::IssueFill(uint64_t from, uint64_t size) {
  stage_ = Stage::kFill;
  buffer_piece_ = {buffer_ + (from - chunk_begin_), size};
  return StartChild(IoOp::kRead, from, size, &buffer_piece_, 1);
}

IoResult SlowRequest::IssueStore() {
  stage_ = Stage::kStore;
  uint8_t* const data = buffer_ + (pos_ - chunk_begin_);
  if (kind_ == IoOp::kWrite) {
    IovCursor from = cursor_;
    from.CopyTo(data, data_end_ - pos_);
  } else {
    std::memset(data, 0, data_end_ - pos_);
  }
  const uint64_t chunk = chunk_end_ - chunk_begin_;
  buffer_piece_ = {buffer_, chunk};
  return StartChild(IoOp::kWrite, chunk_begin_, chunk, &buffer_piece_, 1);
}

IoResult SlowRequest::IssueZeroes() {
  stage_ = Stage::kStore;
  const uint64_t chunk = chunk_end_ - chunk_begin_;
  uint32_t count = 0;
  for (uint64_t done = 0; done < chunk; done += zero_unit_) {
    zero_pieces_[count++] = {buffer_, std::min(zero_unit_, chunk - done)};
  }
  return StartChild(IoOp::kWrite, chunk_begin_, chunk, zero_pieces_, count);
}

IoResult SlowRequest::IssueDirect(uint64_t run) {
  stage_ = Stage::kDirect;
  step_bytes_ = run;
  const uint32_t count = cursor_.Pieces(run);
  if (cursor_.IsWhole(run)) return StartChild(kind_, pos_, run, cursor_.iov(), count);
  FreePieces();
  const size_t size = count * sizeof(iovec);
  pieces_ = static_cast<iovec*>(context->buffers().TryAllocate(size));
  if (pieces_ == nullptr) return -ENOMEM;
  pieces_bytes_ = size;
  cursor_.Slice(run, pieces_);
  return StartChild(kind_, pos_, run, pieces_, count);
}

IoResult SlowRequest::IssueNative(uint64_t run) {
  stage_ = Stage::kNative;
  step_bytes_ = run;
  return StartChild(kind_, pos_, run, nullptr, 0);
}

IoResult SlowRequest::StartChild(IoOp child_op, uint64_t child_offset, uint64_t child_bytes,
                                 const iovec* child_iov, uint32_t child_iov_count) {
  op = child_op;
  offset = child_offset;
  bytes = child_bytes;
  iov = child_iov;
  iov_count = child_iov_count;
  flags = IoFlags::kNone;
  if (IsWriteLike(op) && Has(wanted_, IoFlags::kFua) && !flush_after_) flags = IoFlags::kFua;
  if (op == IoOp::kWriteZeroes) {
    if (Has(wanted_, IoFlags::kMayUnmap)) flags = flags | IoFlags::kMayUnmap;
    if (Has(wanted_, IoFlags::kNoFallback)) flags = flags | IoFlags::kNoFallback;
  }
  in_child_ = true;
  return edge_.child_->Start(*this);
}

void SlowRequest::Absorb(IoResult result) {
  in_child_ = false;
  if (result == 0) {
    AbsorbSuccess();
  } else if (result == -ENOTSUP && stage_ == Stage::kNative && kind_ == IoOp::kDiscard) {
    // A discard is advice; see NodeFeatures.
    EndWith(0);
  } else if (result == -ENOTSUP && stage_ == Stage::kNative && may_fall_back_) {
    native_zeroes_ = false;
    stage_ = Stage::kNext;
  } else {
    EndWith(result);
  }
}

void SlowRequest::AbsorbSuccess() {
  switch (stage_) {
    case Stage::kFill:
      stage_ = Stage::kStore;
      return;
    case Stage::kFlush:
      EndWith(0);
      return;
    case Stage::kLoad:
      cursor_.CopyFrom(buffer_ + (pos_ - chunk_begin_), data_end_ - pos_);
      pos_ = data_end_;
      break;
    case Stage::kStore:
      if (kind_ == IoOp::kWrite) cursor_.Advance(data_end_ - pos_);
      pos_ = data_end_;
      break;
    case Stage::kDirect:
      cursor_.Advance(step_bytes_);
      pos_ += step_bytes_;
      break;
    default:
      pos_ += step_bytes_;
      break;
  }
  stage_ = Stage::kNext;
  if (pos_ < end_) return;
  if (flush_after_) {
    stage_ = Stage::kFlush;
  } else {
    EndWith(0);
  }
}

bool SlowRequest::EnsureBuffer(uint64_t size) {
  if (buffer_bytes_ >= size) return true;
  FreeBuffer();
  const uint64_t memory_alignment = edge_.memory_mask_ + 1;
  uint64_t memory_size = size;
  if (memory_alignment > BufferPool::kPageAligned) {
    memory_size += memory_alignment;
  } else if (memory_alignment > BufferPool::kMinSize) {
    memory_size = std::max<uint64_t>(size, BufferPool::kPageAligned);
  }
  memory_ = context->buffers().TryAllocate(memory_size);
  if (memory_ == nullptr) return false;
  memory_bytes_ = memory_size;
  const auto address = reinterpret_cast<uintptr_t>(memory_);
  buffer_ = static_cast<uint8_t*>(memory_) + (AlignUp(address, memory_alignment) - address);
  buffer_bytes_ = size;
  return true;
}

void SlowRequest::FreeBuffer() {
  if (memory_ != nullptr) context->buffers().Free(memory_, memory_bytes_);
  memory_ = nullptr;
  buffer_ = nullptr;
  memory_bytes_ = buffer_bytes_ = 0;
}

void SlowRequest::FreePieces() {
  if (pieces_ != nullptr) context->buffers().Free(pieces_, pieces_bytes_);
  pieces_ = nullptr;
}

}  // namespace platter
