// SPDX-License-Identifier: Apache-2.0
//
// Well-formed ids of backends, nodes, devices and objects: a letter first, then letters, digits,
// '-', '.' and '_', as monitors of this field demand. At most kMaxIdLength bytes.
//
// Threading: any. Errors: CheckId names the id and what is wrong with it.

#ifndef PLATTER_BASE_ID_H_
#define PLATTER_BASE_ID_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace platter {

inline constexpr size_t kMaxIdLength = 127;

bool IsWellFormedId(std::string_view id);

// INVALID_ARGUMENT naming `what` (for example "backend") and the id when it is not well-formed.
absl::Status CheckId(std::string_view what, std::string_view id);

}  // namespace platter

#endif  // PLATTER_BASE_ID_H_
