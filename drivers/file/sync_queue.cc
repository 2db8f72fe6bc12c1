// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/sync_queue.h"

#include <cerrno>
#include <utility>

namespace platter {

IoResult SyncQueue::Start(IoRequest& request) {
  if (const IoResult error = state_.sync_error.load(std::memory_order_acquire); error != 0) {
    return error;
  }
  AioContext* context = request.context;
  // From Push on the op belongs to whoever leads.
  waiting_.Push(*context->buffers().New<Op>(*this, request));
  if (!busy_.exchange(true, std::memory_order_seq_cst)) LeadNext(context);
  return kIoPending;
}

void SyncQueue::LeadNext(const AioContext* context) {
  for (;;) {
    Waiting batch;
    waiting_.TakeAll(batch);
    if (FileOp* first = batch.PopFront(); first != nullptr) {
      Op& leader = static_cast<Op&>(*first);
      leader.others_.Append(batch);
      if (leader.context() == context) {
        leader.Lead();
      } else {
        leader.task_ = Op::Task::kLead;
        leader.context()->Post(static_cast<WorkItem&>(leader));
      }
      return;
    }
    busy_.store(false, std::memory_order_seq_cst);
    // Whoever pushed before the store saw busy_ and left the op to us.
    if (waiting_.empty() || busy_.exchange(true, std::memory_order_seq_cst)) return;
  }
}

void SyncQueue::Op::Lead() {
  fd = queue_.state_.fd;
  kind = FileOpKind::kSync;
  context()->file_io().Submit(*this);
}

void SyncQueue::Op::OnFileDone(int64_t returned) {
  if (FileState::IsTransient(returned) && ++retries_ <= kMaxRetries) return Lead();
  FileState& state = queue_.state_;
  if (returned < 0) state.LatchSyncError(static_cast<IoResult>(returned));
  const IoResult outcome = state.sync_error.load(std::memory_order_acquire);

  // Before anything is delivered: the queue lives as long as this request is in flight.
  Waiting others;
  others.Append(others_);
  AioContext* const here = context();
  queue_.LeadNext(here);
  while (FileOp* other = others.PopFront()) {
    Op& op = static_cast<Op&>(*other);
    op.outcome_ = outcome;
    op.task_ = Task::kDeliver;
    if (op.context() == here) {
      op.Deliver();
    } else {
      op.context()->Post(static_cast<WorkItem&>(op));
    }
  }
  outcome_ = outcome;
  Deliver();
}

void SyncQueue::Op::Run() {
  if (task_ == Task::kLead) return Lead();
  Deliver();
}

void SyncQueue::Op::Deliver() {
  IoRequest& request = request_;
  const IoResult outcome = outcome_;
  request.context->buffers().Delete(this);
  request.OnIoDone(outcome);
}

}  // namespace platter
