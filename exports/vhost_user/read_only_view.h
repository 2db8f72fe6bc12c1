// SPDX-License-Identifier: Apache-2.0
//
// ReadOnlyView: a drive that is exported without `writable`: the same backend, of which the device
// takes it that it can't be written to, so it asks for no permission to.
//
// Ownership: the backend outlives the view, the view the device. Threading, units, errors: those of
// blockbackend/device_view.h.

#ifndef PLATTER_EXPORTS_VHOST_USER_READ_ONLY_VIEW_H_
#define PLATTER_EXPORTS_VHOST_USER_READ_ONLY_VIEW_H_

#include <utility>

#include "blockbackend/device_view.h"
#include "blockbackend/forwarding_view.h"

namespace platter {

class ReadOnlyView final : public ForwardingView {
 public:
  using ForwardingView::ForwardingView;

  bool is_read_only() const override { return true; }
  bool can_discard() const override { return false; }
  // The cache is whoever writes's business.
  void set_write_cache_enabled(bool /*enabled*/) override {}
  absl::Status Attach(const DeviceAttachment& attachment, BlockDevOps ops) override {
    DeviceAttachment reading = attachment;
    reading.needs_write = false;
    return ForwardingView::Attach(reading, std::move(ops));
  }
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_READ_ONLY_VIEW_H_
