// SPDX-License-Identifier: Apache-2.0
//
// OverlapTracker: the requests in flight on a node, so that one that must not overlap with others
// (a read-modify-write) waits for them and they for it. Two requests conflict when their ranges
// overlap and at least one is serialising; the later one waits for the earlier. Waiting only for
// earlier ones, requests cannot deadlock, and none starves.
//
// Ownership: entries outlive their stay; the tracker is empty when it is destroyed.
// Threading: any; one lock, taken when an entry comes and goes. It exists only while some parent of
//   the node may send what is not aligned, so the usual request takes no lock.
// Units: bytes; ranges are [begin, end). Errors: none.

#ifndef PLATTER_DRIVERS_OVERLAP_TRACKER_H_
#define PLATTER_DRIVERS_OVERLAP_TRACKER_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"

#include "base/mutex.h"

namespace platter {

class OverlapTracker {
 public:
  enum class Mode : uint8_t { kShared, kSerialising };

  class Entry {
   public:
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    // The last conflict is gone: the request may go on. Called by whoever removed that one, on its
    // thread, without the lock.
    virtual void OnOverlapGone() = 0;

    // For the tracker.
    bool ConflictsWith(const Entry& other) const;
    uint64_t begin = 0;
    uint64_t end = 0;
    Mode mode = Mode::kShared;
    uint32_t blockers = 0;  // Earlier entries that this one waits for.
    Entry* older = nullptr;
    Entry* newer = nullptr;
    Entry* next_woken = nullptr;

   protected:
    Entry() = default;
    ~Entry() = default;
  };

  OverlapTracker() = default;
  OverlapTracker(const OverlapTracker&) = delete;
  OverlapTracker& operator=(const OverlapTracker&) = delete;
  ~OverlapTracker();

  // True: nothing conflicts, go on. False: OnOverlapGone will be called, once.
  bool Add(Entry& entry, uint64_t begin, uint64_t end, Mode mode);
  // The request is done (it was not waiting any more).
  void Remove(Entry& entry);

 private:
  Mutex mutex_;
  Entry* oldest_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Entry* newest_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_OVERLAP_TRACKER_H_
