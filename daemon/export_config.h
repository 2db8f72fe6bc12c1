// SPDX-License-Identifier: Apache-2.0
//
// What an export's options ask for: drives, each a block backend on a node (or without a disc),
// I/O threads, and the device that is served.
//
// Ownership: values; what MakeExport returns uses backends and threads, which outlive it.
// Threading: control context. Units: bytes. Errors: naming the export, and the LUN of one that has
//   several.

#ifndef PLATTER_DAEMON_EXPORT_CONFIG_H_
#define PLATTER_DAEMON_EXPORT_CONFIG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "base/log.h"
#include "base/owned_descriptor.h"
#include "blockbackend/block_backend.h"
#include "exports/vhost_user/device_export.h"

namespace platter {

namespace config {
class BlockExportOptions;
class SocketAddress;
}  // namespace config

// "export 'e'".
std::string ExportTitle(std::string_view id);
// "vhost-user-blk".
std::string ExportTypeOf(const config::BlockExportOptions& options);

struct ExportDrive {
  std::string title;            // In messages.
  std::string id;               // By which commands and events know it.
  std::string node_name;        // Empty: a drive without a disc.
  std::optional<uint32_t> lun;  // Nothing: the export is the drive.
  const char* kind = "disk";    // Or "cd".
  bool writable = false;        // By guests.
  BackendOptions backend;
};

// In the order of the options.
std::vector<ExportDrive> DrivesOf(const config::BlockExportOptions& options);
const config::SocketAddress& AddressOf(const config::BlockExportOptions& options);
// Their ids; none: the control context.
std::vector<std::string> IoThreadsOf(const config::BlockExportOptions& options);

// What MakeExport is given besides.
struct ExportParts {
  std::string path = {};                     // Of the socket; or:
  OwnedDescriptor listener = {};             // A socket that listens already.
  std::vector<AioContext*> iothreads = {};   // Of queues, in turn.
  std::vector<BlockBackendRef> drives = {};  // As DrivesOf has them.
};

absl::StatusOr<std::unique_ptr<VhostUserExport>> MakeExport(
    const config::BlockExportOptions& options, ExportParts parts, AioContext& control,
    LogSink& log);

}  // namespace platter

#endif  // PLATTER_DAEMON_EXPORT_CONFIG_H_
