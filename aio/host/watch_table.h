// SPDX-License-Identifier: Apache-2.0
//
// WatchTable: the descriptors that a context watches. The kernel is given the address of a slot,
// not of the watch, so that an event on its way does no harm when the watch has gone.
//
// Ownership: owns the slots, which live until the context says that the kernel has forgotten them.
// Threading: in the context. Errors: watching a descriptor twice fails a check.

#ifndef PLATTER_AIO_HOST_WATCH_TABLE_H_
#define PLATTER_AIO_HOST_WATCH_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "aio/aio_context.h"
#include "base/check.h"
#include "base/intrusive_fifo.h"

namespace platter {

struct WatchSlot {
  FdWatch* watch = nullptr;  // nullptr: unwatched.
  int fd = -1;
  uint32_t events = 0;
  uint32_t ready = 0;       // Events to deliver in this turn.
  bool in_ready = false;    // In the table's list of slots to deliver to.
  bool in_kernel = false;   // The kernel may still name this slot.
  bool in_changes = false;  // In the context's list of slots to tell the kernel about.
  WatchSlot* next_ready = nullptr;
  WatchSlot* next_change = nullptr;  // Also links free slots.
};

class WatchTable {
 public:
  WatchTable() = default;
  WatchTable(const WatchTable&) = delete;
  WatchTable& operator=(const WatchTable&) = delete;

  bool empty() const { return watched_ == 0; }

  WatchSlot& Add(FdWatch& watch, int fd, uint32_t events) {
    PLATTER_CHECK(fd >= 0);
    const auto index = static_cast<size_t>(fd);
    if (index >= by_fd_.size()) by_fd_.resize(index + 1, nullptr);
    PLATTER_CHECK(by_fd_[index] == nullptr);
    WatchSlot* slot = free_.PopFront();
    if (slot == nullptr) {
      slots_.push_back(std::make_unique<WatchSlot>());
      slot = slots_.back().get();
    }
    slot->watch = &watch;
    slot->fd = fd;
    slot->events = events;
    slot->ready = 0;
    by_fd_[index] = slot;
    watch.fd = fd;
    ++watched_;
    return *slot;
  }

  // The slot stays until Release.
  WatchSlot& Remove(FdWatch& watch) {
    const auto index = static_cast<size_t>(watch.fd);
    PLATTER_CHECK(watch.fd >= 0 && index < by_fd_.size());
    WatchSlot* slot = std::exchange(by_fd_[index], nullptr);
    PLATTER_CHECK(slot != nullptr && slot->watch == &watch);
    slot->watch = nullptr;
    slot->ready = 0;
    watch.fd = -1;
    --watched_;
    return *slot;
  }

  // Reuses the slot when nobody knows it any more.
  void Release(WatchSlot& slot) {
    if (slot.watch != nullptr || slot.in_ready || slot.in_kernel || slot.in_changes) return;
    free_.PushBack(slot);
  }

  void SetReady(WatchSlot& slot, uint32_t events) {
    slot.ready = events;
    if (slot.in_ready) return;
    slot.in_ready = true;
    ready_.PushBack(slot);
  }
  bool HasReady() const { return !ready_.empty(); }

  // Calls the watches that are ready, then after(slot) for each slot. True when there was any.
  template <typename After>
  bool Dispatch(After after) {
    if (ready_.empty()) return false;
    IntrusiveFifo<WatchSlot, &WatchSlot::next_ready> batch;
    batch.Swap(ready_);
    while (WatchSlot* slot = batch.PopFront()) {
      const uint32_t events = std::exchange(slot->ready, 0);
      // Still in_ready, so that an Unwatch from inside does not free the slot under our feet.
      if (slot->watch != nullptr && events != 0) slot->watch->OnFdReady(events);
      slot->in_ready = false;
      after(*slot);
    }
    return true;
  }

 private:
  size_t watched_ = 0;
  std::vector<WatchSlot*> by_fd_;
  std::vector<std::unique_ptr<WatchSlot>> slots_;
  IntrusiveFifo<WatchSlot, &WatchSlot::next_change> free_;
  IntrusiveFifo<WatchSlot, &WatchSlot::next_ready> ready_;
};

}  // namespace platter

#endif  // PLATTER_AIO_HOST_WATCH_TABLE_H_
