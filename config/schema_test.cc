// SPDX-License-Identifier: Apache-2.0
//
// The schema itself: the names users rely on, one by one, and that every annotation makes sense.

#include "config/schema.h"

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"

#include "config/field_writer.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "config/proto/schema.pb.h"
#include "config/proto/throttle.pb.h"
#include "config/schema_walk.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using ::testing::ElementsAre;
using Strings = std::vector<std::string>;

template <typename Message>
Strings OptionNames() {
  return Names(MessageSchema(Message::descriptor()).options());
}

template <typename Message>
Strings VariantNames() {
  return Names(MessageSchema(Message::descriptor()).variants());
}

Strings EnumNames(const google::protobuf::EnumDescriptor* type) { return Names(EnumChoices(type)); }

// The names of QEMU's QAPI schema (block-core) and device properties; a change here breaks scripts.

TEST(SchemaNames, Blockdev) {
  EXPECT_THAT(
      VariantNames<config::BlockdevOptions>(),
      ElementsAre("file", "host_device", "null-co", "null-aio", "memory", "raw", "blkdebug"));
  EXPECT_EQ(MessageSchema(config::BlockdevOptions::descriptor()).discriminator(), "driver");
  EXPECT_THAT(OptionNames<config::BlockdevOptions>(),
              ElementsAre("node-name", "read-only", "auto-read-only", "cache", "discard",
                          "detect-zeroes", "active"));
  EXPECT_THAT(OptionNames<config::CacheOptions>(), ElementsAre("direct", "no-flush"));
  EXPECT_THAT(OptionNames<config::FileDriverOptions>(),
              ElementsAre("filename", "aio", "locking", "x-inline-writes"));
  EXPECT_THAT(OptionNames<config::NullDriverOptions>(),
              ElementsAre("size", "latency-ns", "read-zeroes"));
  EXPECT_THAT(OptionNames<config::MemoryDriverOptions>(),
              ElementsAre("size", "allocation-limit", "volatile-cache", "home-context"));
  EXPECT_THAT(OptionNames<config::RawDriverOptions>(), ElementsAre("file", "offset", "size"));
}

TEST(SchemaNames, Blkdebug) {
  EXPECT_THAT(OptionNames<config::BlkdebugDriverOptions>(),
              ElementsAre("image", "align", "max-transfer", "opt-write-zero", "max-write-zero",
                          "opt-discard", "max-discard", "inject-error", "set-state", "x-suspend"));
  EXPECT_THAT(OptionNames<config::BlkdebugInjectError>(),
              ElementsAre("event", "state", "iotype", "errno", "sector", "once", "immediately",
                          "x-offset", "x-bytes", "x-count"));
  EXPECT_THAT(OptionNames<config::BlkdebugSetState>(), ElementsAre("event", "state", "new_state"));
  EXPECT_THAT(OptionNames<config::BlkdebugSuspend>(), ElementsAre("event", "tag"));
  EXPECT_THAT(EnumNames(config::BlkdebugEvent_descriptor()),
              ElementsAre("none", "read_aio", "write_aio", "flush_to_os", "flush_to_disk",
                          "pwritev", "pwritev_zero", "pwritev_done"));
  EXPECT_THAT(EnumNames(config::BlkdebugIoType_descriptor()),
              ElementsAre("read", "write", "write-zeroes", "discard", "flush", "block-status"));
}

TEST(SchemaNames, Choices) {
  EXPECT_THAT(EnumNames(config::OnOffAuto_descriptor()), ElementsAre("auto", "on", "off"));
  EXPECT_THAT(EnumNames(config::Discard_descriptor()), ElementsAre("ignore", "unmap"));
  EXPECT_THAT(EnumNames(config::DetectZeroes_descriptor()), ElementsAre("off", "on", "unmap"));
  EXPECT_THAT(EnumNames(config::FileAio_descriptor()),
              ElementsAre("threads", "native", "io_uring"));
  EXPECT_THAT(EnumNames(config::ErrorPolicy_descriptor()),
              ElementsAre("auto", "report", "ignore", "enospc", "stop", "stall", "retry"));
  EXPECT_THAT(EnumNames(config::RetryAction_descriptor()),
              ElementsAre("report", "ignore", "enospc", "stop", "stall"));
  EXPECT_THAT(EnumNames(config::AioKind_descriptor()),
              ElementsAre("auto", "io_uring", "threads", "simulated"));
}

