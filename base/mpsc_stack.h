// SPDX-License-Identifier: Apache-2.0
//
// MpscStack: an intrusive lock-free list that many threads push to and one thread empties. Taking
// all of it gives the elements in the order in which they were pushed.
//
// Ownership: none; an element outlives its stay and is pushed once at a time.
// Threading: Push from any thread; TakeAll from one thread at a time. What a producer wrote before
// Push is visible after TakeAll.

#ifndef PLATTER_BASE_MPSC_STACK_H_
#define PLATTER_BASE_MPSC_STACK_H_

#include <atomic>

#include "base/intrusive_fifo.h"

namespace platter {

template <typename T, T* T::* kNext>
class MpscStack {
 public:
  MpscStack() = default;
  MpscStack(const MpscStack&) = delete;
  MpscStack& operator=(const MpscStack&) = delete;

  // True when the list was empty before: the pusher then owes the consumer a wake-up.
  bool Push(T& element) {
    T* head = head_.load(std::memory_order_relaxed);
    do {
      element.*kNext = head;
      // seq_cst: pairs with the consumer's "I am about to sleep" flag.
    } while (!head_.compare_exchange_weak(head, &element, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
    return head == nullptr;
  }

  // A hint unless called by the consumer.
  bool empty() const { return head_.load(std::memory_order_seq_cst) == nullptr; }

  // Appends all elements to `fifo`, oldest first.
  void TakeAll(IntrusiveFifo<T, kNext>& fifo) {
    if (head_.load(std::memory_order_relaxed) == nullptr) return;
    T* at = head_.exchange(nullptr, std::memory_order_acquire);
    IntrusiveFifo<T, kNext> taken;
    while (at != nullptr) {
      T* older = at->*kNext;
      taken.PushFront(*at);
      at = older;
    }
    fifo.Append(taken);
  }

 private:
  std::atomic<T*> head_{nullptr};
};

}  // namespace platter

#endif  // PLATTER_BASE_MPSC_STACK_H_
