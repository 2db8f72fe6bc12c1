// SPDX-License-Identifier: Apache-2.0
//
// ForEachOption: the words of a command line that are options, one by one, in their order.
//
// Ownership: none. Threading: main (getopt's state is the process's). Units: none.
// Errors: EINVAL quoting the word that is no option, lacks its value or is no option's; or what
//   `set` said, which ends it.

#ifndef PLATTER_TOOLS_OPTIONS_H_
#define PLATTER_TOOLS_OPTIONS_H_

#include <getopt.h>

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace platter {

// `options`: getopt_long's, its last one empty; the `val` of each is 0, or the letter that is short
// for it. `letters`: getopt's string of short options, without any of its prefixes. `set` is told
// the long name, or the letter of one that has none.
absl::Status ForEachOption(
    int argc, char** argv, const option* options, std::string_view letters,
    absl::FunctionRef<absl::Status(std::string_view name, const std::string& value)> set);

}  // namespace platter

#endif  // PLATTER_TOOLS_OPTIONS_H_
