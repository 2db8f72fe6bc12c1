// SPDX-License-Identifier: Apache-2.0
//
// JSON (RFC 8259) to a value tree, for QMP and for --blockdev '{...}'. Integers keep their 64 bits
// (an integer that has more is refused, not rounded), a member given twice is refused, and so are
// texts beyond the limits of value.h. Strings are valid UTF-8 but may hold NUL (\u0000): whoever
// uses them decides.
//
// Ownership: the result owns copies of everything. Threading: pure function.
// Units: positions are bytes from the start of the text.
// Errors: EINVAL, "ROOT: what is wrong (at byte N)" or "ROOT.PATH: ...".

#ifndef PLATTER_CONFIG_JSON_H_
#define PLATTER_CONFIG_JSON_H_

#include <string_view>

#include "absl/status/statusor.h"

#include "config/value.h"

namespace platter {

// The whole text is one JSON value. `root` is what messages call it ("blockdev").
absl::StatusOr<Value> ParseJson(std::string_view text, std::string_view root);

}  // namespace platter

#endif  // PLATTER_CONFIG_JSON_H_
