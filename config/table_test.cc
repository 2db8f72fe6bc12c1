// SPDX-License-Identifier: Apache-2.0
//
// Each option, in each syntax, gives the same message. The options come from the schema by
// reflection; the last tests prove that none of them, and no choice of any, was left out.

#include <set>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "config/binder.h"
#include "config/completion.h"
#include "config/json.h"
#include "config/keyval.h"
#include "config/parse.h"
#include "config/parse_export.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "config/schema_walk.h"
#include "config/table_printers.h"
#include "config/table_samples.h"
#include "config/text.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The message, or the error, as text to compare.
template <typename Options>
std::string Outcome(const absl::StatusOr<Options>& options) {
  return options.ok() ? options->DebugString() : MessageOf(options.status());
}

std::string Outcome(const absl::Status& status, const Message& message) {
  return status.ok() ? message.DebugString() : MessageOf(status);
}

// Each syntax by itself, before defaults and rules: exactly the sample.
template <typename Options>
void ExpectEverySyntaxBinds(const Sample& sample) {
  SCOPED_TRACE(sample.name);
  const std::string expected = sample.message->DebugString();
  const std::string keyval_text = PrintKeyval(*sample.message);
  const auto keyval = ParseKeyval(keyval_text, "top", "");
  ASSERT_TRUE(keyval.ok()) << keyval.status() << " " << keyval_text;
  Options from_keyval;
  EXPECT_EQ(Outcome(BindMessage(keyval->options, "top", &from_keyval), from_keyval), expected)
      << keyval_text;

  const std::string json_text = PrintJson(*sample.message);
  const auto json = ParseJson(json_text, "top");
  ASSERT_TRUE(json.ok()) << json.status() << " " << json_text;
  Options from_json;
  EXPECT_EQ(Outcome(BindMessage(*json, "top", &from_json), from_json), expected) << json_text;

  Options from_text;
  const std::string text = PrintText(*sample.message);
  EXPECT_EQ(Outcome(ParseText(text, "top", &from_text), from_text), expected) << text;
}

// The public way: defaults filled in and checked, as for a message made by a program.
template <typename Options>
void ExpectEverySyntaxParses(const Sample& sample,
                             absl::StatusOr<Options> (*parse)(std::string_view),
                             absl::Status (*complete)(Options&)) {
  SCOPED_TRACE(sample.name);
  Options made;
  made.CopyFrom(*sample.message);
  const absl::Status status = complete(made);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Outcome(parse(PrintKeyval(*sample.message))), Outcome(status, made));
  EXPECT_EQ(Outcome(parse(PrintJson(*sample.message))), Outcome(status, made));
}

template <typename Options>
std::vector<Sample> Samples() {
  return MakeSamples(Options::descriptor());
}

TEST(Table, Blockdev) {
  for (Sample sample : Samples<config::BlockdevOptions>()) {
    ExpectEverySyntaxBinds<config::BlockdevOptions>(sample);
    config::BlockdevOptions node;
    node.CopyFrom(*sample.message);
    if (!node.has_node_name()) node.set_node_name("top");
    sample.message = std::make_shared<config::BlockdevOptions>(node);
    ExpectEverySyntaxParses(sample, &ParseBlockdev, &CompleteBlockdev);
  }
}

TEST(Table, Device) {
  for (const Sample& sample : Samples<config::DeviceOptions>()) {
    ExpectEverySyntaxBinds<config::DeviceOptions>(sample);
    ExpectEverySyntaxParses(sample, &ParseDevice, &CompleteDevice);
  }
}

TEST(Table, Object) {
  for (const Sample& sample : Samples<config::ObjectOptions>()) {
    ExpectEverySyntaxBinds<config::ObjectOptions>(sample);
    ExpectEverySyntaxParses(sample, &ParseObject, &CompleteObject);
  }
}

