// SPDX-License-Identifier: Apache-2.0
#include "drivers/overlap_tracker.h"

#include "base/check.h"

namespace platter {

bool OverlapTracker::Entry::ConflictsWith(const Entry& other) const {
  if (mode == Mode::kShared && other.mode == Mode::kShared) return false;
  return begin < other.end && other.begin < end;
}

OverlapTracker::~OverlapTracker() {
  MutexLock lock(mutex_);
  PLATTER_CHECK(oldest_ == nullptr);
}

bool OverlapTracker::Add(Entry& entry, uint64_t begin, uint64_t end, Mode mode) {
  entry.begin = begin;
  entry.end = end;
  entry.mode = mode;
  entry.blockers = 0;
  MutexLock lock(mutex_);
  for (const Entry* at = oldest_; at != nullptr; at = at->newer) {
    if (entry.ConflictsWith(*at)) ++entry.blockers;
  }
  entry.older = newest_;
  entry.newer = nullptr;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &entry;
  newest_ = &entry;
  return entry.blockers == 0;
}

void OverlapTracker::Remove(Entry& entry) {
  Entry* woken = nullptr;
  Entry** last_woken = &woken;
  {
    MutexLock lock(mutex_);
    PLATTER_CHECK(entry.blockers == 0);
    for (Entry* at = entry.newer; at != nullptr; at = at->newer) {
      if (!at->ConflictsWith(entry)) continue;
      PLATTER_CHECK(at->blockers > 0);
      if (--at->blockers > 0) continue;
      at->next_woken = nullptr;
      *last_woken = at;
      last_woken = &at->next_woken;
    }
    (entry.older == nullptr ? oldest_ : entry.older->newer) = entry.newer;
    (entry.newer == nullptr ? newest_ : entry.newer->older) = entry.older;
  }
  while (woken != nullptr) {
    // A woken entry may run on its own thread, and be gone, as soon as it is told.
    Entry* const next = woken->next_woken;
    woken->OnOverlapGone();
    woken = next;
  }
}

}  // namespace platter
