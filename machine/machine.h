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
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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

namespace state {
class Machine;
}

class Machine;
class MediumWait;
class ThrottleGroup;

// How long a change of the medium waits for a guest that has locked it in.
struct MediumPatience {
  std::optional<Duration> wait = std::nullopt;  // nullopt: not at all.
  // Around the waiting; both or neither.
  absl::AnyInvocable<void()> begins = {};
  absl::AnyInvocable<Task<void>()> ended = {};
};

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
  // Ends an I/O thread or throttle group. NOT_FOUND; FAILED_PRECONDITION (EBUSY) while a device
  // that this machine built uses the thread (of adopted ones it doesn't know), or a drive is in the
  // group.
  absl::Status ObjectDel(std::string_view id);
  Task<absl::Status> BlockdevAdd(const config::BlockdevOptions& options);
  // Other options for nodes that are open, all or none; see drivers/factory/reopen_nodes.h.
  Task<absl::Status> BlockdevReopen(std::vector<config::BlockdevOptions> options);
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

  // --- Media and sizes, by the names of nodes; see block_backend.h for the rest. ---

  // blockdev-insert-medium. ENOENT when there is no such node.
  Task<absl::Status> InsertMedium(BlockBackendRef backend, std::string node_name);
  // blockdev-change-medium: opens `medium`, which goes away with the drive's next medium, and puts
  // it in. On an error nothing has changed. With patience a guest that has locked the old one in,
  // and is not forced, has been asked for it and gets time to open the tray; FAILED_PRECONDITION
  // (EBUSY) when it does not, ECANCELED when the device goes, somebody else changes the medium or
  // CancelMediumWaits is called meanwhile, or another change waits for the drive already.
  Task<absl::Status> ChangeMedium(BlockBackendRef backend, const config::BlockdevOptions& medium,
                                  Force force, MediumPatience patience);
  // Not for a default argument: g++ 12 destroys those of an awaited call twice.
  Task<absl::Status> ChangeMedium(BlockBackendRef backend, const config::BlockdevOptions& medium,
                                  Force force) {
    return ChangeMedium(std::move(backend), medium, force, MediumPatience());
  }
  // Nobody waits for a guest any more.
  void CancelMediumWaits();
  // WriteThresholdEvent, once, when a write to the node ends beyond byte `threshold`; 0: not any
  // more. ENOENT.
  Task<absl::Status> SetWriteThreshold(std::string node_name, uint64_t threshold);
  // Through the backend that has the node as its medium, or one for this only. ENOENT.
  Task<absl::Status> ResizeNode(std::string node_name, uint64_t new_length);

  // --- Running it. ---

  Task<void> Stop() { return run_state_.Stop(StopReason::kPaused); }
  // Block nodes that are inactive become active first. The errors of that (another process has an
  // image): the machine is as it was then.
  Task<absl::Status> Cont();
  MachineState state() const { return run_state_.state(); }
  // Machine reset: every device takes the state of a new one, or is gone when it is being
  // unplugged: afterwards none of them touches the guest's memory by itself.
  Task<void> Reset();

  // --- Saved state. Stopped, or FAILED_PRECONDITION (EBUSY). ---

  // All that the guest can tell of the machine's devices, and what is kept for it after an I/O
  // error. Its memory and its media are somebody else's to save, and unchanged until this has
  // ended. An error names the device that can't be saved.
  Task<absl::StatusOr<std::string>> SaveState();
  // Into a machine of the same configuration, made stopped (ExpectIncoming or Stop, then
  // Configure), with that memory and those media: Cont goes on exactly there. Nobody is trusted:
  // INVALID_ARGUMENT naming what is wrong, and every device is as after a reset.
  Task<absl::Status> RestoreState(std::string state);

  // --- Media that go from one process to another, which has them open already. ---

  // Of a machine in which nothing is yet: it stands still, and block nodes are opened inactive,
  // with no locks and no writes, until Cont.
  void ExpectIncoming();
  // Flushes and makes every block node inactive: another process may take the images. Cont takes
  // them back. FAILED_PRECONDITION (EBUSY) unless stopped; nothing has changed then.
  Task<absl::Status> Inactivate();
  // blockdev-set-active: one node, with what is below it, or all (empty name).
  Task<absl::Status> SetNodeActive(std::string node_name, bool active);

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
  // In the order of plugging.
  std::vector<std::string> DeviceIds() const;
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
    std::set<std::string> io_threads = {};

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
  class PatientChange;

  // `wanted`: of one that is made for it.
  Task<absl::StatusOr<BlockBackendRef>> BackendForDrive(std::string drive, BackendOptions wanted);
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
  absl::Status AddIoThread(const config::ObjectOptions& options);
  absl::Status AddThrottleGroup(const config::ObjectOptions& options);
  BlockBackendRef DriveInThrottleGroup(const std::string& group) const;
  absl::Status CheckUnused(const std::string& id) const;
  void DropObject(const std::string& id);
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
  absl::Status CheckStopped(std::string_view what) const;
  absl::Status CheckDevicesOf(const state::Machine& from) const;
  // A logical unit of the adapter; nullptr when it has none.
  Plugged* FindUnitOf(std::string_view adapter_id) const;
  absl::Status CheckNewDeviceId(std::string_view id) const;
  Plugged* FindPlugged(std::string_view id) const;
  void Emit(const MachineEvent& event);
  Task<absl::Status> AwaitGuest(BlockBackendRef drive, Instant deadline, MediumPatience& patience);

  MachineHost host_;
  std::unique_ptr<GuestRam> ram_;
  std::unique_ptr<EventForwarder> forwarder_;
  RunStateMachine run_state_;
  BlockGraph graph_;
  BackendRegistry backends_;
  std::unique_ptr<ThreadContextProvider> own_contexts_;
  std::map<std::string, AioContext*, std::less<>> io_contexts_;
  std::map<std::string, std::shared_ptr<ThrottleGroup>, std::less<>> throttle_groups_;
  std::vector<BlockBackendRef> named_backends_;
  IoSpace own_mmio_;
  IoSpace own_ports_;
  DeviceBuilder builder_;
  std::vector<std::unique_ptr<Plugged>> devices_;
  std::set<std::string, std::less<>> leaving_ids_;  // Of devices that have gone untold.
  uint64_t next_device_number_ = 0;                 // Of generated ids.
  uint64_t next_plug_number_ = 0;
  uint32_t unplugs_ = 0;  // Under way: Unplug has not ended.
  AsyncEvent unplugged_;  // Set for a moment when one ends.
  std::vector<MediumWait*> medium_waits_;
  uint32_t patient_changes_ = 0;     // Changes of media that may wait, or have.
  AsyncEvent patient_change_ended_;  // Set for a moment when one ends.
  bool shutting_down_ = false;
  bool shut_down_ = false;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_MACHINE_H_
