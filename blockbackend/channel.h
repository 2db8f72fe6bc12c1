// SPDX-License-Identifier: Apache-2.0
//
// ChannelImpl: the data plane of a backend in one context. A request's short way: Submit checks it,
// gives it to the root edge and, when that had the answer at once, puts it on the done list; the
// outermost Unplug (or a deferred item in the next turn) delivers the list. No allocation, no lock,
// no locked instruction; one clock read per batch of completions.
//
// A request is in one place at a time:
//   parked     submitted while the channel holds; counted as outstanding, not as in flight
//   throttled  over the I/O limits: waits in its ThrottlePort; a hold parks it
//   in flight  started below
//   kept       failed, and the policy said "stop" or "stall": starts again when the machine, or the
//              drive, goes on
//   waiting    failed, and the policy said "retry": starts again when its delay is over, or with
//              what is kept; not while the channel holds
//   done       waits for its delivery
//
// Ownership: the device's (or the backend's own, for host I/O). Threading: its context, which
//   changes only by orders of the hub; context(), in_flight() and stats() any
//   thread. Units, errors: see device_view.h.

#ifndef PLATTER_BLOCKBACKEND_CHANNEL_H_
#define PLATTER_BLOCKBACKEND_CHANNEL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "aio/timer.h"
#include "aio/work_item.h"
#include "base/intrusive_fifo.h"
#include "blockbackend/channel_hub.h"
#include "blockbackend/channel_stats.h"
#include "blockbackend/device_view.h"
#include "blockbackend/error_action.h"
#include "blockbackend/throttle/throttle_group.h"

namespace platter {

// What the channels of a backend share. Outlives them.
struct ChannelServices {
  ChannelHub* hub = nullptr;
  ErrorActions* errors = nullptr;
  const std::atomic<bool>* write_cache = nullptr;
  const StatsPlan* stats = nullptr;
};

class ChannelImpl final : public BlockChannel, private ThrottlePortClient {
 public:
  // In the control context.
  ChannelImpl(const ChannelServices& services, AioContext& context, ChannelClient& client,
              ChannelKind kind);
  ~ChannelImpl() override;

  void Submit(BlockRequest& request) override;
  // The same past the I/O limits, and not counted in them.
  void SubmitUnthrottled(BlockRequest& request);
  void Plug() override { ++plug_depth_; }
  void Unplug() override;
  void Cancel(BlockRequest& request) override;
  void CancelAll() override;
  uint32_t outstanding() const override { return outstanding_; }
  void CountInvalid(IoOp op) override {
    if (stats_.CountInvalid(op)) stats_.NoteAccess(here().turn_time());
  }
  // In the channel's context: so many requests went as parts of another one.
  void CountMerged(IoOp op, uint64_t requests) { stats_.CountMerged(op, requests); }
  // To whoever asks in it: the channel is there. To others: it was or is about to be.
  AioContext& context() override { return *context_.load(std::memory_order_acquire); }

  ChannelKind kind() const { return kind_; }
  // Whether it goes along when the backend moves to another context.
  bool follows() const { return client_.FollowsBackend(); }
  uint32_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  // Any thread: how many are kept.
  uint32_t kept() const { return kept_count_.load(std::memory_order_relaxed); }
  const ChannelStats& stats() const { return stats_; }
  ChannelStats& stats() { return stats_; }

  // --- For the hub. ---

  // Brings the channel its orders.
  WorkItem& message() { return message_; }
  // Takes a hold at once, in the channel's context.
  void TakeOrdersInPlace();

 protected:
  void OnNodeDone(BlockRequest& request, IoResult result) override;

 private:
  using RequestFifo = IntrusiveFifo<IoRequest, &IoRequest::next>;

  template <void (ChannelImpl::*kRun)()>
  class Item final : public WorkItem {
   public:
    explicit Item(ChannelImpl& channel) : channel_(channel) {}
    void Run() override { (channel_.*kRun)(); }

   private:
    ChannelImpl& channel_;
  };

