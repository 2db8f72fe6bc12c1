// SPDX-License-Identifier: Apache-2.0
//
// WriteWatch: tells, once, of a write to a node that ends beyond a threshold. A node that has one
// lets writes go the Edge's longer way, where the watch sees them; a node without one pays nothing.
//
//   node->set_write_watch(std::make_unique<WriteWatch>(control, threshold, [](uint64_t amount) {
//     ... a write ended `amount` bytes beyond the threshold ...
//   }));
//
// Ownership: the node's. Threading: OnWrite in any context; the rest in the control context.
// Units: bytes. Errors: none.

#ifndef PLATTER_DRIVERS_WRITE_WATCH_H_
#define PLATTER_DRIVERS_WRITE_WATCH_H_

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"

#include "aio/aio_context.h"
#include "aio/work_item.h"

namespace platter {

class WriteWatch final : private WorkItem {
 public:
  // Runs in the control context, by itself: it may do away with the watch.
  using Exceeded = absl::AnyInvocable<void(uint64_t amount)>;

  // `threshold` is above 0.
  WriteWatch(AioContext& control, uint64_t threshold, Exceeded exceeded)
      : control_(control), exceeded_(std::move(exceeded)), threshold_(threshold) {}
  WriteWatch(const WriteWatch&) = delete;
  WriteWatch& operator=(const WriteWatch&) = delete;
  // What it had to tell is not told any more.
  ~WriteWatch() {
    if (posted_.load(std::memory_order_acquire)) control_.CancelPosted(*this);
  }

  // 0: it was exceeded.
  uint64_t threshold() const { return threshold_.load(std::memory_order_relaxed); }

  // A write that ends at byte `end` begins.
  void OnWrite(uint64_t end) {
    uint64_t threshold = threshold_.load(std::memory_order_relaxed);
    if (threshold == 0 || end <= threshold) return;
    // Of several at once one is the first.
    if (!threshold_.compare_exchange_strong(threshold, 0, std::memory_order_relaxed)) return;
    amount_ = end - threshold;
    posted_.store(true, std::memory_order_release);
    control_.Post(*this);
  }

  // Tells now what is on its way. No write is under way.
  void Settle() {
    if (posted_.load(std::memory_order_acquire) && control_.CancelPosted(*this)) Run();
  }

 private:
  void Run() override {
    posted_.store(false, std::memory_order_relaxed);
    const uint64_t amount = amount_;
    Exceeded exceeded = std::move(exceeded_);
    exceeded(amount);
  }

  AioContext& control_;
  Exceeded exceeded_;
  std::atomic<uint64_t> threshold_;
  std::atomic<bool> posted_{false};
  uint64_t amount_ = 0;  // Handed over with posted_.
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_WRITE_WATCH_H_
