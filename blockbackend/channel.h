// SPDX-License-Identifier: Apache-2.0
//
// ChannelImpl: the data plane of a backend in one context. A request's short way: Submit checks it,
// gives it to the root edge and, when that had the answer at once, puts it on the done list; the
// outermost Unplug (or a deferred item in the next turn) delivers the list. No allocation, no lock,
// no locked instruction; one clock read per batch of completions.
//
// A request is in one place at a time:
//   parked     submitted while the channel holds; counted as outstanding, not as in flight
//   in flight  started below
//   kept       failed, and the policy said "stop": starts again when the machine runs again
//   done       waits for its delivery
//
// Ownership: the device's (or the backend's own, for host I/O). Threading: its context; in_flight()
//   and stats() any thread. Units, errors: see device_view.h.

#ifndef PLATTER_BLOCKBACKEND_CHANNEL_H_
#define PLATTER_BLOCKBACKEND_CHANNEL_H_

#include <atomic>
#include <cstdint>

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "aio/work_item.h"
#include "base/intrusive_fifo.h"
#include "blockbackend/channel_hub.h"
#include "blockbackend/channel_stats.h"
#include "blockbackend/device_view.h"
#include "blockbackend/error_action.h"

namespace platter {

// What the channels of a backend share. Outlives them.
struct ChannelServices {
  ChannelHub* hub = nullptr;
  ErrorActions* errors = nullptr;
  const std::atomic<bool>* write_cache = nullptr;
};

class ChannelImpl final : public BlockChannel {
 public:
  // In the control context.
  ChannelImpl(const ChannelServices& services, AioContext& context, ChannelClient& client,
              ChannelKind kind);
  ~ChannelImpl() override;

  void Submit(BlockRequest& request) override;
  void Plug() override { ++plug_depth_; }
  void Unplug() override;
  void Cancel(BlockRequest& request) override;
  void CancelAll() override;
  uint32_t outstanding() const override { return outstanding_; }
  void CountInvalid(IoOp op) override { stats_.CountInvalid(op); }
  AioContext& context() override { return context_; }

  ChannelKind kind() const { return kind_; }
  uint32_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  const ChannelStats& stats() const { return stats_; }

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

  // Checks and starts a request; what ends at once goes to the done list (or is kept).
  void Launch(BlockRequest& request);
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
  void PutDone(BlockRequest& request, IoResult result);
  void CancelList(RequestFifo& list);

  void ScheduleDelivery();
  void OnDeliverItem();
  void Deliver();
  void DeliverOne(BlockRequest& request, Instant now);

  void OnMessage();
  void Obey(const ChannelOrders& orders);
  void AcknowledgeIfQuiet();

  AioContext& context_;
  ChannelClient& client_;
  const ChannelServices services_;
  const ChannelKind kind_;

  bool held_ = false;
  bool delivering_ = false;
  bool deliver_item_queued_ = false;
  bool started_ = false;  // Something went below since the outermost Plug.
  uint32_t plug_depth_ = 0;
  uint32_t outstanding_ = 0;
  uint64_t next_sequence_ = 0;
  ChannelMedium medium_;

  std::atomic<uint32_t> in_flight_{0};  // Written in the context only.
  BlockRequest* in_flight_first_ = nullptr;
  RequestFifo done_;
  RequestFifo parked_;
  RequestFifo kept_;  // In order of submission.

  uint64_t generation_ = 0;    // Of the orders obeyed last.
  uint64_t acknowledged_ = 0;  // The generation told to the hub.
  uint64_t runs_ = 0;

  ChannelStats stats_;
  bool* destroyed_ = nullptr;  // For Deliver: the client may close the channel in OnBatchDone.
  Item<&ChannelImpl::OnMessage> message_{*this};
  Item<&ChannelImpl::OnDeliverItem> deliver_item_{*this};
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_CHANNEL_H_
