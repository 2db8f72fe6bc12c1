// SPDX-License-Identifier: Apache-2.0
//
// InlineBudget: how much a context may transfer inline in one turn, so that a turn stays bounded
// however many requests it is given, and how often it pays to look into the page cache first.
//
// A slot per context, found by hashing and claimed once without a lock; a context that finds no
// slot (more than kSlots use the file) transfers nothing inline.
//
// Ownership: the node. Threading: Find in any context; a Slot only in the context it was found for.
// Units: bytes. Errors: none.

#ifndef PLATTER_DRIVERS_FILE_INLINE_BUDGET_H_
#define PLATTER_DRIVERS_FILE_INLINE_BUDGET_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "aio/aio_context.h"

namespace platter {

class InlineBudget {
 public:
  // About 100 us of copying.
  static constexpr uint64_t kBytesPerTurn = uint64_t{1} << 20;
  static constexpr uint32_t kSlots = 32;
  // After misses in a row the page cache is not asked for up to this many requests.
  static constexpr uint32_t kMaxSkip = 32;
  static constexpr uint32_t kWritesPerLook = 256;

  class alignas(64) Slot {
   public:
    // Whether `bytes` more fit the turn's budget; they are taken from it then.
    bool Take(const AioContext& context, uint64_t bytes) {
      const uint64_t turn = context.stats().turns;
      if (turn != turn_) {
        turn_ = turn;
        left_ = kBytesPerTurn;
      }
      if (bytes > left_) return false;
      left_ -= bytes;
      return true;
    }

    // Once in kWritesPerLook writes: whether to look if the file is as long as it was.
    bool LookDue() { return ++writes_ % kWritesPerLook == 0; }

    // For reads that may find nothing in the page cache: whether to try this one.
    bool WorthTrying() {
      if (skip_left_ == 0) return true;
      --skip_left_;
      return false;
    }
    void OnHit() { skip_ = 0; }
    void OnMiss() {
      skip_ = skip_ == 0 ? 1 : (skip_ >= kMaxSkip ? kMaxSkip : 2 * skip_);
      skip_left_ = skip_;
    }

   private:
    friend class InlineBudget;
    std::atomic<const AioContext*> owner_{nullptr};
    uint64_t turn_ = UINT64_MAX;
    uint64_t left_ = 0;
    uint32_t skip_ = 0;
    uint32_t skip_left_ = 0;
    uint32_t writes_ = 0;
  };

  // The slot of `context`, which is the running one; nullptr when all are taken.
  Slot* Find(const AioContext& context) {
    const auto key = reinterpret_cast<uintptr_t>(&context);
    for (uint32_t i = 0; i < kSlots; ++i) {
      Slot& slot = slots_[(key / 64 + i) % kSlots];
      const AioContext* owner = slot.owner_.load(std::memory_order_relaxed);
      if (owner == &context) return &slot;
      if (owner == nullptr &&
          (slot.owner_.compare_exchange_strong(owner, &context, std::memory_order_relaxed) ||
           owner == &context)) {
        return &slot;
      }
    }
    return nullptr;
  }

 private:
  std::array<Slot, kSlots> slots_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_INLINE_BUDGET_H_
