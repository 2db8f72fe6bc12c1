// SPDX-License-Identifier: Apache-2.0
//
// Landlock: rules of the kernel's about which files the calling thread, and those that it makes
// from then on, may use (landlock(7)). What no rule allows is refused with EACCES.
//
//   absl::StatusOr<Landlock> rules = Landlock::Create();
//   rules->Allow("/images", FileRights::kRead);
//   rules->Enforce();
//
// TCP sockets, abstract unix sockets of others and signals to others are refused, too, where the
// kernel knows how (6.7 and 6.12).
//
// Ownership: the rules' descriptor. Threading: Enforce: before other threads are made; there is no
// way back. Units: none. Errors: ENOTSUP where the kernel has no Landlock, else the host's, naming
// the path.

#ifndef PLATTER_DAEMON_SANDBOX_LANDLOCK_H_
#define PLATTER_DAEMON_SANDBOX_LANDLOCK_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"

namespace platter {

// Of a file, or of all below a folder.
enum class FileRights : uint8_t {
  kRead,
  kReadWrite,  // Of a folder also: make, remove and rename files, make sockets.
  kSockets,    // Of a folder: make sockets; remove files and sockets.
};

class Landlock {
 public:
  static absl::StatusOr<Landlock> Create();

  // A path that does not exist is left out: opening it fails by itself.
  absl::Status Allow(const std::string& path, FileRights rights);
  absl::Status Enforce();

 private:
  Landlock(OwnedDescriptor rules, uint64_t handled) : rules_(std::move(rules)), handled_(handled) {}

  OwnedDescriptor rules_;
  uint64_t handled_;  // Of the rights, those that this kernel knows.
};

}  // namespace platter

#endif  // PLATTER_DAEMON_SANDBOX_LANDLOCK_H_
