// SPDX-License-Identifier: Apache-2.0
//
// How texts from outside are shown in messages: options, file names, names of nodes. They may hold
// anything, and whoever reads the message may read it on a terminal.
//
// Ownership: results are copies. Threading: pure functions.
// Errors: none.

#ifndef PLATTER_BASE_QUOTE_H_
#define PLATTER_BASE_QUOTE_H_

#include <string>
#include <string_view>

namespace platter {

// The text in single quotes, shortened to some 60 bytes ("..." follows), with every byte that is
// not printable ASCII or part of valid UTF-8 written as \xNN.
std::string Quote(std::string_view text);

// The same at full length, for what says something only as a whole: a path.
std::string QuoteWhole(std::string_view text);

// Well-formed UTF-8 (RFC 3629: shortest forms, no surrogates, up to U+10FFFF).
bool IsUtf8(std::string_view text);

}  // namespace platter

#endif  // PLATTER_BASE_QUOTE_H_
