// SPDX-License-Identifier: Apache-2.0
//
// Each option, misspelt, in each syntax: the error has the path and the right name. The options and
// the way from a machine or a storage daemon to each of them are found in the descriptors.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "config/binder.h"
#include "config/json.h"
#include "config/keyval.h"
#include "config/proto/machine.pb.h"
#include "config/schema.h"
#include "config/schema_walk.h"
#include "config/text.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::StartsWith;

// Where routes begin, and what is bound.
using Root = const Descriptor*;

// The fields that lead from the root to a message.
using Route = std::vector<const FieldDescriptor*>;

// A doubled last letter is one insertion, which is always near enough; it is nearer to no other
// name, or the expectations below would say so.
std::string Misspelt(const std::string& name) { return name + name.back(); }

bool IsInPlace(const FieldDescriptor* field) { return field->real_containing_oneof() != nullptr; }
bool IsVariant(const FieldDescriptor* field) {
  return IsInPlace(field) && MessageSchema(field->containing_type()).is_union();
}
std::string Discriminator(const FieldDescriptor* variant) {
  return MessageSchema(variant->containing_type()).discriminator();
}

// A shortest route to each message of the schema.
std::map<const Descriptor*, Route> Routes(Root root) {
  std::map<const Descriptor*, Route> routes = {{root, {}}};
  std::vector<const Descriptor*> waiting = {root};
  for (size_t next = 0; next < waiting.size(); ++next) {
    const Descriptor* type = waiting[next];
    for (int i = 0; i < type->field_count(); ++i) {
      const Descriptor* member = type->field(i)->message_type();
      if (member == nullptr || routes.contains(member)) continue;
      Route route = routes[type];
      route.push_back(type->field(i));
      routes[member] = route;
      waiting.push_back(member);
    }
  }
  return routes;
}

// "blockdevs.0.file.", the part of a path that the route is, outside.
std::string Prefix(const Route& route) {
  std::string prefix;
  for (const FieldDescriptor* field : route) {
    if (IsInPlace(field)) continue;
    prefix += OptionName(field) + (field->is_repeated() ? ".0." : ".");
  }
  return prefix;
}

// Options beside each other, as texts.
struct Member {
  std::string name;
  std::string value;
};
using Members = std::vector<Member>;

Member Select(const FieldDescriptor* variant) {
  return {Discriminator(variant), OptionName(variant)};
}

std::string KeyvalText(const Route& route, const Members& members) {
  std::string out;
  const auto add = [&out](const std::string& prefix, const Member& member) {
    out += (out.empty() ? "" : ",") + prefix + member.name + "=" + member.value;
  };
  Route so_far;
  for (const FieldDescriptor* field : route) {
    if (IsVariant(field)) add(Prefix(so_far), Select(field));
    so_far.push_back(field);
  }
  for (const Member& member : members) add(Prefix(route), member);
  return out;
}

std::string JsonText(const Route& route, const Members& members) {
  std::string out;
  const auto add = [&out](const Member& member) {
    out += (out.empty() ? "\"" : ", \"") + member.name + "\": \"" + member.value + "\"";
  };
  for (const Member& member : members) add(member);
  for (auto field = route.rbegin(); field != route.rend(); ++field) {
    if (IsVariant(*field)) add(Select(*field));
    if (IsInPlace(*field)) continue;
    const bool list = (*field)->is_repeated();
    out = "\"" + OptionName(*field) + "\": " + (list ? "[{" : "{") + out + (list ? "}]" : "}");
  }
  return "{" + out + "}";
}

std::string FieldText(const Route& route, const std::string& member) {
  std::string out = member;
  for (auto field = route.rbegin(); field != route.rend(); ++field) {
    out = (*field)->name() + " {\n" + out + "\n}";
  }
  return out;
}

std::unique_ptr<google::protobuf::Message> NewMessage(Root root) {
  auto* const factory = google::protobuf::MessageFactory::generated_factory();
  return std::unique_ptr<google::protobuf::Message>(factory->GetPrototype(root)->New());
}