TEST(SchemaNames, DevicesObjectsAndMachine) {
  EXPECT_THAT(VariantNames<config::DeviceOptions>(),
              ElementsAre("virtio-blk", "x-toy-drive", "ide-hd", "ide-cd", "virtio-scsi", "scsi-hd",
                          "scsi-cd"));
  EXPECT_THAT(OptionNames<config::DeviceOptions>(), ElementsAre("id"));
  EXPECT_THAT(
      OptionNames<config::VirtioBlkOptions>(),
      ElementsAre("drive", "serial", "logical_block_size", "physical_block_size", "min_io_size",
                  "opt_io_size", "discard_granularity", "write-cache", "share-rw", "rerror",
                  "werror", "x-retry-delay", "x-retry-limit", "x-retry-action", "num-queues",
                  "queue-size", "iothread", "iothread-vq-mapping", "account-invalid",
                  "account-failed", "stats-intervals", "packed", "in_order", "queue_reset",
                  "notification_data"));
  EXPECT_THAT(OptionNames<config::IoThreadVqMapping>(), ElementsAre("iothread", "vqs"));
  EXPECT_THAT(OptionNames<config::ToyDriveOptions>(), ElementsAre("drive"));
  EXPECT_THAT(VariantNames<config::ObjectOptions>(), ElementsAre("iothread", "throttle-group"));
  EXPECT_EQ(MessageSchema(config::ObjectOptions::descriptor()).discriminator(), "qom-type");
  EXPECT_THAT(OptionNames<config::ObjectOptions>(), ElementsAre("id"));
  EXPECT_THAT(OptionNames<config::IoThreadOptions>(), ElementsAre("poll-max-ns"));
  EXPECT_THAT(OptionNames<config::MachineConfig>(),
              ElementsAre("objects", "blockdevs", "devices", "memory", "aio"));
}

TEST(SchemaNames, ExportsAndMonitors) {
  EXPECT_THAT(VariantNames<config::BlockExportOptions>(),
              ElementsAre("vhost-user-blk", "vhost-user-scsi"));
  EXPECT_EQ(MessageSchema(config::BlockExportOptions::descriptor()).discriminator(), "type");
  EXPECT_THAT(OptionNames<config::BlockExportOptions>(),
              ElementsAre("id", "iothread", "iothread-vq-mapping"));
  EXPECT_THAT(OptionNames<config::VhostUserBlkExportOptions>(),
              ElementsAre("node-name", "writable", "writethrough", "addr", "num-queues",
                          "logical-block-size", "rerror", "werror"));
  EXPECT_THAT(OptionNames<config::VhostUserScsiExportOptions>(),
              ElementsAre("addr", "num-queues", "luns"));
  EXPECT_EQ(MessageSchema(config::ExportLunOptions::descriptor()).discriminator(), "kind");
  EXPECT_THAT(VariantNames<config::ExportLunOptions>(), ElementsAre("disk", "cd"));
  EXPECT_THAT(
      OptionNames<config::ExportLunOptions>(),
      ElementsAre("lun", "id", "node-name", "serial", "vendor", "product", "wwn", "rerror"));
  EXPECT_THAT(OptionNames<config::DiskLunOptions>(),
              ElementsAre("writable", "writethrough", "logical-block-size", "werror"));
  EXPECT_THAT(OptionNames<config::CdLunOptions>(), ElementsAre());
  EXPECT_THAT(EnumNames(config::ExportErrorPolicy_descriptor()),
              ElementsAre("report", "ignore", "stall"));
  EXPECT_EQ(MessageSchema(config::SocketAddress::descriptor()).discriminator(), "type");
  EXPECT_THAT(VariantNames<config::SocketAddress>(), ElementsAre("unix", "fd"));
  EXPECT_THAT(OptionNames<config::UnixSocketAddress>(), ElementsAre("path"));
  EXPECT_THAT(OptionNames<config::FdSocketAddress>(), ElementsAre("str"));
  EXPECT_EQ(MessageSchema(config::ChardevOptions::descriptor()).discriminator(), "backend");
  EXPECT_THAT(VariantNames<config::ChardevOptions>(), ElementsAre("socket"));
  EXPECT_THAT(OptionNames<config::ChardevOptions>(), ElementsAre("id"));
  EXPECT_THAT(OptionNames<config::SocketChardevOptions>(),
              ElementsAre("path", "fd", "server", "wait"));
  EXPECT_THAT(OptionNames<config::MonitorOptions>(), ElementsAre("chardev", "mode"));
  EXPECT_THAT(EnumNames(config::MonitorMode_descriptor()), ElementsAre("control"));
  EXPECT_THAT(OptionNames<config::StorageDaemonConfig>(),
              ElementsAre("objects", "blockdevs", "exports", "chardevs", "monitors"));
}

