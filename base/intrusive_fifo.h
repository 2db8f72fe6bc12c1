// SPDX-License-Identifier: Apache-2.0
//
// IntrusiveFifo: a first-in first-out list through a pointer in the element itself, so that
// queueing allocates nothing.
//
//   struct Item { Item* next = nullptr; };
//   IntrusiveFifo<Item, &Item::next> fifo;
//
// Ownership: none; an element outlives its stay and is in one list (per link member) at a time.
// Threading: thread-hostile; one owner at a time. Errors: none.

#ifndef PLATTER_BASE_INTRUSIVE_FIFO_H_
#define PLATTER_BASE_INTRUSIVE_FIFO_H_

#include <cstddef>
#include <utility>

namespace platter {

template <typename T, T* T::* kNext>
class IntrusiveFifo {
 public:
  IntrusiveFifo() = default;
  IntrusiveFifo(const IntrusiveFifo&) = delete;
  IntrusiveFifo& operator=(const IntrusiveFifo&) = delete;
  IntrusiveFifo(IntrusiveFifo&& other) noexcept { Swap(other); }

  bool empty() const { return head_ == nullptr; }
  T* front() const { return head_; }
  // The element after `element`, or nullptr: for a walk that changes nothing.
  static T* Next(const T& element) { return element.*kNext; }

  void PushBack(T& element) {
    element.*kNext = nullptr;
    if (head_ == nullptr) {
      head_ = &element;
    } else {
      tail_->*kNext = &element;
    }
    tail_ = &element;
  }

  void PushFront(T& element) {
    element.*kNext = head_;
    head_ = &element;
    if (tail_ == nullptr) tail_ = &element;
  }

  // The oldest element, or nullptr when empty.
  T* PopFront() {
    T* element = head_;
    if (element == nullptr) return nullptr;
    head_ = element->*kNext;
    if (head_ == nullptr) tail_ = nullptr;
    element->*kNext = nullptr;
    return element;
  }

  // Appends all of `other`, in its order, and leaves it empty.
  void Append(IntrusiveFifo& other) {
    if (other.head_ == nullptr) return;
    if (head_ == nullptr) {
      head_ = other.head_;
    } else {
      tail_->*kNext = other.head_;
    }
    tail_ = other.tail_;
    other.head_ = other.tail_ = nullptr;
  }

  // Takes `element` out, wherever it stands (linear). False when it is not in the list.
  bool Remove(T& element) {
    T* before = nullptr;
    for (T* at = head_; at != nullptr; before = at, at = at->*kNext) {
      if (at != &element) continue;
      (before == nullptr ? head_ : before->*kNext) = at->*kNext;
      if (tail_ == at) tail_ = before;
      at->*kNext = nullptr;
      return true;
    }
    return false;
  }

  void Swap(IntrusiveFifo& other) noexcept {
    std::swap(head_, other.head_);
    std::swap(tail_, other.tail_);
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace platter

#endif  // PLATTER_BASE_INTRUSIVE_FIFO_H_
