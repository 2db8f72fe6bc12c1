// SPDX-License-Identifier: Apache-2.0
//
// LoadQueue: a queue of requests that is kept full, with one time stamp a batch. SlotQueue<Port> is
// one over a guest driver's queue; calls through LoadQueue are per batch, those of the port per
// request, and inlined.
//
// A Port has:
//   bool Submit(LoadOp op, uint64_t offset, const GuestSegment& data, uint64_t token);
//   void Publish();              // What was submitted goes to the device.
//   template <F> uint32_t Reap(F done);  // done(token, ok) for each that has completed.
//   uint32_t in_flight() const;
//
// Ownership: the port refers to a driver that outlives it. Threading: the machine's thread.
// Units: bytes. Errors: Allocate says what the bus lacks.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_LOAD_QUEUE_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_LOAD_QUEUE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/clock.h"
#include "benchmarks/throughput/histogram.h"
#include "benchmarks/throughput/workload.h"
#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_ring.h"

namespace platter {

// Where requests go: the whole medium, at random or one after another.
class LoadOffsets {
 public:
  // Of queue `index`; `bytes` is the length of the medium.
  LoadOffsets(const Workload& workload, uint32_t index, uint64_t bytes)
      : sequential_(workload.op == LoadOp::kSeqRead || workload.op == LoadOp::kSeqWrite),
        block_bytes_(workload.block_size),
        blocks_(bytes / workload.block_size),
        random_(workload.seed * 0x9e3779b97f4a7c15u + index + 1),
        next_block_(blocks_ / workload.queues * index) {}

  uint64_t Next() { return NextBlock() * block_bytes_; }

 private:
  uint64_t NextBlock() {
    if (sequential_) {
      const uint64_t block = next_block_;
      next_block_ = next_block_ + 1 == blocks_ ? 0 : next_block_ + 1;
      return block;
    }
    // xorshift64*; the high product maps it onto the blocks without a division.
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>(static_cast<Wide>(random_ * 0x2545f4914f6cdd1du) * blocks_ >> 64);
  }

  const bool sequential_;
  const uint32_t block_bytes_;
  const uint64_t blocks_;
  uint64_t random_;
  uint64_t next_block_;
};

class LoadQueue {
 public:
  virtual ~LoadQueue() = default;

  // Buffers for the depth of the workload.
  virtual absl::Status Allocate(GuestBus& bus) = 0;
  // Fills the queue; false when it has too little room.
  virtual bool Start(Instant now) = 0;
  // Takes what is done and, unless `stopping`, submits as much. Returns how many were done.
  virtual uint32_t Turn(Instant now, bool stopping) = 0;
  virtual uint32_t in_flight() const = 0;

  uint64_t requests() const { return requests_; }
  uint64_t errors() const { return errors_; }
  const LatencyHistogram& latency() const { return latency_; }

 protected:
  LatencyHistogram latency_;
  uint64_t requests_ = 0;
  uint64_t errors_ = 0;
};

template <typename Port>
class SlotQueue final : public LoadQueue {
 public:
  SlotQueue(Port port, const Workload& workload, const LoadOffsets& offsets)
      : port_(std::move(port)),
        op_(workload.op),
        bytes_(workload.block_size),
        offsets_(offsets),
        slots_(workload.queue_depth) {}

  absl::Status Allocate(GuestBus& bus) override {
    for (Slot& slot : slots_) {
      absl::StatusOr<uint64_t> buffer = bus.Allocate(bytes_, 4096);
      if (!buffer.ok()) return buffer.status();
      slot.segment = {.address = *buffer, .bytes = bytes_};
    }
    return absl::OkStatus();
  }

  bool Start(Instant now) override {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (!Submit(i, now)) return false;
    }
    port_.Publish();
    return true;
  }

  uint32_t Turn(Instant now, bool stopping) override {
    const uint32_t done = port_.Reap([&](uint64_t token, bool ok) {
      latency_.Record(static_cast<uint64_t>((now - slots_[token].submitted).count()));
      errors_ += ok ? 0 : 1;
      if (!stopping) Submit(token, now);
    });
    requests_ += done;
    if (done > 0 && !stopping) port_.Publish();
    return done;
  }

  uint32_t in_flight() const override { return port_.in_flight(); }

 private:
  struct Slot {
    GuestSegment segment;
    Instant submitted{};
  };

  bool Submit(size_t index, Instant now) {
    Slot& slot = slots_[index];
    slot.submitted = now;
    return port_.Submit(op_, offsets_.Next(), slot.segment, index);
  }

  Port port_;
  const LoadOp op_;
  const uint32_t bytes_;
  LoadOffsets offsets_;
  std::vector<Slot> slots_;
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_LOAD_QUEUE_H_
