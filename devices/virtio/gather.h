// SPDX-License-Identifier: Apache-2.0
//
// Gather: something to do in the control context when several contexts have done their part.
//
//   auto gather = std::make_shared<Gather>(contexts.size(), control, std::move(done));
//   for (AioContext* context : contexts) context->Post([gather] { ...; gather->Arrive(); });
//
// Ownership: shared by the parts. It touches nothing but the control context, so that `done` may
//   destroy the device. Threading: Arrive in any context, once per part. Errors: none.

#ifndef PLATTER_DEVICES_VIRTIO_GATHER_H_
#define PLATTER_DEVICES_VIRTIO_GATHER_H_

#include <atomic>
#include <cstddef>
#include <utility>

#include "aio/aio_context.h"
#include "devices/device.h"

namespace platter {

class Gather {
 public:
  // `parts` is at least 1.
  Gather(size_t parts, AioContext& control, DeviceDone done)
      : left_(parts), control_(control), done_(std::move(done)) {}

  void Arrive() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) control_.Post(std::move(done_));
  }

 private:
  std::atomic<size_t> left_;
  AioContext& control_;
  DeviceDone done_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_GATHER_H_
