// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_schema.h"

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "config/proto/schema.pb.h"
#include "config/schema.h"
#include "monitor/qmp_events.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

constexpr char kEmpty[] = "q_empty";
constexpr char kAny[] = "any";

class SchemaWriter {
 public:
  Value::List Write(const CommandTable& table) {
    AddBuiltins();
    AddObject(kEmpty, {});
    for (const CommandRow& row : table.rows()) AddCommand(row);
    for (const QmpEventRow& row : QmpEventRows()) AddEvent(row);
    return std::move(entries_);
  }

 private:
  // Whether it is the first of its name.
  bool IsNew(const std::string& name) { return names_.insert(name).second; }

  void Add(std::string name, const char* meta_type, Value::Object more) {
    Value::Object entry = {{"name", Value::String(std::move(name))},
                           {"meta-type", Value::String(meta_type)}};
    for (Value::Member& member : more) entry.push_back(std::move(member));
    entries_.push_back(Value::FromObject(std::move(entry)));
  }
  void AddBuiltins() {
    const std::pair<const char*, const char*> types[] = {{"str", "string"},
                                                         {"bool", "boolean"},
                                                         {"int", "int"},
                                                         {"number", "number"},
                                                         {kAny, "value"}};
    for (const auto& [name, json] : types) {
      names_.insert(name);
      Add(name, "builtin", {{"json-type", Value::String(json)}});
    }
  }
  void AddObject(const std::string& name, Value::List members) {
    if (IsNew(name)) {
      Add(name, "object", {{"members", Value::FromList(std::move(members))}});
    }
  }
  std::string AddEnum(const std::string& name, const std::vector<std::string>& values) {
    if (!IsNew(name)) return name;
    Value::List old_form;
    Value::List members;
    for (const std::string& value : values) {
      old_form.push_back(Value::String(value));
      members.push_back(Value::FromObject({{"name", Value::String(value)}}));
    }
    Add(name, "enum",
        {{"members", Value::FromList(std::move(members))},
         {"values", Value::FromList(std::move(old_form))}});
    return name;
  }
  std::string AddList(const std::string& element) {
    std::string name = absl::StrCat("[", element, "]");
    if (IsNew(name)) Add(name, "array", {{"element-type", Value::String(element)}});
    return name;
  }

  static Value Member(std::string name, std::string type, bool optional) {
    Value::Object member = {{"name", Value::String(std::move(name))},
                            {"type", Value::String(std::move(type))}};
    if (optional) member.push_back({"default", Value()});
    return Value::FromObject(std::move(member));
  }

  void AddCommand(const CommandRow& row) {
    std::string arguments = TypeOf(row.arguments());
    const char* const returns = row.returns == CommandReturns::kNothing ? kEmpty : kAny;
    Add(row.name, "command",
        {{"arg-type", Value::String(std::move(arguments))},
         {"ret-type", Value::String(returns)},
         {"allow-oob", Value::Bool(false)}});
  }
  void AddEvent(const QmpEventRow& row) {
    std::string type = kEmpty;
    if (!row.data.empty()) {
      type = absl::StrCat(row.name, "-data");
      Value::List members;
      for (const QmpEventField& field : row.data) {
        members.push_back(Member(field.name, TypeOf(row, field), field.optional));
      }
      AddObject(type, std::move(members));
    }
    Add(row.name, "event", {{"arg-type", Value::String(std::move(type))}});
  }
  std::string TypeOf(const QmpEventRow& row, const QmpEventField& field) {
    constexpr std::string_view kEnum = "enum ";
    if (!field.type.starts_with(kEnum)) return field.type;
    return AddEnum(absl::StrCat(row.name, "-", field.name),
                   absl::StrSplit(field.type.substr(kEnum.size()), '|'));
  }

  std::string TypeOf(const Descriptor* message) {
    const MessageSchema schema(message);
    if (schema.is_alternate()) return TypeOfAlternate(message, schema);
    if (schema.options().empty() && !schema.is_union()) return kEmpty;
    std::string name = message->name();
    // Its name is taken before its members are looked at: they may be of the same type.
    if (!IsNew(name)) return name;
    Value::List members;
    Value::Object more;
    if (schema.is_union()) {
      const std::string tag =
          AddEnum(absl::StrCat(name, "-", schema.discriminator()), Names(schema.variants()));
      members.push_back(Member(schema.discriminator(), tag, /*optional=*/false));
      more.push_back({"tag", Value::String(schema.discriminator())});
      Value::List variants;
      for (const SchemaOption& variant : schema.variants()) {
        variants.push_back(
            Value::FromObject({{"case", Value::String(variant.name)},
                               {"type", Value::String(TypeOf(variant.field->message_type()))}}));
      }
      more.push_back({"variants", Value::FromList(std::move(variants))});
    }
    for (const SchemaOption& option : schema.options()) {
      members.push_back(Member(option.name, TypeOf(option.field), !option.spec->required()));
    }
    more.insert(more.begin(), {"members", Value::FromList(std::move(members))});
    Add(name, "object", std::move(more));
    return name;
  }

  std::string TypeOfAlternate(const Descriptor* message, const MessageSchema& schema) {
    std::string name = message->name();
    if (!IsNew(name)) return name;
    const std::string object = TypeOf(schema.object_arm()->message_type());
    Add(name, "alternate",
        {{"members", Value::FromList({Value::FromObject({{"type", Value::String("str")}}),
                                      Value::FromObject({{"type", Value::String(object)}})})}});
    return name;
  }

  std::string TypeOf(const FieldDescriptor* field) {
    const std::string type = TypeOfOne(field);
    return field->is_repeated() ? AddList(type) : type;
  }
  std::string TypeOfOne(const FieldDescriptor* field) {
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return TypeOf(field->message_type());
      case FieldDescriptor::CPPTYPE_ENUM: {
        const EnumDescriptor* const type = field->enum_type();
        return AddEnum(type->name(), Names(EnumChoices(type)));
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        return "bool";
      case FieldDescriptor::CPPTYPE_STRING:
        return "str";
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
        return "number";
      default:
        return "int";
    }
  }

  std::set<std::string> names_;
  Value::List entries_;
};

}  // namespace

Value SchemaValue(const CommandTable& table) {
  return Value::FromList(SchemaWriter().Write(table));
}

}  // namespace platter
