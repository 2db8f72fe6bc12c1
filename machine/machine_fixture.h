// SPDX-License-Identifier: Apache-2.0
//
// Rig: for tests of Machine: one in a simulated world, with its events and log and the guest's end
// of it. HeldDevice: a device whose operations end when the test says so.
//
// Ownership: the world outlives the rig, whose end shuts the machine down. Threading: one thread,
// top level. Errors: test failures.

#ifndef PLATTER_MACHINE_MACHINE_FIXTURE_H_
#define PLATTER_MACHINE_MACHINE_FIXTURE_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/log.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "devices/device.h"
#include "machine/machine.h"
#include "testing/guest/ide_driver.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {

// The machine's events, a few words each.
class EventWords final : public MachineEventSink {
 public:
  void OnMachineEvent(const MachineEvent& event) override {
    struct Namer {
      std::string operator()(const BlockIoErrorEvent& e) const {
        const char* const kActions[] = {"", "", " stop", " stall", " retry"};
        return "BLOCK_IO_ERROR " + e.device_id + kActions[static_cast<int>(e.action)];
      }
      std::string operator()(const TrayMovedEvent&) const { return "DEVICE_TRAY_MOVED"; }
      std::string operator()(const StopEvent&) const { return "STOP"; }
      std::string operator()(const ResumeEvent&) const { return "RESUME"; }
      std::string operator()(const ResetEvent&) const { return "RESET"; }
      std::string operator()(const DeviceDeletedEvent& e) const {
        return "DEVICE_DELETED " + e.device_id;
      }
      std::string operator()(const WriteThresholdEvent& e) const {
        return "BLOCK_WRITE_THRESHOLD " + e.node_name + " " + std::to_string(e.write_threshold) +
               "+" + std::to_string(e.amount_exceeded);
      }
    };
    names.push_back(std::visit(Namer(), event));
  }
  std::vector<std::string> names;
};

// They stay until the world goes; which were dropped is counted.
class WorldContexts final : public ContextProvider {
 public:
  explicit WorldContexts(SimulatedWorld& world) : world_(world) {}
  absl::StatusOr<AioContext*> MakeIoContext(const std::string& name, PollOptions) override {
    return &world_.NewContext(name);
  }
  void DropIoContext(AioContext&) override { ++dropped_; }
  int dropped() const { return dropped_; }

 private:
  SimulatedWorld& world_;
  int dropped_ = 0;
};

// A machine in a simulated world, and the guest's end of it.
class Rig final : private InterruptController {
 public:
  explicit Rig(SimulatedWorld& world)
      : contexts_(world), control_(world.NewContext("control")), bus_(control_, BusOptions()) {
    MachineHost host;
    host.control = &control_;
    host.log = &log_;
    host.events = &events_;
    host.interrupts = this;
    host.contexts = &contexts_;
    host.memory = bus_.memory();
    host.mmio = &bus_.mmio();
    host.ports = &bus_.ports();
    machine_ = std::make_unique<Machine>(std::move(host));
  }
  ~Rig() { BlockOn(control_, machine_->Shutdown()); }

  template <typename T>
  T Run(Task<T> task) {
    return BlockOn(control_, std::move(task));
  }
  // Not waited for: `result` has a value when it has ended.
  template <typename T>
  void Start(Task<T> task, std::optional<T>& result) {
    Spawn(control_, Keep(std::move(task), result));
  }
  void Start(Task<void> task, bool& ended) { Spawn(control_, Note(std::move(task), ended)); }
  absl::Status Configure(const std::string& text) {
    absl::StatusOr<config::MachineConfig> parsed = ParseMachineText(text);
    if (!parsed.ok()) return parsed.status();
    return Run(machine_->Configure(*parsed));
  }
  absl::Status AddNode(const std::string& options) {
    return Run(machine_->BlockdevAdd(*ParseBlockdev(options)));
  }
  absl::Status AddDevice(const std::string& options) {
    return Run(machine_->DeviceAdd(*ParseDevice(options)));
  }

