// SPDX-License-Identifier: Apache-2.0
//
// Mutex, MutexLock and CondVar: std::mutex with Clang's thread annotations, and a count of every
// acquisition so that a test can assert that a path takes no lock. absl::Mutex is not used:
// Debian's build of it is not instrumented and ThreadSanitizer reports races in correct programs.
//
// Ownership: a Mutex outlives its locks. Threading: any. Not recursive.

#ifndef PLATTER_BASE_MUTEX_H_
#define PLATTER_BASE_MUTEX_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace platter {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    acquisitions_.fetch_add(1, std::memory_order_relaxed);
    mutex_.lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

  // Acquisitions of all Mutexes of the process so far, on all threads: a test reads it before and
  // after the path that must not lock.
  static uint64_t TotalAcquisitions() { return acquisitions_.load(std::memory_order_relaxed); }

 private:
  friend class CondVar;

  static inline std::atomic<uint64_t> acquisitions_{0};
  std::mutex mutex_;
};

// Holds a Mutex for a scope.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A condition variable for Mutex. Wait in a loop over the predicate.
class CondVar {
 public:
  // Releases `mutex` while it waits and holds it again on return; may wake spuriously.
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace platter

#endif  // PLATTER_BASE_MUTEX_H_
