// SPDX-License-Identifier: Apache-2.0
//
// Help texts made from the schema: what `driver=help` and `driver=raw,help` print.
//
// Ownership: results are copies. Threading: pure functions.
// Errors: none.

#ifndef PLATTER_CONFIG_HELP_H_
#define PLATTER_CONFIG_HELP_H_

#include <string>
#include <string_view>

namespace google::protobuf {
class Descriptor;
}  // namespace google::protobuf

namespace platter {

struct SchemaOption;

// The variants of a union, one a line, with what each is. `option` is how the command line calls
// the whole ("--blockdev").
std::string VariantListHelp(const google::protobuf::Descriptor* type, std::string_view option);

// Every option of one variant: name, type, what it does, default; then those of all variants.
std::string VariantHelp(const google::protobuf::Descriptor* type, const SchemaOption& variant,
                        std::string_view option);

}  // namespace platter

#endif  // PLATTER_CONFIG_HELP_H_
