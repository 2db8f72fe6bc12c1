// SPDX-License-Identifier: Apache-2.0
//
// A session's messages about requests in flight, which the next session or the next back-end is to
// find.

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "devices/virtio/virtio_spec.h"
#include "exports/vhost_user/payload.h"
#include "exports/vhost_user/session.h"

namespace platter {

namespace {

// The padding at its end may be missing.
VhostUserInflight InflightOf(const VhostUserMessage& message) {
  VhostUserInflight inflight;
  std::memcpy(&inflight, message.payload.data(),
              std::min(message.payload.size(), sizeof(inflight)));
  return inflight;
}

// A front-end asks for its own largest rings, which the guest's need not be.
InflightArea::Limits LimitsOf(const VirtioDevice& device) {
  return {.queues = device.queue_count(), .queue_size = kVirtqMaxSize};
}

}  // namespace

void VhostUserSession::GetInflight(const VhostUserMessage& message) {
  const VhostUserInflight asked = InflightOf(message);
  const absl::Status status = InflightArea::CheckNumbers(asked, LimitsOf(target_.device));
  if (!status.ok()) return End(Annotate(status, NameOfRequest(request_)));
  VhostUserInflight answer = {.queues = asked.queues, .queue_size = asked.queue_size};
  absl::StatusOr<OwnedDescriptor> file = InflightArea::MakeFile(asked, &answer.mmap_size);
  // What the field takes for "requests in flight can't be recorded".
  if (!file.ok()) {
    LogRefused(file.status());
    answer.mmap_size = 0;
  }
  Reply(std::span(reinterpret_cast<const uint8_t*>(&answer), message.payload.size()),
        file.ok() ? *std::move(file) : OwnedDescriptor());
}

void VhostUserSession::SetInflight(const VhostUserMessage& message) {
  auto area = InflightArea::Map(InflightOf(message), message.descriptors[0],
                                LimitsOf(target_.device), target_.sealed);
  if (!area.ok()) return Finish(area.status());
  WithRingsStopped([this, next = *std::move(area)]() mutable {
    inflight_ = std::move(next);
    rings_.set_inflight(inflight_.get());
    return absl::OkStatus();
  });
}

}  // namespace platter
