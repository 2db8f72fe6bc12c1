// SPDX-License-Identifier: Apache-2.0
//
// SpmcQueue: a bounded lock-free queue of pointers from one producer to many consumers. Every cell
// carries a sequence number that says whose turn it is: the producer's lap or the consumers'.
//
// Ownership: none of the elements. Threading: TryPush by one thread at a time, TryPop by any.
// Errors: TryPush returns false when the queue is full.

#ifndef PLATTER_AIO_HOST_SPMC_QUEUE_H_
#define PLATTER_AIO_HOST_SPMC_QUEUE_H_

#include <array>
#include <atomic>
#include <cstddef>

namespace platter {

template <typename T, size_t kCapacity>
class SpmcQueue {
 public:
  static_assert((kCapacity & (kCapacity - 1)) == 0, "a power of two");

  SpmcQueue() {
    for (size_t i = 0; i < kCapacity; ++i) cells_[i].sequence.store(i, std::memory_order_relaxed);
  }
  SpmcQueue(const SpmcQueue&) = delete;
  SpmcQueue& operator=(const SpmcQueue&) = delete;

  bool TryPush(T& element) {
    Cell& cell = cells_[tail_ % kCapacity];
    if (cell.sequence.load(std::memory_order_acquire) != tail_) return false;
    cell.element = &element;
    cell.sequence.store(++tail_, std::memory_order_release);
    return true;
  }

  // nullptr when the queue is empty.
  T* TryPop() {
    size_t head = head_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[head % kCapacity];
      const size_t sequence = cell.sequence.load(std::memory_order_acquire);
      if (sequence == head) return nullptr;  // Not pushed yet.
      if (sequence != head + 1) {            // Another consumer has it.
        head = head_.load(std::memory_order_relaxed);
        continue;
      }
      if (!head_.compare_exchange_weak(head, head + 1, std::memory_order_relaxed)) continue;
      T* element = cell.element;
      cell.sequence.store(head + kCapacity, std::memory_order_release);
      return element;
    }
  }

 private:
  // So that producer and consumers do not share a line.
  static constexpr size_t kLine = 64;

  struct Cell {
    std::atomic<size_t> sequence;
    T* element = nullptr;
  };

  alignas(kLine) size_t tail_ = 0;  // The producer's.
  alignas(kLine) std::atomic<size_t> head_{0};
  alignas(kLine) std::array<Cell, kCapacity> cells_;
};

}  // namespace platter

#endif  // PLATTER_AIO_HOST_SPMC_QUEUE_H_
