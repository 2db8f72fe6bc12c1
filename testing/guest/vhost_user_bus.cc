// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/vhost_user_bus.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace platter {

namespace {

// A front-end also looks at its rings when nobody told it to.
constexpr int kLookAgainMs = 20;

}  // namespace

VhostUserBus::VhostUserBus(Options options) : options_(std::move(options)) {
  for (const Region& region : options_.regions) {
    Mapped mapped = {
        .region = region,
        .file = OwnedDescriptor(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING)),
        .host = nullptr};
    PLATTER_CHECK(ftruncate(mapped.file.get(), static_cast<off_t>(region.bytes)) == 0);
    void* const host =
        mmap(nullptr, region.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, mapped.file.get(), 0);
    PLATTER_CHECK(host != MAP_FAILED);
    mapped.host = static_cast<uint8_t*>(host);
    mapped_.push_back(std::move(mapped));
    allocator_.AddRegion(region.address, region.bytes);
  }
}

VhostUserBus::~VhostUserBus() {
  for (const Mapped& mapped : mapped_) munmap(mapped.host, mapped.region.bytes);
}

std::vector<VhostUserMemoryRegion> VhostUserBus::table() const {
  std::vector<VhostUserMemoryRegion> regions;
  for (const Mapped& mapped : mapped_) {
    regions.push_back({.guest_address = mapped.region.address,
                       .size = mapped.region.bytes,
                       .user_address = kUserBase + mapped.region.address,
                       .mmap_offset = 0});
  }
  return regions;
}

std::vector<int> VhostUserBus::descriptors() const {
  std::vector<int> files;
  for (const Mapped& mapped : mapped_) files.push_back(mapped.file.get());
  return files;
}

absl::StatusOr<uint64_t> VhostUserBus::Allocate(uint64_t bytes, uint64_t alignment) {
  auto address = allocator_.Allocate(bytes, alignment);
  if (address.ok() && bytes != 0) std::memset(TryMap(*address, bytes), 0, bytes);
  return address;
}

uint8_t* VhostUserBus::TryMap(uint64_t address, uint64_t bytes) {
  for (const Mapped& mapped : mapped_) {
    if (address >= mapped.region.address &&
        RangeFits(address - mapped.region.address, bytes, mapped.region.bytes)) {
      return mapped.host + (address - mapped.region.address);
    }
  }
  return nullptr;
}

bool VhostUserBus::Read(uint64_t address, std::span<uint8_t> out) {
  const uint8_t* const from = TryMap(address, out.size());
  if (from == nullptr) return false;
  std::memcpy(out.data(), from, out.size());
  return true;
}

bool VhostUserBus::Write(uint64_t address, std::span<const uint8_t> data) {
  uint8_t* const to = TryMap(address, data.size());
  if (to == nullptr) return false;
  std::memcpy(to, data.data(), data.size());
  return true;
}

Instant VhostUserBus::Now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

bool VhostUserBus::WaitFor(absl::FunctionRef<bool()> done, Duration timeout) {
  const Instant deadline = Now() + timeout;
  std::vector<pollfd> look;
  look.reserve(wake_ups_.size());
  for (const int fd : wake_ups_) look.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  while (!done()) {
    if (Now() >= deadline) return false;
    if (options_.turn) {
      options_.turn();
    } else {
      poll(look.data(), look.size(), kLookAgainMs);
    }
  }
  return true;
}

}  // namespace platter