TEST(Table, ExportsChardevsAndMonitors) {
  for (const Sample& sample : Samples<config::BlockExportOptions>()) {
    ExpectEverySyntaxBinds<config::BlockExportOptions>(sample);
    ExpectEverySyntaxParses(sample, &ParseExport, &CompleteExport);
  }
  for (const Sample& sample : Samples<config::ChardevOptions>()) {
    ExpectEverySyntaxBinds<config::ChardevOptions>(sample);
    ExpectEverySyntaxParses(sample, &ParseChardev, &CompleteChardev);
  }
  for (const Sample& sample : Samples<config::MonitorOptions>()) {
    ExpectEverySyntaxBinds<config::MonitorOptions>(sample);
    ExpectEverySyntaxParses(sample, &ParseMonitor, &CompleteMonitor);
  }
}

TEST(Table, StorageDaemon) {
  for (const Sample& sample : Samples<config::StorageDaemonConfig>()) {
    ExpectEverySyntaxBinds<config::StorageDaemonConfig>(sample);
  }
}

// A sample's references mostly lead nowhere, and then both syntaxes say the same.
TEST(Table, Machine) {
  for (const Sample& sample : Samples<config::MachineConfig>()) {
    ExpectEverySyntaxBinds<config::MachineConfig>(sample);
    SCOPED_TRACE(sample.name);
    config::MachineConfig made;
    made.CopyFrom(*sample.message);
    const absl::Status status = CompleteMachine(made);
    EXPECT_EQ(Outcome(ParseMachineText(PrintJson(*sample.message))), Outcome(status, made));
    EXPECT_EQ(Outcome(ParseMachineText(PrintText(*sample.message))), Outcome(status, made));
  }
}

// What the samples use, found without the schema's help.
struct Coverage {
  std::set<std::string> fields;
  std::set<std::string> choices;

  void Add(const Message& message) {
    const google::protobuf::Reflection* r = message.GetReflection();
    std::vector<const FieldDescriptor*> set;
    r->ListFields(message, &set);
    for (const FieldDescriptor* field : set) {
      fields.insert(field->full_name());
      if (field->enum_type() != nullptr) {
        choices.insert(field->full_name() + "=" + r->GetEnum(message, field)->name());
      }
      if (field->message_type() == nullptr) continue;
      if (!field->is_repeated()) Add(r->GetMessage(message, field));
      const int count = field->is_repeated() ? r->FieldSize(message, field) : 0;
      for (int i = 0; i < count; ++i) Add(r->GetRepeatedMessage(message, field, i));
    }
  }
};

// Of drives that are only read: what rules.cc refuses with every value of the other options.
bool IsForWritesOnly(const std::string& choice) {
  return choice.ends_with("CdOptions.x_retry_action=RETRY_ACTION_ENOSPC");
}

TEST(Table, CoversEveryFieldAndEveryChoiceOfTheSchema) {
  Coverage covered;
  for (const Sample& s : Samples<config::BlockdevOptions>()) covered.Add(*s.message);
  for (const Sample& s : Samples<config::DeviceOptions>()) covered.Add(*s.message);
  for (const Sample& s : Samples<config::ObjectOptions>()) covered.Add(*s.message);
  for (const Sample& s : Samples<config::MachineConfig>()) covered.Add(*s.message);
  for (const Sample& s : Samples<config::StorageDaemonConfig>()) covered.Add(*s.message);
  size_t fields = 0;
  for (const Descriptor* message : SchemaMessages()) {
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor* field = message->field(i);
      ++fields;
      EXPECT_TRUE(covered.fields.contains(field->full_name())) << field->full_name();
      if (field->enum_type() == nullptr) continue;
      for (int j = 0; j < field->enum_type()->value_count(); ++j) {
        const std::string choice = field->full_name() + "=" + field->enum_type()->value(j)->name();
        EXPECT_EQ(covered.choices.contains(choice), !IsForWritesOnly(choice)) << choice;
      }
    }
  }
  EXPECT_GE(fields, 80u);  // the walk itself must not have found nothing
}

}  // namespace
}  // namespace platter
