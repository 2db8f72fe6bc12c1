// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/dirty_bitmap.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace platter {

namespace {

constexpr uint64_t kBitsPerByte = 8;

}  // namespace

absl::StatusOr<std::unique_ptr<DirtyBitmap>> DirtyBitmap::Create(const VhostUserLog& description,
                                                                 const OwnedDescriptor& file,
                                                                 SealedMemory sealed,
                                                                 CallDescriptor& changed) {
  if (description.size == 0) return absl::InvalidArgumentError("the log has no bytes");
  auto mapping = SharedMapping::Create(file, description.offset, description.size, sealed);
  if (!mapping.ok()) return Annotate(mapping.status(), "the log");
  // The constructor is private.
  return std::unique_ptr<DirtyBitmap>(new DirtyBitmap(*std::move(mapping), changed));
}

DirtyBitmap::DirtyBitmap(std::shared_ptr<const SharedMapping> mapping, CallDescriptor& changed)
    : mapping_(std::move(mapping)),
      // What is mapped is far shorter than what eight of it would not fit 64 bits of.
      pages_(mapping_->bytes() * kBitsPerByte),
      changed_(changed) {}

void DirtyBitmap::MarkDirty(uint64_t address, uint64_t bytes) {
  const uint64_t first = address / kVhostUserLogPage;
  if (bytes == 0 || first >= pages_) return;
  const uint64_t end = bytes - 1 > UINT64_MAX - address ? UINT64_MAX : address + bytes - 1;
  const uint64_t last = std::min(end / kVhostUserLogPage, pages_ - 1);
  bool changed = false;
  for (uint64_t at = first / kBitsPerByte; at <= last / kBitsPerByte; ++at) {
    unsigned mask = UINT8_MAX;
    if (at == first / kBitsPerByte) mask &= UINT8_MAX << first % kBitsPerByte;
    if (at == last / kBitsPerByte) mask &= (2u << last % kBitsPerByte) - 1;
    const auto bits = static_cast<uint8_t>(mask);
    // Without a look whether they are set already: they may be taken away between that and now, and
    // what was written before must be seen by whoever takes these away.
    const uint8_t before = __atomic_fetch_or(mapping_->host() + at, bits, __ATOMIC_SEQ_CST);
    changed |= (before & bits) != bits;
  }
  if (changed) changed_.Signal();
}

}  // namespace platter
