// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/hostile_memory.h"

#include <algorithm>
#include <utility>

#include "base/arith.h"
#include "base/check.h"

namespace platter {

namespace {

constexpr uint64_t kHostAlign = 16;  // As the guest's addresses are.
constexpr uint8_t kGuardByte = 0xa5;

}  // namespace

HostileMemory::HostileMemory(HostileMemoryWatcher& watcher)
    : watcher_(watcher), storage_(kGuard - kBase + kGuardBytes + kHostAlign) {
  const auto address = reinterpret_cast<uintptr_t>(storage_.data());
  host_ = storage_.data() + (kHostAlign - address % kHostAlign) % kHostAlign;
  std::fill_n(host_ + (kGuard - kBase), kGuardBytes, kGuardByte);
  for (size_t i = 0; i < kParts; ++i) {
    windows_[i].memory = this;
    windows_[i].begin = kBegin[i];
  }
}

std::shared_ptr<const GuestMemory> HostileMemory::Map(uint8_t hidden) {
  hidden |= Bit(Part::kDevice);
  std::vector<GuestMemory::Region> regions;
  for (size_t i = 0; i < kParts; ++i) {
    const auto part = static_cast<Part>(i);
    GuestMemory::Region region = {.address = Begin(part), .size = Bytes(part)};
    if ((hidden & Bit(part)) != 0) {
      region.accessor = &windows_[i];
    } else {
      region.host = host_ + (Begin(part) - kBase);
    }
    regions.push_back(region);
  }
  regions.push_back({.address = kGuard,
                     .size = kGuardBytes,
                     .host = host_ + (kGuard - kBase),
                     .read_only = true});
  return *GuestMemory::Create(std::move(regions), nullptr);
}

void HostileMemory::Clear() {
  std::fill_n(host_, kGuard - kBase, uint8_t{0});
  step_ = 0;
}

void HostileMemory::ChangeOnRead(uint64_t address, uint64_t bytes, uint8_t step) {
  changing_begin_ = address;
  changing_end_ = address + bytes;
  step_ = step;
  changes_left_ = kChanges;
}

bool HostileMemory::GuardIsIntact() const {
  const uint8_t* guard = host_ + (kGuard - kBase);
  return std::all_of(guard, guard + kGuardBytes, [](uint8_t byte) { return byte == kGuardByte; });
}

uint8_t* HostileMemory::At(uint64_t address, uint64_t bytes) {
  PLATTER_CHECK(address >= kBase && RangeFits(address - kBase, bytes, kGuard - kBase));
  return host_ + (address - kBase);
}

void HostileMemory::DeviceRead(uint64_t address, std::span<uint8_t> out) {
  const uint64_t begin = address;
  bool changed = false;
  for (uint8_t& byte : out) {
    uint8_t* const at = host_ + (address - kBase);
    byte = *at;
    if (step_ != 0 && address >= changing_begin_ && address < changing_end_) {
      *at = static_cast<uint8_t>(*at * 5 + step_);
      changed = true;
    }
    ++address;
  }
  if (changed && --changes_left_ == 0) step_ = 0;
  watcher_.OnDeviceRead(begin, out);
}

void HostileMemory::DeviceWrite(uint64_t address, std::span<const uint8_t> data) {
  std::copy(data.begin(), data.end(), host_ + (address - kBase));
  watcher_.OnDeviceWrite(address, data);
}

}  // namespace platter
