// SPDX-License-Identifier: Apache-2.0
//
// ForwardingView: stands between a device and its backend and passes everything on: what to derive
// from to see or to change something.
//
// Ownership: the backend outlives the view, the view the device. Threading, units, errors: those of
// blockbackend/device_view.h.

#ifndef PLATTER_BLOCKBACKEND_FORWARDING_VIEW_H_
#define PLATTER_BLOCKBACKEND_FORWARDING_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"

namespace platter {

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

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_FORWARDING_VIEW_H_
