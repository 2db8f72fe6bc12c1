// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_blk_queue.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/bytes.h"
#include "base/status.h"

namespace platter {

absl::StatusOr<std::unique_ptr<VirtioBlkQueue>> VirtioBlkQueue::Create(
    GuestBus& bus, const VirtioRing::Options& options) {
  std::unique_ptr<VirtioBlkQueue> queue(new VirtioBlkQueue(bus));
  PLATTER_RETURN_IF_ERROR(queue->Allocate(options));
  return queue;
}

VirtioBlkQueue::~VirtioBlkQueue() {
  if (memory_ != 0) bus_.Free(memory_);
}

absl::Status VirtioBlkQueue::Allocate(const VirtioRing::Options& options) {
  auto ring = VirtioRing::Create(bus_, options);
  if (!ring.ok()) return ring.status();
  ring_ = *std::move(ring);
  const auto memory = bus_.Allocate(options.size * kRequestBytes, 64);
  if (!memory.ok()) return memory.status();
  memory_ = *memory;
  uint8_t* mapped = bus_.TryMap(memory_, options.size * kRequestBytes);
  requests_.resize(options.size);
  for (uint32_t i = 0; i < options.size; ++i) {
    requests_[i] = {.address = memory_ + i * kRequestBytes,
                    .mapped = mapped == nullptr ? nullptr : mapped + i * kRequestBytes,
                    .next = i + 1 < options.size ? i + 1 : kNone};
  }
  free_ = 0;
  return absl::OkStatus();
}

void VirtioBlkQueue::WriteHeader(const Request& request, const BlkCommand& command) {
  if (request.mapped != nullptr) [[likely]] {
    // Field by field: a struct put together on the stack is read back before its stores are done.
    const Le64 type_and_reserved = uint64_t{command.type};
    const Le64 sector = command.sector;
    std::memcpy(request.mapped, &type_and_reserved, sizeof(type_and_reserved));
    std::memcpy(request.mapped + offsetof(guest::BlkHeader, sector), &sector, sizeof(sector));
    request.mapped[kStatusOffset] = guest::kBlkNotWritten;
    if (!command.ranges.empty()) {
      std::memcpy(request.mapped + kRangesOffset, command.ranges.data(),
                  command.ranges.size_bytes());
    }
    return;
  }
  const guest::BlkHeader header = {.type = command.type, .reserved = 0u, .sector = command.sector};
  bus_.Write(request.address, std::span(reinterpret_cast<const uint8_t*>(&header), sizeof(header)));
  bus_.Write(request.address + kStatusOffset, std::span(&guest::kBlkNotWritten, 1));
  if (!command.ranges.empty()) {
    bus_.Write(request.address + kRangesOffset,
               std::span(reinterpret_cast<const uint8_t*>(command.ranges.data()),
                         command.ranges.size_bytes()));
  }
}

bool VirtioBlkQueue::Submit(const BlkCommand& command, uint64_t token) {
  if (free_ == kNone || command.data.size() > kMaxSegments || command.ranges.size() > kMaxRanges) {
    return false;
  }
  const uint32_t index = free_;
  Request& request = requests_[index];

  size_t readable_count = 0;
  size_t writable_count = 0;
  readable_[readable_count++] = {request.address, sizeof(guest::BlkHeader)};
  if (!command.ranges.empty()) {
    readable_[readable_count++] = {request.address + kRangesOffset,
                                   static_cast<uint32_t>(command.ranges.size_bytes())};
  }
  for (const GuestSegment& segment : command.data) {
    if (command.type == guest::kBlkOut) {
      readable_[readable_count++] = segment;
    } else {
      writable_[writable_count++] = segment;
    }
  }
  writable_[writable_count++] = {request.address + kStatusOffset, 1};

  WriteHeader(request, command);
  if (!ring_->Add(std::span(readable_.data(), readable_count),
                  std::span(writable_.data(), writable_count), index)) {
    return false;
  }
  free_ = request.next;
  request.token = token;
  request.in_flight = true;
  return true;
}

std::vector<uint64_t> VirtioBlkQueue::InFlight() const {
  std::vector<uint64_t> tokens;
  for (const Request& request : requests_) {
    if (request.in_flight) tokens.push_back(request.token);
  }
  return tokens;
}

}  // namespace platter
