// SPDX-License-Identifier: Apache-2.0
//
// Devices and objects that come and go.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "machine/machine.h"
#include "monitor/all_commands.h"
#include "monitor/export_host.h"
#include "monitor/proto/machine.pb.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

// Of a PC's IDE channels; see IdeController.
constexpr uint32_t kFirstIdeIrq = 14;

absl::Status NoHotplug(std::string_view bus) {
  return QmpError(QmpErrorClass::kGenericError,
                  absl::StrCat("Bus '", std::string(bus), "' does not support hotplugging"));
}

// Guests don't expect IDE drives to come and go. The machine itself could.
absl::Status CheckHotplug(const config::DeviceOptions& options) {
  if (!options.has_ide_hd() && !options.has_ide_cd()) return absl::OkStatus();
  const config::IdeBus bus = options.has_ide_hd() ? options.ide_hd().bus() : options.ide_cd().bus();
  return NoHotplug(bus == config::IDE_BUS_1 ? "ide.1" : "ide.0");
}

Task<QmpResult> DeviceAdd(CommandContext context, config::DeviceOptions arguments) {
  if (absl::Status refused = CheckHotplug(arguments); !refused.ok()) co_return refused;
  co_return ResultOf(co_await context.machine->DeviceAdd(arguments));
}

Task<QmpResult> DeviceDel(CommandContext context, qmp::DeviceDel arguments) {
  if (context.machine->FindDevice(arguments.id()) == nullptr) {
    co_return DeviceNotFound(arguments.id());
  }
  if (const auto at = context.machine->LocationOf<IdeLocation>(arguments.id()); at.ok()) {
    co_return NoHotplug(absl::StrCat("ide.", at->irq - kFirstIdeIrq));
  }
  // The device's requests may take their time.
  context.turn->Release();
  const absl::Status unplugged = co_await context.machine->DeviceDel(arguments.id());
  co_await context.turn->Take();
  co_return ResultOf(unplugged);
}

Task<QmpResult> ObjectAdd(CommandContext context, config::ObjectOptions arguments) {
  co_return ResultOf(context.machine->ObjectAdd(arguments));
}

Task<QmpResult> ObjectDel(CommandContext context, qmp::ObjectDel arguments) {
  // The machine does not know who uses its threads beside its devices.
  const std::string user =
      context.exports == nullptr ? "" : context.exports->UserOf(arguments.id());
  if (!user.empty()) {
    co_return QmpError(
        QmpErrorClass::kGenericError,
        absl::StrCat("object '", arguments.id(), "' is in use: export '", user, "' uses it"));
  }
  co_return ResultOf(context.machine->ObjectDel(arguments.id()));
}

}  // namespace

std::vector<CommandRow> DeviceCommands() {
  constexpr auto kNothing = CommandReturns::kNothing;
  return {
      CommandFor<&DeviceAdd>("device_add", kNothing),
      CommandFor<&DeviceDel>("device_del", kNothing),
      CommandFor<&ObjectAdd>("object-add", kNothing),
      CommandFor<&ObjectDel>("object-del", kNothing),
  };
}

}  // namespace platter
