// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsiEventQueue: tells the driver what happened to logical units, in the buffers that it
// left (virtio 1.3, 5.6.6.3). What finds no buffer is lost, and the next event says that some were.
//
// Ownership: queue and shared outlive it. Threading: the queue's context, which is the control
// context. Units: none. Errors: a buffer that is no memory breaks the queue.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_EVENT_QUEUE_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_EVENT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "devices/virtio/virtio_queue.h"
#include "devices/virtio_scsi/virtio_scsi_config.h"
#include "devices/virtio_scsi/virtio_scsi_lane.h"

namespace platter {

class VirtioScsiEventQueue {
 public:
  // That come while the machine stands still or the queue is stopped; then they are lost.
  static constexpr size_t kMaxWaiting = 64;
  // Buffers taken in one turn.
  static constexpr uint32_t kBudget = 64;

  VirtioScsiEventQueue(VirtioQueue& queue, const VirtioScsiShared& shared)
      : queue_(queue), shared_(shared) {}

  // Nothing happens before the driver runs the queue: whoever begins looks at everything. While it
  // is stopped, to go on later (a transport's StopQueue), events wait.
  void Post(const VirtioScsiEvent& event);

  QueueWork Work();
  // The device is reset: there is no driver.
  void Forget();

  // For a saved state, paused: what waits, and whether some were lost.
  const std::deque<VirtioScsiEvent>& waiting() const { return waiting_; }
  bool missed() const { return missed_; }
  // At most kMaxWaiting.
  void Restore(std::deque<VirtioScsiEvent> waiting, bool missed) {
    waiting_ = std::move(waiting);
    missed_ = missed;
  }

 private:
  // Whether there may be buffers that the budget did not reach, and something to tell in them.
  enum class Left : uint8_t { kNothing, kSome };
  Left Deliver();
  bool Put(const Chain& chain, VirtioScsiEvent event);

  VirtioQueue& queue_;
  const VirtioScsiShared& shared_;
  std::deque<VirtioScsiEvent> waiting_;
  bool running_ = false;
  bool missed_ = false;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_EVENT_QUEUE_H_
