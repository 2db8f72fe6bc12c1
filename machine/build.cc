// SPDX-License-Identifier: Apache-2.0
//
// The part of Machine that turns configuration into nodes, threads and devices.

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "drivers/edge.h"
#include "drivers/factory/open_node.h"
#include "drivers/factory/reopen_nodes.h"
#include "machine/device_config.h"
#include "machine/machine.h"

namespace platter {

namespace {
constexpr uint64_t kDefaultMemory = uint64_t{64} << 20;
}  // namespace

Task<absl::Status> Machine::Configure(const config::MachineConfig& config) {
  config::MachineConfig complete = config;
  if (absl::Status checked = CompleteMachine(complete); !checked.ok()) co_return checked;
  if (config.has_memory() && host_.memory != nullptr) {
    co_return ErrorWithErrno(EINVAL, "memory: this machine has its memory already");
  }
  NameDevices(complete);
  const AioKind kind_before = own_contexts_ != nullptr ? own_contexts_->kind() : host_.io_kind;
  if (absl::Status chosen = ChooseAio(complete); !chosen.ok()) co_return chosen;
  Made made = {.first_device = next_plug_number_};
  absl::Status built = co_await Build(complete, made);
  if (!built.ok()) {
    co_await Undo(std::move(made));
    if (own_contexts_ != nullptr) own_contexts_->set_kind(kind_before);
  }
  co_return built;
}

std::string Machine::FreeDeviceId(const std::set<std::string>& taken) {
  for (;;) {
    std::string id = absl::StrCat("device", next_device_number_++);
    if (!taken.contains(id) && CheckNewDeviceId(id).ok()) return id;
  }
}

// Devices without an id get one that no other device of the configuration has.
void Machine::NameDevices(config::MachineConfig& config) {
  std::set<std::string> taken;
  for (const config::DeviceOptions& device : config.devices()) taken.insert(device.id());
  for (config::DeviceOptions& device : *config.mutable_devices()) {
    if (device.id().empty()) device.set_id(FreeDeviceId(taken));
  }
}

// What kind of event loop the I/O threads have is the host's affair when it makes them.
absl::Status Machine::ChooseAio(const config::MachineConfig& config) {
  const auto refuse = [&](const char* why) {
    return ErrorWithErrno(EINVAL,
                          absl::StrCat("aio: ", config::AioKind_Name(config.aio()), ": ", why));
  };
  switch (config.aio()) {
    case config::AIO_KIND_IO_URING:
    case config::AIO_KIND_THREADS:
      if (own_contexts_ == nullptr)
        return refuse("this machine gets its event loops from its host");
      own_contexts_->set_kind(config.aio() == config::AIO_KIND_THREADS ? AioKind::kThreads
                                                                       : AioKind::kUring);
      return absl::OkStatus();
    case config::AIO_KIND_SIMULATED:
      if (own_contexts_ != nullptr) return refuse("this machine's I/O threads are real ones");
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

Task<absl::Status> Machine::Build(const config::MachineConfig& config, Made& made) {
  if (host_.memory == nullptr) {
    absl::StatusOr<std::unique_ptr<GuestRam>> ram =
        GuestRam::Create(config.has_memory() ? config.memory() : kDefaultMemory);
    if (!ram.ok()) co_return ram.status();
    ram_ = *std::move(ram);
    host_.memory = ram_->map();
    made.memory = true;
  }
  for (const config::ObjectOptions& object : config.objects()) {
    if (absl::Status added = ObjectAdd(object); !added.ok()) co_return added;
    made.objects.push_back(object.id());
  }
  for (const config::BlockdevOptions& node : config.blockdevs()) {
    if (absl::Status added = co_await BlockdevAdd(node); !added.ok()) co_return added;
    // One without a name is gone again: nobody can use it.
    if (!node.node_name().empty()) made.nodes.push_back(node.node_name());
  }
  for (const config::DeviceOptions& device : config.devices()) {
    absl::StatusOr<std::string> id = co_await AddDevice(device);
    if (!id.ok()) co_return id.status();
    made.devices.push_back(*std::move(id));
  }
  co_return absl::OkStatus();
}

Task<void> Machine::Undo(Made made) {
  for (auto id = made.devices.rbegin(); id != made.devices.rend(); ++id) {
    if (Plugged* const plugged = co_await FindStaying(*id); plugged != nullptr) {
      co_await Unplug(*plugged);
    }
  }
  // What others unplug may use the nodes until the end.
  while (unplugs_ > 0) co_await unplugged_.Wait();
  std::vector<std::string> nodes(made.nodes.rbegin(), made.nodes.rend());
  co_await RemoveNodes(std::move(nodes));
  // A device that somebody plugged meanwhile may use threads and memory; who knows, it is his.
  for (const std::unique_ptr<Plugged>& plugged : devices_) {
    if (plugged->number >= made.first_device) co_return;
  }
  for (auto id = made.objects.rbegin(); id != made.objects.rend(); ++id) DropObject(*id);
  if (made.memory) {
    host_.memory.reset();
    ram_.reset();
  }
}

Task<absl::Status> Machine::BlockdevAdd(const config::BlockdevOptions& options) {
  config::BlockdevOptions complete = options;
  if (absl::Status checked = CompleteBlockdev(complete); !checked.ok()) co_return checked;
  if (backends_.Find(complete.node_name()) != nullptr) {
    co_return ErrorWithErrno(EEXIST, absl::StrCat("node-name '", complete.node_name(),
                                                  "': there is a block backend of that name"));
  }
  absl::StatusOr<NodeRef> node = co_await OpenNode(graph_, complete);
  co_return node.status();
}

Task<absl::Status> Machine::BlockdevReopen(std::vector<config::BlockdevOptions> options) {
  for (config::BlockdevOptions& one : options) {
    if (absl::Status checked = CompleteBlockdev(one); !checked.ok()) co_return checked;
  }
  co_return co_await ReopenNodes(graph_, std::move(options));
}

Task<absl::Status> Machine::DeviceAdd(const config::DeviceOptions& options) {
  absl::StatusOr<std::string> id = co_await AddDevice(options);
  co_return id.status();
}

Task<absl::StatusOr<std::string>> Machine::AddDevice(const config::DeviceOptions& options) {
  config::DeviceOptions complete = options;
  if (absl::Status checked = CompleteDevice(complete); !checked.ok()) co_return checked;
  if (complete.id().empty()) complete.set_id(FreeDeviceId({}));
  std::string id = complete.id();
  absl::Status added = CheckNewDeviceId(id);
  if (added.ok()) {
    if (DeviceBuilder::KindOf(complete) != DeviceBuilder::Kind::kUnknown) {
      added = co_await AddKnownDevice(complete);
    } else {
      added = AddOwnDevice(complete);
    }
  }
  if (!added.ok()) co_return added;
  co_return id;
}

absl::Status Machine::AddOwnDevice(const config::DeviceOptions& options) {
  if (!host_.make_device) {
    return ErrorWithErrno(ENOTSUP, absl::StrCat("device '", options.id(),
                                                "': this program has no devices of its own"));
  }
  absl::StatusOr<std::unique_ptr<Device>> device = host_.make_device(*this, options);
  if (!device.ok()) return Annotate(device.status(), absl::StrCat("device '", options.id(), "'"));
  return AdoptDevice(*std::move(device), nullptr);
}

Task<absl::StatusOr<BlockBackendRef>> Machine::BackendForDevice(
    const config::DeviceOptions& options) {
  const BackendOptions wanted = {.stats = StatsOptionsFrom(options)};
  const std::string drive = DeviceBuilder::DriveOf(options);
  if (!drive.empty()) co_return co_await BackendForDrive(drive, wanted);
  co_return backends_.Create("", wanted);
}

Task<absl::Status> Machine::AddKnownDevice(const config::DeviceOptions& options) {
  if (host_.interrupts == nullptr || host_.memory == nullptr) {
    co_return ErrorWithErrno(
        EINVAL, absl::StrCat("device '", options.id(),
                             "': the machine has no interrupt controller or no guest memory"));
  }
  if (DeviceBuilder::KindOf(options) == DeviceBuilder::Kind::kAdapter) {
    co_return PlaceAdapter(options);
  }
  co_return co_await AddDrive(options);
}

DeviceBuilder::Setup Machine::BuilderSetup(FindIoContextFn find_context) {
  return {.control = *host_.control,
          .memory = host_.memory,
          .interrupts = *host_.interrupts,
          .mmio = mmio(),
          .ports = ports(),
          .find_context = find_context};
}

absl::Status Machine::PlaceAdapter(const config::DeviceOptions& options) {
  const auto find_context = [this](std::string_view name) { return FindIoContext(name); };
  absl::StatusOr<PlacedDevice> built = builder_.BuildAdapter(BuilderSetup(find_context), options);
  if (!built.ok()) return built.status();
  AddPlugged({.placed = *std::move(built), .io_threads = DeviceBuilder::IoThreadsOf(options)});
  return absl::OkStatus();
}

Task<absl::Status> Machine::AddDrive(const config::DeviceOptions& options) {
  absl::StatusOr<BlockBackendRef> backend = co_await BackendForDevice(options);
  if (!backend.ok()) {
    co_return Annotate(backend.status(), absl::StrCat("device '", options.id(), "'"));
  }
  absl::Status placed;
  if (NodeRef root = (*backend)->root(); root != nullptr) {
    // The medium may have other users (share-rw): attaching to it asks for quiet.
    DrainedSection drained = co_await DrainedSection::Begin(*root);
    placed = PlaceDrive(options, *backend);
  } else {
    placed = PlaceDrive(options, *backend);
  }
  if (!placed.ok() && (*backend)->name().empty()) {
    // Ours, and nobody saw it: take the medium out again.
    (co_await (*backend)->RemoveRoot()).IgnoreError();
  }
  co_return placed;
}

absl::Status Machine::PlaceDrive(const config::DeviceOptions& options, BlockBackendRef backend) {
  // Somebody may have taken the id since it was looked for.
  PLATTER_RETURN_IF_ERROR(CheckNewDeviceId(options.id()));
  const auto find_context = [this](std::string_view name) { return FindIoContext(name); };
  absl::StatusOr<PlacedDevice> built =
      builder_.BuildDrive(BuilderSetup(find_context), options, *backend);
  if (!built.ok()) return built.status();
  AddPlugged({.backend = std::move(backend),
              .placed = *std::move(built),
              .io_threads = DeviceBuilder::IoThreadsOf(options)});
  return absl::OkStatus();
}

}  // namespace platter
