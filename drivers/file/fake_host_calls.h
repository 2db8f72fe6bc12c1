// SPDX-License-Identifier: Apache-2.0
//
// FakeHostCalls: a host for tests: a file or block device that is whatever the test says. Its
// length is a function, so that it can be that of a ScriptedFile or of a simulated disk's file.
//
// Ownership: shared. Threading: one thread. Units: bytes. Errors: what the test sets.

#ifndef PLATTER_DRIVERS_FILE_FAKE_HOST_CALLS_H_
#define PLATTER_DRIVERS_FILE_FAKE_HOST_CALLS_H_

#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "drivers/file/host_calls.h"

namespace platter {

class FakeHostCalls final : public HostCalls {
 public:
  HostFileKind kind = HostFileKind::kRegular;
  std::function<uint64_t()> length = [] { return uint64_t{0}; };
  std::function<int(uint64_t)> truncate = [](uint64_t) { return 0; };
  std::optional<DirectIoAlignment> direct;  // nullopt: the host does not say.
  HostFileSystem file_system = HostFileSystem::kOther;
  HostBlockSizes block_sizes;
  std::optional<DiskGeometry> geometry;
  int stat_error = 0;
  // The results of the calls of Seek to come; -EINVAL when there are none left.
  std::vector<int64_t> seeks;
  // Locks that somebody else holds.
  std::set<uint64_t> foreign_locks;
  // A lock on this byte fails with ENOLCK.
  std::optional<uint64_t> refused_lock;
  int lock_probe_error = 0;

  const std::set<uint64_t>& held_locks() const { return held_; }

  int StatPath(const char*, HostFileStat& stat) override {
    stat.kind = kind;
    return stat_error;
  }
  int Stat(const HostFile&, HostFileStat& stat) override {
    stat.kind = kind;
    stat.length = length();
    return stat_error;
  }
  int GetDirectIoAlignment(const HostFile&, DirectIoAlignment& alignment) override {
    if (!direct.has_value()) return -EOPNOTSUPP;
    alignment = *direct;
    return 0;
  }
  HostFileSystem GetFileSystem(const HostFile&) override { return file_system; }
  int GetGeometry(const HostFile&, DiskGeometry& to) override {
    if (!geometry.has_value()) return -ENOTTY;
    to = *geometry;
    return 0;
  }
  int GetBlockSizes(const HostFile&, HostBlockSizes& sizes) override {
    sizes = block_sizes;
    return 0;
  }
  int Truncate(const HostFile&, uint64_t new_length) override { return truncate(new_length); }
  int64_t Seek(const HostFile&, uint64_t, int) override {
    if (seeks.empty()) return -EINVAL;
    const int64_t result = seeks.front();
    seeks.erase(seeks.begin());
    return result;
  }
  int SetByteLock(const HostFile&, uint64_t byte, ByteLock state) override {
    if (state == ByteLock::kFree) {
      held_.erase(byte);
      return 0;
    }
    if (refused_lock == byte) return -ENOLCK;
    held_.insert(byte);
    return 0;
  }
  int TestByteLock(const HostFile&, uint64_t byte, ByteLock& state) override {
    if (lock_probe_error != 0) return lock_probe_error;
    state = foreign_locks.contains(byte) ? ByteLock::kHeld : ByteLock::kFree;
    return 0;
  }

 private:
  std::set<uint64_t> held_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_FAKE_HOST_CALLS_H_
