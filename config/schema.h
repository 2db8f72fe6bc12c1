// SPDX-License-Identifier: Apache-2.0
//
// The schema as users see it: which options a message has, by their outside names. Made by
// reflection from the annotated messages of config/proto; the binder, the checks, the help texts
// (and query-qmp-schema) all look at a message through this and never name one of its fields.
//
// A message is one of
//   a group:       its options, each with a name                      CacheOptions
//   a flat union:  the same, and a discriminator that selects a       BlockdevOptions
//                  variant, whose options stand beside the others
//   an alternate:  a string or an object, no names at all             BlockdevRef
//
// Ownership: borrows the descriptors, which live as long as the program.
// Threading: immutable after construction.
// Errors: none; a schema that is annotated wrongly fails schema_test.

#ifndef PLATTER_CONFIG_SCHEMA_H_
#define PLATTER_CONFIG_SCHEMA_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace google::protobuf {
class Descriptor;
class EnumDescriptor;
class FieldDescriptor;
class OneofDescriptor;
}  // namespace google::protobuf

namespace platter {

namespace config {
class Option;
}  // namespace config

struct SchemaOption {
  std::string name;                                // outside
  const google::protobuf::FieldDescriptor* field;  // never null
  const config::Option* spec;                      // never null
};

class MessageSchema {
 public:
  explicit MessageSchema(const google::protobuf::Descriptor* message);

  // Options of a group or union, without the variants; empty for an alternate.
  // (The && forms keep `for (... : MessageSchema(type).options())` from looping over a dead list.)
  const std::vector<SchemaOption>& options() const& { return options_; }
  std::vector<SchemaOption> options() && { return std::move(options_); }

  bool is_union() const { return !discriminator_.empty(); }
  // The option that selects the variant ("driver"); empty where there is none.
  const std::string& discriminator() const& { return discriminator_; }
  std::string discriminator() && { return std::move(discriminator_); }
  const std::vector<SchemaOption>& variants() const& { return variants_; }
  std::vector<SchemaOption> variants() && { return std::move(variants_); }
  // The oneof of the variants; null where there is none.
  const google::protobuf::OneofDescriptor* variant_oneof() const { return variant_oneof_; }

  bool is_alternate() const { return string_arm_ != nullptr; }
  const google::protobuf::FieldDescriptor* string_arm() const { return string_arm_; }
  const google::protobuf::FieldDescriptor* object_arm() const { return object_arm_; }

  // Null where there is none of the name.
  const SchemaOption* FindOption(std::string_view name) const;
  const SchemaOption* FindVariant(std::string_view name) const;

 private:
  std::vector<SchemaOption> options_;
  std::string discriminator_;
  std::vector<SchemaOption> variants_;
  const google::protobuf::OneofDescriptor* variant_oneof_ = nullptr;
  const google::protobuf::FieldDescriptor* string_arm_ = nullptr;
  const google::protobuf::FieldDescriptor* object_arm_ = nullptr;
};

// The annotation of a field; the empty one where it has none.
const config::Option& OptionSpec(const google::protobuf::FieldDescriptor* field);

// The outside name of a field.
std::string OptionName(const google::protobuf::FieldDescriptor* field);

struct SchemaChoice {
  std::string name;  // outside
  int number;
  std::string help;
};

// The values of an enumeration, in the order declared.
std::vector<SchemaChoice> EnumChoices(const google::protobuf::EnumDescriptor* type);

// The outside names of some options or choices, for lists and suggestions.
std::vector<std::string> Names(const std::vector<SchemaOption>& options);
std::vector<std::string> Names(const std::vector<SchemaChoice>& choices);

// What a value of the field looks like, for help and messages: "on|off", "size", "a|b|c",
// "list of integer".
std::string TypeText(const google::protobuf::FieldDescriptor* field);

}  // namespace platter

#endif  // PLATTER_CONFIG_SCHEMA_H_
