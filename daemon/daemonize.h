// SPDX-License-Identifier: Apache-2.0
//
// Daemonize: goes on in the background: in a session of its own, while the process that was started
// waits until all is ready, and ends with success then, and with an error when that never comes.
//
//   absl::StatusOr<Daemonize> background = Daemonize::Begin();   // Here it is another process.
//   ... what may fail, with its messages ...
//   background->Ready();   // Or it ends: the first process ends with status 1.
//
// Ownership: the descriptor to the first process. Threading: before any thread is made.
// Units: none. Errors: the host's.

#ifndef PLATTER_DAEMON_DAEMONIZE_H_
#define PLATTER_DAEMON_DAEMONIZE_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"

namespace platter {

class Daemonize {
 public:
  // Does not return in the process that calls it, unless it fails.
  static absl::StatusOr<Daemonize> Begin();

  // From here on there is no standard input or output.
  absl::Status Ready();

 private:
  explicit Daemonize(OwnedDescriptor first) : first_(std::move(first)) {}

  OwnedDescriptor first_;
};

}  // namespace platter

#endif  // PLATTER_DAEMON_DAEMONIZE_H_
