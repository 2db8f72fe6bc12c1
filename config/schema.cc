// SPDX-License-Identifier: Apache-2.0

#include "config/schema.h"

#include <algorithm>
#include <cctype>

#include "google/protobuf/descriptor.h"

#include "config/proto/schema.pb.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

// "BlkdebugIoType" -> "BLKDEBUG_IO_TYPE_": what every value of the enumeration starts with.
std::string EnumPrefix(const EnumDescriptor* type) {
  std::string prefix;
  for (const char c : type->name()) {
    if (c >= 'A' && c <= 'Z' && !prefix.empty()) prefix += '_';
    prefix += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return prefix + '_';
}

std::string ChoiceName(const EnumValueDescriptor* value, const std::string& prefix) {
  const config::Choice& choice = value->options().GetExtension(config::choice);
  if (choice.has_name()) return choice.name();
  std::string name = value->name();
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

SchemaOption MakeOption(const FieldDescriptor* field) {
  return {OptionName(field), field, &OptionSpec(field)};
}

const SchemaOption* FindByName(const std::vector<SchemaOption>& options, std::string_view name) {
  const auto found = std::ranges::find(options, name, &SchemaOption::name);
  return found == options.end() ? nullptr : &*found;
}

std::string SingleTypeText(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "on|off";
    case FieldDescriptor::CPPTYPE_STRING:
      return OptionSpec(field).format() == config::FORMAT_ID ? "id" : "string";
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::string text;
      for (const SchemaChoice& choice : EnumChoices(field->enum_type())) {
        text.append(text.empty() ? "" : "|").append(choice.name);
      }
      return text;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const MessageSchema schema(field->message_type());
      if (schema.is_alternate()) return "node";
      return schema.is_union() ? schema.discriminator() + " and its options" : "group";
    }
    default:
      break;
  }
  switch (OptionSpec(field).unit()) {
    case config::UNIT_BYTES:
      return "size";
    case config::UNIT_NANOSECONDS:
      return "nanoseconds";
    case config::UNIT_SECTORS:
      return "sector";
    default:
      return "integer";
  }
}

}  // namespace

MessageSchema::MessageSchema(const Descriptor* message) {
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    const OneofDescriptor* oneof = field->real_containing_oneof();
    if (oneof == nullptr) {
      options_.push_back(MakeOption(field));
    } else if (oneof->options().HasExtension(config::discriminator)) {
      discriminator_ = oneof->options().GetExtension(config::discriminator);
      variant_oneof_ = oneof;
      variants_.push_back(MakeOption(field));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      string_arm_ = field;
    } else {
      object_arm_ = field;
    }
  }
}

const SchemaOption* MessageSchema::FindOption(std::string_view name) const {
  return FindByName(options_, name);
}

const SchemaOption* MessageSchema::FindVariant(std::string_view name) const {
  return FindByName(variants_, name);
}

const config::Option& OptionSpec(const FieldDescriptor* field) {
  return field->options().GetExtension(config::opt);
}

std::string OptionName(const FieldDescriptor* field) {
  const config::Option& spec = OptionSpec(field);
  if (spec.has_name()) return spec.name();
  std::string name = field->name();
  std::ranges::replace(name, '_', '-');
  return name;
}

std::vector<SchemaChoice> EnumChoices(const EnumDescriptor* type) {
  const std::string prefix = EnumPrefix(type);
  std::vector<SchemaChoice> choices;
  for (int i = 0; i < type->value_count(); ++i) {
    const EnumValueDescriptor* value = type->value(i);
    choices.push_back({ChoiceName(value, prefix), value->number(),
                       value->options().GetExtension(config::choice).help()});
  }
  return choices;
}

std::vector<std::string> Names(const std::vector<SchemaOption>& options) {
  std::vector<std::string> names;
  for (const SchemaOption& option : options) names.push_back(option.name);
  return names;
}

std::vector<std::string> Names(const std::vector<SchemaChoice>& choices) {
  std::vector<std::string> names;
  for (const SchemaChoice& choice : choices) names.push_back(choice.name);
  return names;
}

std::string TypeText(const FieldDescriptor* field) {
  return (field->is_repeated() ? "list of " : "") + SingleTypeText(field);
}

}  // namespace platter
