// SPDX-License-Identifier: Apache-2.0
//
// Where in a message the parser of the text form had got to when it stopped: protobuf tells a line
// and a column, and people look for an option.
//
// Ownership: results own their texts and borrow descriptors, which live as long as the program.
// Threading: pure functions.
// Units: lines and columns as protobuf's tokenizer counts them, from 0.
// Errors: none; a text that makes no sense gives the place of what did make sense.

#ifndef PLATTER_CONFIG_TEXT_PLACE_H_
#define PLATTER_CONFIG_TEXT_PLACE_H_

#include <compare>
#include <string>
#include <string_view>

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace platter {

struct TextPosition {
  int line = 0;
  int column = 0;
  auto operator<=>(const TextPosition&) const = default;
};

struct TextPlace {
  std::string path;                                    // of the enclosing message, outside names
  const google::protobuf::Descriptor* type = nullptr;  // of that message; null: not known
  std::string name;                                    // of the field read last; empty: none
  const google::protobuf::FieldDescriptor* field = nullptr;  // null: type has no such field
  std::string value;                                         // what was read for it; empty: nothing
  TextPosition name_at;
  TextPosition value_at;
};

// Follows `text`, the text form of a message of `type`, through all tokens before `stop`. A name
// that is no field is taken as far as it would go outside: "node-name", not "node".
TextPlace FindTextPlace(std::string_view text, TextPosition stop, std::string_view root,
                        const google::protobuf::Descriptor* type);

// The path of place.field, by the names outside.
std::string FieldPath(const TextPlace& place);

}  // namespace platter

#endif  // PLATTER_CONFIG_TEXT_PLACE_H_
