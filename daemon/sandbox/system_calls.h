// SPDX-License-Identifier: Apache-2.0
//
// FilterSystemCalls: from here on the process has the system calls of a daemon that serves files,
// event descriptors and unix sockets, and no others: for all threads that it has or makes.
//
// Ownership: none. Threading: any thread; there is no way back. Units: none.
// Errors: the host's. Afterwards a call that is not needed fails with EPERM; one that breaks out
//   (another program, another process's memory, mounts, modules, ...) ends the process by SIGSYS.

#ifndef PLATTER_DAEMON_SANDBOX_SYSTEM_CALLS_H_
#define PLATTER_DAEMON_SANDBOX_SYSTEM_CALLS_H_

#include <cstdint>

#include "absl/status/status.h"

namespace platter {

// Whether rings that are there are used. More of them can never be made: the operations of a ring
// are not filtered.
enum class RingUse : uint8_t { kNone, kExisting };

absl::Status FilterSystemCalls(RingUse rings);

}  // namespace platter

#endif  // PLATTER_DAEMON_SANDBOX_SYSTEM_CALLS_H_
