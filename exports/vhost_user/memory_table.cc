// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/memory_table.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

// Guest pages are pages of the host, or the guest's aligned buffers would not be aligned here.
constexpr uint64_t kPage = 4096;

std::string NameOf(const VhostUserMemoryRegion& region) {
  return absl::StrCat("memory region at guest address 0x", absl::Hex(region.guest_address));
}

absl::Status Bad(const VhostUserMemoryRegion& region, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat(NameOf(region), ": ", what));
}

absl::Status CheckNumbers(const VhostUserMemoryRegion& region) {
  if (region.size == 0) return Bad(region, "it has no bytes");
  if (!CheckedAdd(region.guest_address, region.size - 1) ||
      !CheckedAdd(region.user_address, region.size - 1) ||
      !CheckedAdd(region.mmap_offset, region.size)) {
    return Bad(region, "its addresses or its offset wrap around");
  }
  // A difference of unsigned numbers is right modulo any power of two.
  if (!IsAligned(region.mmap_offset - region.guest_address, kPage)) {
    return Bad(region, "its guest address and its mmap offset are not at the same place of a page");
  }
  return absl::OkStatus();
}

bool Overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes) {
  return a <= b ? b - a < a_bytes : a - b < b_bytes;
}

absl::Status CheckOverlap(const VhostUserMemoryRegion& one, const VhostUserMemoryRegion& other) {
  if (Overlap(one.guest_address, one.size, other.guest_address, other.size) ||
      Overlap(one.user_address, one.size, other.user_address, other.size)) {
    return Bad(one, "it overlaps another one");
  }
  return absl::OkStatus();
}

}  // namespace

// What a GuestMemory of the table is made of: it lives as long as that.
struct MemoryTable::Held {
  std::vector<std::shared_ptr<const SharedMapping>> mappings;
  std::shared_ptr<const GuestMemory> memory;
};

absl::StatusOr<MemoryTable::Mapped> MemoryTable::Map(const VhostUserMemoryRegion& region,
                                                     const OwnedDescriptor& file) const {
  PLATTER_RETURN_IF_ERROR(CheckNumbers(region));
  auto mapping = SharedMapping::Create(file, region.mmap_offset, region.size, sealed_);
  if (!mapping.ok()) return Annotate(mapping.status(), NameOf(region));
  return Mapped{.region = region, .mapping = *std::move(mapping)};
}

absl::Status MemoryTable::Install(std::vector<Mapped> next) {
  if (next.empty()) {
    Clear();
    return absl::OkStatus();
  }
  auto held = std::make_shared<Held>();
  std::vector<GuestMemory::Region> regions;
  for (const Mapped& mapped : next) {
    held->mappings.push_back(mapped.mapping);
    regions.push_back({.address = mapped.region.guest_address,
                       .size = mapped.region.size,
                       .host = mapped.mapping->host()});
  }
  auto memory = GuestMemory::Create(std::move(regions), dirty_log_);
  if (!memory.ok()) return memory.status();
  held->memory = *std::move(memory);
  const GuestMemory* const map = held->memory.get();
  mapped_ = std::move(next);
  memory_ = std::shared_ptr<const GuestMemory>(std::move(held), map);
  return absl::OkStatus();
}

absl::Status MemoryTable::Replace(std::span<const VhostUserMemoryRegion> regions,
                                  std::span<const OwnedDescriptor> files) {
  PLATTER_CHECK(regions.size() == files.size() && regions.size() <= kMaxRegions);
  std::vector<Mapped> next;
  for (size_t i = 0; i < regions.size(); ++i) {
    absl::StatusOr<Mapped> mapped = Map(regions[i], files[i]);
    if (!mapped.ok()) return mapped.status();
    for (const Mapped& other : next) {
      PLATTER_RETURN_IF_ERROR(CheckOverlap(regions[i], other.region));
    }
    next.push_back(*std::move(mapped));
  }
  return Install(std::move(next));
}

absl::Status MemoryTable::Add(const VhostUserMemoryRegion& region, const OwnedDescriptor& file) {
  if (mapped_.size() >= kMaxRegions) {
    return absl::ResourceExhaustedError(
        absl::StrCat(NameOf(region), ": there are ", kMaxRegions, " regions already"));
  }
  absl::StatusOr<Mapped> mapped = Map(region, file);
  if (!mapped.ok()) return mapped.status();
  std::vector<Mapped> next = mapped_;
  for (const Mapped& other : next) PLATTER_RETURN_IF_ERROR(CheckOverlap(region, other.region));
  next.push_back(*std::move(mapped));
  return Install(std::move(next));
}

absl::Status MemoryTable::Remove(const VhostUserMemoryRegion& region) {
  std::vector<Mapped> next = mapped_;
  const size_t removed = std::erase_if(next, [&](const Mapped& mapped) {
    return mapped.region.guest_address == region.guest_address &&
           mapped.region.user_address == region.user_address && mapped.region.size == region.size;
  });
  if (removed == 0) return absl::NotFoundError(absl::StrCat(NameOf(region), ": there is no such"));
  return Install(std::move(next));
}

void MemoryTable::Clear() {
  mapped_.clear();
  memory_.reset();
}

void MemoryTable::SetDirtyLog(DirtyLog* log) {
  dirty_log_ = log;
  if (memory_ != nullptr) memory_->SetDirtyLog(log);
}

std::optional<uint64_t> MemoryTable::last_address() const {
  if (memory_ == nullptr) return std::nullopt;
  const GuestMemory::Region& last = memory_->regions().back();
  return last.address + (last.size - 1);
}

std::optional<uint64_t> MemoryTable::ToGuest(uint64_t user_address, uint64_t bytes) const {
  for (const Mapped& mapped : mapped_) {
    const VhostUserMemoryRegion& region = mapped.region;
    if (user_address < region.user_address) continue;
    const uint64_t offset = user_address - region.user_address;
    if (RangeFits(offset, bytes, region.size)) return region.guest_address + offset;
  }
  return std::nullopt;
}

}  // namespace platter
