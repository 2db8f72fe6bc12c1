// SPDX-License-Identifier: Apache-2.0
//
// VirtioBlkQueue: one request queue of the guest's block driver: a ring, and for each request that
// can be in flight a piece of guest memory for header, ranges and status. Nothing is allocated
// after Create, so the load generator runs on it.
//
//   while (queue->Submit({.type = guest::kBlkIn, .sector = s, .data = segments}, token)) ...
//   if (queue->Publish()) transport.Notify(n);
//   queue->Reap([](uint64_t token, uint8_t status, uint32_t bytes) { ... });
//
// Ownership: the bus outlives it; memory of the data is the caller's until the completion.
// Threading: one thread. Units: sectors of 512 bytes, bytes. Errors: Submit is false when the
//   queue is full; Create: as VirtioRing's.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_BLK_QUEUE_H_
#define PLATTER_TESTING_GUEST_VIRTIO_BLK_QUEUE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_ring.h"
#include "testing/guest/virtio_spec.h"

namespace platter {

struct BlkCommand {
  uint32_t type = guest::kBlkIn;
  uint64_t sector = 0;
  // Read by the device for Out, written by it for every other type.
  std::span<const GuestSegment> data = {};
  // Of Discard and WriteZeroes, up to VirtioBlkQueue::kMaxRanges.
  std::span<const guest::BlkRange> ranges = {};
};

class VirtioBlkQueue {
 public:
  static constexpr size_t kMaxRanges = 16;
  static constexpr size_t kMaxSegments = 126;

  static absl::StatusOr<std::unique_ptr<VirtioBlkQueue>> Create(GuestBus& bus,
                                                                const VirtioRing::Options& options);
  ~VirtioBlkQueue();
  VirtioBlkQueue(const VirtioBlkQueue&) = delete;
  VirtioBlkQueue& operator=(const VirtioBlkQueue&) = delete;

  // False when the ring or the requests are used up; nothing happened then.
  bool Submit(const BlkCommand& command, uint64_t token);
  // True when the device wants a notification.
  bool Publish() { return ring_->Publish(); }

  // Takes what is done: on_done(token, status, bytes written by the device with the status).
  // Returns how many. Submit may be called from inside.
  template <typename OnDone>
  uint32_t Reap(OnDone&& on_done) {
    uint32_t count = 0;
    RingCompletion done;
    while (ring_->Reap(done)) {
      Request& request = requests_[done.token];
      const uint8_t status = StatusOf(request);
      const uint64_t token = request.token;
      request.in_flight = false;
      request.next = free_;
      free_ = static_cast<uint32_t>(done.token);
      ++count;
      on_done(token, status, done.bytes);
    }
    return count;
  }

  // Tokens of what is in flight, for a driver whose device was reset.
  std::vector<uint64_t> InFlight() const;

  VirtioRing& ring() { return *ring_; }
  const VirtioRing& ring() const { return *ring_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  // In guest memory: header, status, ranges.
  static constexpr uint64_t kStatusOffset = 16;
  static constexpr uint64_t kRangesOffset = 64;
  static constexpr uint64_t kRequestBytes = kRangesOffset + kMaxRanges * sizeof(guest::BlkRange);

  struct Request {
    uint64_t address = 0;
    uint8_t* mapped = nullptr;  // nullptr: through the bus.
    uint64_t token = 0;
    uint32_t next = kNone;
    bool in_flight = false;
  };

  explicit VirtioBlkQueue(GuestBus& bus) : bus_(bus) {}
  absl::Status Allocate(const VirtioRing::Options& options);
  void WriteHeader(const Request& request, const BlkCommand& command);
  uint8_t StatusOf(const Request& request) {
    if (request.mapped != nullptr) [[likely]]
      return request.mapped[kStatusOffset];
    uint8_t status = guest::kBlkNotWritten;
    bus_.Read(request.address + kStatusOffset, std::span(&status, 1));
    return status;
  }

  GuestBus& bus_;
  std::unique_ptr<VirtioRing> ring_;
  uint64_t memory_ = 0;
  std::vector<Request> requests_;
  uint32_t free_ = kNone;
  // Of the chain that Submit makes.
  std::array<GuestSegment, kMaxSegments + 2> readable_;
  std::array<GuestSegment, kMaxSegments + 1> writable_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_BLK_QUEUE_H_
