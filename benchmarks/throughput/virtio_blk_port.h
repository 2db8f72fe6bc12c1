// SPDX-License-Identifier: Apache-2.0
//
// VirtioBlkPort: a queue of the guest's virtio-blk driver as a SlotQueue's port, over any
// transport.
//
// Ownership: queue and transport outlive it. Threading: the guest's thread. Units: bytes.
// Errors: a request whose status is not OK counts as failed.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_VIRTIO_BLK_PORT_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_VIRTIO_BLK_PORT_H_

#include <cstdint>
#include <span>

#include "base/arith.h"
#include "benchmarks/throughput/workload.h"
#include "testing/guest/virtio_blk_queue.h"
#include "testing/guest/virtio_spec.h"
#include "testing/guest/virtio_transport_driver.h"

namespace platter {

// Enough for the control block of each kind: two descriptors more than the deepest queue.
inline constexpr uint16_t kVirtioBlkBenchQueueSize = 512;

class VirtioBlkPort {
 public:
  VirtioBlkPort(VirtioBlkQueue& queue, VirtioTransportDriver& transport, uint16_t index,
                Completions completions)
      : queue_(&queue), transport_(&transport), index_(index), completions_(completions) {
    if (completions_ == Completions::kPoll) queue_->ring().DisableInterrupts();
  }

  bool Submit(LoadOp op, uint64_t offset, const GuestSegment& data, uint64_t token) {
    BlkCommand command;
    command.type = IsWrite(op) ? guest::kBlkOut : guest::kBlkIn;
    command.sector = offset / kSectorSize;
    command.data = std::span(&data, 1);
    return queue_->Submit(command, token);
  }
  void Publish() {
    if (queue_->Publish()) transport_->Notify(index_);
  }
  template <typename Done>
  uint32_t Reap(Done done) {
    const uint32_t count = queue_->Reap(
        [&](uint64_t token, uint8_t status, uint32_t) { done(token, status == guest::kBlkOk); });
    // As a driver does: ask for the next interrupt before making more available. One that was in
    // time already is found by the next Reap: nobody sleeps after one that found something.
    if (count > 0 && completions_ == Completions::kInterrupt) queue_->ring().EnableInterrupts();
    return count;
  }
  uint32_t in_flight() const { return queue_->ring().in_flight(); }

 private:
  VirtioBlkQueue* queue_;
  VirtioTransportDriver* transport_;
  uint16_t index_;
  Completions completions_;
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_VIRTIO_BLK_PORT_H_
