// SPDX-License-Identifier: Apache-2.0
//
// TimerQueue: the armed Timers of one AioContext: a binary heap in which every Timer knows its
// place, so that arming and disarming allocate nothing once the heap has grown.
//
// Ownership: none of the timers; they disarm before they die. The queue is empty when it dies.
// Threading: in the context. Units: Instants of the context. Errors: none.

#ifndef PLATTER_AIO_TIMER_QUEUE_H_
#define PLATTER_AIO_TIMER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "aio/clock.h"
#include "aio/timer.h"

namespace platter {

class TimerQueue {
 public:
  TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue();

  // `timer` is not armed; its deadline_ is set.
  void Arm(Timer& timer);
  // `timer` is armed.
  void Disarm(Timer& timer);

  bool empty() const { return heap_.empty() && late_.empty(); }
  size_t size() const { return heap_.size() + late_.size(); }
  // The earliest deadline.
  std::optional<Instant> next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().deadline;
  }

  // Runs the timers with deadline <= now, earliest first, equal ones in the order of arming. What
  // they arm runs in a later call, even if it is due. True when any ran.
  bool RunExpired(Instant now);

 private:
  struct Entry {
    Instant deadline;
    uint64_t sequence;
    Timer* timer;

    bool operator<(const Entry& other) const {
      return deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence;
    }
  };
  // Set in Timer::heap_index_ for a place in late_.
  static constexpr size_t kLate = size_t{1} << 62;

  void Place(size_t index, const Entry& entry);
  void SiftUp(size_t index, const Entry& entry);
  void SiftDown(size_t index, const Entry& entry);
  void Insert(const Entry& entry);

  std::vector<Entry> heap_;
  // Due already when they were armed by a timer that RunExpired runs.
  std::vector<Entry> late_;
  std::optional<Instant> running_;  // `now` of the RunExpired in progress.
  uint64_t next_sequence_ = 0;
};

}  // namespace platter

#endif  // PLATTER_AIO_TIMER_QUEUE_H_
