// SPDX-License-Identifier: Apache-2.0
//
// ForwardingView and ForwardingChannel stand between a device and its backend and pass everything
// on: what to derive from to see or to change something. CountingView counts what is submitted,
// which neither guest nor medium tells while a channel parks it.
//
// Ownership: the backend outlives the view, the view the device. Threading, units, errors: those of
// blockbackend/device_view.h; the count is for worlds with one thread.

#ifndef PLATTER_TESTING_CONTRACT_FORWARDING_VIEW_H_
#define PLATTER_TESTING_CONTRACT_FORWARDING_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "base/check.h"
#include "blockbackend/device_view.h"

namespace platter {

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

class ForwardingView : public BlockDeviceView {
 public:
  explicit ForwardingView(BlockDeviceView& below) : below_(below) {}
  virtual ~ForwardingView() = default;
  ForwardingView(const ForwardingView&) = delete;
  ForwardingView& operator=(const ForwardingView&) = delete;

  const std::string& name() const override { return below_.name(); }
  absl::Status Attach(const DeviceAttachment& attachment, BlockDevOps ops) override {
    return below_.Attach(attachment, std::move(ops));
  }
  void Detach() override { below_.Detach(); }
  std::unique_ptr<BlockChannel> OpenChannel(AioContext& context, ChannelClient& client) override {
    return below_.OpenChannel(context, client);
  }
  bool is_inserted() const override { return below_.is_inserted(); }
  uint64_t length() const override { return below_.length(); }
  bool is_read_only() const override { return below_.is_read_only(); }
  bool write_cache_enabled() const override { return below_.write_cache_enabled(); }
  void set_write_cache_enabled(bool enabled) override { below_.set_write_cache_enabled(enabled); }
  uint64_t max_transfer() const override { return below_.max_transfer(); }
  uint32_t max_iov() const override { return below_.max_iov(); }
  bool can_discard() const override { return below_.can_discard(); }
  bool is_available() override { return below_.is_available(); }
  BackendBlockSizes probe_block_sizes() override { return below_.probe_block_sizes(); }
  void LockMedium(bool locked) override { below_.LockMedium(locked); }
  void TrayMoved(MediumMove direction) override { below_.TrayMoved(direction); }

 private:
  BlockDeviceView& below_;
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

#endif  // PLATTER_TESTING_CONTRACT_FORWARDING_VIEW_H_
