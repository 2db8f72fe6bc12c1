// SPDX-License-Identifier: Apache-2.0
//
// CountingView counts what a device submits to its backend, which neither guest nor medium tells
// while a channel parks it.
//
// Ownership: the backend outlives the view, the view the device. Threading, units, errors: those of
// blockbackend/device_view.h; the count is for worlds with one thread.

#ifndef PLATTER_TESTING_CONTRACT_COUNTING_VIEW_H_
#define PLATTER_TESTING_CONTRACT_COUNTING_VIEW_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "base/check.h"
#include "blockbackend/device_view.h"
#include "blockbackend/forwarding_view.h"

namespace platter {

// Passes on to the channel below.
class ForwardingChannel : public BlockChannel {
 public:
  explicit ForwardingChannel(std::unique_ptr<BlockChannel> below) : below_(std::move(below)) {}

  void Submit(BlockRequest& request) override { below_->Submit(request); }
  void Plug() override { below_->Plug(); }
  void Unplug() override { below_->Unplug(); }
  void Cancel(BlockRequest& request) override { below_->Cancel(request); }
  void CancelAll() override { below_->CancelAll(); }
  uint32_t outstanding() const override { return below_->outstanding(); }
  void CountInvalid(IoOp op) override { below_->CountInvalid(op); }
  AioContext& context() override { return below_->context(); }

 protected:
  // A request notes the channel that took it, which is the one below.
  void OnNodeDone(BlockRequest&, IoResult) override { PLATTER_CHECK(false); }

 private:
  const std::unique_ptr<BlockChannel> below_;
};

class CountingView final : public ForwardingView {
 public:
  using ForwardingView::ForwardingView;

  std::unique_ptr<BlockChannel> OpenChannel(AioContext& context, ChannelClient& client) override {
    return std::make_unique<Channel>(ForwardingView::OpenChannel(context, client), submitted_);
  }
  // Requests submitted on all channels so far.
  uint64_t submitted() const { return submitted_; }

 private:
  class Channel final : public ForwardingChannel {
   public:
    Channel(std::unique_ptr<BlockChannel> below, uint64_t& submitted)
        : ForwardingChannel(std::move(below)), submitted_(submitted) {}
    void Submit(BlockRequest& request) override {
      ++submitted_;
      ForwardingChannel::Submit(request);
    }

   private:
    uint64_t& submitted_;
  };

  uint64_t submitted_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_COUNTING_VIEW_H_
