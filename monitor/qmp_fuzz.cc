// SPDX-License-Identifier: Apache-2.0
//
// Commands with arguments that are mostly of the right form, in any order, to a machine with every
// kind of drive. Held: nothing ends the process; each command has one reply, a line of JSON; an
// error has a class and a text; and a command that fails changes nothing that the monitor tells of.
//
// The bytes choose: a command, and for each of its arguments whether it is there and what it is.

#include <google/protobuf/descriptor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "config/json.h"
#include "config/json_writer.h"
#include "config/schema.h"
#include "monitor/all_commands.h"
#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int kMostCommands = 24;
constexpr int kDeepest = 3;

class Chooser {
 public:
  Chooser(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  size_t Below(size_t end) {
    if (left_ == 0) return 0;
    --left_;
    return *data_++ % end;
  }
  template <typename T>
  const T& Of(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

const std::vector<std::string> kTexts = {
    "cd0", "cd1", "hd0", "vd0",     "scsi0", "disc-a", "disc-b", "hd",   "vd", "free",
    "new", "t0",  "t1",  "scsi0.0", "raw",   "nosuch", "",       "file", "#0", "/nosuch/file"};
const std::vector<uint64_t> kNumbers = {
    0, 1, 2, 511, 512, 4096, 1048576, uint64_t{1} << 40, ~uint64_t{0}};

class Maker {
 public:
  explicit Maker(Chooser& choose) : choose_(choose) {}

  Value Arguments(const Descriptor* message, int depth) {
    const MessageSchema schema(message);
    if (schema.is_alternate()) {
      if (depth == kDeepest || choose_.Below(2) == 0) return Value::String(choose_.Of(kTexts));
      return Arguments(schema.object_arm()->message_type(), depth + 1);
    }
    Value::Object members;
    AddOptions(schema.options(), depth, members);
    if (schema.is_union()) {
      const SchemaOption& variant = choose_.Of(schema.variants());
      members.push_back({schema.discriminator(), Value::String(variant.name)});
      AddOptions(MessageSchema(variant.field->message_type()).options(), depth, members);
    }
    if (choose_.Below(16) == 15) members.push_back({"x-wrong", Value()});
    return Value::FromObject(std::move(members));
  }

 private:
  void AddOptions(const std::vector<SchemaOption>& options, int depth, Value::Object& members) {
    for (const SchemaOption& option : options) {
      // What is required is mostly there, the rest mostly not.
      const bool likely = option.spec->required() || option.name == "id";
      if (choose_.Below(4) < (likely ? 1u : 3u)) continue;
      members.push_back({option.name, OfField(option.field, depth)});
    }
  }
  Value OfField(const FieldDescriptor* field, int depth) {
    if (choose_.Below(16) == 15) return Value::FromList({Value::Bool(true)});  // Or so.
    if (!field->is_repeated()) return One(field, depth);
    Value::List list;
    for (size_t i = choose_.Below(3); i > 0; --i) list.push_back(One(field, depth));
    return Value::FromList(std::move(list));
  }
  Value One(const FieldDescriptor* field, int depth) {
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth == kDeepest) return Value::FromObject({});
        return Arguments(field->message_type(), depth + 1);
      case FieldDescriptor::CPPTYPE_BOOL:
        return Value::Bool(choose_.Below(2) == 1);
      case FieldDescriptor::CPPTYPE_STRING:
        return Value::String(choose_.Of(kTexts));
      case FieldDescriptor::CPPTYPE_ENUM:
        return Value::String(choose_.Of(Names(EnumChoices(field->enum_type()))));
      default:
        return Value::Uint(choose_.Of(kNumbers));
    }
  }

  Chooser& choose_;
};

// Whether it failed.
bool CheckReply(const Lines& lines) {
  int replies = 0;
  bool failed = false;
  for (const std::string& line : lines) {
    const absl::StatusOr<Value> value = ParseJson(line, "line");
    PLATTER_CHECK(value.ok());
    if (value->Find("event") != nullptr) continue;
    ++replies;
    const Value* const error = value->Find("error");
    PLATTER_CHECK((error == nullptr) == (value->Find("return") != nullptr));
    if (error == nullptr) continue;
    failed = true;
    PLATTER_CHECK(!error->Find("class")->as_string().empty());
    PLATTER_CHECK(!error->Find("desc")->as_string().empty());
  }
  PLATTER_CHECK(replies == 1);
  return failed;
}

}  // namespace
}  // namespace platter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using platter::Value;
  platter::Chooser choose(data, size);
  const platter::CommandTable table = platter::AllCommands();
  platter::MonitorRig rig;
  std::string state = rig.State();
  for (int i = 0; i < platter::kMostCommands && !choose.empty(); ++i) {
    const platter::CommandRow& row = choose.Of(table.rows());
    if (row.name == "quit") break;  // Behind it nothing is answered.
    const Value arguments = platter::Maker(choose).Arguments(row.arguments(), 0);
    const bool failed = platter::CheckReply(rig.Run(row.name, platter::FormatJson(arguments)));
    std::string after = rig.State();
    PLATTER_CHECK(!failed || after == state);
    state = std::move(after);
  }
  return 0;
}
