// SPDX-License-Identifier: Apache-2.0
#include "drivers/null/null_node.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

NullNode::NullNode(std::string node_name, const NullOptions& options)
    : BlockNode(std::move(node_name)),
      options_(options),
      at_once_(options.completion == NullOptions::Completion::kAtOnce &&
               options.latency <= Duration(0)) {
  set_length(options.size);
  features_ = {.fua = true, .discard = true, .write_zeroes = true, .may_unmap = true};
  read_only_ = options.read_only;
}

const char* NullNode::driver_name() const {
  return options_.completion == NullOptions::Completion::kAtOnce ? "null-co" : "null-aio";
}

void NullNode::FillZeroes(const IoRequest& request) {
  if (request.op != IoOp::kRead) return;
  for (uint32_t i = 0; i < request.iov_count; ++i) {
    if (request.iov[i].iov_len > 0) {
      std::memset(request.iov[i].iov_base, 0, request.iov[i].iov_len);
    }
  }
}

IoResult NullNode::StartLater(IoRequest& request) {
  AioContext& context = *request.context;
  Channel& channel = channels_.Get(context);
  auto& waiting = *context.buffers().New<Waiting>(request);
  if (options_.latency > Duration(0)) {
    channel.CompleteAfter(waiting, options_.latency);
  } else {
    channel.CompleteInNextTurn(waiting);
  }
  return kIoPending;
}

void NullNode::Cancel(IoRequest& request) {
  if (Channel* const channel = channels_.Find(*request.context)) channel->Cancel(request);
}

Task<absl::Status> NullNode::Truncate(uint64_t new_length) {
  if (read_only_) {
    co_return ErrorWithErrno(EACCES, absl::StrCat("node '", node_name(), "' is read-only"));
  }
  if (new_length > kMaxNodeLength) {
    co_return ErrorWithErrno(EFBIG, absl::StrCat("node '", node_name(), "': ", new_length,
                                                 " bytes are more than a node can have"));
  }
  if (absl::Status minded = CheckNewLength(new_length); !minded.ok()) co_return minded;
  set_length(new_length);
  NotifyParents();
  co_return absl::OkStatus();
}

Task<absl::StatusOr<BlockStatus>> NullNode::GetBlockStatus(uint64_t, uint64_t bytes) {
  const bool zero = options_.reads == NullOptions::Reads::kZeroes;
  co_return BlockStatus{.bytes = bytes, .data = !zero, .zero = zero};
}

NullNode::Channel::Channel(AioContext& context)
    : context_(context), timer_(context, [this] { OnTimer(); }) {}

void NullNode::Channel::CompleteInNextTurn(Waiting& waiting) {
  ready_.PushBack(waiting);
  if (queued_) return;
  queued_ = true;
  context_.Defer(*this);
}

void NullNode::Channel::CompleteAfter(Waiting& waiting, Duration latency) {
  waiting.due = context_.Now() + latency;
  timed_.PushBack(waiting);
  if (!timer_.armed()) timer_.ArmAt(timed_.front()->due);
}

void NullNode::Channel::OnTimer() {
  const Instant now = context_.Now();
  WaitingFifo due;
  while (timed_.front() != nullptr && timed_.front()->due <= now) due.PushBack(*timed_.PopFront());
  if (!timed_.empty()) timer_.ArmAt(timed_.front()->due);
  CompleteAll(due);
}

void NullNode::Channel::Cancel(IoRequest& request) {
  for (Waiting* at = timed_.front(); at != nullptr; at = WaitingFifo::Next(*at)) {
    if (at->request != &request) continue;
    timed_.Remove(*at);
    if (timed_.empty()) timer_.Cancel();
    at->result = -ECANCELED;
    CompleteInNextTurn(*at);
    return;
  }
}

void NullNode::Channel::Run() {
  // Completions may start requests, which are for the next turn.
  queued_ = false;
  WaitingFifo done;
  done.Swap(ready_);
  CompleteAll(done);
}

void NullNode::Channel::CompleteAll(WaitingFifo& done) {
  while (Waiting* const waiting = done.PopFront()) {
    IoRequest& request = *waiting->request;
    const IoResult result = waiting->result;
    context_.buffers().Delete(waiting);
    request.OnIoDone(result);
  }
}

}  // namespace platter
