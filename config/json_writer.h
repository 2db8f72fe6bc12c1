// SPDX-License-Identifier: Apache-2.0
//
// A value tree as JSON (RFC 8259) on one line, as monitors of this field write it: a blank behind
// each ':' and ',', and nothing but ASCII (other characters as \uXXXX, so that no reader depends on
// an encoding). What ParseJson makes of the text is the same tree again, but for bytes that are no
// UTF-8, which become U+FFFD.
//
// Ownership: the result is a copy. Threading: pure function. Units: none.
// Errors: none; `text` values are written as strings, and numbers that JSON has not (infinities) as
// null.

#ifndef PLATTER_CONFIG_JSON_WRITER_H_
#define PLATTER_CONFIG_JSON_WRITER_H_

#include <string>

#include "config/value.h"

namespace platter {

// As deep as the value is, which ParseJson bounds by kMaxConfigDepth.
std::string FormatJson(const Value& value);

}  // namespace platter

#endif  // PLATTER_CONFIG_JSON_WRITER_H_
