// SPDX-License-Identifier: Apache-2.0

#include "config/table_samples.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "config/proto/schema.pb.h"
#include "config/schema.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr uint32_t kMaxMinIoSize = 65535 * 512;  // what virtio can tell, in blocks of 512

// A change that gives one option a value; applied to a message of the option's type.
struct Change {
  std::string name;
  std::function<void(Message&)> apply;
};

void AddMinimal(Message& message);

void PutUint(Message& message, const FieldDescriptor* field, uint64_t value) {
  const Reflection* r = message.GetReflection();
  const bool small = field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  const auto value32 = static_cast<uint32_t>(value);
  if (field->is_repeated()) {
    small ? r->AddUInt32(&message, field, value32) : r->AddUInt64(&message, field, value);
  } else {
    small ? r->SetUInt32(&message, field, value32) : r->SetUInt64(&message, field, value);
  }
}

// Numbers the option takes: its least and greatest one and, unlike a default, 4096.
std::vector<uint64_t> Numbers(const FieldDescriptor* field) {
  const config::Option& spec = OptionSpec(field);
  const bool small = field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  const uint64_t type_max = small ? UINT32_MAX : UINT64_MAX;
  const bool bytes = spec.unit() == config::UNIT_BYTES;
  uint64_t max = std::min(type_max, bytes ? uint64_t{INT64_MAX} : type_max);
  if (spec.has_max()) max = std::min(max, spec.max());
  std::vector<uint64_t> numbers = {spec.or_zero() ? 0 : spec.min(), max};
  if (spec.min() <= 4096 && 4096 <= max) numbers.push_back(4096);
  return numbers;
}

std::vector<std::string> Strings(const FieldDescriptor* field) {
  const config::Option& spec = OptionSpec(field);
  if (spec.format() == config::FORMAT_ID) return {"n0", "A.b-c_9"};
  std::vector<std::string> strings = {"x", "a,b=\"c\" ,,\xC3\xA9", "help"};
  if (!spec.not_empty()) strings.emplace_back();
  if (spec.has_max_length()) {
    std::erase_if(strings, [&](const std::string& s) { return s.size() > spec.max_length(); });
    strings.emplace_back(spec.max_length(), 'z');
  }
  return strings;
}

std::vector<Change> MessageChanges(const Descriptor* type, bool with_nested);

// The changes of a member of message type, lifted to the message that has it.
std::vector<Change> Lift(const FieldDescriptor* field, const std::string& name,
                         const std::vector<Change>& inner) {
  std::vector<Change> changes;
  for (const Change& change : inner) {
    changes.push_back({name + "." + change.name, [field, apply = change.apply](Message& message) {
                         const Reflection* r = message.GetReflection();
                         if (field->is_repeated()) {
                           Message* element = r->AddMessage(&message, field);
                           AddMinimal(*element);
                           apply(*element);
                         } else {
                           apply(*r->MutableMessage(&message, field));
                         }
                       }});
  }
  return changes;
}

std::vector<Change> ScalarChanges(const FieldDescriptor* field, const std::string& name) {
  std::vector<Change> changes;
  const auto add = [&changes, &name](std::function<void(Message&)> apply) {
    changes.push_back({name + "#" + std::to_string(changes.size()), std::move(apply)});
  };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      for (const bool value : {false, true}) {
        add([field, value](Message& m) { m.GetReflection()->SetBool(&m, field, value); });
      }
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      for (int i = 0; i < field->enum_type()->value_count(); ++i) {
        add([field, i](Message& m) {
          m.GetReflection()->SetEnum(&m, field, field->enum_type()->value(i));
        });
      }
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      for (const std::string& value : Strings(field)) {
        add([field, value](Message& m) { m.GetReflection()->SetString(&m, field, value); });
      }
      break;
    default:
      for (const uint64_t value : Numbers(field)) {
        if (field->is_repeated()) break;
        add([field, value](Message& m) { PutUint(m, field, value); });
      }
      break;
  }
  if (field->is_repeated()) {
    add([field](Message& m) {
      const uint64_t least = OptionSpec(field).min();
      for (const uint64_t value : {least, least + 1}) PutUint(m, field, value);
    });
  }
  return changes;
}

