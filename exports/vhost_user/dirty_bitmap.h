// SPDX-License-Identifier: Apache-2.0
//
// DirtyBitmap: the log of dirty pages that a front-end shares for a migration ("Migration"): a bit
// for each page of guest memory, from address 0 on. The device sets, the front-end takes away.
//
// Ownership: of the mapping; the signal outlives it. Threading: MarkDirty in any thread, without a
//   lock. Units: pages of 4096 bytes, guest addresses.
// Errors: of Create INVALID_ARGUMENT or what the kernel said. Pages that the log has no bit for are
//   passed over.

#ifndef PLATTER_EXPORTS_VHOST_USER_DIRTY_BITMAP_H_
#define PLATTER_EXPORTS_VHOST_USER_DIRTY_BITMAP_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"
#include "devices/bus/guest_memory.h"
#include "devices/virtio/event_descriptors.h"
#include "exports/vhost_user/shared_mapping.h"
#include "exports/vhost_user/vhost_user_spec.h"

namespace platter {

class DirtyBitmap final : public DirtyLog {
 public:
  // `changed` is signalled when a page is marked that was not.
  static absl::StatusOr<std::unique_ptr<DirtyBitmap>> Create(const VhostUserLog& description,
                                                             const OwnedDescriptor& file,
                                                             SealedMemory sealed,
                                                             CallDescriptor& changed);

  // Whether it has a bit for the page of this address, and so for all below.
  bool Covers(uint64_t address) const { return address / kVhostUserLogPage < pages_; }

  void MarkDirty(uint64_t address, uint64_t bytes) override;

 private:
  DirtyBitmap(std::shared_ptr<const SharedMapping> mapping, CallDescriptor& changed);

  const std::shared_ptr<const SharedMapping> mapping_;
  const uint64_t pages_;
  CallDescriptor& changed_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_DIRTY_BITMAP_H_
