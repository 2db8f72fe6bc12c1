// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsiControlQueue: task management functions and asynchronous notification (virtio 1.3,
// 5.6.6.2). What they are about lives in the lanes of the adapter, in other contexts: a function
// goes there, and is answered when all that it ended has been answered.
//
// Ownership: queue, shared and host outlive it. Threading: the queue's context, which is the
// control context. Units: none. Errors: responses; a request without room for one breaks the queue.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_CONTROL_QUEUE_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_CONTROL_QUEUE_H_

#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "devices/device.h"
#include "devices/virtio/virtio_queue.h"
#include "devices/virtio_scsi/scsi_address.h"
#include "devices/virtio_scsi/virtio_scsi_config.h"
#include "devices/virtio_scsi/virtio_scsi_lane.h"

namespace platter {

// What it asks of its adapter. `done` runs in the control context, never from inside the call.
class VirtioScsiControlHost {
 public:
  virtual bool HasTarget(uint8_t target) = 0;
  virtual bool HasUnit(const ScsiAddress& address) = 0;
  // Of all lanes; see VirtioScsiLane.
  virtual void CancelTasks(const ScsiTaskFilter& filter, VirtioScsiResponse response,
                           DeviceDone done) = 0;
  virtual void LookForTasks(const ScsiTaskFilter& filter,
                            absl::AnyInvocable<void(bool found) &&> done) = 0;
  // Of a target's units (all, or the one); `why` is what they have to tell then.
  virtual void ResetUnits(const ScsiTaskFilter& filter, SenseCode why) = 0;
  // The notifications that a unit can give; bits as in `event_requested`.
  virtual uint32_t NotificationsOf(const ScsiAddress& address) = 0;
  // From now on these are sent, of those that it can give.
  virtual void Subscribe(const ScsiAddress& address, uint32_t notifications) = 0;

 protected:
  ~VirtioScsiControlHost() = default;
};

class VirtioScsiControlQueue {
 public:
  // Requests taken in one turn.
  static constexpr uint32_t kBudget = 64;

  VirtioScsiControlQueue(VirtioQueue& queue, const VirtioScsiShared& shared,
                         VirtioScsiControlHost& host)
      : queue_(queue), shared_(shared), host_(host) {}

  QueueWork Work();
  std::vector<uint16_t> Save() const;
  void Restore(uint16_t head);

 private:
  // A request that has no answer yet.
  struct Pending {
    uint16_t head = 0;
    std::vector<ChainBuffer> writable;  // As far as an answer can go.
    uint64_t writable_bytes = 0;
  };
  using PendingRef = std::list<Pending>::iterator;

  void Start(const Chain& chain);
  PendingRef Keep(const Chain& chain);
  void StartTaskManagement(PendingRef pending, const VirtioScsiTmfRequest& request);
  void StartCancel(PendingRef pending, const ScsiTaskFilter& filter, VirtioScsiResponse response);
  void StartReset(PendingRef pending, const ScsiTaskFilter& filter, SenseCode why);
  void StartQuery(PendingRef pending, const ScsiTaskFilter& filter);
  void Notification(PendingRef pending, const VirtioScsiNotificationRequest& request);
  // kOk, or why nothing can be done there.
  VirtioScsiResponse Locate(const ParsedLun& lun);
  void Respond(PendingRef pending, VirtioScsiResponse response);
  void Put(PendingRef pending, std::span<const uint8_t> answer);
  void Publish();

  VirtioQueue& queue_;
  const VirtioScsiShared& shared_;
  VirtioScsiControlHost& host_;
  std::list<Pending> pending_;  // Oldest first.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_CONTROL_QUEUE_H_
