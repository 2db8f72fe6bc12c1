// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_scsi_queue.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"

namespace platter {

absl::StatusOr<std::unique_ptr<VirtioScsiQueue>> VirtioScsiQueue::Create(
    GuestBus& bus, const VirtioRing::Options& options) {
  std::unique_ptr<VirtioScsiQueue> queue(new VirtioScsiQueue(bus));
  PLATTER_RETURN_IF_ERROR(queue->Allocate(options));
  return queue;
}

VirtioScsiQueue::~VirtioScsiQueue() {
  if (memory_ != 0) bus_.Free(memory_);
}

absl::Status VirtioScsiQueue::Allocate(const VirtioRing::Options& options) {
  auto ring = VirtioRing::Create(bus_, options);
  if (!ring.ok()) return ring.status();
  ring_ = *std::move(ring);
  const auto memory = bus_.Allocate(options.size * kSlotBytes, 64);
  if (!memory.ok()) return memory.status();
  memory_ = *memory;
  requests_.resize(options.size);
  for (uint32_t i = 0; i < options.size; ++i) {
    requests_[i].address = memory_ + i * kSlotBytes;
    requests_[i].next = i + 1 < options.size ? i + 1 : kNone;
  }
  free_ = 0;
  return absl::OkStatus();
}

void VirtioScsiQueue::WriteRequest(const Request& request, const ScsiQueueCommand& command) {
  std::array<uint8_t, kRequestSize> bytes{};
  const guest::ScsiRequest header = {
      .lun = command.lun, .id = command.tag, .task_attr = 0, .prio = 0, .crn = 0};
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::copy(command.cdb.begin(), command.cdb.end(), bytes.begin() + sizeof(header));
  bus_.Write(request.address, bytes);
  guest::ScsiResponse response{};
  response.response = guest::kScsiNotWritten;
  bus_.Write(request.address + kResponseOffset,
             {reinterpret_cast<const uint8_t*>(&response), sizeof(response)});
}

bool VirtioScsiQueue::Submit(const ScsiQueueCommand& command, uint64_t token) {
  if (free_ == kNone || command.out.size() > kMaxSegments || command.in.size() > kMaxSegments ||
      command.cdb.size() > guest::kScsiCdbSize) {
    return false;
  }
  const uint32_t index = free_;
  Request& request = requests_[index];
  readable_[0] = {request.address, kRequestSize};
  writable_[0] = {request.address + kResponseOffset, kResponseSize};
  std::copy(command.out.begin(), command.out.end(), readable_.begin() + 1);
  std::copy(command.in.begin(), command.in.end(), writable_.begin() + 1);
  WriteRequest(request, command);
  if (!ring_->Add(std::span(readable_).first(1 + command.out.size()),
                  std::span(writable_).first(1 + command.in.size()), index)) {
    return false;
  }
  free_ = request.next;
  request.token = token;
  request.in_flight = true;
  return true;
}

void VirtioScsiQueue::ReadResponse(const Request& request) {
  bus_.Read(request.address + kResponseOffset, response_);
  guest::ScsiResponse header;
  std::memcpy(&header, response_.data(), sizeof(header));
  answer_.response = header.response;
  answer_.status = header.status;
  answer_.residual = header.residual.get();
  answer_.sense = std::span(response_).subspan(
      sizeof(header), std::min<size_t>(header.sense_len.get(), guest::kScsiSenseSize));
}

void VirtioScsiQueue::Release(uint32_t index) {
  Request& request = requests_[index];
  request.in_flight = false;
  request.next = free_;
  free_ = index;
}

std::vector<uint64_t> VirtioScsiQueue::InFlight() const {
  std::vector<uint64_t> tokens;
  for (const Request& request : requests_) {
    if (request.in_flight) tokens.push_back(request.token);
  }
  return tokens;
}

}  // namespace platter