std::string Bind(Root root, const absl::StatusOr<Value>& value) {
  if (!value.ok()) return MessageOf(value.status());
  const absl::Status status = BindMessage(*value, "top", NewMessage(root).get());
  return status.ok() ? "no error" : MessageOf(status);
}

std::string BindKeyval(Root root, const std::string& text) {
  const absl::StatusOr<Keyval> keyval = ParseKeyval(text, "top", "");
  return keyval.ok() ? Bind(root, keyval->options) : MessageOf(keyval.status());
}

std::string BindText(Root root, const std::string& text) {
  const absl::Status status = ParseText(text, "top", NewMessage(root).get());
  return status.ok() ? "no error" : MessageOf(status);
}

// A variant is a value of the discriminator, outside.
void ExpectVariantIsSuggested(Root root, const Route& route, const FieldDescriptor* field) {
  const std::string right = OptionName(field);
  const std::string discriminator = Discriminator(field);
  const auto expected =
      AllOf(StartsWith("top." + Prefix(route) + discriminator + ": no " + discriminator),
            EndsWith("'" + Misspelt(right) + "'; did you mean '" + right + "'?"));
  const Members members = {{discriminator, Misspelt(right)}};
  EXPECT_THAT(BindKeyval(root, KeyvalText(route, members)), expected);
  EXPECT_THAT(Bind(root, ParseJson(JsonText(route, members), "top")), expected);
}

void ExpectOptionIsSuggested(Root root, const Route& route, const FieldDescriptor* field) {
  const std::string right = OptionName(field);
  const auto expected = AllOf(StartsWith("top." + Prefix(route) + Misspelt(right) + ": unknown"),
                              EndsWith("; did you mean '" + right + "'?"));
  Members members = {{Misspelt(right), "1"}};
  // The options of a union are looked at once a variant is chosen.
  const MessageSchema schema(field->containing_type());
  if (schema.is_union()) members.push_back(Select(schema.variants()[0].field));
  EXPECT_THAT(BindKeyval(root, KeyvalText(route, members)), expected) << KeyvalText(route, members);
  EXPECT_THAT(Bind(root, ParseJson(JsonText(route, members), "top")), expected)
      << JsonText(route, members);
}

// All that is wrong with one option, or variant, of a message.
void ExpectSuggestions(Root root, const Route& route, const FieldDescriptor* field) {
  if (IsVariant(field)) {
    ExpectVariantIsSuggested(root, route, field);
  } else if (!IsInPlace(field)) {  // an alternate has no names outside
    ExpectOptionIsSuggested(root, route, field);
  }
  const std::string text = FieldText(route, Misspelt(field->name()) + ": 1");
  EXPECT_THAT(BindText(root, text),
              AllOf(StartsWith("top." + Prefix(route) + Misspelt(field->name()) + ": line " +
                               std::to_string(route.size() + 1) + ", column 1: unknown option; "),
                    EndsWith("did you mean '" + field->name() + "'?")))
      << text;
}

TEST(TableMisspelling, EveryOptionInEverySyntaxIsFoundAndSuggested) {
  std::set<std::string> fields;
  for (const Root root : SchemaRoots()) {
    for (const auto& [type, route] : Routes(root)) {
      for (int i = 0; i < type->field_count(); ++i) {
        SCOPED_TRACE(type->field(i)->full_name());
        fields.insert(type->field(i)->full_name());
        ExpectSuggestions(root, route, type->field(i));
      }
    }
  }
  size_t in_schema = 0;
  for (const Descriptor* message : SchemaMessages()) {
    in_schema += static_cast<size_t>(message->field_count());
  }
  EXPECT_EQ(fields.size(), in_schema);
  EXPECT_GE(fields.size(), 80u);  // the walk itself must not have found nothing
}

}  // namespace
}  // namespace platter
