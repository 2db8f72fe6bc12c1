// SPDX-License-Identifier: Apache-2.0
//
// ImageLock: keeps two programs from using one image in ways that do not go together, as QEMU's
// image locking does and together with it. A holder keeps read locks (open file description locks,
// fcntl(2)) on single bytes: 100 + n for each permission n that it uses, 200 + n for each that it
// does not share with others. Read locks never exclude each other; a conflict is seen by asking
// whether anybody else holds byte 200 + n for an n that we use, or 100 + n for an n that we do not
// share. The bytes need not exist in the file.
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

 private:
  // The locks held: bit n for permission n.
  struct Bits {
    uint8_t used = 0;
    uint8_t unshared = 0;
  };

  absl::Status Take(const HostFile& file, Bits bits);
  void Release(const HostFile& file, Bits bits);
  absl::Status CheckOthers(const HostFile& file, Bits wanted);

  HostCalls& host_;
  Bits held_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_IMAGE_LOCK_H_