  // A guest driver that has probed the device.
  struct Disk {
    std::unique_ptr<VirtioMmioDriver> transport;
    std::unique_ptr<VirtioBlkDriver> driver;
  };
  Disk Probe(const std::string& id) {
    Disk disk;
    const auto at = machine_->LocationOf<VirtioMmioLocation>(id);
    EXPECT_TRUE(at.ok()) << at.status();
    disk.transport = std::make_unique<VirtioMmioDriver>(
        bus_, VirtioMmioDriver::Place{.base = at->mmio_base, .line = at->irq});
    disk.driver =
        std::make_unique<VirtioBlkDriver>(bus_, *disk.transport, VirtioBlkDriver::Options{});
    const absl::Status probed = disk.driver->Probe();
    EXPECT_TRUE(probed.ok()) << probed;
    return disk;
  }

  // Where a guest's driver finds an IDE drive.
  IdeDriver::Place IdePlaceOf(const std::string& id) {
    const auto at = machine_->LocationOf<IdeLocation>(id);
    EXPECT_TRUE(at.ok()) << at.status();
    return {.command = at->command,
            .control = at->control,
            .bus_master = at->bus_master,
            .line = at->irq,
            .unit = at->unit};
  }

  // Leaves a request of 512 bytes on its way, which the device must deal with when it goes.
  void LeaveARead(Disk& disk) {
    const GuestSegment segment{.address = *bus_.Allocate(512, 512), .bytes = 512};
    BlkCommand command;
    command.data = std::span(&segment, 1);
    EXPECT_TRUE(disk.driver->Submit(0, command, 1));
    disk.driver->Kick(0);
  }

  Machine& machine() { return *machine_; }
  InProcessBus& bus() { return bus_; }
  std::vector<std::string>& events() { return events_.names; }
  const WorldContexts& contexts() const { return contexts_; }
  MemoryLog& log() { return log_; }

 private:
  static InProcessBus::Options BusOptions() {
    InProcessBus::Options options;
    options.lines = kVirtioMmioFirstIrq + kVirtioMmioSlots;
    return options;
  }
  InterruptLine& Line(uint32_t number) override { return bus_.Line(number); }

  template <typename T>
  static Task<void> Keep(Task<T> task, std::optional<T>& result) {
    result = co_await std::move(task);
  }
  static Task<void> Note(Task<void> task, bool& ended) {
    co_await std::move(task);
    ended = true;
  }

  MemoryLog log_;
  EventWords events_;
  WorldContexts contexts_;
  AioContext& control_;
  InProcessBus bus_;
  std::unique_ptr<Machine> machine_;
};

// Resets, pauses and unplugs end with Release().
class HeldDevice final : public Device {
 public:
  explicit HeldDevice(std::string id) : id_(std::move(id)) {}
  const std::string& id() const override { return id_; }
  const char* model() const override { return "held"; }
  void Reset(DeviceDone done) override { held_.push_back(std::move(done)); }
  void Pause(DeviceDone done) override { held_.push_back(std::move(done)); }
  void Resume() override {}
  void Unplug(DeviceDone done) override { held_.push_back(std::move(done)); }

  size_t held() const { return held_.size(); }
  void Release() {
    for (DeviceDone& done : std::exchange(held_, {})) std::move(done)();
  }

 private:
  const std::string id_;
  std::vector<DeviceDone> held_;
};

inline constexpr char kOneDisk[] = R"(
    objects { id: "t0" iothread { poll_max_ns: 0 } }
    blockdevs { node_name: "n0" memory { size: 1048576 } }
    devices { id: "vd0" virtio_blk { drive: "n0" serial: "S" iothread: "t0" } })";

}  // namespace platter

#endif  // PLATTER_MACHINE_MACHINE_FIXTURE_H_
