// SPDX-License-Identifier: Apache-2.0
//
// What parse.h and parse_export.h have in common: one kind of option, whatever its message. The
// bodies are in parse.cc.
//
// Ownership: the message is the caller's. Threading: pure functions. Units: none.
// Errors: as parse.h says.

#ifndef PLATTER_CONFIG_OPTION_PARSER_H_
#define PLATTER_CONFIG_OPTION_PARSER_H_

#include <string_view>

#include "absl/status/status.h"

#include "config/value.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace platter {

// What messages and help call the whole.
struct OptionKind {
  std::string_view root;    // "blockdev"
  std::string_view option;  // "--blockdev"
  // Key of a first value without one; empty: the discriminator of the message.
  std::string_view implied = {};
};

// Key=value or JSON; defaults are filled in, and what the schema says is checked.
absl::Status ParseOptions(std::string_view text, const OptionKind& kind,
                          google::protobuf::Message* options);
absl::Status OptionsFromValue(const Value& value, const OptionKind& kind,
                              google::protobuf::Message* options);

}  // namespace platter

#endif  // PLATTER_CONFIG_OPTION_PARSER_H_