TEST(SchemaNames, IdeAndScsi) {
  EXPECT_THAT(OptionNames<config::IdeHdOptions>(),
              ElementsAre("drive", "bus", "unit", "serial", "model", "ver", "wwn",
                          "physical_block_size", "rotation_rate", "write-cache", "share-rw",
                          "rerror", "werror", "x-retry-delay", "x-retry-limit", "x-retry-action",
                          "account-invalid", "account-failed", "stats-intervals"));
  EXPECT_THAT(OptionNames<config::IdeCdOptions>(),
              ElementsAre("drive", "bus", "unit", "serial", "model", "ver", "wwn", "rerror",
                          "x-retry-delay", "x-retry-limit", "x-retry-action", "account-invalid",
                          "account-failed", "stats-intervals"));
  EXPECT_THAT(EnumNames(config::IdeBus_descriptor()), ElementsAre("auto", "ide.0", "ide.1"));
  EXPECT_THAT(OptionNames<config::VirtioScsiOptions>(),
              ElementsAre("num-queues", "virtqueue_size", "iothread", "iothread-vq-mapping",
                          "packed", "in_order", "queue_reset", "notification_data"));
  EXPECT_THAT(
      OptionNames<config::ScsiHdOptions>(),
      ElementsAre("drive", "bus", "scsi-id", "lun", "serial", "vendor", "product", "ver",
                  "device_id", "wwn", "logical_block_size", "physical_block_size", "min_io_size",
                  "opt_io_size", "discard_granularity", "rotation_rate", "share-rw", "rerror",
                  "werror", "x-retry-delay", "x-retry-limit", "x-retry-action", "removable",
                  "account-invalid", "account-failed", "stats-intervals"));
  EXPECT_THAT(OptionNames<config::ScsiCdOptions>(),
              ElementsAre("drive", "bus", "scsi-id", "lun", "serial", "vendor", "product", "ver",
                          "wwn", "rerror", "x-retry-delay", "x-retry-limit", "x-retry-action",
                          "account-invalid", "account-failed", "stats-intervals"));
}

TEST(SchemaNames, ThrottleGroups) {
  EXPECT_THAT(OptionNames<config::ThrottleLimits>(),
              ElementsAre("iops-total", "iops-total-max", "iops-total-max-length", "iops-read",
                          "iops-read-max", "iops-read-max-length", "iops-write", "iops-write-max",
                          "iops-write-max-length", "bps-total", "bps-total-max",
                          "bps-total-max-length", "bps-read", "bps-read-max", "bps-read-max-length",
                          "bps-write", "bps-write-max", "bps-write-max-length", "iops-size"));
  // The same, each by itself.
  std::vector<std::string> names = {"limits"};
  for (const std::string& name : OptionNames<config::ThrottleLimits>()) {
    names.push_back("x-" + name);
  }
  EXPECT_EQ(OptionNames<config::ThrottleGroupOptions>(), names);
}

// Annotations, for every message of the schema.

class EveryMessage : public testing::TestWithParam<const Descriptor*> {};

TEST_P(EveryMessage, HasOptionsOfTypesTheBinderKnows) {
  for (const SchemaOption& option : MessageSchema(GetParam()).options()) {
    switch (option.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
      case FieldDescriptor::CPPTYPE_STRING:
      case FieldDescriptor::CPPTYPE_UINT32:
      case FieldDescriptor::CPPTYPE_UINT64:
      case FieldDescriptor::CPPTYPE_ENUM:
      case FieldDescriptor::CPPTYPE_MESSAGE:
        break;
      default:
        ADD_FAILURE() << option.field->full_name() << ": FieldWriter doesn't know this type";
    }
    EXPECT_TRUE(option.field->is_repeated() || option.field->has_presence())
        << option.field->full_name() << " must be optional: given or not is to be told apart";
    EXPECT_NE(option.field->type(), FieldDescriptor::TYPE_BYTES) << option.field->full_name();
  }
}