std::vector<Change> OptionChanges(const SchemaOption& option, bool with_nested) {
  const FieldDescriptor* field = option.field;
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return ScalarChanges(field, option.name);
  }
  const MessageSchema schema(field->message_type());
  if (!schema.is_alternate()) {
    return Lift(field, option.name, MessageChanges(field->message_type(), with_nested));
  }
  std::vector<Change> inner = ScalarChanges(schema.string_arm(), "reference");
  if (with_nested) {
    inner = Lift(schema.object_arm(), "definition",
                 MessageChanges(schema.object_arm()->message_type(), false));
    std::vector<Change> names = ScalarChanges(schema.string_arm(), "reference");
    inner.insert(inner.end(), names.begin(), names.end());
  }
  return Lift(field, option.name, inner);
}

// Of a union: every option with every variant, the required options of the variant included.
std::vector<Change> MessageChanges(const Descriptor* type, bool with_nested) {
  const MessageSchema schema(type);
  std::vector<Change> changes;
  const auto add_options = [&](const MessageSchema& of, std::vector<Change>& to) {
    for (const SchemaOption& option : of.options()) {
      for (Change& change : OptionChanges(option, with_nested)) to.push_back(std::move(change));
    }
  };
  add_options(schema, changes);
  if (!schema.is_union()) return changes;
  std::vector<Change> all;
  for (const SchemaOption& variant : schema.variants()) {
    const FieldDescriptor* field = variant.field;
    const auto select = [field](Message& message) {
      AddMinimal(*message.GetReflection()->MutableMessage(&message, field));
      AddMinimal(message);
    };
    all.push_back({variant.name, select});
    for (const Change& change : changes) {
      all.push_back({variant.name + ":" + change.name, [select, change](Message& message) {
                       select(message);
                       change.apply(message);
                     }});
    }
    std::vector<Change> own;
    add_options(MessageSchema(field->message_type()), own);
    for (const Change& change : own) {
      all.push_back({variant.name + ":" + change.name, [select, field, change](Message& message) {
                       select(message);
                       change.apply(*message.GetReflection()->MutableMessage(&message, field));
                     }});
    }
  }
  return all;
}

// Gives a message what it can't be without.
void AddMinimal(Message& message) {
  const MessageSchema schema(message.GetDescriptor());
  const Reflection* r = message.GetReflection();
  for (const SchemaOption& option : schema.options()) {
    if (!option.spec->required() || r->HasField(message, option.field)) continue;
    if (option.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      AddMinimal(*r->MutableMessage(&message, option.field));
    } else {
      ScalarChanges(option.field, "").front().apply(message);
    }
  }
  if (schema.is_alternate()) r->SetString(&message, schema.string_arm(), "below");
  if (schema.is_union() && !r->HasOneof(message, schema.variant_oneof())) {
    AddMinimal(*r->MutableMessage(&message, schema.variants()[0].field));
  }
}

template <typename Device>
void SatisfyQueueRules(Device& device) {
  if (device.iothread_vq_mapping_size() == 1 && device.iothread_vq_mapping(0).vqs_size() == 2) {
    device.set_num_queues(2);
  }
}

template <typename Disk>
void SatisfySizeRules(Disk& disk) {
  if (disk.logical_block_size() > disk.physical_block_size() && disk.has_physical_block_size()) {
    disk.set_logical_block_size(disk.physical_block_size());
  }
  const auto in_blocks = [](uint32_t size) { return std::min(size, kMaxMinIoSize) / 512 * 512; };
  if (disk.has_min_io_size()) disk.set_min_io_size(in_blocks(disk.min_io_size()));
  if (disk.has_opt_io_size()) disk.set_opt_io_size(in_blocks(disk.opt_io_size()));
  if (disk.has_discard_granularity()) {
    disk.set_discard_granularity(in_blocks(disk.discard_granularity()));
  }
}

template <typename Disk>
void SatisfyRotationRule(Disk& disk) {
  if (disk.rotation_rate() > 1) disk.set_rotation_rate(disk.rotation_rate() | 0x4000);
}

// The options of the policy retry want that policy.
template <typename Device>
bool HasRetryOptions(const Device& device) {
  return device.has_x_retry_delay() || device.has_x_retry_limit() || device.has_x_retry_action();
}
template <typename Disk>
void SatisfyRetryRule(Disk& disk) {
  if (HasRetryOptions(disk)) disk.set_werror(config::ERROR_POLICY_RETRY);
}
template <typename Drive>
void SatisfyRetryRuleOfReads(Drive& drive) {
  if (!HasRetryOptions(drive)) return;
  drive.set_rerror(config::ERROR_POLICY_RETRY);
  if (drive.x_retry_action() == config::RETRY_ACTION_ENOSPC) {
    drive.set_x_retry_action(config::RETRY_ACTION_STOP);
  }
}