  // Submit, with the first bits of the request.
  void SubmitAs(BlockRequest& request, uint8_t bits);
  // Checks a request and, within the limits, starts it.
  void Launch(BlockRequest& request);
  // What ends at once goes to the done list (or is kept).
  void Start(BlockRequest& request);
  void EndWithoutCache(BlockRequest& request, IoResult result);
  // The end of Submit when it is held or there is a histogram.
  void SubmitSpecially(BlockRequest& request);

  // Where there are limits: whether the request goes now; else it waits in the port.
  bool Admit(BlockRequest& request);
  void OnThrottleTurn(IoRequest& request) override;
  // What waited in the port is parked, before what came later.
  void ParkThrottled();
  // From now on by these limits; nullptr: none.
  void UseThrottle(std::shared_ptr<ThrottleMember> member);
  // Ends requests that never went to a medium.
  void Refuse(BlockRequest& request, IoResult why);
  // 0, or why the request is refused.
  IoResult Check(const BlockRequest& request) const;
  void AddInFlight(BlockRequest& request);
  void RemoveInFlight(BlockRequest& request);
  // The request ended below with `result`.
  void End(BlockRequest& request, IoResult result);
  // Whether the policy keeps the failed request; otherwise `result` is what the device is told.
  bool KeepFailed(BlockRequest& request, IoResult& result);
  void InsertKept(BlockRequest& request);
  // Kept and waiting ones are parked, before the others: they start again.
  void ParkKept();
  // After the device has taken back what was kept.
  void NoteDropped();
  // Until the policy's delay is over.
  void WaitForRetry(BlockRequest& request);
  // The timer goes off when the first of those that wait is due.
  void ArmRetryTimer();
  void OnRetryTimer();
  // Starts those whose delay is over.
  void RetryDue();
  // As it was submitted, for another attempt.
  static void Rewind(BlockRequest& request);
  void PutDone(BlockRequest& request, IoResult result);
  void CancelList(RequestFifo& list);

  void ScheduleDelivery();
  void OnDeliverItem();
  void Deliver();
  void DeliverOne(BlockRequest& request, Instant now);
  // The same for a batch whose times are looked at one by one; how many there were.
  uint32_t DeliverTimed(RequestFifo& batch, Instant now);

  // The context, to what runs in it.
  AioContext& here() const { return *context_.load(std::memory_order_relaxed); }

  void OnMessage();
  void Obey(const ChannelOrders& orders);
  void LeaveTo(AioContext& to);
  void AcknowledgeIfQuiet();

  std::atomic<AioContext*> context_;
  ChannelClient& client_;
  const ChannelServices services_;
  const ChannelKind kind_;

  bool held_ = false;
  bool limited_ = false;  // There is a throttle_.
  bool delivering_ = false;
  bool deliver_item_queued_ = false;
  bool started_ = false;  // Something went below since the outermost Plug.
  uint32_t plug_depth_ = 0;
  uint32_t outstanding_ = 0;
  uint32_t no_accesses_ = 0;  // Of the batch that is delivered: ends that count as none.
  uint64_t next_sequence_ = 0;
  ChannelMedium medium_;

  std::atomic<uint32_t> in_flight_{0};  // Written in the context only.
  BlockRequest* in_flight_first_ = nullptr;
  RequestFifo done_;
  RequestFifo parked_;
  RequestFifo kept_;                     // In order of submission.
  std::atomic<uint32_t> kept_count_{0};  // Written in the context only.
  RequestFifo waiting_;                  // In order of failure.
  std::optional<Timer> retry_timer_;     // Of the context; there from the first wait in it.
  std::optional<ThrottlePort> throttle_;

  uint64_t generation_ = 0;    // Of the orders obeyed last.
  uint64_t acknowledged_ = 0;  // The generation told to the hub.
  uint64_t runs_ = 0;

  ChannelStats stats_{*services_.stats};
  bool* destroyed_ = nullptr;  // For Deliver: the client may close the channel in OnBatchDone.
  Item<&ChannelImpl::OnMessage> message_{*this};
  Item<&ChannelImpl::OnDeliverItem> deliver_item_{*this};
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_CHANNEL_H_
