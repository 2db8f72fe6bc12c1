// SPDX-License-Identifier: Apache-2.0
//
// InheritedSockets: the listening sockets that whoever started this process has made for it
// (systemd's socket activation, sd_listen_fds(3)): LISTEN_FDS descriptors from 3 on, with names in
// LISTEN_FDNAMES, if LISTEN_PID is this process.
//
//   absl::StatusOr<InheritedSockets> sockets = InheritedSockets::FromEnvironment();   // First.
//   absl::StatusOr<OwnedDescriptor> listener = sockets->Copy("export");
//
// Ownership: the descriptors stay open, for the next one who asks; what Copy returns is the
//   caller's. Threading: FromEnvironment before other threads are made (it changes the
//   environment); otherwise immutable. Units: none.
// Errors: EINVAL naming the variable; of Copy EINVAL, ENOENT, EBADF naming the text.

#ifndef PLATTER_DAEMON_INHERITED_SOCKETS_H_
#define PLATTER_DAEMON_INHERITED_SOCKETS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"

namespace platter {

class InheritedSockets {
 public:
  static constexpr int kFirst = 3;
  // More are nobody's intention.
  static constexpr int kMost = 1024;

  // None.
  InheritedSockets() = default;
  // Takes the variables out of the environment, and marks the descriptors close-on-exec: no child
  // is to think that they are its own.
  static absl::StatusOr<InheritedSockets> FromEnvironment();
  // For `count` descriptors from `first` on; `names` separated by colons, or empty.
  static absl::StatusOr<InheritedSockets> Make(int first, int count, const std::string& names);

  // Of a name, or of any descriptor of this process by its number.
  absl::StatusOr<OwnedDescriptor> Copy(const std::string& text) const;

 private:
  std::map<std::string, std::vector<int>, std::less<>> by_name_;
};

}  // namespace platter

#endif  // PLATTER_DAEMON_INHERITED_SOCKETS_H_
