// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsiLane: a virtio-scsi adapter in one AioContext: the request queues that run there, and
// each logical unit's lane and block channel. The data plane of the adapter.
//
// A turn takes a bounded number of requests from a ring, with the channels of the units that they
// go to plugged, and publishes what is finished by then; each batch of completions is published
// with one store and at most one interrupt.
//
// Every lane has its own table of units, so that a command looks its unit up without a lock; units
// come and go by messages.
//
// Ownership: of its VirtioScsi, as the units are. Threading: the context, but for what says
// otherwise. Errors: what the driver does wrong is answered with a response (5.6.6.1), or breaks
// the queue when there is nowhere to put one.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_LANE_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_LANE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/device.h"
#include "devices/virtio/chain_data.h"
#include "devices/virtio/ring/virtqueue.h"
#include "devices/virtio/virtio_queue.h"
#include "devices/virtio/virtio_transport.h"
#include "devices/virtio_scsi/scsi_address.h"
#include "devices/virtio_scsi/virtio_scsi_config.h"
#include "devices/virtio_scsi/virtio_scsi_request.h"

namespace platter {

// The two fields of the configuration that a driver writes. Together, so that a request sees both
// as they were at one time.
struct VirtioScsiSizes {
  uint32_t sense = kVirtioScsiSenseSize;
  uint32_t cdb = kVirtioScsiCdbSize;
};

// What all lanes of an adapter know of it.
struct VirtioScsiShared {
  // Written while no queue is started.
  VirtioTransport* transport = nullptr;
  std::atomic<VirtioScsiSizes> sizes{VirtioScsiSizes{}};
  static_assert(std::atomic<VirtioScsiSizes>::is_always_lock_free);
  // A reset is under way: nothing more is taken, and what is cancelled is forgotten.
  std::atomic<bool> dropping{false};

  bool is_dropping() const { return dropping.load(std::memory_order_relaxed); }
};

// Which commands of an adapter.
struct ScsiTaskFilter {
  uint8_t target = 0;
  std::optional<uint16_t> lun = std::nullopt;  // Nothing: of all units.
  std::optional<uint64_t> tag = std::nullopt;  // Nothing: all of them.

  bool Matches(const VirtioScsiRequest& request) const {
    return request.address.target == target && (!lun || request.address.lun == *lun) &&
           (!tag || request.tag == *tag);
  }
};

class VirtioScsiLane final : private ChannelClient {
 public:
  // Requests taken from one ring in one turn.
  static constexpr uint32_t kBudget = 256;
  // A driver is the only initiator of its adapter.
  static constexpr uint8_t kNexus = 0;

  VirtioScsiLane(const VirtioScsiShared& shared, AioContext& context);
  ~VirtioScsiLane();

  AioContext& context() { return context_; }
  // Control context, before anything runs.
  VirtioScsiQueueState& AddQueue(VirtioQueue& queue);

  // --- Units. ---

  // Control context: opens the unit's channel here.
  std::unique_ptr<VirtioScsiUnitLane> Open(ScsiUnit& unit);
  // Commands find it from now on.
  void Insert(const ScsiAddress& address, VirtioScsiUnitLane& unit);
  // Commands find it no more; those that it has are cancelled. `done` when they are gone and the
  // channel is closed; never before this returns.
  void Remove(const ScsiAddress& address, DeviceDone done);

  // --- Tasks. ---

  bool Has(const ScsiTaskFilter& filter) const;
  // Cancels what is there now; `done`, in a turn of its own, when the driver has an answer to each.
  // It touches neither lane nor units that left, so it may end them.
  void Cancel(const ScsiTaskFilter& filter, VirtioScsiResponse response, DeviceDone done);

  // --- Queues. ---

  QueueWork Work(VirtioScsiQueueState& queue);
  void Stopping(VirtioScsiQueueState& queue, QueueStop kind);
  std::vector<uint16_t> Save(const VirtioScsiQueueState& queue) const;
  void Restore(VirtioScsiQueueState& queue, uint16_t head);

  // A request has its status.
  void Finish(VirtioScsiRequest& request);

  // Counters; any thread may read them.
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> interrupts{0};

 private:
  // How a request went on when it was taken from the ring.
  enum class Taken : uint8_t {
    kGoesOn,  // Started, or answered at once.
    kWaits,   // No memory for it now: it goes back to the ring.
    kBroken,  // There is nowhere to put an answer.
  };
  // Who waits until no request that was taken before matches any more.
  struct Waiter {
    ScsiTaskFilter filter;
    uint64_t last_order;
    DeviceDone done;
  };

  // virtio_scsi_start.cc.
  Taken Start(VirtioScsiQueueState& queue, VirtioScsiRequest& request, const Chain& chain);
  Taken StartCommand(VirtioScsiRequest& request, const Chain& chain, const VirtioScsiSizes& sizes);
  bool ReadRequest(VirtioScsiRequest& request, const Chain& chain, uint32_t cdb_size,
                   ParsedLun* lun);
  Taken MapData(VirtioScsiRequest& request, const ChainRange& range, DmaAccess access);
  void Execute(VirtioScsiRequest& request, const ParsedLun& lun, uint32_t cdb_size);
  void ReportLuns(VirtioScsiRequest& request, const ParsedLun& lun);
  Taken Refuse(VirtioScsiRequest& request, VirtioScsiResponse response);

  void Plug(VirtioScsiUnitLane& unit);
  void EndTurn();
  void Answer(VirtioScsiRequest& request, VirtioScsiResponse response);
  uint32_t WriteResponse(VirtioScsiRequest& request, VirtioScsiResponse response);
  void Release(VirtioScsiRequest& request);
  VirtioScsiRequest& TakeRequest(VirtioScsiQueueState& queue, uint16_t head);
  void Recycle(VirtioScsiRequest& request);
  void Touch(VirtioScsiQueueState& queue);
  void PublishTouched();
  void MakeRequests(VirtioScsiQueueState& queue);
  void CancelRequest(VirtioScsiRequest& request, VirtioScsiResponse response);
  bool AnyLeft(const ScsiTaskFilter& filter, uint64_t last_order) const;
  void CheckWaiters();

  // ChannelClient.
  void OnBatchDone() override;

  const VirtioScsiShared& shared_;
  AioContext& context_;
  ChainDataMapper mapper_;
  ScsiUnitTable<VirtioScsiUnitLane> units_;
  std::vector<std::unique_ptr<VirtioScsiQueueState>> queues_;
  VirtioScsiQueueState* touched_ = nullptr;
  VirtioScsiUnitLane* plugged_ = nullptr;
  uint64_t last_order_ = 0;
  std::vector<Waiter> waiters_;
  bool in_turn_ = false;    // What is done now is published at its end.
  bool restoring_ = false;  // What Start is given was admitted before it was saved.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_LANE_H_
