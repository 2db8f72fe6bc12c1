// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/in_process_bus.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "aio/timer.h"
#include "base/check.h"

namespace platter {

namespace {

// As real guest memory is: a buffer that the guest aligned to a page is aligned to one in the host
// too. O_DIRECT needs that, and the kernel copies to unaligned buffers at half the speed.
constexpr uint64_t kPage = 4096;

struct Freed {
  void operator()(uint8_t* memory) const { std::free(memory); }
};

}  // namespace

struct InProcessBus::HostRegion {
  HostRegion(uint64_t guest_address, uint64_t bytes)
      : address(guest_address),
        size(bytes),
        memory(static_cast<uint8_t*>(
            std::aligned_alloc(kPage, AlignUp(address % kPage + bytes, kPage)))),
        host(memory.get() + address % kPage) {
    PLATTER_CHECK(memory != nullptr);
    std::memset(host, 0, size);
  }

  uint64_t address;
  uint64_t size;
  std::unique_ptr<uint8_t[], Freed> memory;
  uint8_t* host;
};

class InProcessBus::CountedLine final : public InterruptLine {
 public:
  explicit CountedLine(InProcessBus& bus) : bus_(bus) {}

  void Set(LineLevel level) override {
    const bool high = level == LineLevel::kHigh;
    const bool was_high = high_.exchange(high, std::memory_order_acq_rel);
    if (!high || was_high) return;
    raised_.fetch_add(1, std::memory_order_acq_rel);
    bus_.OnInterrupt();
  }

  GuestInterrupt state() const {
    return {.raised = raised_.load(std::memory_order_acquire),
            .high = high_.load(std::memory_order_acquire)};
  }

 private:
  InProcessBus& bus_;
  std::atomic<bool> high_{false};
  std::atomic<uint64_t> raised_{0};
};

class InProcessBus::CountedVectors final : public InterruptVectors {
 public:
  CountedVectors(InProcessBus& bus, uint32_t first) : bus_(bus), first_(first) {}

  void Raise(uint16_t vector) override {
    PLATTER_CHECK(first_ + vector < bus_.vectors_.size());
    bus_.vectors_[first_ + vector].fetch_add(1, std::memory_order_acq_rel);
    bus_.OnInterrupt();
  }

 private:
  InProcessBus& bus_;
  const uint32_t first_;
};

InProcessBus::InProcessBus(AioContext& context, const Options& options)
    : context_(context),
      options_(options),
      vectors_(options.vectors),
      wake_(context, [this] { ++wake_ups_; }) {
  std::vector<GuestMemory::Region> map;
  regions_.reserve(options.regions.size());
  for (const Region& region : options.regions) {
    regions_.emplace_back(region.address, region.bytes);
    map.push_back({.address = region.address, .size = region.bytes, .host = regions_.back().host});
    allocator_.AddRegion(region.address, region.bytes);
  }
  auto memory = GuestMemory::Create(std::move(map), options.dirty_log);
  PLATTER_CHECK(memory.ok());
  memory_ = *std::move(memory);
  for (uint32_t i = 0; i < options.lines; ++i) {
    lines_.push_back(std::make_unique<CountedLine>(*this));
  }
}

InProcessBus::~InProcessBus() {
  // A wake-up may still be on its way.
  context_.RunUntil([&] { return !wake_.scheduled(); });
}

InterruptLine& InProcessBus::Line(uint32_t number) {
  PLATTER_CHECK(number < lines_.size());
  return *lines_[number];
}

InterruptVectors& InProcessBus::Vectors(uint32_t first) {
  vector_views_.push_back(std::make_unique<CountedVectors>(*this, first));
  return *vector_views_.back();
}

void InProcessBus::OnInterrupt() {
  if (waiting_.load(std::memory_order_seq_cst)) wake_.Schedule();
}

absl::StatusOr<uint64_t> InProcessBus::Allocate(uint64_t bytes, uint64_t alignment) {
  auto address = allocator_.Allocate(bytes, alignment);
  if (address.ok() && bytes != 0) std::memset(TryMap(*address, bytes), 0, bytes);
  return address;
}

void InProcessBus::Free(uint64_t address) { allocator_.Free(address); }

InProcessBus::HostRegion* InProcessBus::Find(uint64_t address, uint64_t bytes) {
  for (HostRegion& region : regions_) {
    if (address >= region.address && RangeFits(address - region.address, bytes, region.size)) {
      return &region;
    }
  }
  return nullptr;
}

// The guest's own accesses are no device's: they leave no mark in the dirty log.
uint8_t* InProcessBus::TryMap(uint64_t address, uint64_t bytes) {
  HostRegion* region = Find(address, bytes);
  return region == nullptr ? nullptr : region->host + (address - region->address);
}

bool InProcessBus::Read(uint64_t address, std::span<uint8_t> out) {
  const uint8_t* from = TryMap(address, out.size());
  if (from == nullptr) return false;
  std::copy_n(from, out.size(), out.data());
  return true;
}

bool InProcessBus::Write(uint64_t address, std::span<const uint8_t> data) {
  uint8_t* to = TryMap(address, data.size());
  if (to == nullptr) return false;
  std::copy_n(data.data(), data.size(), to);
  return true;
}

uint64_t InProcessBus::ReadRegister(RegisterSpace space, uint64_t address, unsigned width) {
  return (space == RegisterSpace::kMmio ? mmio_ : ports_).Read(address, width);
}

void InProcessBus::WriteRegister(RegisterSpace space, uint64_t address, unsigned width,
                                 uint64_t value) {
  (space == RegisterSpace::kMmio ? mmio_ : ports_).Write(address, width, value);
}

GuestInterrupt InProcessBus::Interrupt(uint32_t number) {
  if (number < lines_.size()) return lines_[number]->state();
  if (number >= kFirstVector && number - kFirstVector < vectors_.size()) {
    return {.raised = vectors_[number - kFirstVector].load(std::memory_order_acquire)};
  }
  return {};
}

bool InProcessBus::WaitFor(absl::FunctionRef<bool()> done, Duration timeout) {
  // First the wish to be woken, then the look: an interrupt between the two is not lost.
  waiting_.store(true, std::memory_order_seq_cst);
  bool fulfilled = done();
  if (!fulfilled) {
    bool expired = false;
    Timer timer(context_, [&expired] { expired = true; });
    timer.ArmAfter(timeout);
    context_.RunUntil([&] {
      fulfilled = done();
      return fulfilled || expired;
    });
  }
  waiting_.store(false, std::memory_order_seq_cst);
  return fulfilled;
}

}  // namespace platter
