// SPDX-License-Identifier: Apache-2.0

#include "config/completion.h"

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

#include "base/check.h"
#include "base/quote.h"
#include "base/status.h"
#include "config/error.h"
#include "config/field_writer.h"
#include "config/limits.h"
#include "config/proto/schema.pb.h"
#include "config/rules.h"
#include "config/schema.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// A group that can stand with no option given (CacheOptions).
bool IsPlainGroup(const Descriptor* type) {
  const MessageSchema schema(type);
  if (schema.is_alternate() || schema.is_union()) return false;
  for (const SchemaOption& option : schema.options()) {
    if (option.spec->required()) return false;
  }
  return true;
}

void ApplyDefault(const SchemaOption& option, Message* message) {
  const FieldDescriptor* field = option.field;
  const Reflection* reflection = message->GetReflection();
  const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (field->is_repeated()) {
    const int count = is_message ? reflection->FieldSize(*message, field) : 0;
    for (int i = 0; i < count; ++i) {
      ApplyDefaults(reflection->MutableRepeatedMessage(message, field, i));
    }
  } else if (is_message) {
    if (reflection->HasField(*message, field) || IsPlainGroup(field->message_type())) {
      ApplyDefaults(reflection->MutableMessage(message, field));
    }
  } else if (option.spec->has_default_value() && !reflection->HasField(*message, field)) {
    const absl::Status status =
        FieldWriter(message, field, option.name).SetText(option.spec->default_value());
    PLATTER_CHECK(status.ok());  // the schema is at fault; schema_test tries every default
  }
}

class Checker {
 public:
  absl::Status Check(const Message& message, const std::string& path,
                     RulePlace place = RulePlace::kOutside) const {
    const MessageSchema schema(message.GetDescriptor());
    if (schema.is_alternate()) return CheckAlternate(message, schema, path);
    for (const SchemaOption& option : schema.options()) {
      PLATTER_RETURN_IF_ERROR(CheckOption(message, option, JoinPath(path, option.name)));
    }
    if (schema.is_union()) PLATTER_RETURN_IF_ERROR(CheckVariant(message, schema, path));
    return CheckRules(path, message, place);
  }

 private:
  absl::Status CheckAlternate(const Message& message, const MessageSchema& schema,
                              const std::string& path) const {
    const Reflection* reflection = message.GetReflection();
    if (reflection->HasField(message, schema.string_arm())) {
      return CheckScalar(message, schema.string_arm(), kSingular, path);
    }
    if (!reflection->HasField(message, schema.object_arm())) {
      return ConfigError(path, "takes a name or an object, and is empty");
    }
    return Check(reflection->GetMessage(message, schema.object_arm()), path,
                 RulePlace::kWrittenOut);
  }

  absl::Status CheckVariant(const Message& message, const MessageSchema& schema,
                            const std::string& path) const {
    const FieldDescriptor* variant =
        message.GetReflection()->GetOneofFieldDescriptor(message, schema.variant_oneof());
    if (variant == nullptr) {
      std::string names;
      for (const std::string& name : Names(schema.variants())) {
        names.append(names.empty() ? "" : ", ").append(name);
      }
      return ConfigError(JoinPath(path, schema.discriminator()), "missing; there are " + names);
    }
    return Check(message.GetReflection()->GetMessage(message, variant), path);
  }

  absl::Status CheckOption(const Message& message, const SchemaOption& option,
                           const std::string& path) const {
    const Reflection* reflection = message.GetReflection();
    if (option.field->is_repeated()) return CheckList(message, option, path);
    if (!reflection->HasField(message, option.field)) {
      if (!option.spec->required()) return absl::OkStatus();
      return ConfigError(path, "missing: " + option.spec->help());
    }
    if (option.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return Check(reflection->GetMessage(message, option.field), path);
    }
    return CheckScalar(message, option.field, kSingular, path);
  }

  absl::Status CheckList(const Message& message, const SchemaOption& option,
                         const std::string& path) const {
    const Reflection* reflection = message.GetReflection();
    const int count = reflection->FieldSize(message, option.field);
    if (option.spec->has_max_elements() &&
        static_cast<uint32_t>(count) > option.spec->max_elements()) {
      return ConfigError(path,
                         "more than " + std::to_string(option.spec->max_elements()) + " elements");
    }
    for (int i = 0; i < count; ++i) {
      const std::string element = JoinPath(path, std::to_string(i));
      if (option.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        PLATTER_RETURN_IF_ERROR(
            Check(reflection->GetRepeatedMessage(message, option.field, i), element));
      } else {
        PLATTER_RETURN_IF_ERROR(CheckScalar(message, option.field, i, element));
      }
    }
    return absl::OkStatus();
  }

  static constexpr int kSingular = -1;

  // The field, or its element `index` unless that is kSingular.
  absl::Status CheckScalar(const Message& message, const FieldDescriptor* field, int index,
                           const std::string& path) const {
    const Reflection* r = message.GetReflection();
    const bool one = index == kSingular;
    Integer number;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string text =
            one ? r->GetString(message, field) : r->GetRepeatedString(message, field, index);
        const std::string problem = StringProblem(field, text);
        return problem.empty() ? absl::OkStatus() : ConfigError(path, Quote(text) + " " + problem);
      }
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int value =
            one ? r->GetEnumValue(message, field) : r->GetRepeatedEnumValue(message, field, index);
        if (field->enum_type()->FindValueByNumber(value) != nullptr) return absl::OkStatus();
        return ConfigError(path, "takes " + OneOf(field->enum_type()) + ", not the number " +
                                     std::to_string(value));
      }
      case FieldDescriptor::CPPTYPE_UINT32:
        number.magnitude =
            one ? r->GetUInt32(message, field) : r->GetRepeatedUInt32(message, field, index);
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        number.magnitude =
            one ? r->GetUInt64(message, field) : r->GetRepeatedUInt64(message, field, index);
        break;
      default:
        return absl::OkStatus();  // bool; schema_test keeps the other types out of the schema
    }
    const std::string problem = NumberProblem(field, number);
    if (problem.empty()) return absl::OkStatus();
    return ConfigError(path, std::to_string(number.magnitude) + " " + problem);
  }
};

}  // namespace

void ApplyDefaults(Message* message) {
  const MessageSchema schema(message->GetDescriptor());
  const Reflection* reflection = message->GetReflection();
  for (const SchemaOption& option : schema.options()) ApplyDefault(option, message);
  if (schema.is_union()) {
    const FieldDescriptor* variant =
        reflection->GetOneofFieldDescriptor(*message, schema.variant_oneof());
    if (variant != nullptr) ApplyDefaults(reflection->MutableMessage(message, variant));
  }
  if (schema.is_alternate() && reflection->HasField(*message, schema.object_arm())) {
    ApplyDefaults(reflection->MutableMessage(message, schema.object_arm()));
  }
}

absl::Status CheckOptions(std::string_view root, const Message& message) {
  return Checker().Check(message, std::string(root));
}

absl::Status CompleteOptions(std::string_view root, Message* message) {
  ApplyDefaults(message);
  return CheckOptions(root, *message);
}

}  // namespace platter
