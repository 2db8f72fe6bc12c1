// SPDX-License-Identifier: Apache-2.0
#include "aio/timer_queue.h"

#include "base/check.h"

namespace platter {

namespace {

// Room from the start, so that ordinary contexts never grow it.
constexpr size_t kReserve = 256;

}  // namespace

TimerQueue::TimerQueue() {
  heap_.reserve(kReserve);
  late_.reserve(kReserve);
}

TimerQueue::~TimerQueue() { PLATTER_CHECK(size() == 0); }

void TimerQueue::Place(size_t index, const Entry& entry) {
  heap_[index] = entry;
  entry.timer->heap_index_ = index;
}

void TimerQueue::SiftUp(size_t index, const Entry& entry) {
  while (index > 0) {
    const size_t parent = (index - 1) / 2;
    if (!(entry < heap_[parent])) break;
    Place(index, heap_[parent]);
    index = parent;
  }
  Place(index, entry);
}

void TimerQueue::SiftDown(size_t index, const Entry& entry) {
  for (size_t child = 2 * index + 1; child < heap_.size(); child = 2 * index + 1) {
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
    if (!(heap_[child] < entry)) break;
    Place(index, heap_[child]);
    index = child;
  }
  Place(index, entry);
}

void TimerQueue::Insert(const Entry& entry) {
  heap_.push_back(entry);
  SiftUp(heap_.size() - 1, entry);
}

void TimerQueue::Arm(Timer& timer) {
  PLATTER_CHECK(!timer.armed());
  const Entry entry{timer.deadline_, next_sequence_++, &timer};
  if (running_.has_value() && entry.deadline <= *running_) {
    late_.push_back(entry);
    timer.heap_index_ = kLate | (late_.size() - 1);
  } else {
    Insert(entry);
  }
}

void TimerQueue::Disarm(Timer& timer) {
  const size_t index = timer.heap_index_;
  PLATTER_CHECK(index != Timer::kNotArmed);
  timer.heap_index_ = Timer::kNotArmed;
  if ((index & kLate) != 0) {
    const size_t at = index & ~kLate;
    if (at + 1 != late_.size()) {
      late_[at] = late_.back();
      late_[at].timer->heap_index_ = kLate | at;
    }
    late_.pop_back();
    return;
  }
  const Entry moved = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  if (index > 0 && moved < heap_[(index - 1) / 2]) {
    SiftUp(index, moved);
  } else {
    SiftDown(index, moved);
  }
}

bool TimerQueue::RunExpired(Instant now) {
  if (heap_.empty() || heap_.front().deadline > now) return false;
  running_ = now;
  while (!heap_.empty() && heap_.front().deadline <= now) {
    Timer& timer = *heap_.front().timer;
    Disarm(timer);
    timer.expired_();
  }
  running_.reset();
  for (const Entry& entry : late_) Insert(entry);
  late_.clear();
  return true;
}

}  // namespace platter
