// SPDX-License-Identifier: Apache-2.0
//
// The schema's limits on one scalar: range, power of two, length, characters.
//
// Ownership: nothing is kept. Threading: pure functions.
// Errors: a text that says what is allowed, or "" where the value is fine.

#ifndef PLATTER_CONFIG_LIMITS_H_
#define PLATTER_CONFIG_LIMITS_H_

#include <string>
#include <string_view>

#include "config/scalar.h"

namespace google::protobuf {
class EnumDescriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace platter {

// `field` is a uint32 or uint64. "must be between 512 and 2M", "must be a power of two", ...
std::string NumberProblem(const google::protobuf::FieldDescriptor* field, Integer number);

// `field` is a string. No string of a configuration may hold NUL or bad UTF-8.
std::string StringProblem(const google::protobuf::FieldDescriptor* field, std::string_view text);

// The names of an enumeration as "a, b or c".
std::string OneOf(const google::protobuf::EnumDescriptor* type);

}  // namespace platter

#endif  // PLATTER_CONFIG_LIMITS_H_
