// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/faulty_disk.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "aio/aio_context.h"
#include "base/arith.h"
#include "base/check.h"

namespace platter {

FaultyDisk::FaultyDisk(std::string name, uint64_t bytes)
    : BlockNode(std::move(name)), bytes_(bytes) {
  set_length(bytes);
  features_ = {.fua = true, .discard = true, .write_zeroes = true, .may_unmap = true};
}

FaultyDisk::~FaultyDisk() { PLATTER_CHECK(held_.empty()); }

uint32_t FaultyDisk::held() const {
  uint32_t count = 0;
  for (const IoRequest* at = held_.front(); at != nullptr; at = held_.Next(*at)) ++count;
  return count;
}

void FaultyDisk::Release() {
  hold_ = 0;
  IntrusiveFifo<IoRequest, &IoRequest::next> held;
  held.Swap(held_);
  while (IoRequest* request = held.PopFront()) request->OnIoDone(Do(*request));
}

void FaultyDisk::Fail(IoOp op, int error_number, uint32_t count) {
  fail_op_ = op;
  fail_errno_ = error_number;
  fail_count_ = count;
}

IoResult FaultyDisk::Start(IoRequest& request) {
  if (fail_count_ > 0 && request.op == fail_op_) {
    --fail_count_;
    return -fail_errno_;
  }
  if ((hold_ & Bit(request.op)) == 0) return Do(request);
  hold_ &= ~Bit(request.op);
  held_.PushBack(request);
  return kIoPending;
}

void FaultyDisk::Cancel(IoRequest& request) {
  if (on_cancel_ == OnCancel::kNothing || !held_.Remove(request)) return;
  IoRequest* cancelled = &request;
  request.context->Post([cancelled] { cancelled->OnIoDone(-ECANCELED); });
}

IoResult FaultyDisk::Do(const IoRequest& request) {
  PLATTER_CHECK(RangeFits(request.offset, request.bytes, bytes_.size()));
  uint8_t* at = bytes_.data() + request.offset;
  if (request.op == IoOp::kWriteZeroes) std::memset(at, 0, request.bytes);
  for (uint32_t i = 0; IsDataTransfer(request.op) && i < request.iov_count; ++i) {
    const iovec& piece = request.iov[i];
    if (request.op == IoOp::kRead) {
      std::memcpy(piece.iov_base, at, piece.iov_len);
    } else {
      std::memcpy(at, piece.iov_base, piece.iov_len);
    }
    at += piece.iov_len;
  }
  ++done_[static_cast<size_t>(request.op)];
  return 0;
}

Task<absl::Status> FaultyDisk::Truncate(uint64_t new_length) {
  bytes_.resize(new_length);
  set_length(new_length);
  NotifyParents();
  co_return absl::OkStatus();
}

}  // namespace platter
