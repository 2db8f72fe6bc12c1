// SPDX-License-Identifier: Apache-2.0

#include "daemon/sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "base/status.h"

namespace platter {
namespace {

// Of kernels newer than the headers this is built with: linux/landlock.h, by the version of the
// interface that brought them.
constexpr uint64_t kRefer = 1 << 13;     // 2
constexpr uint64_t kTruncate = 1 << 14;  // 3
constexpr uint64_t kBindTcp = 1 << 0;    // 4
constexpr uint64_t kConnectTcp = 1 << 1;
constexpr uint64_t kIoctlDevice = 1 << 15;          // 5
constexpr uint64_t kScopeAbstractSockets = 1 << 0;  // 6
constexpr uint64_t kScopeSignals = 1 << 1;

struct RulesetAttributes {
  uint64_t files;
  uint64_t network;
  uint64_t scoped;
};

constexpr uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | kIoctlDevice;
constexpr uint64_t kWriting = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
// What only folders can have.
constexpr uint64_t kSocketsOfFolder = LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
constexpr uint64_t kChangesOfFolder = kSocketsOfFolder | LANDLOCK_ACCESS_FS_MAKE_REG | kRefer;
constexpr uint64_t kOfFolders = kChangesOfFolder | LANDLOCK_ACCESS_FS_READ_DIR;

// All 13 rights of version 1 are in one piece.
constexpr uint64_t kFirstVersion = (uint64_t{LANDLOCK_ACCESS_FS_MAKE_SYM} << 1) - 1;

RulesetAttributes AttributesOf(long version) {
  RulesetAttributes attributes = {.files = kFirstVersion, .network = 0, .scoped = 0};
  if (version >= 2) attributes.files |= kRefer;
  if (version >= 3) attributes.files |= kTruncate;
  if (version >= 4) attributes.network = kBindTcp | kConnectTcp;
  if (version >= 5) attributes.files |= kIoctlDevice;
  if (version >= 6) attributes.scoped = kScopeAbstractSockets | kScopeSignals;
  return attributes;
}

// An older kernel takes a shorter struct.
size_t SizeOf(long version) {
  if (version < 4) return offsetof(RulesetAttributes, network);
  if (version < 6) return offsetof(RulesetAttributes, scoped);
  return sizeof(RulesetAttributes);
}

uint64_t MaskOf(FileRights rights) {
  switch (rights) {
    case FileRights::kRead:
      return kReading | LANDLOCK_ACCESS_FS_READ_DIR;
    case FileRights::kReadWrite:
      return kReading | kWriting | kChangesOfFolder | LANDLOCK_ACCESS_FS_READ_DIR;
    case FileRights::kSockets:
      return kSocketsOfFolder;
  }
  return 0;
}

}  // namespace

absl::StatusOr<Landlock> Landlock::Create() {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0) {
    return ErrorWithErrno(
        ENOTSUP, "this kernel has no Landlock (Linux 5.13, and named in the parameter lsm=)");
  }
  const RulesetAttributes attributes = AttributesOf(version);
  const long rules =
      syscall(SYS_landlock_create_ruleset, &attributes, SizeOf(version), uint32_t{0});
  if (rules < 0) return ErrnoError(errno, "landlock_create_ruleset");
  return Landlock(OwnedDescriptor(static_cast<int>(rules)), attributes.files);
}

absl::Status Landlock::Allow(const std::string& path, FileRights rights) {
  const OwnedDescriptor at(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (at.get() < 0) return errno == ENOENT ? absl::OkStatus() : ErrnoError(errno, QuoteWhole(path));
  struct stat found = {};
  if (fstat(at.get(), &found) != 0) return ErrnoError(errno, QuoteWhole(path));
  landlock_path_beneath_attr rule = {};
  rule.allowed_access = MaskOf(rights) & handled_;
  if (!S_ISDIR(found.st_mode)) rule.allowed_access &= ~kOfFolders;
  rule.parent_fd = at.get();
  if (rule.allowed_access == 0) return absl::OkStatus();
  if (syscall(SYS_landlock_add_rule, rules_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule,
              uint32_t{0}) != 0) {
    return ErrnoError(errno, QuoteWhole(path));
  }
  return absl::OkStatus();
}

absl::Status Landlock::Enforce() {
  // Else a program with more rights than its caller could be started, which the rules forbid.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError(errno, "PR_SET_NO_NEW_PRIVS");
  if (syscall(SYS_landlock_restrict_self, rules_.get(), uint32_t{0}) != 0) {
    return ErrnoError(errno, "landlock_restrict_self");
  }
  return absl::OkStatus();
}

}  // namespace platter
