// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsiQueue: one request queue of the guest's SCSI host driver: a ring, and for each command
// that can be in flight a piece of guest memory for request and response. Nothing is allocated
// after Create, so measurements run on it.
//
//   while (queue->Submit({.lun = lun, .tag = t, .cdb = cdb, .in = segments}, token)) ...
//   if (queue->Publish()) transport.Notify(n);
//   queue->Reap([](uint64_t token, const ScsiQueueAnswer& answer) { ... });
//
// Ownership: the bus outlives it; memory of the data is the caller's until the completion.
// Threading: one thread. Units: bytes. Errors: Submit is false when the queue is full; Create: as
//   VirtioRing's.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_SCSI_QUEUE_H_
#define PLATTER_TESTING_GUEST_VIRTIO_SCSI_QUEUE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_ring.h"
#include "testing/guest/virtio_scsi_spec.h"

namespace platter {

struct ScsiQueueCommand {
  guest::ScsiLun lun{};
  uint64_t tag = 0;
  std::span<const uint8_t> cdb;  // At most guest::kScsiCdbSize bytes.
  std::span<const GuestSegment> out = {};
  std::span<const GuestSegment> in = {};
};

struct ScsiQueueAnswer {
  uint8_t response = guest::kScsiNotWritten;
  uint8_t status = 0;
  uint32_t residual = 0;
  std::span<const uint8_t> sense;  // Valid until the next Submit.
};

class VirtioScsiQueue {
 public:
  static constexpr size_t kMaxSegments = 126;

  static absl::StatusOr<std::unique_ptr<VirtioScsiQueue>> Create(
      GuestBus& bus, const VirtioRing::Options& options);
  ~VirtioScsiQueue();
  VirtioScsiQueue(const VirtioScsiQueue&) = delete;
  VirtioScsiQueue& operator=(const VirtioScsiQueue&) = delete;

  // False when the ring or the requests are used up; nothing happened then.
  bool Submit(const ScsiQueueCommand& command, uint64_t token);
  // True when the device wants a notification.
  bool Publish() { return ring_->Publish(); }

  // Takes what is done: on_done(token, answer). Returns how many. Submit may be called from inside.
  template <typename OnDone>
  uint32_t Reap(OnDone&& on_done) {
    uint32_t count = 0;
    RingCompletion done;
    while (ring_->Reap(done)) {
      const auto index = static_cast<uint32_t>(done.token);
      ReadResponse(requests_[index]);
      const uint64_t token = requests_[index].token;
      Release(index);
      ++count;
      on_done(token, answer_);
    }
    return count;
  }

  // Tokens of what is in flight, for a driver whose device was reset.
  std::vector<uint64_t> InFlight() const;

  VirtioRing& ring() { return *ring_; }
  const VirtioRing& ring() const { return *ring_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kRequestSize = sizeof(guest::ScsiRequest) + guest::kScsiCdbSize;
  static constexpr uint32_t kResponseSize = sizeof(guest::ScsiResponse) + guest::kScsiSenseSize;
  // In guest memory: request, then response.
  static constexpr uint64_t kResponseOffset = 64;
  static constexpr uint64_t kSlotBytes = 192;
  static_assert(kRequestSize <= kResponseOffset && kResponseOffset + kResponseSize <= kSlotBytes);

  struct Request {
    uint64_t address = 0;
    uint64_t token = 0;
    uint32_t next = kNone;
    bool in_flight = false;
  };

  explicit VirtioScsiQueue(GuestBus& bus) : bus_(bus) {}
  absl::Status Allocate(const VirtioRing::Options& options);
  void WriteRequest(const Request& request, const ScsiQueueCommand& command);
  void ReadResponse(const Request& request);
  void Release(uint32_t index);

  GuestBus& bus_;
  std::unique_ptr<VirtioRing> ring_;
  uint64_t memory_ = 0;
  std::vector<Request> requests_;
  uint32_t free_ = kNone;
  ScsiQueueAnswer answer_;
  std::array<uint8_t, kResponseSize> response_;
  // Of the chain that Submit makes.
  std::array<GuestSegment, kMaxSegments + 1> readable_;
  std::array<GuestSegment, kMaxSegments + 1> writable_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_SCSI_QUEUE_H_
