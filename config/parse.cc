// SPDX-License-Identifier: Apache-2.0

#include "config/parse.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/types/optional.h"
#include "google/protobuf/message.h"

#include "base/status.h"
#include "config/binder.h"
#include "config/completion.h"
#include "config/error.h"
#include "config/help.h"
#include "config/json.h"
#include "config/keyval.h"
#include "config/option_parser.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "config/schema.h"
#include "config/text.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;

constexpr char kHelpPayload[] = "platter.config/help";

constexpr OptionKind kBlockdev = {.root = "blockdev", .option = "--blockdev"};
constexpr OptionKind kDevice = {.root = "device", .option = "--device"};
constexpr OptionKind kObject = {.root = "object", .option = "--object"};
constexpr std::string_view kMachineRoot = "machine";

bool LooksLikeJson(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

absl::Status HelpStatus(const std::string& text) {
  absl::Status status = absl::CancelledError("help was asked for");
  status.SetPayload(kHelpPayload, absl::Cord(text));
  return status;
}

// Ok unless the options ask for help.
absl::Status CheckForHelp(const Keyval& keyval, const Descriptor* type, const OptionKind& kind) {
  const MessageSchema schema(type);
  if (!schema.is_union()) {
    if (!keyval.help) return absl::OkStatus();
    return ConfigError(kind.root, "has no help of its own; see --help");
  }
  const Value* name = keyval.options.Find(schema.discriminator());
  const bool has_name = name != nullptr && name->is_text();
  const bool list = has_name && (name->as_text() == "help" || name->as_text() == "?");
  if (!list && !keyval.help) return absl::OkStatus();
  if (list || !has_name) return HelpStatus(VariantListHelp(type, kind.option));
  const SchemaOption* variant = schema.FindVariant(name->as_text());
  if (variant == nullptr) return absl::OkStatus();  // the binder knows what to say
  return HelpStatus(VariantHelp(type, *variant, kind.option));
}

absl::Status CheckTopLevel(const config::BlockdevOptions& node) {
  if (node.has_node_name()) return absl::OkStatus();
  return ConfigError(JoinPath(kBlockdev.root, "node-name"),
                     "missing: nothing could refer to the node");
}
absl::Status CheckTopLevel(const config::DeviceOptions& /*device*/) { return absl::OkStatus(); }
absl::Status CheckTopLevel(const config::ObjectOptions& /*object*/) { return absl::OkStatus(); }

template <typename Options>
absl::Status Complete(Options& options, const OptionKind& kind) {
  PLATTER_RETURN_IF_ERROR(CompleteOptions(kind.root, &options));
  return CheckTopLevel(options);
}

template <typename Options>
absl::StatusOr<Options> FromValue(const Value& value, const OptionKind& kind) {
  Options options;
  PLATTER_RETURN_IF_ERROR(OptionsFromValue(value, kind, &options));
  PLATTER_RETURN_IF_ERROR(CheckTopLevel(options));
  return options;
}

template <typename Options>
absl::StatusOr<Options> Parse(std::string_view text, const OptionKind& kind) {
  Options options;
  PLATTER_RETURN_IF_ERROR(ParseOptions(text, kind, &options));
  PLATTER_RETURN_IF_ERROR(CheckTopLevel(options));
  return options;
}

}  // namespace

absl::Status OptionsFromValue(const Value& value, const OptionKind& kind, Message* options) {
  PLATTER_RETURN_IF_ERROR(BindMessage(value, kind.root, options));
  return CompleteOptions(kind.root, options);
}

absl::Status ParseOptions(std::string_view text, const OptionKind& kind, Message* options) {
  if (LooksLikeJson(text)) {
    absl::StatusOr<Value> value = ParseJson(text, kind.root);
    if (!value.ok()) return value.status();
    return OptionsFromValue(*value, kind, options);
  }
  const Descriptor* const type = options->GetDescriptor();
  const std::string implied =
      kind.implied.empty() ? MessageSchema(type).discriminator() : std::string(kind.implied);
  absl::StatusOr<Keyval> keyval = ParseKeyval(text, kind.root, implied);
  if (!keyval.ok()) return keyval.status();
  PLATTER_RETURN_IF_ERROR(CheckForHelp(*keyval, type, kind));
  return OptionsFromValue(keyval->options, kind, options);
}

absl::StatusOr<config::BlockdevOptions> ParseBlockdev(std::string_view text) {
  return Parse<config::BlockdevOptions>(text, kBlockdev);
}

absl::StatusOr<config::DeviceOptions> ParseDevice(std::string_view text) {
  return Parse<config::DeviceOptions>(text, kDevice);
}

absl::StatusOr<config::ObjectOptions> ParseObject(std::string_view text) {
  return Parse<config::ObjectOptions>(text, kObject);
}

absl::StatusOr<config::MachineConfig> ParseMachineText(std::string_view text) {
  config::MachineConfig machine;
  if (LooksLikeJson(text)) {
    absl::StatusOr<Value> value = ParseJson(text, kMachineRoot);
    if (!value.ok()) return value.status();
    PLATTER_RETURN_IF_ERROR(BindMessage(*value, kMachineRoot, &machine));
  } else {
    PLATTER_RETURN_IF_ERROR(ParseText(text, kMachineRoot, &machine));
  }
  PLATTER_RETURN_IF_ERROR(CompleteMachine(machine));
  return machine;
}

absl::StatusOr<config::BlockdevOptions> BlockdevFromValue(const Value& value) {
  return FromValue<config::BlockdevOptions>(value, kBlockdev);
}

absl::StatusOr<config::DeviceOptions> DeviceFromValue(const Value& value) {
  return FromValue<config::DeviceOptions>(value, kDevice);
}

absl::StatusOr<config::ObjectOptions> ObjectFromValue(const Value& value) {
  return FromValue<config::ObjectOptions>(value, kObject);
}

absl::Status CompleteBlockdev(config::BlockdevOptions& node) { return Complete(node, kBlockdev); }

absl::Status CompleteDevice(config::DeviceOptions& device) { return Complete(device, kDevice); }

absl::Status CompleteObject(config::ObjectOptions& object) { return Complete(object, kObject); }

absl::Status CompleteMachine(config::MachineConfig& machine) {
  return CompleteOptions(kMachineRoot, &machine);
}

std::optional<std::string> HelpRequested(const absl::Status& status) {
  const absl::optional<absl::Cord> text = status.GetPayload(kHelpPayload);
  if (!text.has_value()) return std::nullopt;
  return std::string(*text);
}

}  // namespace platter
