// SPDX-License-Identifier: Apache-2.0
//
// The form of every error of this folder: "blockdev.file.cache.direct: what is wrong", EINVAL.
//
// Ownership: results are copies. Threading: pure functions.

#ifndef PLATTER_CONFIG_ERROR_H_
#define PLATTER_CONFIG_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace platter {

// `path` names the option as its user writes it, from the root ("blockdev", "device").
absl::Status ConfigError(std::string_view path, std::string_view what);

// "path.name"; a name that is more than letters, digits, '-' and '_' is quoted, for it came from
// outside and may hold anything.
std::string JoinPath(std::string_view path, std::string_view name);

}  // namespace platter

#endif  // PLATTER_CONFIG_ERROR_H_
