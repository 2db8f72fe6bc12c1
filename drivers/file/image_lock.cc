// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/image_lock.h"

#include <cerrno>
#include <string>

#include "base/quote.h"
#include "base/status.h"

namespace platter {

namespace {

PermissionSet Only(int n) {
  constexpr Permission kByNumber[kPermissionCount] = {
      Permission::kConsistentRead, Permission::kWrite, Permission::kWriteUnchanged,
      Permission::kResize};
  return kByNumber[n];
}

absl::Status LockRefused(const HostFile& file, int error) {
  return ErrnoError(error, "cannot lock " + QuoteWhole(file.path) +
                               " against other users (locking=off does without)");
}

// Somebody does not share what we are about to use.
absl::Status NotSharedByOther(const HostFile& file, int n) {
  return ErrorWithErrno(
      EBUSY,
      QuoteWhole(file.path) +
          " is in use: another program, or another node here, does not share the permission " +
          Only(n).ToString() +
          ". Close the image there, or have that program share it (a disk of Platter or "
          "QEMU does with share-rw=on)");
}

// Somebody uses what we are not willing to share.
absl::Status UsedByOther(const HostFile& file, int n) {
  return ErrorWithErrno(
      EBUSY, QuoteWhole(file.path) +
                 " is in use: another program, or another node here, uses the permission " +
                 Only(n).ToString() +
                 ", which this one does not share. Close the image there, or let this one share it "
                 "(share-rw=on)");
}

}  // namespace

bool ImageLock::Bits::Has(uint64_t byte) const {
  if (byte >= kUnsharedLockBase) return (unshared >> (byte - kUnsharedLockBase) & 1) != 0;
  return (used >> (byte - kUsedLockBase) & 1) != 0;
}

absl::Status ImageLock::Probe(HostCalls& host, const HostFile& file) {
  ByteLock state = ByteLock::kFree;
  const int result = host.TestByteLock(file, kUsedLockBase, state);
  return result < 0 ? LockRefused(file, -result) : absl::OkStatus();
}

absl::Status ImageLock::Set(const HostFile& file, Permissions permissions) {
  const Bits wanted = {
      .used = permissions.used.bits(),
      .unshared = (PermissionSet::All() - permissions.shared).bits(),
  };
  const Bits added = wanted - held_;
  const Bits dropped = keeping_ ? Bits{} : held_ - wanted;
  // First show what we want, then look: of two programs that do so at the same time at least one
  // sees the other. What is kept for us shows already, and is looked at through its own file: it
  // is taken last.
  absl::Status status = Take(file, kept_.lock == nullptr ? added : added - kept_.lock->held_);
  // Wanting less cannot collide, and must not fail.
  const bool more = (added.used | added.unshared) != 0;
  if (status.ok() && more) status = CheckOthers(file, wanted);
  if (status.ok() && kept_.lock != nullptr) status = Take(file, added);
  if (!status.ok()) {
    Release(file, added);
    return status;
  }
  Release(file, dropped);
  held_ = (held_ | wanted) - dropped;
  wanted_ = wanted;
  return absl::OkStatus();
}

void ImageLock::Settle(const HostFile& file) {
  keeping_ = false;
  Release(file, held_ - wanted_);
  held_ = wanted_;
}

absl::Status ImageLock::CopyFrom(const ImageLock& other, const HostFile& file) {
  PLATTER_RETURN_IF_ERROR(Take(file, other.held_));
  held_ = other.held_;
  wanted_ = other.wanted_;
  return absl::OkStatus();
}

absl::Status ImageLock::Take(const HostFile& file, Bits bits) {
  for (int n = 0; n < kPermissionCount; ++n) {
    int result = 0;
    if ((bits.used >> n & 1) != 0) {
      result = host_.SetByteLock(file, kUsedLockBase + n, ByteLock::kHeld);
    }
    if (result == 0 && (bits.unshared >> n & 1) != 0) {
      result = host_.SetByteLock(file, kUnsharedLockBase + n, ByteLock::kHeld);
    }
    // A read lock is refused only where somebody has a write lock: no user of this protocol.
    if (result < 0) return LockRefused(file, -result);
  }
  return absl::OkStatus();
}

void ImageLock::Release(const HostFile& file, Bits bits) {
  for (int n = 0; n < kPermissionCount; ++n) {
    if ((bits.used >> n & 1) != 0) host_.SetByteLock(file, kUsedLockBase + n, ByteLock::kFree);
    if ((bits.unshared >> n & 1) != 0) {
      host_.SetByteLock(file, kUnsharedLockBase + n, ByteLock::kFree);
    }
  }
}

int ImageLock::TestByteLock(const HostFile& file, uint64_t byte, ByteLock& state) {
  if (kept_.lock != nullptr && !held_.Has(byte) && kept_.lock->held_.Has(byte) &&
      !kept_.lock->wanted_.Has(byte)) {
    return kept_.lock->host_.TestByteLock(*kept_.file, byte, state);
  }
  return host_.TestByteLock(file, byte, state);
}

absl::Status ImageLock::CheckOthers(const HostFile& file, Bits wanted) {
  for (int n = 0; n < kPermissionCount; ++n) {
    ByteLock state = ByteLock::kFree;
    if ((wanted.used >> n & 1) != 0) {
      const int result = TestByteLock(file, kUnsharedLockBase + n, state);
      if (result < 0) return LockRefused(file, -result);
      if (state == ByteLock::kHeld) return NotSharedByOther(file, n);
    }
    if ((wanted.unshared >> n & 1) != 0) {
      const int result = TestByteLock(file, kUsedLockBase + n, state);
      if (result < 0) return LockRefused(file, -result);
      if (state == ByteLock::kHeld) return UsedByOther(file, n);
    }
  }
  return absl::OkStatus();
}

}  // namespace platter
