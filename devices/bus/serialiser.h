// SPDX-License-Identifier: Apache-2.0
//
// Serialiser: the lock under which a device's registers and configuration are read and written by
// vCPU threads, the control context and I/O threads. Off in a machine that one thread runs: then
// taking it costs a branch.
//
// Ownership: of the device. Threading: any; with Mode::kOff the owner promises one thread.
// Never held while a request is submitted or a queue is worked on.

#ifndef PLATTER_DEVICES_BUS_SERIALISER_H_
#define PLATTER_DEVICES_BUS_SERIALISER_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"

#include "base/check.h"
#include "base/mutex.h"

namespace platter {

class ABSL_LOCKABLE Serialiser {
 public:
  enum class Mode : uint8_t { kOn, kOff };

  explicit Serialiser(Mode mode) : on_(mode == Mode::kOn) {}

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (on_) mutex_.Lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (on_) mutex_.Unlock();
  }

  // Whether Wait may be used: another thread can make the predicate true.
  bool on() const { return on_; }
  // Held on entry and return, released while waiting for NotifyAll. Call it in a loop over the
  // predicate. on().
  void Wait() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    PLATTER_CHECK(on_);
    changed_.Wait(mutex_);
  }
  void NotifyAll() { changed_.NotifyAll(); }

 private:
  const bool on_;
  Mutex mutex_;
  CondVar changed_;
};

// Holds a Serialiser for a scope.
class ABSL_SCOPED_LOCKABLE SerialiserLock {
 public:
  explicit SerialiserLock(Serialiser& serialiser) ABSL_EXCLUSIVE_LOCK_FUNCTION(serialiser)
      : serialiser_(serialiser) {
    serialiser_.Lock();
  }
  ~SerialiserLock() ABSL_UNLOCK_FUNCTION() { serialiser_.Unlock(); }
  SerialiserLock(const SerialiserLock&) = delete;
  SerialiserLock& operator=(const SerialiserLock&) = delete;

 private:
  Serialiser& serialiser_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_BUS_SERIALISER_H_