void SatisfyExportRules(config::BlockExportOptions& each) {
  const bool two_queues =
      each.iothread_vq_mapping_size() == 1 && each.iothread_vq_mapping(0).vqs_size() == 2;
  if (each.has_vhost_user_blk() && two_queues) each.mutable_vhost_user_blk()->set_num_queues(2);
  if (!each.has_vhost_user_scsi()) return;
  config::VhostUserScsiExportOptions& scsi = *each.mutable_vhost_user_scsi();
  if (two_queues) scsi.set_num_queues(2);
  if (scsi.luns().empty()) scsi.add_luns()->mutable_cd();
  for (config::ExportLunOptions& lun : *scsi.mutable_luns()) {
    if (lun.has_disk() && !lun.has_node_name()) lun.set_node_name("n0");
  }
}

// What rules.cc and machine_rules.cc ask for beside a sampled option.
void SatisfyRules(Message& message) {
  using google::protobuf::DynamicCastToGenerated;
  const Reflection* r = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  r->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) SatisfyRules(*r->MutableMessage(&message, field));
    const int count = field->is_repeated() ? r->FieldSize(message, field) : 0;
    for (int i = 0; i < count; ++i) SatisfyRules(*r->MutableRepeatedMessage(&message, field, i));
  }
  if (auto* node = DynamicCastToGenerated<config::BlockdevOptions>(&message)) {
    if (node->detect_zeroes() == config::DETECT_ZEROES_UNMAP) {
      node->set_discard(config::DISCARD_UNMAP);
    }
    const auto native = [](const config::FileDriverOptions& file) {
      return file.aio() == config::FILE_AIO_NATIVE;
    };
    if (native(node->file()) || native(node->host_device())) {
      node->mutable_cache()->set_direct(true);
    }
  }
  if (auto* rule = DynamicCastToGenerated<config::BlkdebugInjectError>(&message)) {
    if (rule->has_x_bytes()) rule->set_x_offset(0);
  }
  if (auto* disk = DynamicCastToGenerated<config::VirtioBlkOptions>(&message)) {
    SatisfyQueueRules(*disk);
    SatisfySizeRules(*disk);
    SatisfyRetryRule(*disk);
  }
  if (auto* disk = DynamicCastToGenerated<config::ScsiHdOptions>(&message)) {
    if (!disk->has_drive() && !disk->removable()) disk->set_drive("n0");
    SatisfySizeRules(*disk);
    SatisfyRotationRule(*disk);
    SatisfyRetryRule(*disk);
  }
  if (auto* disk = DynamicCastToGenerated<config::IdeHdOptions>(&message)) {
    SatisfyRotationRule(*disk);
    SatisfyRetryRule(*disk);
  }
  if (auto* drive = DynamicCastToGenerated<config::IdeCdOptions>(&message)) {
    SatisfyRetryRuleOfReads(*drive);
  }
  if (auto* drive = DynamicCastToGenerated<config::ScsiCdOptions>(&message)) {
    SatisfyRetryRuleOfReads(*drive);
  }
  if (auto* adapter = DynamicCastToGenerated<config::VirtioScsiOptions>(&message)) {
    SatisfyQueueRules(*adapter);
  }
  if (auto* socket = DynamicCastToGenerated<config::SocketChardevOptions>(&message)) {
    if (!socket->has_fd() && !socket->has_path()) socket->set_path("x");
  }
  if (auto* each = DynamicCastToGenerated<config::BlockExportOptions>(&message)) {
    SatisfyExportRules(*each);
  }
}

}  // namespace

std::vector<Sample> MakeSamples(const Descriptor* root) {
  const Message* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(root);
  std::vector<Sample> samples;
  for (const Change& change : MessageChanges(root, true)) {
    const std::shared_ptr<Message> message(prototype->New());
    change.apply(*message);
    AddMinimal(*message);
    SatisfyRules(*message);
    samples.push_back({change.name, message});
  }
  return samples;
}

}  // namespace platter
