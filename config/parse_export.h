// SPDX-License-Identifier: Apache-2.0
//
// As parse.h, for exports and for the sockets and monitors of a program that makes them:
//
//   ParseExport("vhost-user-blk,id=e,node-name=d0,addr.type=unix,addr.path=e.sock,writable=on")
//   ParseChardev("socket,id=m,path=qmp.sock,server=on,wait=off")
//   ParseMonitor("chardev=m")
//
// Ownership: results own everything. Threading: pure functions. Units: none.
// Errors: as parse.h says.

#ifndef PLATTER_CONFIG_PARSE_EXPORT_H_
#define PLATTER_CONFIG_PARSE_EXPORT_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "config/value.h"

namespace platter {

namespace config {
class BlockExportOptions;
class ChardevOptions;
class MonitorOptions;
}  // namespace config

absl::StatusOr<config::BlockExportOptions> ParseExport(std::string_view text);
absl::StatusOr<config::ChardevOptions> ParseChardev(std::string_view text);
absl::StatusOr<config::MonitorOptions> ParseMonitor(std::string_view text);

absl::StatusOr<config::BlockExportOptions> ExportFromValue(const Value& value);
absl::StatusOr<config::ChardevOptions> ChardevFromValue(const Value& value);
absl::StatusOr<config::MonitorOptions> MonitorFromValue(const Value& value);

// For messages that a program has filled itself.
absl::Status CompleteExport(config::BlockExportOptions& options);
absl::Status CompleteChardev(config::ChardevOptions& options);
absl::Status CompleteMonitor(config::MonitorOptions& options);

}  // namespace platter

#endif  // PLATTER_CONFIG_PARSE_EXPORT_H_
