// SPDX-License-Identifier: Apache-2.0
//
// PerContext<T>: one T for each AioContext that asks for its own, so that what an any-context node
// keeps per request is touched by one thread and needs no lock. A T is made the first time (which
// allocates) and stays; looking it up is a walk over the few contexts there are.
//
// Ownership: owns the Ts. T is constructed from AioContext&; a context that is gone leaves its T
//   behind, and one that comes to stand at the same address takes it over.
// Threading: Get and Find in the context given; ForEach and destruction when no context uses it.
// Errors: none.

#ifndef PLATTER_DRIVERS_PER_CONTEXT_H_
#define PLATTER_DRIVERS_PER_CONTEXT_H_

#include <atomic>

#include "aio/aio_context.h"

namespace platter {

template <typename T>
class PerContext {
 public:
  PerContext() = default;
  PerContext(const PerContext&) = delete;
  PerContext& operator=(const PerContext&) = delete;
  ~PerContext() {
    for (Slot* slot = head_.load(std::memory_order_acquire); slot != nullptr;) {
      Slot* const next = slot->next;
      delete slot;
      slot = next;
    }
  }

  T* Find(const AioContext& context) const {
    for (Slot* slot = head_.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
      if (slot->context == &context) return &slot->value;
    }
    return nullptr;
  }

  T& Get(AioContext& context) {
    if (T* const found = Find(context)) return *found;
    Slot* const slot = new Slot(context);
    slot->next = head_.load(std::memory_order_relaxed);
    while (!head_.compare_exchange_weak(slot->next, slot, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
    return slot->value;
  }

  template <typename Visitor>
  void ForEach(Visitor visit) const {
    for (Slot* slot = head_.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
      visit(slot->value);
    }
  }

 private:
  struct Slot {
    explicit Slot(AioContext& owner) : context(&owner), value(owner) {}
    const AioContext* const context;
    T value;
    Slot* next = nullptr;
  };

  std::atomic<Slot*> head_{nullptr};
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_PER_CONTEXT_H_
