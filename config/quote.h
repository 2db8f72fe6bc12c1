// SPDX-License-Identifier: Apache-2.0
//
// How option texts are shown in messages: they come from outside and may hold anything.
//
// Ownership: results are copies. Threading: pure functions.
// Errors: none.

#ifndef PLATTER_CONFIG_QUOTE_H_
#define PLATTER_CONFIG_QUOTE_H_

#include <string>
#include <string_view>

namespace platter {

// The text in single quotes, shortened to some 60 bytes ("..." follows), with every byte that is
// not printable ASCII or part of valid UTF-8 written as \xNN.
std::string Quote(std::string_view text);

// Well-formed UTF-8 (RFC 3629: shortest forms, no surrogates, up to U+10FFFF).
bool IsUtf8(std::string_view text);

}  // namespace platter

#endif  // PLATTER_CONFIG_QUOTE_H_
