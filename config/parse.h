// SPDX-License-Identifier: Apache-2.0
//
// The way in: option texts to option messages, defaults filled in and everything checked.
//
//   ParseBlockdev("driver=raw,node-name=d0,file.driver=file,file.filename=disk.img")
//   ParseBlockdev("{\"driver\": \"null-co\", \"node-name\": \"n0\", \"size\": 1048576}")
//   ParseDevice("virtio-blk,id=vd0,drive=d0,serial=A1")
//   ParseObject("iothread,id=t0,poll-max-ns=0")
//
// A text whose first byte (after blanks) is '{' is JSON, anything else is key=value (keyval.h).
//
//   absl::StatusOr<config::BlockdevOptions> node = ParseBlockdev(argument);
//   if (const std::optional<std::string> help = HelpRequested(node.status())) {
//     Print(*help); exit with success
//   }
//   if (!node.ok()) { report node.status(); exit with failure }
//
// The messages are declared in config/proto/*.pb.h: include those where a message is looked into.
//
// Ownership: results own everything. Threading: pure functions.
// Errors: EINVAL (base/status.h keeps it), "blockdev.file.cache.direct: what is wrong", with the
//   nearest right name where a name is wrong. A request for help is a status too: HelpRequested.

#ifndef PLATTER_CONFIG_PARSE_H_
#define PLATTER_CONFIG_PARSE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "config/value.h"

namespace platter {

namespace config {
class BlockdevOptions;
class DeviceOptions;
class MachineConfig;
class ObjectOptions;
}  // namespace config

// A block node of its own; it needs a node-name.
absl::StatusOr<config::BlockdevOptions> ParseBlockdev(std::string_view text);

absl::StatusOr<config::DeviceOptions> ParseDevice(std::string_view text);

absl::StatusOr<config::ObjectOptions> ParseObject(std::string_view text);

// A machine in protobuf's text format, or in JSON where it starts with '{'.
absl::StatusOr<config::MachineConfig> ParseMachineText(std::string_view text);

// The same from a value tree that somebody else has parsed (a QMP command's arguments).
absl::StatusOr<config::BlockdevOptions> BlockdevFromValue(const Value& value);
absl::StatusOr<config::DeviceOptions> DeviceFromValue(const Value& value);
absl::StatusOr<config::ObjectOptions> ObjectFromValue(const Value& value);

// For messages that a program has filled itself: defaults and checks, as the parsers do them.
absl::Status CompleteBlockdev(config::BlockdevOptions& node);
absl::Status CompleteDevice(config::DeviceOptions& device);
absl::Status CompleteObject(config::ObjectOptions& object);
absl::Status CompleteMachine(config::MachineConfig& machine);

// The help text where the status says that the user asked for help ("driver=help",
// "driver=raw,help", "help"); otherwise nothing.
std::optional<std::string> HelpRequested(const absl::Status& status);

}  // namespace platter

#endif  // PLATTER_CONFIG_PARSE_H_
