// SPDX-License-Identifier: Apache-2.0

#include "config/machine_rules.h"

#include <vector>

#include "google/protobuf/descriptor.h"

#include "base/quote.h"
#include "base/status.h"
#include "config/error.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "config/schema.h"
#include "config/suggest.h"

namespace platter {
namespace {

using google::protobuf::Message;

// Names of one kind, in the order made.
class NameSet {
 public:
  explicit NameSet(std::string kind) : kind_(std::move(kind)) {}

  absl::Status Add(const std::string& path, const std::string& name) {
    if (Contains(name))
      return ConfigError(path, "the " + kind_ + " " + Quote(name) + " is there already");
    names_.push_back(name);
    return absl::OkStatus();
  }

  absl::Status Require(const std::string& path, const std::string& name) const {
    if (Contains(name)) return absl::OkStatus();
    return ConfigError(path, "there is no " + kind_ + " " + Quote(name) + DidYouMean(name, names_));
  }

 private:
  bool Contains(const std::string& name) const {
    for (const std::string& known : names_) {
      if (known == name) return true;
    }
    return false;
  }

  std::string kind_;
  std::vector<std::string> names_;
};

absl::Status AddNode(const std::string& path, const config::BlockdevOptions& node, NameSet& nodes);

// Finds the children of whatever driver by their type, so that a new driver needs nothing here.
absl::Status AddChildren(const std::string& path, const Message& driver, NameSet& nodes) {
  const google::protobuf::Reflection* reflection = driver.GetReflection();
  const MessageSchema schema(driver.GetDescriptor());
  for (const SchemaOption& option : schema.options()) {
    if (option.field->message_type() != config::BlockdevRef::descriptor()) continue;
    const std::string option_path = JoinPath(path, option.name);
    const int count = option.field->is_repeated()
                          ? reflection->FieldSize(driver, option.field)
                          : (reflection->HasField(driver, option.field) ? 1 : 0);
    for (int i = 0; i < count; ++i) {
      const bool list = option.field->is_repeated();
      const Message& child = list ? reflection->GetRepeatedMessage(driver, option.field, i)
                                  : reflection->GetMessage(driver, option.field);
      const std::string child_path = list ? JoinPath(option_path, std::to_string(i)) : option_path;
      const auto& ref =
          *google::protobuf::DynamicCastToGenerated<const config::BlockdevRef>(&child);
      PLATTER_RETURN_IF_ERROR(ref.has_definition() ? AddNode(child_path, ref.definition(), nodes)
                                                   : nodes.Require(child_path, ref.reference()));
    }
  }
  return absl::OkStatus();
}

// Children are made before their parent.
absl::Status AddNode(const std::string& path, const config::BlockdevOptions& node, NameSet& nodes) {
  const MessageSchema schema(node.GetDescriptor());
  const google::protobuf::FieldDescriptor* driver =
      node.GetReflection()->GetOneofFieldDescriptor(node, schema.variant_oneof());
  if (driver != nullptr) {
    PLATTER_RETURN_IF_ERROR(
        AddChildren(path, node.GetReflection()->GetMessage(node, driver), nodes));
  }
  if (!node.has_node_name()) return absl::OkStatus();
  return nodes.Add(JoinPath(path, "node-name"), node.node_name());
}

// The string option of that name of a device of any kind; empty when it has none or none is given.
std::string StringOption(const Message& device, std::string_view name) {
  const google::protobuf::FieldDescriptor* field =
      device.GetDescriptor()->FindFieldByName(std::string(name));
  return field == nullptr ? "" : device.GetReflection()->GetString(device, field);
}

absl::Status CheckVqThreads(
    const std::string& path,
    const google::protobuf::RepeatedPtrField<config::IoThreadVqMapping>& mapping,
    const NameSet& objects) {
  int index = 0;
  for (const config::IoThreadVqMapping& entry : mapping) {
    const std::string element =
        JoinPath(JoinPath(path, "iothread-vq-mapping"), std::to_string(index++));
    PLATTER_RETURN_IF_ERROR(objects.Require(JoinPath(element, "iothread"), entry.iothread()));
  }
  return absl::OkStatus();
}

// A bus has the name of its adapter and a number: "scsi0.0".
absl::Status CheckBus(const std::string& path, const std::string& bus, const NameSet& buses) {
  return bus.empty() ? absl::OkStatus() : buses.Require(JoinPath(path, "bus"), bus);
}

// Finds what a device refers to by the options' names, so that a new device needs nothing here.
absl::Status CheckDevice(const std::string& path, const config::DeviceOptions& device,
                         const NameSet& nodes, const NameSet& objects, const NameSet& buses) {
  const MessageSchema schema(device.GetDescriptor());
  const google::protobuf::FieldDescriptor* variant =
      device.GetReflection()->GetOneofFieldDescriptor(device, schema.variant_oneof());
  if (variant == nullptr) return absl::OkStatus();
  const Message& options = device.GetReflection()->GetMessage(device, variant);
  if (const std::string drive = StringOption(options, "drive"); !drive.empty()) {
    PLATTER_RETURN_IF_ERROR(nodes.Require(JoinPath(path, "drive"), drive));
  }
  if (const std::string thread = StringOption(options, "iothread"); !thread.empty()) {
    PLATTER_RETURN_IF_ERROR(objects.Require(JoinPath(path, "iothread"), thread));
  }
  PLATTER_RETURN_IF_ERROR(CheckVqThreads(path, device.virtio_blk().iothread_vq_mapping(), objects));
  PLATTER_RETURN_IF_ERROR(
      CheckVqThreads(path, device.virtio_scsi().iothread_vq_mapping(), objects));
  PLATTER_RETURN_IF_ERROR(CheckBus(path, device.scsi_hd().bus(), buses));
  return CheckBus(path, device.scsi_cd().bus(), buses);
}

}  // namespace

absl::Status CheckMachine(const std::string& path, const config::MachineConfig& machine) {
  NameSet objects("object");
  NameSet nodes("node");
  NameSet devices("device");
  NameSet buses("SCSI bus");
  int index = 0;
  const auto element = [&path, &index](std::string_view list) {
    return JoinPath(JoinPath(path, list), std::to_string(index++));
  };
  for (const config::ObjectOptions& object : machine.objects()) {
    PLATTER_RETURN_IF_ERROR(objects.Add(JoinPath(element("objects"), "id"), object.id()));
  }
  index = 0;
  for (const config::BlockdevOptions& node : machine.blockdevs()) {
    const std::string node_path = element("blockdevs");
    if (!node.has_node_name()) {
      return ConfigError(JoinPath(node_path, "node-name"),
                         "missing: nothing could refer to the node");
    }
    PLATTER_RETURN_IF_ERROR(AddNode(node_path, node, nodes));
  }
  index = 0;
  for (const config::DeviceOptions& device : machine.devices()) {
    const std::string device_path = element("devices");
    if (device.has_id()) {
      PLATTER_RETURN_IF_ERROR(devices.Add(JoinPath(device_path, "id"), device.id()));
    }
    PLATTER_RETURN_IF_ERROR(CheckDevice(device_path, device, nodes, objects, buses));
    if (device.has_virtio_scsi() && device.has_id()) {
      PLATTER_RETURN_IF_ERROR(buses.Add(JoinPath(device_path, "id"), device.id() + ".0"));
    }
  }
  return absl::OkStatus();
}

}  // namespace platter