TEST_P(EveryMessage, HasHelpForEveryOption) {
  const MessageSchema schema(GetParam());
  for (const auto& options : {schema.options(), schema.variants()}) {
    for (const SchemaOption& option : options) {
      EXPECT_NE(option.spec->help(), "") << option.field->full_name();
      EXPECT_FALSE(option.spec->help().ends_with('.')) << option.field->full_name();
    }
  }
}

TEST_P(EveryMessage, IsRequiredOrHasADefault) {
  for (const SchemaOption& option : MessageSchema(GetParam()).options()) {
    if (option.field->is_repeated() || option.field->message_type() != nullptr) continue;
    const int kinds = int{option.spec->required()} + int{option.spec->has_default_value()} +
                      int{option.spec->has_default_text()};
    EXPECT_EQ(kinds, 1) << option.field->full_name();
  }
}

TEST_P(EveryMessage, HasDefaultsThatItsOwnLimitsAllow) {
  for (const SchemaOption& option : MessageSchema(GetParam()).options()) {
    if (!option.spec->has_default_value()) continue;
    const auto* prototype =
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(GetParam());
    const std::unique_ptr<google::protobuf::Message> message(prototype->New());
    EXPECT_TRUE(FieldWriter(message.get(), option.field, option.name)
                    .SetText(option.spec->default_value())
                    .ok())
        << option.field->full_name();
    if (option.field->enum_type() != nullptr) {
      EXPECT_EQ(message->GetReflection()->GetEnumValue(*message, option.field), 0)
          << option.field->full_name() << ": the value 0 must be the default";
    }
  }
}

TEST_P(EveryMessage, HasNamesThatDontCollide) {
  const MessageSchema schema(GetParam());
  std::set<std::string> names;
  if (schema.is_union()) names.insert(schema.discriminator());
  for (const SchemaOption& option : schema.options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.field->full_name();
  }
  // The options of a variant stand beside those of all.
  for (const SchemaOption& variant : schema.variants()) {
    const MessageSchema arm(variant.field->message_type());
    EXPECT_FALSE(arm.is_union() || arm.is_alternate()) << variant.field->full_name();
    for (const SchemaOption& option : arm.options()) {
      EXPECT_FALSE(names.contains(option.name)) << option.field->full_name();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Schema, EveryMessage, testing::ValuesIn(SchemaMessages()),
                         [](const testing::TestParamInfo<const Descriptor*>& type) {
                           return type.param->name();
                         });

TEST(TypeText, SaysWhatToWrite) {
  const auto text = [](const Descriptor* message, const char* field) {
    return TypeText(message->FindFieldByName(field));
  };
  EXPECT_EQ(text(config::BlockdevOptions::descriptor(), "read_only"), "on|off");
  EXPECT_EQ(text(config::BlockdevOptions::descriptor(), "discard"), "ignore|unmap");
  EXPECT_EQ(text(config::BlockdevOptions::descriptor(), "node_name"), "id");
  EXPECT_EQ(text(config::BlockdevOptions::descriptor(), "cache"), "group");
  EXPECT_EQ(text(config::RawDriverOptions::descriptor(), "file"), "node");
  EXPECT_EQ(text(config::RawDriverOptions::descriptor(), "size"), "size");
  EXPECT_EQ(text(config::FileDriverOptions::descriptor(), "filename"), "string");
  EXPECT_EQ(text(config::NullDriverOptions::descriptor(), "latency_ns"), "nanoseconds");
  EXPECT_EQ(text(config::BlkdebugInjectError::descriptor(), "sector"), "sector");
  EXPECT_EQ(text(config::IoThreadVqMapping::descriptor(), "vqs"), "list of integer");
  EXPECT_EQ(text(config::MachineConfig::descriptor(), "objects"),
            "list of qom-type and its options");
}

}  // namespace
}  // namespace platter
