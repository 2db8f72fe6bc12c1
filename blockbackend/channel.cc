// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/channel.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/arith.h"
#include "base/check.h"
#include "drivers/edge.h"

namespace platter {
namespace {

// In submitted_flags: the attempt under way has FUA for want of a write cache.
constexpr IoFlags kWrittenThrough = static_cast<IoFlags>(1 << 15);

// The bits of a request: where the request is, and what is known of it.
constexpr uint8_t kPlaceMask = 0x07;
enum Place : uint8_t { kIdle, kParked, kThrottled, kInFlight, kKept, kWaiting, kDone };
constexpr uint8_t kRetried = 0x08;      // By the policy, and so often as `retries` says.
constexpr uint8_t kCancelled = 0x10;    // The device asked for its end: no policy applies.
constexpr uint8_t kInvalid = 0x20;      // Refused by the channel.
constexpr uint8_t kFailed = 0x40;       // Failed below and was reported or ignored.
constexpr uint8_t kUnthrottled = 0x80;  // No limits apply.

void SetPlace(uint8_t& bits, Place place) {
  bits = static_cast<uint8_t>((bits & ~kPlaceMask) | place);
}

Place PlaceOf(uint8_t bits) { return static_cast<Place>(bits & kPlaceMask); }

// The lists of a channel hold BlockRequests only.
BlockRequest* AsBlockRequest(IoRequest* request) { return static_cast<BlockRequest*>(request); }

}  // namespace

ChannelImpl::ChannelImpl(const ChannelServices& services, AioContext& context,
                         ChannelClient& client, ChannelKind kind)
    : context_(&context), client_(client), services_(services), kind_(kind) {
  const ChannelOrders orders = services_.hub->Add(*this);
  held_ = orders.hold;
  generation_ = acknowledged_ = orders.generation;
  runs_ = orders.runs;
  medium_ = orders.medium;
  UseThrottle(orders.throttle);
}

ChannelImpl::~ChannelImpl() {
  PLATTER_CHECK(outstanding_ == 0);
  // OnBatchDone may close the channel, OnBlockDone may not: its batch goes on.
  PLATTER_CHECK(!delivering_ || destroyed_ != nullptr);
  if (deliver_item_queued_) PLATTER_CHECK(here().CancelDeferred(deliver_item_));
  if (destroyed_ != nullptr) *destroyed_ = true;
  services_.hub->Remove(*this);
}

// --- Submission. ---

void ChannelImpl::Submit(BlockRequest& request) { SubmitAs(request, kIdle); }

void ChannelImpl::SubmitUnthrottled(BlockRequest& request) { SubmitAs(request, kUnthrottled); }

inline void ChannelImpl::SubmitAs(BlockRequest& request, uint8_t bits) {
  BlockRequestState& state = request.channel_state;
  state.channel = this;
  state.sequence = next_sequence_++;
  state.submitted_offset = request.offset;
  state.submitted_flags = request.flags;
  AioContext& context = here();
  state.submitted_at = context.turn_time();
  state.bits = bits;
  request.context = &context;
  ++outstanding_;
  if (held_ || stats_.exact()) [[unlikely]]
    return SubmitSpecially(request);
  Launch(request);
}

void ChannelImpl::SubmitSpecially(BlockRequest& request) {
  BlockRequestState& state = request.channel_state;
  if (stats_.exact()) state.submitted_at = here().Now();
  if (!held_) return Launch(request);
  SetPlace(state.bits, kParked);
  parked_.PushBack(request);
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
  if (limited_ && !Admit(request)) [[unlikely]]
    return;
  Start(request);
}

inline void ChannelImpl::Start(BlockRequest& request) {
  if (!services_.write_cache->load(std::memory_order_relaxed) && IsWriteLike(request.op) &&
      request.op != IoOp::kDiscard) {
    request.flags = request.flags | IoFlags::kFua;
    IoFlags& submitted = request.channel_state.submitted_flags;
    submitted = submitted | kWrittenThrough;
  }
  const IoResult result = medium_.edge->Start(request);
  if (result == kIoPending) {
    AddInFlight(request);
    return;
  }
  End(request, result);
}

// --- I/O limits. ---

bool ChannelImpl::Admit(BlockRequest& request) {
  uint8_t& bits = request.channel_state.bits;
  if ((bits & kUnthrottled) != 0) return true;
  SetPlace(bits, kThrottled);
  return throttle_->Admit(request);
}

void ChannelImpl::OnThrottleTurn(IoRequest& request) { Start(*AsBlockRequest(&request)); }

void ChannelImpl::ParkThrottled() {
  RequestFifo reads;
  RequestFifo writes;
  throttle_->TakeAll(ThrottleDirection::kRead, reads);
  throttle_->TakeAll(ThrottleDirection::kWrite, writes);
  RequestFifo both;
  while (!reads.empty() || !writes.empty()) {
    const bool read_next =
        writes.empty() ||
        (!reads.empty() && AsBlockRequest(reads.front())->channel_state.sequence <
                               AsBlockRequest(writes.front())->channel_state.sequence);
    BlockRequest& request = *AsBlockRequest((read_next ? reads : writes).PopFront());
    SetPlace(request.channel_state.bits, kParked);
    both.PushBack(request);
  }
  both.Append(parked_);
  parked_.Swap(both);
}

void ChannelImpl::UseThrottle(std::shared_ptr<ThrottleMember> member) {
  if (limited_) {
    if (throttle_->member() == member) return;
    ParkThrottled();
    throttle_.reset();
  }
  limited_ = member != nullptr;
  ThrottlePortClient& client = *this;
  if (limited_) throttle_.emplace(std::move(member), here(), client);
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
    here().file_io().Flush();
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
  if (result >= 0 && !services_.write_cache->load(std::memory_order_relaxed)) [[unlikely]] {
    EndWithoutCache(request, result);
  } else {
    End(request, result);
  }
  if (held_) [[unlikely]]
    AcknowledgeIfQuiet();
}

// What was written while there was a cache, and ends when there is none, is written once more,
// through: whoever turned the cache off has flushed what had ended by then, and not this.
void ChannelImpl::EndWithoutCache(BlockRequest& request, IoResult result) {
  BlockRequestState& state = request.channel_state;
  const bool durable = !IsWriteLike(request.op) || request.op == IoOp::kDiscard ||
                       Has(state.submitted_flags, IoFlags::kFua) ||
                       Has(state.submitted_flags, kWrittenThrough);
  if (durable || (state.bits & kCancelled) != 0) return End(request, result);
  Rewind(request);
  if (!held_) return Launch(request);
  SetPlace(state.bits, kParked);
  RequestFifo first;
  first.PushBack(request);
  first.Append(parked_);
  parked_.Swap(first);
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
  const int error = -result;
  const uint32_t retries = (state.bits & kRetried) != 0 ? state.retries : 0;
  const ErrorAction action = services_.errors->Decide(request.op, error, retries);
  // Before the control context hears of it: it may answer "go on" soon.
  if (IsKept(action)) {
    InsertKept(request);
  } else if (action == ErrorAction::kRetry) {
    WaitForRetry(request);
    if (retries > 0) return true;
  } else {
    state.bits |= kFailed;
    if (action == ErrorAction::kIgnore) result = 0;
  }
  services_.errors->Tell(request.op, action, error);
  services_.hub->Notify();
  return (state.bits & kFailed) == 0;
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
  kept_count_.store(kept() + 1, std::memory_order_relaxed);
}

void ChannelImpl::ParkKept() {
  while (IoRequest* const request = waiting_.PopFront()) InsertKept(*AsBlockRequest(request));
  ArmRetryTimer();
  for (IoRequest* at = kept_.front(); at != nullptr; at = RequestFifo::Next(*at)) {
    BlockRequest& request = *AsBlockRequest(at);
    Rewind(request);
    SetPlace(request.channel_state.bits, kParked);
    // Whoever lets them go on may have mended what was wrong.
    request.channel_state.bits &= static_cast<uint8_t>(~kRetried);
  }
  kept_count_.store(0, std::memory_order_relaxed);
  // They were submitted before every parked one, or go first all the same.
  kept_.Append(parked_);
  parked_.Swap(kept_);
}

void ChannelImpl::NoteDropped() {
  services_.errors->NoteDropped();
  services_.hub->Notify();
}

void ChannelImpl::Rewind(BlockRequest& request) {
  IoFlags& submitted = request.channel_state.submitted_flags;
  submitted = static_cast<IoFlags>(static_cast<uint16_t>(submitted) &
                                   ~static_cast<uint16_t>(kWrittenThrough));
  request.offset = request.channel_state.submitted_offset;
  request.flags = submitted;
}

// --- Retries. ---

void ChannelImpl::WaitForRetry(BlockRequest& request) {
  BlockRequestState& state = request.channel_state;
  const uint32_t before = (state.bits & kRetried) != 0 ? state.retries : 0;
  state.retries = before == std::numeric_limits<uint32_t>::max() ? before : before + 1;
  state.bits |= kRetried;
  SetPlace(state.bits, kWaiting);
  state.retry_at = here().Now() + services_.errors->retry_delay();
  waiting_.PushBack(request);
  ArmRetryTimer();
}

void ChannelImpl::ArmRetryTimer() {
  if (waiting_.empty()) {
    if (retry_timer_) retry_timer_->Cancel();
    return;
  }
  if (!retry_timer_) retry_timer_.emplace(here(), [this] { OnRetryTimer(); });
  Instant first = AsBlockRequest(waiting_.front())->channel_state.retry_at;
  for (IoRequest* at = waiting_.front(); at != nullptr; at = RequestFifo::Next(*at)) {
    first = std::min(first, AsBlockRequest(at)->channel_state.retry_at);
  }
  if (!retry_timer_->armed() || retry_timer_->deadline() != first) retry_timer_->ArmAt(first);
}

void ChannelImpl::OnRetryTimer() {
  // The end of the hold looks again.
  if (!held_) RetryDue();
}

void ChannelImpl::RetryDue() {
  const Instant now = here().Now();
  RequestFifo due;
  RequestFifo later;
  while (IoRequest* const request = waiting_.PopFront()) {
    const bool is_due = AsBlockRequest(request)->channel_state.retry_at <= now;
    (is_due ? due : later).PushBack(*request);
  }
  waiting_.Swap(later);
  while (IoRequest* const popped = due.PopFront()) {
    BlockRequest& request = *AsBlockRequest(popped);
    Rewind(request);
    SetPlace(request.channel_state.bits, kIdle);
    Launch(request);
  }
  ArmRetryTimer();
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
  here().Defer(deliver_item_);
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
  const Instant now = here().RefreshTime();
  no_accesses_ = 0;
  uint32_t ended = 0;
  if (stats_.counts_times()) [[unlikely]]
    ended = DeliverTimed(batch, now);
  for (; IoRequest* const request = batch.PopFront(); ++ended) {
    DeliverOne(*AsBlockRequest(request), now);
  }
  if (ended > no_accesses_) stats_.NoteAccess(now);
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
      if (request.op == IoOp::kWrite || request.op == IoOp::kWriteZeroes) {
        stats_.CountWriteEnd(request.offset + request.bytes);
      }
    } else {
      ++no_accesses_;
    }
  } else if ((state.bits & kInvalid) != 0) {
    no_accesses_ += stats_.CountInvalid(request.op) ? 0 : 1;
  } else {
    no_accesses_ += stats_.CountFailed(request.op, now - state.submitted_at) ? 0 : 1;
  }
  SetPlace(state.bits, kIdle);
  --outstanding_;
  request.OnBlockDone(result);
}

