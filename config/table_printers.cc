// SPDX-License-Identifier: Apache-2.0

#include "config/table_printers.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"

#include "config/proto/schema.pb.h"
#include "config/schema.h"
#include <nlohmann/json.hpp>

namespace platter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::ordered_json;

void PrintFields(const Message& message, const std::string& prefix, std::string& out);

std::string ScalarText(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* r = message.GetReflection();
  const bool list = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->GetBool(message, field) ? "on" : "off";
    case FieldDescriptor::CPPTYPE_STRING:
      return r->GetString(message, field);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = r->GetEnumValue(message, field);
      for (const SchemaChoice& choice : EnumChoices(field->enum_type())) {
        if (choice.number == number) return choice.name;
      }
      return "";
    }
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(list ? r->GetRepeatedUInt32(message, field, index)
                                 : r->GetUInt32(message, field));
    default:
      return std::to_string(r->GetUInt64(message, field));
  }
}

// Where a field is written: that of a variant beside the others, that of an alternate in its place.
bool IsVariant(const FieldDescriptor* field) {
  const auto* oneof = field->real_containing_oneof();
  return oneof != nullptr && oneof->options().HasExtension(config::discriminator);
}
bool IsArm(const FieldDescriptor* field) {
  return field->real_containing_oneof() != nullptr && !IsVariant(field);
}

void PrintOne(const Message& message, const FieldDescriptor* field, int index,
              const std::string& path, std::string& out) {
  const Reflection* r = message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const Message& member =
        index < 0 ? r->GetMessage(message, field) : r->GetRepeatedMessage(message, field, index);
    return PrintFields(member, path, out);
  }
  out += (out.empty() ? "" : ",") + path + "=";
  for (const char c : ScalarText(message, field, index)) out += c == ',' ? ",," : std::string(1, c);
}

void PrintFields(const Message& message, const std::string& prefix, std::string& out) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  const std::string dot = prefix.empty() ? "" : prefix + ".";
  for (const FieldDescriptor* field : fields) {
    if (IsVariant(field)) {
      out += (out.empty() ? "" : ",") + dot +
             MessageSchema(message.GetDescriptor()).discriminator() + "=" + OptionName(field);
    }
    const bool in_place = IsVariant(field) || IsArm(field);
    const std::string path = in_place ? prefix : dot + OptionName(field);
    const int count = field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 0;
    for (int i = 0; i < count; ++i)
      PrintOne(message, field, i, path + "." + std::to_string(i), out);
    if (!field->is_repeated()) PrintOne(message, field, -1, path, out);
  }
}

Json ToJson(const Message& message);

Json ValueToJson(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* r = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToJson(index < 0 ? r->GetMessage(message, field)
                              : r->GetRepeatedMessage(message, field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->GetBool(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return index < 0 ? r->GetUInt32(message, field) : r->GetRepeatedUInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return r->GetUInt64(message, field);
    default:
      return ScalarText(message, field, index);
  }
}

Json ToJson(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  Json out = Json::object();
  for (const FieldDescriptor* field : fields) {
    if (IsArm(field)) return ValueToJson(message, field, -1);
    if (field->is_repeated()) {
      Json list = Json::array();
      const int count = message.GetReflection()->FieldSize(message, field);
      for (int i = 0; i < count; ++i) list.push_back(ValueToJson(message, field, i));
      out[OptionName(field)] = std::move(list);
    } else if (IsVariant(field)) {
      out[MessageSchema(message.GetDescriptor()).discriminator()] = OptionName(field);
      out.update(ValueToJson(message, field, -1));
    } else {
      out[OptionName(field)] = ValueToJson(message, field, -1);
    }
  }
  return out;
}

}  // namespace

std::string PrintKeyval(const Message& message) {
  std::string out;
  PrintFields(message, "", out);
  return out;
}

std::string PrintJson(const Message& message) { return ToJson(message).dump(); }

std::string PrintText(const Message& message) {
  std::string out;
  google::protobuf::TextFormat::PrintToString(message, &out);
  return out;
}

}  // namespace platter
