// SPDX-License-Identifier: Apache-2.0
//
// Rules between the options of an export.
//
// Ownership: borrows its arguments. Threading: pure functions. Errors: EINVAL naming the option.

#ifndef PLATTER_CONFIG_EXPORT_RULES_H_
#define PLATTER_CONFIG_EXPORT_RULES_H_

#include <string>

#include "absl/status/status.h"

namespace platter {

namespace config {
class BlockExportOptions;
class SocketChardevOptions;
class VhostUserScsiExportOptions;
}  // namespace config

// See rules.h.
absl::Status CheckExport(const std::string& path, const config::BlockExportOptions& options);
absl::Status CheckLuns(const std::string& path, const config::VhostUserScsiExportOptions& options);

absl::Status CheckSocketChardev(const std::string& path,
                                const config::SocketChardevOptions& options);

}  // namespace platter

#endif  // PLATTER_CONFIG_EXPORT_RULES_H_
