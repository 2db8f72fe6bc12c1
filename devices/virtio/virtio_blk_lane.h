// SPDX-License-Identifier: Apache-2.0
//
// VirtioBlkLane: a virtio-blk device in one AioContext: one BlockChannel, and the queues that run
// there. The data plane of the device. One channel serves all queues of a context: they share its
// plug, so a turn that finds work in several queues makes one submission of it, and a drain has one
// channel per thread to wait for.
//
// A turn takes a bounded number of requests from a ring, plugged, submits them, and publishes what
// is finished by then; each batch of completions is published with one store and at most one
// interrupt.
//
// Ownership: of its VirtioBlk. Threading: the context, but for what says otherwise.
// Errors: what the driver does wrong is answered with a status (5.2.6), or breaks the queue when
// there is nowhere to put one.

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_LANE_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_LANE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/virtio/chain_data.h"
#include "devices/virtio/ring/virtqueue.h"
#include "devices/virtio/virtio_blk_config.h"
#include "devices/virtio/virtio_blk_request.h"
#include "devices/virtio/virtio_queue.h"
#include "devices/virtio/virtio_transport.h"

namespace platter {

// What all lanes of a device know of it.
struct VirtioBlkShared {
  std::array<uint8_t, kVirtioBlkIdBytes> serial{};  // NUL-padded.
  uint32_t logical_block_size = 512;
  bool read_only = false;
  // Written while no queue is started.
  uint64_t features = 0;
  VirtioTransport* transport = nullptr;
  // In bytes; changes when the medium is resized.
  std::atomic<uint64_t> capacity{0};
  // A reset is under way: nothing more is taken, and what is cancelled is forgotten. Of the whole
  // device, since the first queue of a lane that stops cancels the requests of its siblings too.
  std::atomic<bool> dropping{false};

  bool is_dropping() const { return dropping.load(std::memory_order_relaxed); }
};

class VirtioBlkLane final : private ChannelClient {
 public:
  // Requests taken from one ring in one turn.
  static constexpr uint32_t kBudget = 256;

  // Control context: opens the channel.
  VirtioBlkLane(const VirtioBlkShared& shared, AioContext& context, BlockDeviceView& backend);
  ~VirtioBlkLane();

  AioContext& context() { return context_; }
  // Control context, before anything runs.
  VirtioBlkQueueState& AddQueue(VirtioQueue& queue);

  QueueWork Work(VirtioBlkQueueState& queue);
  void Stopping(QueueStop kind);
  std::vector<uint16_t> Save(const VirtioBlkQueueState& queue) const;
  void Restore(VirtioBlkQueueState& queue, uint16_t head);
  void CloseChannel() { channel_.reset(); }

  // A request's I/O is done.
  void OnRequestDone(VirtioBlkRequest& request, IoResult result);

  // Counters; any thread may read them.
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> interrupts{0};
  std::atomic<uint64_t> batches{0};

 private:
  // How a request went on when it was taken from the ring.
  enum class Taken : uint8_t {
    kGoesOn,  // Submitted, or answered at once.
    kWaits,   // No memory for it now: it goes back to the ring.
    kBroken,  // There is nowhere to put an answer.
  };

  Taken Start(VirtioBlkQueueState& queue, VirtioBlkRequest& request, const Chain& chain);
  Taken StartTransfer(VirtioBlkRequest& request, const Chain& chain, IoOp op, uint64_t sector);
  Taken StartRanges(VirtioBlkRequest& request, const Chain& chain, IoOp op);
  Taken StartGetId(VirtioBlkRequest& request, const Chain& chain);
  bool FindStatus(MemoryCursor& memory, VirtioBlkRequest& request, const Chain& chain);
  VirtioBlkStatus CheckRanges(const VirtioBlkRequest& request, IoOp op) const;
  bool SubmitNextRange(VirtioBlkRequest& request);
  bool RangeIsValid(uint64_t sector, uint64_t bytes) const;
  Taken Refuse(VirtioBlkRequest& request, VirtioBlkStatus status, IoOp op);

  void Finish(VirtioBlkRequest& request, VirtioBlkStatus status, uint32_t data_written);
  void Release(VirtioBlkRequest& request);
  VirtioBlkRequest& TakeRequest(VirtioBlkQueueState& queue, uint16_t head);
  void Recycle(VirtioBlkRequest& request);
  void Touch(VirtioBlkQueueState& queue);
  void PublishTouched();
  void MakeRequests(VirtioBlkQueueState& queue);

  // ChannelClient.
  void OnBatchDone() override;

  const VirtioBlkShared& shared_;
  AioContext& context_;
  ChainDataMapper mapper_;
  std::unique_ptr<BlockChannel> channel_;
  std::vector<std::unique_ptr<VirtioBlkQueueState>> queues_;
  VirtioBlkQueueState* touched_ = nullptr;
  bool cancelled_ = false;  // By a reset: all that was submitted until now.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_LANE_H_
