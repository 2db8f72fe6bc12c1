// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/channel.h"

#include <cerrno>

#include "base/arith.h"
#include "base/check.h"
#include "drivers/edge.h"

namespace platter {
namespace {

// The bits of a request: where the request is, and what is known of it.
constexpr uint8_t kPlaceMask = 0x0f;
enum Place : uint8_t { kIdle, kParked, kInFlight, kKept, kDone };
constexpr uint8_t kCancelled = 0x10;  // The device asked for its end: no policy applies.
constexpr uint8_t kInvalid = 0x20;    // Refused by the channel.
constexpr uint8_t kFailed = 0x40;     // Failed below and was reported or ignored.

void SetPlace(uint8_t& bits, Place place) {
  bits = static_cast<uint8_t>((bits & ~kPlaceMask) | place);
}

Place PlaceOf(uint8_t bits) { return static_cast<Place>(bits & kPlaceMask); }

// The lists of a channel hold BlockRequests only.
BlockRequest* AsBlockRequest(IoRequest* request) { return static_cast<BlockRequest*>(request); }

}  // namespace

ChannelImpl::ChannelImpl(const ChannelServices& services, AioContext& context,
                         ChannelClient& client, ChannelKind kind)
    : context_(context), client_(client), services_(services), kind_(kind) {
  const ChannelOrders orders = services_.hub->Add(*this);
  held_ = orders.hold;
  generation_ = acknowledged_ = orders.generation;
  runs_ = orders.runs;
  medium_ = orders.medium;
}

ChannelImpl::~ChannelImpl() {
  PLATTER_CHECK(outstanding_ == 0);
  // OnBatchDone may close the channel, OnBlockDone may not: its batch goes on.
  PLATTER_CHECK(!delivering_ || destroyed_ != nullptr);
  if (deliver_item_queued_) PLATTER_CHECK(context_.CancelDeferred(deliver_item_));
  if (destroyed_ != nullptr) *destroyed_ = true;
  services_.hub->Remove(*this);
}

// --- Submission. ---

void ChannelImpl::Submit(BlockRequest& request) {
  BlockRequestState& state = request.channel_state;
  state.channel = this;
  state.sequence = next_sequence_++;
  state.submitted_offset = request.offset;
  state.submitted_flags = request.flags;
  state.submitted_at = context_.turn_time();
  state.bits = kIdle;
  request.context = &context_;
  ++outstanding_;
  if (held_) [[unlikely]] {
    SetPlace(state.bits, kParked);
    parked_.PushBack(request);
    return;
  }
  Launch(request);
}

IoResult ChannelImpl::Check(const BlockRequest& request) const {
  if (medium_.edge == nullptr) [[unlikely]]
    return -ENOMEDIUM;
  if (request.op == IoOp::kFlush) return 0;
  const uint64_t length = medium_.edge->child()->length();
  if (!RangeFits(request.offset, request.bytes, length)) [[unlikely]]
    return -EIO;
  if (((request.offset | request.bytes) & medium_.block_mask) != 0) [[unlikely]]
    return -EINVAL;
  if (medium_.read_only && IsWriteLike(request.op)) [[unlikely]]
    return -EACCES;
  return 0;
}

void ChannelImpl::Launch(BlockRequest& request) {
  if (const IoResult refused = Check(request); refused != 0) [[unlikely]] {
    return Refuse(request, refused);
  }
  if (!services_.write_cache->load(std::memory_order_relaxed) && IsWriteLike(request.op) &&
      request.op != IoOp::kDiscard) {
    request.flags = request.flags | IoFlags::kFua;
  }
  const IoResult result = medium_.edge->Start(request);
  if (result == kIoPending) {
    AddInFlight(request);
    return;
  }
  End(request, result);
}

void ChannelImpl::Refuse(BlockRequest& request, IoResult why) {
  request.channel_state.bits |= kInvalid;
  PutDone(request, why);
}

void ChannelImpl::AddInFlight(BlockRequest& request) {
  BlockRequestState& state = request.channel_state;
  SetPlace(state.bits, kInFlight);
  state.before = nullptr;
  state.after = in_flight_first_;
  if (in_flight_first_ != nullptr) in_flight_first_->channel_state.before = &request;
  in_flight_first_ = &request;
  in_flight_.store(in_flight_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  started_ = true;
}

void ChannelImpl::RemoveInFlight(BlockRequest& request) {
  BlockRequestState& state = request.channel_state;
  (state.before == nullptr ? in_flight_first_ : state.before->channel_state.after) = state.after;
  if (state.after != nullptr) state.after->channel_state.before = state.before;
  in_flight_.store(in_flight_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

void ChannelImpl::Unplug() {
  PLATTER_CHECK(plug_depth_ > 0);
  if (--plug_depth_ > 0) return;
  if (started_) {
    started_ = false;
    context_.file_io().Flush();
  }
  if (done_.empty()) return;
  if (delivering_) {
    ScheduleDelivery();
    return;
  }
  Deliver();
}

// --- Ends. ---

void ChannelImpl::OnNodeDone(BlockRequest& request, IoResult result) {
  RemoveInFlight(request);
  End(request, result);
  if (held_) [[unlikely]]
    AcknowledgeIfQuiet();
}

void ChannelImpl::End(BlockRequest& request, IoResult result) {
  if (result < 0 && KeepFailed(request, result)) [[unlikely]]
    return;
  PutDone(request, result);
}

bool ChannelImpl::KeepFailed(BlockRequest& request, IoResult& result) {
  BlockRequestState& state = request.channel_state;
  if ((state.bits & kCancelled) != 0) return false;
  if (kind_ == ChannelKind::kHost || request.error_handling == ErrorHandling::kReport) {
    state.bits |= kFailed;
    return false;
  }
  const ErrorAction action = services_.errors->Act(request.op, -result);
  if (action == ErrorAction::kStop) {
    // Before the control context hears of it: it may answer "go on" soon.
    InsertKept(request);
    services_.hub->Notify();
    return true;
  }
  services_.hub->Notify();
  state.bits |= kFailed;
  if (action == ErrorAction::kIgnore) result = 0;
  return false;
}

void ChannelImpl::InsertKept(BlockRequest& request) {
  BlockRequestState& state = request.channel_state;
  SetPlace(state.bits, kKept);
  RequestFifo newer;
  RequestFifo older;
  while (IoRequest* const other = kept_.PopFront()) {
    const bool is_older = AsBlockRequest(other)->channel_state.sequence < state.sequence;
    (is_older ? older : newer).PushBack(*other);
  }
  older.PushBack(request);
  older.Append(newer);
  kept_.Swap(older);
}

void ChannelImpl::PutDone(BlockRequest& request, IoResult result) {
  BlockRequestState& state = request.channel_state;
  SetPlace(state.bits, kDone);
  state.result = result;
  done_.PushBack(request);
  ScheduleDelivery();
}

void ChannelImpl::ScheduleDelivery() {
  if (plug_depth_ > 0 || deliver_item_queued_) return;
  deliver_item_queued_ = true;
  context_.Defer(deliver_item_);
}

void ChannelImpl::OnDeliverItem() {
  deliver_item_queued_ = false;
  if (!done_.empty()) Deliver();
}

void ChannelImpl::Deliver() {
  delivering_ = true;
  // What ends meanwhile is the next batch, so a turn is bounded.
  RequestFifo batch;
  batch.Swap(done_);
  const Instant now = context_.RefreshTime();
  while (IoRequest* const request = batch.PopFront()) DeliverOne(*AsBlockRequest(request), now);
  bool destroyed = false;
  destroyed_ = &destroyed;
  client_.OnBatchDone();
  if (destroyed) return;
  destroyed_ = nullptr;
  delivering_ = false;
  if (!done_.empty()) ScheduleDelivery();
  if (held_) [[unlikely]]
    AcknowledgeIfQuiet();
}

void ChannelImpl::DeliverOne(BlockRequest& request, Instant now) {
  BlockRequestState& state = request.channel_state;
  const IoResult result = state.result;
  // One that was cancelled counts when it got through all the same.
  const bool cancelled = (state.bits & kCancelled) != 0;
  if ((state.bits & (kInvalid | kFailed)) == 0) [[likely]] {
    if (!cancelled || result == 0) {
      stats_.CountDone(request.op, request.bytes, now - state.submitted_at);
    }
  } else if ((state.bits & kInvalid) != 0) {
    stats_.CountInvalid(request.op);
  } else {
    stats_.CountFailed(request.op, now - state.submitted_at);
  }
  SetPlace(state.bits, kIdle);
  --outstanding_;
  request.OnBlockDone(result);
}

// --- Cancelling. ---

void ChannelImpl::Cancel(BlockRequest& request) {
  BlockRequestState& state = request.channel_state;
  PLATTER_CHECK(state.channel == this);
  switch (PlaceOf(state.bits)) {
    case kParked:
      PLATTER_CHECK(parked_.Remove(request));
      break;
    case kKept:
      PLATTER_CHECK(kept_.Remove(request));
      break;
    case kInFlight:
      state.bits |= kCancelled;
      medium_.edge->Cancel(request);
      return;
    case kDone:
    case kIdle:
      return;
  }
  state.bits |= kCancelled;
  PutDone(request, -ECANCELED);
}

void ChannelImpl::CancelList(RequestFifo& list) {
  while (IoRequest* const request = list.PopFront()) {
    AsBlockRequest(request)->channel_state.bits |= kCancelled;
    PutDone(*AsBlockRequest(request), -ECANCELED);
  }
}

void ChannelImpl::CancelAll() {
  CancelList(kept_);
  CancelList(parked_);
  // Nothing completes inside BlockNode::Cancel, so the list stands still.
  for (BlockRequest* request = in_flight_first_; request != nullptr;) {
    BlockRequestState& state = request->channel_state;
    BlockRequest* const after = state.after;
    state.bits |= kCancelled;
    medium_.edge->Cancel(*request);
    request = after;
  }
}

// --- Orders. ---

void ChannelImpl::OnMessage() {
  Obey(services_.hub->TakeOrders(*this, ChannelHub::Arrival::kMessage));
}

void ChannelImpl::TakeOrdersInPlace() {
  Obey(services_.hub->TakeOrders(*this, ChannelHub::Arrival::kInPlace));
}

void ChannelImpl::Obey(const ChannelOrders& orders) {
  generation_ = orders.generation;
  if (orders.runs != runs_) {
    runs_ = orders.runs;
    // Kept requests were submitted before every parked one, or go first all the same.
    for (IoRequest* at = kept_.front(); at != nullptr; at = RequestFifo::Next(*at)) {
      BlockRequestState& state = AsBlockRequest(at)->channel_state;
      at->offset = state.submitted_offset;
      at->flags = state.submitted_flags;
      SetPlace(state.bits, kParked);
    }
    kept_.Append(parked_);
    parked_.Swap(kept_);
  }
  held_ = orders.hold;
  if (held_) {
    AcknowledgeIfQuiet();
    return;
  }
  // What waited was meant for the medium that was there: not for one that has come since.
  const bool gone = orders.medium.removals != medium_.removals;
  medium_ = orders.medium;
  // What fails again goes to the kept list and stays there.
  RequestFifo starting;
  starting.Swap(parked_);
  while (IoRequest* const request = starting.PopFront()) {
    if (gone) [[unlikely]] {
      Refuse(*AsBlockRequest(request), -ENOMEDIUM);
    } else {
      Launch(*AsBlockRequest(request));
    }
  }
}

void ChannelImpl::AcknowledgeIfQuiet() {
  if (in_flight() != 0 || !done_.empty() || delivering_ || acknowledged_ == generation_) return;
  acknowledged_ = generation_;
  services_.hub->Acknowledge(*this, generation_);
}

}  // namespace platter
