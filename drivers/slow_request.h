// SPDX-License-Identifier: Apache-2.0
//
// SlowRequest: a request that the child cannot take as it is, done as a sequence of requests that
// it can: pieces no longer than its limits, bounced through a buffer where memory or offsets are
// not aligned, with a read before the write where a block is written in part (then serialised
// against overlapping requests), a flush at the end instead of FUA, zeroes written where the child
// has no operation for them. One child request is in flight at a time; memory is bounded.
//
// Ownership: owns itself, in the pool of its context. Threading: its context (the child's home, or
//   the submitter's), but for OnOverlapGone.
// Errors: the first error of a child request; -ENOMEM for a buffer; -ECANCELED.

#ifndef PLATTER_DRIVERS_SLOW_REQUEST_H_
#define PLATTER_DRIVERS_SLOW_REQUEST_H_

#include <cstddef>
#include <cstdint>

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "drivers/edge.h"
#include "drivers/edge_op.h"
#include "drivers/iov_cursor.h"
#include "drivers/overlap_tracker.h"

namespace platter {

class SlowRequest final : public IoRequest,
                          public WorkItem,
                          public EdgeOp,
                          public OverlapTracker::Entry {
 public:
  // Bounce buffers are at most this long, unless one block of the child is longer.
  static constexpr uint64_t kBounceBytes = 128 * 1024;
  // Zeroes are written from a buffer at most this long (or one block), several times in a request.
  static constexpr uint64_t kZeroBytes = 64 * 1024;
  static constexpr uint32_t kZeroPieces = 16;
  // Child requests that complete at once before the context gets to do something else.
  static constexpr int kStepsPerTurn = 64;

  // Whether `request` (valid, not empty, not a flush) needs one.
  static bool IsNeeded(const Edge& edge, const IoRequest& request);
  // As BlockNode::Start.
  static IoResult Start(Edge& edge, IoRequest& request);

  void CancelOp() override;

 private:
  friend class BufferPool;

  // What the child request in flight, or the next one, is.
  enum class Stage : uint8_t {
    kNext,    // To be chosen from pos_.
    kDirect,  // A transfer between the child and the parent's memory.
    kNative,  // Discard or zeroes done by the child.
    kLoad,    // A read into the buffer.
    kFill,    // A read of blocks of a chunk that are written in part.
    kStore,   // A write from the buffer.
    kFlush,
    kDone,
  };

  SlowRequest(Edge& edge, IoRequest& request);
  ~SlowRequest() = default;

  // kIoPending, or the result of the whole: then the object is gone.
  IoResult Begin();
  IoResult Continue();
  IoResult Finish();

  // Starts the next child request: its result, or kIoPending.
  IoResult Issue();
  IoResult Choose();
  IoResult ChooseZeroes();
  IoResult StartBounce(uint64_t limit);
  IoResult StartZeroChunk(uint64_t limit);
  IoResult PrepareStore();
  IoResult IssueFill(uint64_t from, uint64_t size);
  IoResult IssueStore();
  IoResult IssueZeroes();
  IoResult IssueDirect(uint64_t run);
  IoResult IssueNative(uint64_t run);
  IoResult StartChild(IoOp child_op, uint64_t child_offset, uint64_t child_bytes,
                      const iovec* child_iov, uint32_t child_iov_count);
  // Takes in the result of the child request.
  void Absorb(IoResult result);
  void AbsorbSuccess();
  void EndWith(IoResult result);

  void OnIoDone(IoResult result) override;
  void Run() override;
  void OnOverlapGone() override;

  bool EnsureBuffer(uint64_t bytes);
  void FreeBuffer();
  void FreePieces();
  uint64_t alignment() const { return edge_.request_mask_ + 1; }
  const NodeLimits& limits() const { return edge_.child_->limits(); }

  Edge& edge_;
  IoOp kind_;  // Differs from the parent's for a write that turned out to be zeroes.
  IoFlags wanted_;
  Stage stage_ = Stage::kNext;
  bool in_child_ = false;
  bool cancelled_ = false;
  bool tracked_ = false;
  bool flush_after_ = false;
  bool native_zeroes_ = false;
  bool may_fall_back_ = false;  // To writing zeroes that the child turns out not to have.
  bool head_missing_ = false;
  bool tail_missing_ = false;
  IoResult result_ = 0;
  uint64_t pos_;  // What is before pos_ is done.
  uint64_t end_;
  uint64_t native_begin_ = 0;
  uint64_t native_end_ = 0;
  uint64_t step_bytes_ = 0;  // Of the child request in flight: how far it takes pos_.
  IovCursor cursor_;
  // The chunk that goes through the buffer, whole blocks; data up to data_end_ is the parent's.
  uint64_t chunk_begin_ = 0;
  uint64_t chunk_end_ = 0;
  uint64_t data_end_ = 0;
  uint8_t* buffer_ = nullptr;  // Aligned for the child, within memory_.
  uint64_t buffer_bytes_ = 0;
  void* memory_ = nullptr;
  size_t memory_bytes_ = 0;
  iovec* pieces_ = nullptr;
  size_t pieces_bytes_ = 0;
  uint64_t zero_unit_ = 0;
  iovec buffer_piece_{};
  iovec zero_pieces_[kZeroPieces];
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_SLOW_REQUEST_H_
