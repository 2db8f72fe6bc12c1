// SPDX-License-Identifier: Apache-2.0
//
// The key=value syntax of command lines, as QEMU's --blockdev takes it:
//
//   options  = [ first "," ] option { "," option } [ "," ]
//   option   = key "=" text | "help" | "?"
//   key      = name { "." ( name | index ) }       a.b=1 -> {a: {b: 1}}   a.0=x,a.1=y -> {a: [x,
//   y]} name     = letter { letter | digit | "-" | "_" } index    = "0" | digit-but-0 { digit } the
//   indices of a list are 0..n-1, in any order text     = { any byte but "," | ",," }         ",,"
//   stands for one comma first    = text without "=", the value of the implied key (null-co instead
//   of driver=null-co)
//
// Beyond the grammar: a key given twice is an error (QEMU lets the last one win: an option lost in
// silence), and so are a key that has both a value and members, bad UTF-8 and NUL bytes.
//
// Ownership: the result owns copies of everything. Threading: pure function.
// Units: positions are bytes from the start of the text.
// Errors: EINVAL, "ROOT.KEY: what is wrong (at byte N)".

#ifndef PLATTER_CONFIG_KEYVAL_H_
#define PLATTER_CONFIG_KEYVAL_H_

#include <string_view>

#include "absl/status/statusor.h"

#include "config/value.h"

namespace platter {

struct Keyval {
  Value options;      // an object; its scalars are all of kind text
  bool help = false;  // "help" or "?" stood among the options
};

// `root` is what messages call the whole ("blockdev"). `implied_key` is the key of a first option
// without "="; empty: there is none.
absl::StatusOr<Keyval> ParseKeyval(std::string_view text, std::string_view root,
                                   std::string_view implied_key);

}  // namespace platter

#endif  // PLATTER_CONFIG_KEYVAL_H_