uint32_t ChannelImpl::DeliverTimed(RequestFifo& batch, Instant now) {
  uint32_t ended = 0;
  for (; IoRequest* const popped = batch.PopFront(); ++ended) {
    BlockRequest& request = *AsBlockRequest(popped);
    const BlockRequestState& state = request.channel_state;
    const Instant end = stats_.exact() ? here().Now() : now;
    const bool got_through = (state.bits & kCancelled) == 0 || state.result == 0;
    const bool counts = (state.bits & kFailed) != 0 ? stats_.account_failed() : got_through;
    if ((state.bits & kInvalid) == 0 && counts) {
      stats_.CountTimes(request.op, end - state.submitted_at, end);
    }
    DeliverOne(request, end);
  }
  return ended;
}

// --- Cancelling. ---

void ChannelImpl::Cancel(BlockRequest& request) {
  BlockRequestState& state = request.channel_state;
  PLATTER_CHECK(state.channel == this);
  switch (PlaceOf(state.bits)) {
    case kParked:
      PLATTER_CHECK(parked_.Remove(request));
      break;
    case kThrottled:
      PLATTER_CHECK(throttle_->Remove(request));
      break;
    case kKept:
      PLATTER_CHECK(kept_.Remove(request));
      kept_count_.store(kept() - 1, std::memory_order_relaxed);
      NoteDropped();
      break;
    case kWaiting:
      PLATTER_CHECK(waiting_.Remove(request));
      ArmRetryTimer();
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
  // Also where what is kept came with a saved state: it is parked then.
  const bool tell = kept() > 0 || services_.errors->stalled();
  kept_count_.store(0, std::memory_order_relaxed);
  if (tell) NoteDropped();
  CancelList(waiting_);
  ArmRetryTimer();
  if (limited_) ParkThrottled();
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
  const ChannelOrders orders = services_.hub->TakeOrders(*this, ChannelHub::Arrival::kMessage);
  if (orders.move_to != nullptr) {
    // The orders of a channel that leaves come again where it enters.
    if (orders.move_to != &here()) return LeaveTo(*orders.move_to);
    client_.OnEnterContext();
    if (!done_.empty()) ScheduleDelivery();
    ArmRetryTimer();
    services_.hub->Arrived(*this);
  }
  Obey(orders);
}

void ChannelImpl::LeaveTo(AioContext& to) {
  PLATTER_CHECK(in_flight() == 0 && plug_depth_ == 0);
  // It has a port in the new context when it goes on there.
  UseThrottle(nullptr);
  client_.OnLeaveContext();
  if (deliver_item_queued_) {
    PLATTER_CHECK(here().CancelDeferred(deliver_item_));
    deliver_item_queued_ = false;
  }
  // It is another one in the new context, too.
  retry_timer_.reset();
  for (RequestFifo* const list : {&parked_, &kept_, &waiting_, &done_}) {
    for (IoRequest* at = list->front(); at != nullptr; at = RequestFifo::Next(*at)) {
      at->context = &to;
    }
  }
  context_.store(&to, std::memory_order_release);
  services_.hub->Rehome(*this, to);
}

void ChannelImpl::TakeOrdersInPlace() {
  Obey(services_.hub->TakeOrders(*this, ChannelHub::Arrival::kInPlace));
}

void ChannelImpl::Obey(const ChannelOrders& orders) {
  generation_ = orders.generation;
  if (orders.hold && limited_) ParkThrottled();
  if (orders.runs != runs_) {
    runs_ = orders.runs;
    ParkKept();
  }
  held_ = orders.hold;
  if (held_) {
    AcknowledgeIfQuiet();
    return;
  }
  // What waited was meant for the medium that was there: not for one that has come since.
  const bool gone = orders.medium.removals != medium_.removals;
  medium_ = orders.medium;
  UseThrottle(orders.throttle);
  // What fails again goes to the kept or the waiting list and stays there.
  RequestFifo starting;
  starting.Swap(parked_);
  if (gone) {
    // Kept ones are here only while the stop that they are kept for is still on its way.
    for (RequestFifo* const list : {&waiting_, &kept_}) {
      while (IoRequest* const request = list->PopFront()) {
        Refuse(*AsBlockRequest(request), -ENOMEDIUM);
      }
    }
    kept_count_.store(0, std::memory_order_relaxed);
  }
  if (retry_timer_) RetryDue();
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
