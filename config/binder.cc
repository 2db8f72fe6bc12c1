// SPDX-License-Identifier: Apache-2.0

#include "config/binder.h"

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

#include "base/quote.h"
#include "base/status.h"
#include "config/error.h"
#include "config/field_writer.h"
#include "config/proto/schema.pb.h"
#include "config/scalar.h"
#include "config/schema.h"
#include "config/suggest.h"

namespace platter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::Status BindAny(const Value& value, const std::string& path, Message* message);

absl::Status BindScalar(const Value& value, const FieldWriter& writer) {
  if (value.is_text()) return writer.SetText(value.as_text());
  if (value.is_string()) return writer.SetString(value.as_string());
  if (value.is_bool()) return writer.SetBool(value.as_bool());
  if (value.is_uint()) return writer.SetInteger({value.as_uint(), false});
  if (value.is_int()) {
    // The parser gives negative numbers only; negated as unsigned, so that INT64_MIN has a
    // magnitude.
    return writer.SetInteger({~static_cast<uint64_t>(value.as_int()) + 1, true});
  }
  return writer.WrongType(value.Describe());
}

absl::Status BindElement(const Value& value, const std::string& path, const FieldDescriptor* field,
                         Message* message) {
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return BindScalar(value, FieldWriter(message, field, path));
  }
  const google::protobuf::Reflection* reflection = message->GetReflection();
  Message* member = field->is_repeated() ? reflection->AddMessage(message, field)
                                         : reflection->MutableMessage(message, field);
  return BindAny(value, path, member);
}

absl::Status BindField(const Value& value, const std::string& path, const FieldDescriptor* field,
                       Message* message) {
  if (!field->is_repeated()) return BindElement(value, path, field, message);
  if (!value.is_list()) {
    const std::string hint =
        value.is_text() ? " (name its elements: " + path + ".0 and so on)" : "";
    return ConfigError(path, "takes a list, not " + value.Describe() + hint);
  }
  size_t index = 0;
  for (const Value& element : value.as_list()) {
    PLATTER_RETURN_IF_ERROR(
        BindElement(element, JoinPath(path, std::to_string(index)), field, message));
    ++index;
  }
  return absl::OkStatus();
}

// "; 'x' is an option of driver=y" where another variant has the option.
std::string OtherVariant(const MessageSchema& schema, const std::string& name) {
  for (const SchemaOption& variant : schema.variants()) {
    const MessageSchema other(variant.field->message_type());
    if (other.FindOption(name) != nullptr) {
      return "; it is one of " + schema.discriminator() + "=" + variant.name;
    }
  }
  return "";
}

// Binds the object's members, which are options of `message` or of its selected variant.
class GroupBinder {
 public:
  GroupBinder(const std::string& path, Message* message)
      : path_(path), message_(message), schema_(message->GetDescriptor()) {}

  absl::Status Bind(const Value::Object& object, const Value* discriminator) {
    if (schema_.is_union()) PLATTER_RETURN_IF_ERROR(SelectVariant(discriminator));
    for (const Value::Member& member : object) PLATTER_RETURN_IF_ERROR(BindMember(member));
    return absl::OkStatus();
  }

 private:
  absl::Status SelectVariant(const Value* discriminator) {
    const std::string path = JoinPath(path_, schema_.discriminator());
    if (discriminator == nullptr) return absl::OkStatus();  // CompleteOptions reports it
    if (!discriminator->is_text() && !discriminator->is_string()) {
      return ConfigError(path, "takes a name, not " + discriminator->Describe());
    }
    const std::string& name =
        discriminator->is_text() ? discriminator->as_text() : discriminator->as_string();
    const SchemaOption* variant = schema_.FindVariant(name);
    if (variant == nullptr) {
      return ConfigError(path,
                         "no " + schema_.discriminator() + " is called " + Quote(name) +
                             DidYouMean(name, Names(schema_.variants()),
                                        " (" + schema_.discriminator() + "=help lists them)"));
    }
    variant_name_ = name;
    variant_ = message_->GetReflection()->MutableMessage(message_, variant->field);
    return absl::OkStatus();
  }

  absl::Status BindMember(const Value::Member& member) {
    if (schema_.is_union() && member.name == schema_.discriminator()) return absl::OkStatus();
    const std::string path = JoinPath(path_, member.name);
    if (const SchemaOption* option = schema_.FindOption(member.name)) {
      return BindField(member.value, path, option->field, message_);
    }
    if (variant_ == nullptr) return Unknown(member.name, path, nullptr);
    const MessageSchema variant_schema(variant_->GetDescriptor());
    if (const SchemaOption* option = variant_schema.FindOption(member.name)) {
      return BindField(member.value, path, option->field, variant_);
    }
    return Unknown(member.name, path, &variant_schema);
  }

  absl::Status Unknown(const std::string& name, const std::string& path,
                       const MessageSchema* variant_schema) const {
    if (schema_.is_union() && variant_schema == nullptr) {
      // Of no known variant; it may be the discriminator itself that is misspelt.
      const std::string meant = DidYouMean(name, {schema_.discriminator()});
      if (!meant.empty()) return ConfigError(path, "unknown option" + meant);
      return ConfigError(JoinPath(path_, schema_.discriminator()), "missing");
    }
    std::vector<std::string> candidates = Names(schema_.options());
    std::string what = "unknown option";
    std::string otherwise = ThereAre(candidates);
    if (schema_.is_union()) {
      otherwise = " (" + schema_.discriminator() + "=" + variant_name_ + ",help lists them)";
      what += " of " + schema_.discriminator() + "=" + variant_name_;
      for (std::string& option : Names(variant_schema->options())) {
        candidates.push_back(std::move(option));
      }
      candidates.push_back(schema_.discriminator());
      if (const std::string other = OtherVariant(schema_, name); !other.empty()) {
        return ConfigError(path, what + other);
      }
    }
    return ConfigError(path, what + DidYouMean(name, candidates, otherwise));
  }

  const std::string& path_;
  Message* const message_;
  const MessageSchema schema_;
  std::string variant_name_;
  Message* variant_ = nullptr;
};

absl::Status BindAlternate(const Value& value, const std::string& path, const MessageSchema& schema,
                           Message* message) {
  if (value.is_text() || value.is_string()) {
    return BindScalar(value, FieldWriter(message, schema.string_arm(), path));
  }
  if (!value.is_object()) {
    return ConfigError(path, "takes a name or an object, not " + value.Describe());
  }
  return BindAny(value, path,
                 message->GetReflection()->MutableMessage(message, schema.object_arm()));
}

// Recursion is bounded by the depth of the value, which the parsers bound.
absl::Status BindAny(const Value& value, const std::string& path, Message* message) {
  const MessageSchema schema(message->GetDescriptor());
  if (schema.is_alternate()) return BindAlternate(value, path, schema, message);
  if (!value.is_object()) {
    const std::string hint = value.is_text() ? " (name its options: " + path + ".NAME=...)" : "";
    return ConfigError(path, "takes an object, not " + value.Describe() + hint);
  }
  return GroupBinder(path, message).Bind(value.as_object(), value.Find(schema.discriminator()));
}

}  // namespace

absl::Status BindMessage(const Value& value, std::string_view root, Message* message) {
  return BindAny(value, std::string(root), message);
}

}  // namespace platter
