// SPDX-License-Identifier: Apache-2.0
//
// ImageLock: keeps two programs from using one image in ways that do not go together, as QEMU's
// image locking does and together with it. A holder keeps read locks (open file description locks,
// fcntl(2)) on single bytes: 100 + n for each permission n that it uses, 200 + n for each that it
// does not share with others. Read locks never exclude each other; a conflict is seen by asking
// whether anybody else holds byte 200 + n for an n that we use, or 100 + n for an n that we do not
// share. The bytes need not exist in the file.
//
// While one holder gives way to another, or doesn't after all, it keeps its locks (KeptLocks does
// both at once): Keep, and what is given up stays locked until Settle, so that taking it back needs
// no look at others. Succeed, and the other one doesn't take for a stranger's what only stays so.
// Locks don't say whose they are; but asked through the file that holds one, the kernel tells of
// the others'.
//
// Ownership: the node owns it; the file outlives it. The kernel drops the locks with the last
//   descriptor of the open file description.
// Threading: control context. Units: permission numbers as in drivers/permissions.h.
// Errors: FAILED_PRECONDITION (EBUSY) naming the file, the permission and what the user may do; the
//   errno of fcntl when the host refuses locks. Nothing has changed then.

#ifndef PLATTER_DRIVERS_FILE_IMAGE_LOCK_H_
#define PLATTER_DRIVERS_FILE_IMAGE_LOCK_H_

#include <cstdint>

#include "absl/status/status.h"

#include "drivers/file/host_calls.h"
#include "drivers/permissions.h"

namespace platter {

// The byte of permission number `n` (0 ... 3), used and not shared.
inline constexpr uint64_t kUsedLockBase = 100;
inline constexpr uint64_t kUnsharedLockBase = 200;

class ImageLock {
 public:
  explicit ImageLock(HostCalls& host) : host_(host) {}
  ImageLock(const ImageLock&) = delete;
  ImageLock& operator=(const ImageLock&) = delete;

  // Whether the host has such locks for the file (a new enough kernel, a file system with locks).
  static absl::Status Probe(HostCalls& host, const HostFile& file);

  // Holds exactly the locks for `permissions`, or changes nothing.
  absl::Status Set(const HostFile& file, Permissions permissions);
  // Holds for `file`, a second opening of the same file, what `other` holds, without asking whether
  // that collides (it would, with ourselves).
  absl::Status CopyFrom(const ImageLock& other, const HostFile& file);

  void Keep() { keeping_ = true; }
  // Gives up what is kept only.
  void Settle(const HostFile& file);
  // `other`, of another opening of the same file, keeps its locks; it and its file outlive this, or
  // the call of SucceedNone.
  void Succeed(const ImageLock& other, const HostFile& file) {
    kept_ = {.lock = &other, .file = &file};
  }
  void SucceedNone() { kept_ = {}; }

 private:
  // The locks held: bit n for permission n.
  struct Bits {
    uint8_t used = 0;
    uint8_t unshared = 0;

    bool Has(uint64_t byte) const;
    friend Bits operator|(Bits a, Bits b) {
      return {.used = static_cast<uint8_t>(a.used | b.used),
              .unshared = static_cast<uint8_t>(a.unshared | b.unshared)};
    }
    friend Bits operator-(Bits a, Bits b) {
      return {.used = static_cast<uint8_t>(a.used & ~b.used),
              .unshared = static_cast<uint8_t>(a.unshared & ~b.unshared)};
    }
  };
  struct Kept {
    const ImageLock* lock = nullptr;
    const HostFile* file = nullptr;
  };

  absl::Status Take(const HostFile& file, Bits bits);
  void Release(const HostFile& file, Bits bits);
  absl::Status CheckOthers(const HostFile& file, Bits wanted);
  // As HostCalls, but for what `kept_` only keeps.
  int TestByteLock(const HostFile& file, uint64_t byte, ByteLock& state);

  HostCalls& host_;
  Bits held_;
  Bits wanted_;  // Some of these, while it keeps more.
  bool keeping_ = false;
  Kept kept_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_IMAGE_LOCK_H_
