// SPDX-License-Identifier: Apache-2.0
//
// Machine: contexts, block nodes, backends, devices and the run state of one virtual machine, put
// together from a configuration or call by call. Two machines live in one process and share
// nothing.
//
//   MachineHost host{.control = loop.get(), .log = &log};
//   Machine machine(std::move(host));
//   absl::Status s = BlockOn(*loop, machine.Configure(config));
//   ...
//   BlockOn(*loop, machine.Shutdown());
//
// Ownership: the machine owns its graph, backends, devices and I/O threads. What MachineHost points
//   to outlives it. Shutdown must have finished before the destructor (checked).
// Threading: control context. Registers (mmio(), ports()) from any thread.
// Units: bytes, guest physical addresses. Errors: absl::Status naming the object, node or device.

#ifndef PLATTER_MACHINE_MACHINE_H_
#define PLATTER_MACHINE_MACHINE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "blockbackend/block_backend.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/io_space.h"
#include "devices/device.h"
#include "drivers/graph.h"
#include "machine/device_builder.h"
#include "machine/device_place.h"
#include "machine/events.h"
#include "machine/guest_ram.h"
#include "machine/io_thread.h"
#include "machine/run_state_machine.h"

namespace platter {

namespace config {
class BlockdevOptions;
class DeviceOptions;
class MachineConfig;
class ObjectOptions;
}  // namespace config

class Machine;

// What a machine gets from its surroundings.
struct MachineHost {
  AioContext* control = nullptr;  // Required.
  LogSink* log = nullptr;         // Required.
  MachineEventSink* events = nullptr;
  InterruptController* interrupts = nullptr;  // Required when a device is added.
  // Where I/O threads come from; nullptr: real threads of kind `io_kind`.
  ContextProvider* contexts = nullptr;
  AioKind io_kind = AioKind::kUring;
  // nullptr: RAM of the configured size at address 0.
  std::shared_ptr<const GuestMemory> memory = nullptr;
  // Where registers are placed; nullptr: spaces of the machine's own.
  IoSpace* mmio = nullptr;
  IoSpace* ports = nullptr;
  VcpuControl vcpus = {};
  // Builds devices of kinds that the machine does not know ("x-..."); may be empty.
  absl::AnyInvocable<absl::StatusOr<std::unique_ptr<Device>>(Machine&,
                                                             const config::DeviceOptions&)>
      make_device = {};
};

class Machine {
 public:
  explicit Machine(MachineHost host);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // --- Building it. ---

  // Everything in `config`, in its order: memory, objects, block nodes, devices. On failure what
  // was made by this call, and nothing else, is taken away again in the reverse order.
  Task<absl::Status> Configure(const config::MachineConfig& config);

  absl::Status ObjectAdd(const config::ObjectOptions& options);
  Task<absl::Status> BlockdevAdd(const config::BlockdevOptions& options);
  // FAILED_PRECONDITION (EBUSY) while something uses the node.
  Task<absl::Status> BlockdevDel(std::string_view node_name);
  // A named backend with `node_name` as its medium (empty: no medium).
  Task<absl::Status> BackendAdd(std::string name, std::string node_name,
                                const BackendOptions& options);
  // Hot plug. `drive` in the options names a backend or a node; a node gets a backend of its own.
  Task<absl::Status> DeviceAdd(const config::DeviceOptions& options);
  // Hot unplug; DEVICE_DELETED when it is gone. Its requests have completed or been cancelled then.
  // FAILED_PRECONDITION (EBUSY) while an earlier call does so.
  Task<absl::Status> DeviceDel(std::string id);
  // For devices that the embedder builds himself, attached to `backend` (may be nullptr).
  absl::Status AdoptDevice(std::unique_ptr<Device> device, BlockBackendRef backend);

  // --- Running it. ---

  Task<void> Stop() { return run_state_.Stop(StopReason::kPaused); }
  Task<void> Cont() { return run_state_.Cont(); }
  MachineState state() const { return run_state_.state(); }
  // Machine reset: every device takes the state of a new one, or is gone when it is being
  // unplugged: afterwards none of them touches the guest's memory by itself.
  Task<void> Reset();
  // Unplugs every device (and waits for those that are being unplugged), flushes and empties every
  // backend, drops every named node. What somebody else still uses is logged and stays.
  Task<void> Shutdown();

  // --- Its parts. ---

