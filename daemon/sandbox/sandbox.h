// SPDX-License-Identifier: Apache-2.0
//
// Sandbox: a storage daemon that has only what its options name: their images, the folders of their
// sockets, and what is said to be allowed besides, for images that a monitor's client adds later.
//
//   CloseFiles(config, options);          // Before any thread is made.
//   auto daemon = StorageDaemon::Create(config, ...);
//   CloseSystemCalls(kind);               // All is there.
//   daemon->Run();
//
// Ownership: none. Threading: as landlock.h and system_calls.h say. Units: none.
// Errors: "--sandbox: ..." with what this host lacks.

#ifndef PLATTER_DAEMON_SANDBOX_SANDBOX_H_
#define PLATTER_DAEMON_SANDBOX_SANDBOX_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "aio/create.h"
#include "daemon/sandbox/landlock.h"

namespace platter {

namespace config {
class StorageDaemonConfig;
}  // namespace config

struct SandboxOptions {
  // Files, or folders and all below them.
  std::vector<std::string> readable = {};
  std::vector<std::string> writable = {};
  // "": none. It is made already.
  std::string pid_file = {};
};

// What a daemon of this configuration needs: the rights of each path.
using FilesOfSandbox = std::map<std::string, std::set<FileRights>>;
FilesOfSandbox FilesNeeded(const config::StorageDaemonConfig& config,
                           const SandboxOptions& options);

absl::Status CloseFiles(const config::StorageDaemonConfig& config, const SandboxOptions& options);
absl::Status CloseSystemCalls(AioKind kind);

}  // namespace platter

#endif  // PLATTER_DAEMON_SANDBOX_SANDBOX_H_
