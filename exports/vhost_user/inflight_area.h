// SPDX-License-Identifier: Apache-2.0
//
// InflightArea: the shared memory in which requests in flight are recorded ("Inflight I/O
// tracking"): a file that the back-end makes (GET_INFLIGHT_FD), the front-end keeps, and gives to
// this back-end or to the next one (SET_INFLIGHT_FD). One region for each queue, one after another.
//
// Ownership: of the mapping; what regions it gave are attached to is stopped before it goes.
// Threading: the session's; the regions are their rings'. Units: bytes.
// Errors: INVALID_ARGUMENT, or what the kernel said. What is in the regions is looked at by the
//   rings' own code (split_inflight.h).

#ifndef PLATTER_EXPORTS_VHOST_USER_INFLIGHT_AREA_H_
#define PLATTER_EXPORTS_VHOST_USER_INFLIGHT_AREA_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"
#include "devices/virtio/ring/split_inflight.h"
#include "exports/vhost_user/shared_mapping.h"
#include "exports/vhost_user/vhost_user_spec.h"

namespace platter {

class InflightArea {
 public:
  // Of regions in the file, so that queues of several threads share no cache line.
  static constexpr uint64_t kAlign = 64;
  // What a device can do.
  struct Limits {
    uint32_t queues = 0;
    uint32_t queue_size = 0;
  };

  static absl::Status CheckNumbers(const VhostUserInflight& asked, const Limits& limits);
  // A new file of zeroes for that many queues of that size, which nobody can shorten; and its size.
  static absl::StatusOr<OwnedDescriptor> MakeFile(const VhostUserInflight& asked, uint64_t* bytes);
  static absl::StatusOr<std::unique_ptr<InflightArea>> Map(const VhostUserInflight& description,
                                                           const OwnedDescriptor& file,
                                                           const Limits& limits,
                                                           SealedMemory sealed);

  // None for a queue that the area is not for.
  InflightRegion region(uint32_t queue) const;
  // The device was reset: whatever was in flight is the driver's again.
  void Forget();

 private:
  InflightArea(std::shared_ptr<const SharedMapping> mapping, const VhostUserInflight& description)
      : mapping_(std::move(mapping)),
        queues_(description.queues),
        queue_size_(description.queue_size) {}

  const std::shared_ptr<const SharedMapping> mapping_;
  const uint32_t queues_;
  const uint32_t queue_size_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_INFLIGHT_AREA_H_
