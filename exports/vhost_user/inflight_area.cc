// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/inflight_area.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {

namespace {

// Both numbers have 16 bits: nothing overflows.
uint64_t RegionBytes(uint32_t queue_size) {
  return AlignUp(SplitInflight::Bytes(queue_size), InflightArea::kAlign);
}

}  // namespace

absl::Status InflightArea::CheckNumbers(const VhostUserInflight& asked, const Limits& limits) {
  if (asked.queues != 0 && asked.queues <= limits.queues && asked.queue_size != 0 &&
      asked.queue_size <= limits.queue_size) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(asked.queues, " queues of ", asked.queue_size,
                                                 " entries; there are ", limits.queues,
                                                 " of up to ", limits.queue_size));
}

absl::StatusOr<OwnedDescriptor> InflightArea::MakeFile(const VhostUserInflight& asked,
                                                       uint64_t* bytes) {
  *bytes = asked.queues * RegionBytes(asked.queue_size);
  OwnedDescriptor file(memfd_create("platter-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.get() < 0 || ftruncate(file.get(), static_cast<off_t>(*bytes)) != 0 ||
      fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return ErrnoError(errno, "a file for requests in flight");
  }
  return file;
}

absl::StatusOr<std::unique_ptr<InflightArea>> InflightArea::Map(
    const VhostUserInflight& description, const OwnedDescriptor& file, const Limits& limits,
    SealedMemory sealed) {
  PLATTER_RETURN_IF_ERROR(CheckNumbers(description, limits));
  const uint64_t needed = description.queues * RegionBytes(description.queue_size);
  if (description.mmap_size < needed || !IsAligned(description.mmap_offset, alignof(uint64_t))) {
    return absl::InvalidArgumentError(absl::StrCat(description.mmap_size, " bytes at offset ",
                                                   description.mmap_offset, "; it takes ", needed,
                                                   ", 8-byte aligned"));
  }
  // No more than that, whatever the peer calls its size.
  auto mapping = SharedMapping::Create(file, description.mmap_offset, needed, sealed);
  if (!mapping.ok()) return Annotate(mapping.status(), "the area");
  // The constructor is private.
  return std::unique_ptr<InflightArea>(new InflightArea(*std::move(mapping), description));
}

InflightRegion InflightArea::region(uint32_t queue) const {
  if (queue >= queues_) return {};
  return {.host = mapping_->host() + queue * RegionBytes(queue_size_), .entries = queue_size_};
}

void InflightArea::Forget() {
  for (uint32_t queue = 0; queue < queues_; ++queue) SplitInflight::Forget(region(queue));
}

}  // namespace platter
