// SPDX-License-Identifier: Apache-2.0

#include "config/field_writer.h"

#include <optional>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

#include "base/quote.h"
#include "config/error.h"
#include "config/limits.h"
#include "config/proto/schema.pb.h"
#include "config/schema.h"
#include "config/suggest.h"

namespace platter {
namespace {

using google::protobuf::FieldDescriptor;

bool IsInteger(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ||
         field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
}

// For messages: "on or off", "a size in bytes such as 1048576 or 1M".
std::string Expected(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "on or off";
    case FieldDescriptor::CPPTYPE_STRING:
      return "a string";
    case FieldDescriptor::CPPTYPE_ENUM:
      return OneOf(field->enum_type());
    default:
      break;
  }
  if (OptionSpec(field).unit() == config::UNIT_BYTES) return "a number of bytes";
  return "a whole number";
}

}  // namespace

absl::Status FieldWriter::WrongType(std::string_view what) const {
  return ConfigError(path_, "takes " + Expected(field_) + ", not " + std::string(what));
}

absl::Status FieldWriter::SetText(std::string_view text) const {
  if (field_->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    const std::optional<bool> value = ParseBool(text);
    return value.has_value() ? SetBool(*value) : WrongType(Quote(text));
  }
  if (!IsInteger(field_)) return SetString(text);
  std::optional<Integer> number = ParseInteger(text);
  if (!number.has_value() && OptionSpec(field_).unit() == config::UNIT_BYTES) {
    if (const std::optional<uint64_t> size = ParseSize(text)) number = Integer{*size, false};
  }
  if (number.has_value()) return SetInteger(*number);
  const bool bytes = OptionSpec(field_).unit() == config::UNIT_BYTES;
  return WrongType(Quote(text) + (bytes ? " (suffixes are K, M, G, T, P, E)" : ""));
}

absl::Status FieldWriter::SetBool(bool value) const {
  if (field_->cpp_type() != FieldDescriptor::CPPTYPE_BOOL) {
    return WrongType(value ? "true" : "false");
  }
  const google::protobuf::Reflection* reflection = message_->GetReflection();
  if (field_->is_repeated()) {
    reflection->AddBool(message_, field_, value);
  } else {
    reflection->SetBool(message_, field_, value);
  }
  return absl::OkStatus();
}

absl::Status FieldWriter::SetInteger(Integer number) const {
  const std::string shown = (number.negative ? "-" : "") + std::to_string(number.magnitude);
  if (!IsInteger(field_)) return WrongType(shown);
  if (const std::string problem = NumberProblem(field_, number); !problem.empty()) {
    return ConfigError(path_, shown + " " + problem);
  }
  // NumberProblem has made sure that it fits.
  const auto small = static_cast<uint32_t>(number.magnitude);
  const google::protobuf::Reflection* r = message_->GetReflection();
  const bool add = field_->is_repeated();
  if (field_->cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
    add ? r->AddUInt32(message_, field_, small) : r->SetUInt32(message_, field_, small);
  } else {
    add ? r->AddUInt64(message_, field_, number.magnitude)
        : r->SetUInt64(message_, field_, number.magnitude);
  }
  return absl::OkStatus();
}

absl::Status FieldWriter::SetString(std::string_view text) const {
  if (field_->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return SetEnum(text);
  if (field_->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return WrongType("the string " + Quote(text));
  }
  if (const std::string problem = StringProblem(field_, text); !problem.empty()) {
    return ConfigError(path_, Quote(text) + " " + problem);
  }
  const google::protobuf::Reflection* reflection = message_->GetReflection();
  if (field_->is_repeated()) {
    reflection->AddString(message_, field_, std::string(text));
  } else {
    reflection->SetString(message_, field_, std::string(text));
  }
  return absl::OkStatus();
}

absl::Status FieldWriter::SetEnum(std::string_view text) const {
  const std::vector<SchemaChoice> choices = EnumChoices(field_->enum_type());
  for (const SchemaChoice& choice : choices) {
    if (choice.name != text) continue;
    const google::protobuf::Reflection* reflection = message_->GetReflection();
    if (field_->is_repeated()) {
      reflection->AddEnumValue(message_, field_, choice.number);
    } else {
      reflection->SetEnumValue(message_, field_, choice.number);
    }
    return absl::OkStatus();
  }
  return ConfigError(path_, "takes " + Expected(field_) + ", not " + Quote(text) +
                                DidYouMean(text, Names(choices)));
}

}  // namespace platter
