// SPDX-License-Identifier: Apache-2.0
//
// VirtioQueue: a Virtqueue in its AioContext: kicks from any thread, polling of the available
// index with kicks suppressed, starting and stopping.
//
// Ownership: of its VirtioDevice. Threading: "serialised": under the device's serialiser; "in
// context": in context(); a started queue's ring belongs to the context, a stopped one's to whoever
// holds the serialiser. Errors: a broken ring is reported once by OnQueueBroken.

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_QUEUE_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_QUEUE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "devices/bus/guest_memory.h"
#include "devices/virtio/ring/queue_layout.h"
#include "devices/virtio/ring/queue_state.h"
#include "devices/virtio/ring/virtqueue.h"

namespace platter {

class VirtioQueue;

// What is left when a device has worked on a queue.
enum class QueueWork : uint8_t {
  kAll,      // Nothing: the ring was empty, or is broken.
  kMore,     // There may be more; the budget of a turn is used up.
  kWaiting,  // There is more, which waits for VirtioQueue::Retry.
};

enum class QueueStop : uint8_t {
  kDrain,  // What was taken from the ring is finished.
  kReset,  // It is cancelled, and finished or dropped.
};

// The device of a queue. In the queue's context.
class VirtioQueueUser {
 public:
  // There may be work: take chains, a bounded number, and publish.
  virtual QueueWork OnQueueWork(VirtioQueue& queue) = 0;
  // The queue takes nothing more. Whenever the ring's in_use() becomes 0 from now on, call
  // VirtioQueue::CheckStopped. May come twice: a reset overtakes a drain.
  virtual void OnQueueStopping(VirtioQueue& queue, QueueStop kind) = 0;
  // From CheckStopped: nothing is outstanding and the ring was let go.
  virtual void OnQueueStopped(VirtioQueue& queue) = 0;
  // The heads in use, in the order in which they were taken.
  virtual std::vector<uint16_t> OnQueueSave(VirtioQueue& queue) {
    static_cast<void>(queue);
    return {};
  }
  // Takes `head` up again, before any other work of the queue.
  virtual void OnQueueRestore(VirtioQueue& queue, uint16_t head);
  // The ring broke; once per start.
  virtual void OnQueueBroken(VirtioQueue& queue) = 0;

 protected:
  ~VirtioQueueUser() = default;
};

class VirtioQueue final : private Poller {
 public:
  VirtioQueue(uint16_t index, uint32_t max_size, AioContext& context, VirtioQueueUser& user);
  ~VirtioQueue();

  uint16_t index() const { return index_; }
  AioContext& context() { return context_; }

  // Any thread, lock-free: looks for work soon. Ignored when not started.
  void Kick();

  // --- Serialised. ---

  bool started() const { return started_; }
  absl::Status Start(std::shared_ptr<const GuestMemory> memory, const QueueLayout& layout,
                     uint64_t features) {
    return Restore(std::move(memory), {.layout = layout}, features);
  }
  // Starts with requests that are in use already. A saved state is not trusted: errors also for
  // what CheckQueueState finds. One that is `stopping` takes up its heads and nothing else;
  // Stop(kDrain) comes next.
  absl::Status Restore(std::shared_ptr<const GuestMemory> memory, QueueState state,
                       uint64_t features);
  void Stop(QueueStop kind);
  // From OnQueueStopped's owner: the stop is known everywhere.
  void MarkStopped() { started_ = false; }
  // Where the stopped queue stood.
  uint16_t next_avail() const { return stopped_avail_; }
  uint16_t next_used() const { return stopped_used_; }
  // Kicks are ignored for good; true when none is on its way any more.
  bool Close();

  // --- In context. ---

  Virtqueue& ring() { return ring_; }
  // Moves with every chain that is taken.
  uint16_t taken() const { return ring_.next_avail(); }
  bool stopping() const { return state_ == State::kStopping; }
  bool taking() const { return state_ == State::kRunning && !paused_ && !waiting_; }
  // What the device found wrong in a chain.
  void Break(const char* why);
  void CheckStopped();
  // After OnQueueWork said kWaiting: works again soon.
  void Retry();
  // While paused. An empty layout when the queue does not run; it does until it has stopped.
  QueueState Save();
  void Pause() { paused_ = true; }
  void Resume();

 private:
  enum class State : uint8_t { kStopped, kRunning, kStopping };

  void Begin(const QueueState& state);
  void BeginStop(QueueStop kind);
  void Work();
  void TellBroken();

  // Poller.
  bool Poll() override;
  void OnPollStart() override;
  bool OnPollEnd() override;

  const uint16_t index_;
  AioContext& context_;
  VirtioQueueUser& user_;

  // Kick's side.
  std::atomic<bool> open_{false};
  std::atomic<uint32_t> kicking_{0};
  BottomHalf work_;

  // Serialised.
  bool started_ = false;
  QueueLayout layout_;  // As it was started.
  uint16_t stopped_avail_ = 0;
  uint16_t stopped_used_ = 0;

  // In context.
  State state_ = State::kStopped;
  bool paused_ = false;
  bool waiting_ = false;
  bool polling_ = false;
  bool told_broken_ = false;
  Virtqueue ring_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_QUEUE_H_
