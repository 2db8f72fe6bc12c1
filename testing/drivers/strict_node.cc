// SPDX-License-Identifier: Apache-2.0
#include "testing/drivers/strict_node.h"

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/aio_context.h"
#include "base/arith.h"
#include "drivers/iov_cursor.h"

namespace platter {

// A request that completes in a later turn.
class StrictNode::Later final : public WorkItem {
 public:
  Later(StrictNode& node, IoRequest& request, IoResult result)
      : node_(node), request_(request), result_(result) {
    request.context->Defer(*this);
  }

 private:
  void Run() override {
    IoRequest& request = request_;
    const IoResult result = result_;
    {
      MutexLock lock(node_.mutex_);
      --node_.in_flight_;
    }
    request.context->buffers().Delete(this);
    request.OnIoDone(result);
  }
  friend class BufferPool;
  ~Later() = default;

  StrictNode& node_;
  IoRequest& request_;
  const IoResult result_;
};

StrictNode::StrictNode(const StrictOptions& options, std::string node_name)
    : BlockNode(std::move(node_name)),
      options_(options),
      bytes_(AlignUp(options.size, options.limits.request_alignment)) {
  set_length(options.size);
  limits_ = options.limits;
  features_ = options.features;
  read_only_ = options.read_only;
  home_context_ = options.home_context;
}

void StrictNode::Complain(const IoRequest& request, const char* what) {
  complaints_.push_back(absl::StrCat("op ", static_cast<int>(request.op), " at ", request.offset,
                                     "+", request.bytes, ": ", what));
}

void StrictNode::Examine(const IoRequest& request) {
  if (request.context == nullptr || !request.context->InContext()) {
    Complain(request, "not in its context");
  }
  if (home_context() != nullptr && request.context != home_context()) {
    Complain(request, "not in the home context");
  }
  if (request.op == IoOp::kFlush) return;
  if (read_only() && IsWriteLike(request.op)) Complain(request, "write on a read-only node");
  const uint64_t end = AlignUp(length(), limits().request_alignment);
  const bool may_grow = options_.grows && IsWriteLike(request.op);
  if (!RangeFits(request.offset, request.bytes, may_grow ? kMaxNodeLength : end)) {
    Complain(request, "out of range");
  }
  if (Has(request.flags, IoFlags::kFua) && !features().fua) Complain(request, "FUA");
  const uint64_t place = request.offset | request.bytes;
  switch (request.op) {
    case IoOp::kRead:
    case IoOp::kWrite:
      if (!IsAligned(place, limits().request_alignment)) Complain(request, "not aligned");
      if (request.bytes > limits().max_transfer) Complain(request, "too long");
      if (request.iov_count > limits().max_iov) Complain(request, "too many pieces");
      if (IovBytes(request.iov, request.iov_count) != request.bytes) {
        Complain(request, "the pieces don't add up");
      }
      for (uint32_t i = 0; i < request.iov_count; ++i) {
        const auto address = reinterpret_cast<uintptr_t>(request.iov[i].iov_base);
        const uint64_t piece = std::min(limits().memory_alignment, limits().request_alignment);
        if (!IsAligned(address, limits().memory_alignment) ||
            !IsAligned(request.iov[i].iov_len, piece)) {
          Complain(request, "memory not aligned");
        }
      }
      break;
    case IoOp::kDiscard:
      if (!features().discard) Complain(request, "discard");
      if (!IsAligned(place, limits().discard_alignment)) Complain(request, "not aligned");
      if (request.bytes > limits().max_discard) Complain(request, "too long");
      break;
    case IoOp::kWriteZeroes:
      if (!features().write_zeroes) Complain(request, "write zeroes");
      if (!features().may_unmap && Has(request.flags, IoFlags::kMayUnmap)) {
        Complain(request, "may unmap");
      }
      if (!IsAligned(place, limits().write_zeroes_alignment)) Complain(request, "not aligned");
      if (request.bytes > limits().max_write_zeroes) Complain(request, "too long");
      break;
    case IoOp::kFlush:
      break;
  }
}

IoResult StrictNode::Do(const IoRequest& request) {
  const uint64_t end = request.offset + request.bytes;
  if (options_.grows && IsWriteLike(request.op) && end > bytes_.size()) bytes_.resize(end);
  if (end > bytes_.size()) return -EIO;
  uint8_t* const at = bytes_.data() + request.offset;
  IovCursor cursor(request.iov, request.iov_count);
  switch (request.op) {
    case IoOp::kRead:
      cursor.CopyFrom(at, request.bytes);
      return 0;
    case IoOp::kWrite:
      cursor.CopyTo(at, request.bytes);
      break;
    case IoOp::kFlush:
      return 0;
    case IoOp::kDiscard:
      if (options_.refuses_discard) return -ENOTSUP;
      std::fill_n(at, request.bytes, uint8_t{0});
      return 0;
    case IoOp::kWriteZeroes:
      if (options_.refuses_zeroes) return -ENOTSUP;
      std::fill_n(at, request.bytes, uint8_t{0});
      break;
  }
  if (options_.grows) {
    RaiseLength(end);
  } else {
    // What is written behind the end of a length that is not aligned is dropped (node.h).
    std::fill(bytes_.begin() + static_cast<ptrdiff_t>(length()), bytes_.end(), uint8_t{0});
  }
  return 0;
}

IoResult StrictNode::Start(IoRequest& request) {
  IoResult result = 0;
  {
    MutexLock lock(mutex_);
    Examine(request);
    ++started_[static_cast<int>(request.op)];
    const bool fails = fail_at_ == 1;
    if (fail_at_ > 0) --fail_at_;
    if (fails) {
      result = fail_with_;
    } else {
      result = Do(request);
    }
    const bool later = options_.completion == StrictOptions::Completion::kLaterTurn ||
                       (options_.completion == StrictOptions::Completion::kAlternating &&
                        std::exchange(later_next_, !later_next_));
    if (!later) return result;
    ++in_flight_;
  }
  request.context->buffers().New<Later>(*this, request, result);
  return kIoPending;
}

void StrictNode::Cancel(IoRequest& request) {
  MutexLock lock(mutex_);
  if (home_context() != nullptr && request.context != home_context()) {
    Complain(request, "cancel not in the home context");
  }
  ++cancels_;
}

Task<absl::Status> StrictNode::Truncate(uint64_t new_length) {
  {
    MutexLock lock(mutex_);
    bytes_.resize(std::min<uint64_t>(new_length, length()));
    bytes_.resize(AlignUp(new_length, limits().request_alignment));
  }
  set_length(new_length);
  NotifyParents();
  co_return absl::OkStatus();
}

void StrictNode::FailNth(uint64_t nth, IoResult error) {
  MutexLock lock(mutex_);
  fail_at_ = nth;
  fail_with_ = error;
}

std::vector<std::string> StrictNode::Complaints() const {
  MutexLock lock(mutex_);
  return complaints_;
}

uint64_t StrictNode::started() const {
  MutexLock lock(mutex_);
  return std::accumulate(std::begin(started_), std::end(started_), uint64_t{0});
}

uint64_t StrictNode::started(IoOp op) const {
  MutexLock lock(mutex_);
  return started_[static_cast<int>(op)];
}

int64_t StrictNode::in_flight() const {
  MutexLock lock(mutex_);
  return in_flight_;
}

uint64_t StrictNode::cancels() const {
  MutexLock lock(mutex_);
  return cancels_;
}

std::vector<uint8_t> StrictNode::Content() const {
  MutexLock lock(mutex_);
  return {bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(length())};
}

void StrictNode::SetContent(std::vector<uint8_t> content) {
  MutexLock lock(mutex_);
  std::copy_n(content.begin(), std::min(content.size(), bytes_.size()), bytes_.begin());
}

void StrictNode::SetLimits(const NodeLimits& limits) {
  {
    MutexLock lock(mutex_);
    limits_ = limits;
    bytes_.resize(AlignUp(length(), limits.request_alignment));
  }
  NotifyParents();
}

}  // namespace platter