  AioContext& control() { return *host_.control; }
  BlockGraph& graph() { return graph_; }
  BackendRegistry& backends() { return backends_; }
  RunStateMachine& run_state() { return run_state_; }
  IoSpace& mmio() { return *host_.mmio; }
  IoSpace& ports() { return *host_.ports; }
  const std::shared_ptr<const GuestMemory>& memory() const { return host_.memory; }

  // nullptr when there is none.
  Device* FindDevice(std::string_view id) const;
  BlockBackendRef BackendOfDevice(std::string_view id) const;
  // Where its driver finds it, of the kind asked for: LocationOf<VirtioMmioLocation>("vd0").
  // ENODEV when no device of that name is at such a place.
  template <typename Location>
  absl::StatusOr<Location> LocationOf(std::string_view id) const {
    const DeviceLocation location = LocationOfDevice(id);
    if (const auto* found = std::get_if<Location>(&location)) return *found;
    return NoLocation(id);
  }
  // The context of an iothread object; empty id: the control context.
  absl::StatusOr<AioContext*> FindIoContext(std::string_view iothread_id) const;

 private:
  struct Plugged {
    BlockBackendRef backend = nullptr;
    PlacedDevice placed = {};
    uint64_t number = 0;  // In the order of plugging.
    bool going = false;   // It is being unplugged, by one call.

    Device& device() const { return *placed.device; }
  };
  // What a Configure has made so far, by name and in its order.
  struct Made {
    uint64_t first_device = 0;  // Devices plugged meanwhile, by whomever: from this number on.
    bool memory = false;
    std::vector<std::string> objects = {};
    std::vector<std::string> nodes = {};
    std::vector<std::string> devices = {};
  };
  class EventForwarder;

  Task<absl::StatusOr<BlockBackendRef>> BackendForDrive(std::string drive);
  // A backend for the device's drive, which may be none.
  Task<absl::StatusOr<BlockBackendRef>> BackendForDevice(const config::DeviceOptions& options);
  // What DeviceBuilder builds.
  Task<absl::Status> AddKnownDevice(const config::DeviceOptions& options);
  Task<absl::Status> AddDrive(const config::DeviceOptions& options);
  absl::Status PlaceAdapter(const config::DeviceOptions& options);
  absl::Status PlaceDrive(const config::DeviceOptions& options, BlockBackendRef backend);
  DeviceBuilder::Setup BuilderSetup(FindIoContextFn find_context);
  // The id of the new device.
  Task<absl::StatusOr<std::string>> AddDevice(const config::DeviceOptions& options);
  absl::Status AddOwnDevice(const config::DeviceOptions& options);
  std::string FreeDeviceId(const std::set<std::string>& taken);
  void NameDevices(config::MachineConfig& config);
  absl::Status ChooseAio(const config::MachineConfig& config);
  Task<absl::Status> Build(const config::MachineConfig& config, Made& made);
  Task<void> Undo(Made made);
  // Whatever their order: parents first. What cannot be removed is logged.
  Task<void> RemoveNodes(std::vector<std::string> names);
  // `plugged` is not going; it is destroyed.
  Task<void> Unplug(Plugged& plugged);
  // Waits while it is being unplugged: nullptr when there is none any more.
  Task<Plugged*> FindStaying(std::string id);
  void AddPlugged(Plugged plugged);
  DeviceLocation LocationOfDevice(std::string_view id) const;
  static absl::Status NoLocation(std::string_view id);
  // A logical unit of the adapter; nullptr when it has none.
  Plugged* FindUnitOf(std::string_view adapter_id) const;
  absl::Status CheckNewDeviceId(std::string_view id) const;
  Plugged* FindPlugged(std::string_view id) const;
  void Emit(const MachineEvent& event);

  MachineHost host_;
  std::unique_ptr<GuestRam> ram_;
  std::unique_ptr<EventForwarder> forwarder_;
  RunStateMachine run_state_;
  BlockGraph graph_;
  BackendRegistry backends_;
  std::unique_ptr<ThreadContextProvider> own_contexts_;
  std::map<std::string, AioContext*, std::less<>> io_contexts_;
  std::vector<BlockBackendRef> named_backends_;
  IoSpace own_mmio_;
  IoSpace own_ports_;
  DeviceBuilder builder_;
  std::vector<std::unique_ptr<Plugged>> devices_;
  uint64_t next_device_number_ = 0;  // Of generated ids.
  uint64_t next_plug_number_ = 0;
  uint32_t unplugs_ = 0;  // Under way: Unplug has not ended.
  AsyncEvent unplugged_;  // Set for a moment when one ends.
  bool shut_down_ = false;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_MACHINE_H_
