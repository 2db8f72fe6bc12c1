// SPDX-License-Identifier: Apache-2.0
#include "devices/bus/guest_memory.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "base/arith.h"

namespace platter {

namespace {

std::string Describe(const GuestMemory::Region& region) {
  char text[64];
  std::snprintf(text, sizeof(text), "[0x%" PRIx64 ", +0x%" PRIx64 ")", region.address, region.size);
  return text;
}

absl::Status Refuse(const GuestMemory::Region& region, const char* why) {
  return absl::InvalidArgumentError("guest memory region " + Describe(region) + " " + why);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const GuestMemory>> GuestMemory::Create(std::vector<Region> regions,
                                                                       DirtyLog* dirty_log) {
  std::sort(regions.begin(), regions.end(),
            [](const Region& a, const Region& b) { return a.address < b.address; });
  uint64_t last = 0;  // The last address taken; meaningful after the first region.
  for (size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    if (region.size == 0) return Refuse(region, "is empty");
    // A region may end at 2^64; its last address must not wrap.
    const std::optional<uint64_t> end = CheckedAdd(region.address, region.size - 1);
    if (!end) return Refuse(region, "wraps around the address space");
    if (region.host == nullptr && region.accessor == nullptr) {
      return Refuse(region, "has neither a host address nor an accessor");
    }
    if (i > 0 && region.address <= last) {
      return Refuse(region, ("overlaps " + Describe(regions[i - 1])).c_str());
    }
    last = *end;
  }
  return std::shared_ptr<const GuestMemory>(new GuestMemory(std::move(regions), dirty_log));
}

GuestMemory::GuestMemory(std::vector<Region> regions, DirtyLog* dirty_log)
    : regions_(std::move(regions)), dirty_log_(dirty_log) {}

const GuestMemory::Region* GuestMemory::Find(uint64_t address) const {
  auto after =
      std::upper_bound(regions_.begin(), regions_.end(), address,
                       [](uint64_t at, const Region& region) { return at < region.address; });
  if (after == regions_.begin()) return nullptr;
  const Region& region = *--after;
  return address - region.address < region.size ? &region : nullptr;
}

bool GuestMemory::Contains(uint64_t address, uint64_t bytes, DmaAccess access) const {
  if (bytes == 0) return true;
  if (!CheckedAdd(address, bytes - 1)) return false;
  while (bytes > 0) {
    const Region* region = Find(address);
    if (region == nullptr) return false;
    if (access == DmaAccess::kDeviceWrites && region->read_only) return false;
    const uint64_t here = std::min(bytes, region->size - (address - region->address));
    address += here;
    bytes -= here;
  }
  return true;
}

uint8_t* GuestMemory::TryMap(uint64_t address, uint64_t bytes, DmaAccess access) const {
  if (bytes == 0) return nullptr;
  const Region* region = Find(address);
  if (region == nullptr || region->host == nullptr) return nullptr;
  if (access == DmaAccess::kDeviceWrites && region->read_only) return nullptr;
  const uint64_t offset = address - region->address;
  if (bytes > region->size - offset) return nullptr;
  return region->host + offset;
}

int GuestMemory::MapPieces(uint64_t address, uint64_t bytes, DmaAccess access, iovec* out,
                           int capacity) const {
  if (bytes == 0) return 0;
  if (!CheckedAdd(address, bytes - 1)) return -EFAULT;
  int count = 0;
  while (bytes > 0) {
    const Region* region = Find(address);
    if (region == nullptr || region->host == nullptr) return -EFAULT;
    if (access == DmaAccess::kDeviceWrites && region->read_only) return -EFAULT;
    if (count == capacity) return -E2BIG;
    const uint64_t offset = address - region->address;
    const uint64_t here = std::min(bytes, region->size - offset);
    out[count++] = {.iov_base = region->host + offset, .iov_len = here};
    address += here;
    bytes -= here;
  }
  return count;
}

bool GuestMemory::Read(uint64_t address, std::span<uint8_t> out) const {
  if (!Contains(address, out.size(), DmaAccess::kDeviceReads)) return false;
  while (!out.empty()) {
    const Region& region = *Find(address);
    const uint64_t offset = address - region.address;
    const std::span<uint8_t> part = out.first(std::min<uint64_t>(out.size(), region.size - offset));
    if (region.host != nullptr) {
      std::memcpy(part.data(), region.host + offset, part.size());
    } else {
      region.accessor->Read(offset, part);
    }
    address += part.size();
    out = out.subspan(part.size());
  }
  return true;
}

bool GuestMemory::Write(uint64_t address, std::span<const uint8_t> data) const {
  if (!Contains(address, data.size(), DmaAccess::kDeviceWrites)) return false;
  const uint64_t bytes = data.size();
  const uint64_t begin = address;
  while (!data.empty()) {
    const Region& region = *Find(address);
    const uint64_t offset = address - region.address;
    const std::span<const uint8_t> part =
        data.first(std::min<uint64_t>(data.size(), region.size - offset));
    if (region.host != nullptr) {
      std::memcpy(region.host + offset, part.data(), part.size());
    } else {
      region.accessor->Write(offset, part);
    }
    address += part.size();
    data = data.subspan(part.size());
  }
  // Afterwards: who takes the mark away copies the page next, and must find the new bytes there.
  if (bytes != 0) MarkDirty(begin, bytes);
  return true;
}

void GuestMemory::MarkPieceDirty(const void* host, uint64_t bytes) const {
  const auto at = reinterpret_cast<uintptr_t>(host);
  for (const Region& region : regions_) {
    const uintptr_t offset = at - reinterpret_cast<uintptr_t>(region.host);
    if (region.host == nullptr || offset >= region.size || bytes > region.size - offset) continue;
    // No return: the same host memory may be seen at several guest addresses.
    MarkDirty(region.address + offset, bytes);
  }
}

}  // namespace platter
