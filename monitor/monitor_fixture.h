// SPDX-License-Identifier: Apache-2.0
//
// MonitorRig: for tests of commands: a machine with each kind of drive, its monitor, and one client
// without a socket. What the client is sent is a list of lines, events with a time of zero. The
// world is simulated, or, where a test needs files of the host, the host's.
//
// Ownership: as its members. Threading: one thread, top level. Units: bytes. Errors: test failures.

#ifndef PLATTER_MONITOR_MONITOR_FIXTURE_H_
#define PLATTER_MONITOR_MONITOR_FIXTURE_H_

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/log.h"
#include "config/json.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "machine/machine.h"
#include "machine/node_info.h"
#include "monitor/qmp_events.h"
#include "monitor/qmp_monitor.h"
#include "monitor/qmp_session.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

using Lines = std::vector<std::string>;

// What a session sends.
class CollectedLines final : public QmpOutput {
 public:
  void SendLine(const std::string& line) override { lines.push_back(line); }
  bool has_room() const override { return room; }
  void OnInputWanted() override {}

  Lines lines;
  bool room = true;
};

enum class RigWorld : uint8_t { kSimulated, kHost };

class MonitorRig final : private InterruptController {
 public:
  // cd0 (ide-cd) with the disc disc-a, cd1 (scsi-cd) empty, hd0 (ide-hd), vd0 (virtio-blk) on the
  // I/O thread t0, adapter scsi0; disc-b and free are nodes that nobody uses.
  explicit MonitorRig(RigWorld kind = RigWorld::kSimulated)
      : real_(kind == RigWorld::kHost ? *CreateAioContext({.kind = AioKind::kThreads}) : nullptr),
        control_(real_ != nullptr ? *real_ : world_.NewContext("control")) {
    const absl::StatusOr<config::MachineConfig> config = ParseMachineText(R"(
        objects { id: "t0" iothread { poll_max_ns: 0 } }
        blockdevs { node_name: "disc-a" read_only: true memory { size: 204800 } }
        blockdevs { node_name: "disc-b" read_only: true memory { size: 409600 } }
        blockdevs { node_name: "hd" memory { size: 1048576 } }
        blockdevs { node_name: "vd" memory { size: 1048576 } }
        blockdevs { node_name: "free" memory { size: 4096 } }
        devices { id: "cd0" ide_cd { drive: "disc-a" bus: IDE_BUS_0 unit: 0 } }
        devices { id: "hd0" ide_hd { drive: "hd" bus: IDE_BUS_1 unit: 0 } }
        devices { id: "scsi0" virtio_scsi { } }
        devices { id: "cd1" scsi_cd { } }
        devices { id: "vd0" virtio_blk { drive: "vd" iothread: "t0" } })");
    EXPECT_TRUE(config.ok()) << config.status();
    const absl::Status built = BlockOn(control_, machine_.Configure(*config));
    EXPECT_TRUE(built.ok()) << built;
    session_->Start();
    EXPECT_EQ(std::exchange(output_.lines, {}).size(), 1u);
    EXPECT_EQ(Say(R"({"execute": "qmp_capabilities"})"), Lines{R"({"return": {}})"});
  }
  ~MonitorRig() {
    session_->Close();
    session_.reset();
    BlockOn(control_, monitor_.Settle());
    BlockOn(control_, machine_.Shutdown());
  }

  // What the client is sent until all is quiet.
  Lines Say(std::string_view input) {
    session_->Receive(input);
    control_.RunUntil([this] { return session_->wants_input() || monitor_.quitting(); });
    if (real_ == nullptr) world_.RunUntilIdle();
    return std::exchange(output_.lines, {});
  }
  // Events and the reply to a command.
  Lines Run(const std::string& command, const std::string& arguments = "{}") {
    return Say(R"({"execute": ")" + command + R"(", "arguments": )" + arguments + "}");
  }
  // The "desc" of the error that is all that comes.
  std::string Refusal(const std::string& command, const std::string& arguments = "{}") {
    return Refusal("GenericError", command, arguments);
  }
  std::string Refusal(const std::string& error_class, const std::string& command,
                      const std::string& arguments) {
    const std::string before = State();
    const Lines lines = Run(command, arguments);
    EXPECT_EQ(State(), before) << "a refused command changes nothing";
    if (lines.size() != 1) return "not one line";
    const absl::StatusOr<Value> reply = ParseJson(lines[0], "reply");
    if (!reply.ok()) return lines[0];
    const Value* const error = reply->Find("error");
    if (error == nullptr) return lines[0];
    EXPECT_EQ(error->Find("class")->as_string(), error_class) << lines[0];
    return error->Find("desc")->as_string();
  }
  // Drives, nodes and run state, as the monitor tells of them.
  std::string State() {
    std::string state;
    for (const char* const query : {"query-block", "query-named-block-nodes", "query-status"}) {
      for (const std::string& line : Run(query)) state += line + "\n";
    }
    for (const std::string& id : machine_.DeviceIds()) state += id + " ";
    return state;
  }
  // A file of the test's own.
  static std::string MakeFile(const std::string& name, size_t bytes) {
    const char* const folder = std::getenv("TEST_TMPDIR");
    const std::string path = std::string(folder == nullptr ? "/tmp" : folder) + "/" + name;
    std::ofstream(path, std::ios::binary) << std::string(bytes, 'x');
    return path;
  }

  static std::string TrayEvent(bool open, const std::string& id = "cd0") {
    return R"({"timestamp": {"seconds": 0, "microseconds": 0}, "event": "DEVICE_TRAY_MOVED", )"
           R"("data": {"device": "", "tray-open": )" +
           std::string(open ? "true" : "false") + R"(, "id": ")" + id + R"("}})";
  }
  static constexpr char kDone[] = R"({"return": {}})";

  SimulatedWorld& world() { return world_; }
  AioContext& control() { return control_; }
  InProcessBus& bus() { return bus_; }
  Machine& machine() { return machine_; }
  QmpEvents& events() { return events_; }
  QmpMonitor& monitor() { return monitor_; }
  int quits() const { return quits_; }

 private:
  class Contexts final : public ContextProvider {
   public:
    explicit Contexts(SimulatedWorld& world) : world_(world) {}
    absl::StatusOr<AioContext*> MakeIoContext(const std::string& name, PollOptions) override {
      return &world_.NewContext(name);
    }
    void DropIoContext(AioContext&) override {}

   private:
    SimulatedWorld& world_;
  };

  static InProcessBus::Options BusOptions() {
    InProcessBus::Options options;
    options.lines = 64;
    return options;
  }
  MachineHost Host() {
    MachineHost host;
    host.control = &control_;
    host.log = &log_;
    host.events = &events_;
    host.interrupts = this;
    host.contexts = real_ == nullptr ? &contexts_ : nullptr;
    host.io_kind = AioKind::kThreads;
    host.memory = bus_.memory();
    host.mmio = &bus_.mmio();
    host.ports = &bus_.ports();
    return host;
  }
  InterruptLine& Line(uint32_t number) override { return bus_.Line(number); }

  SimulatedWorld world_{1};
  std::unique_ptr<AioContext> real_;  // nullptr: simulated.
  AioContext& control_;
  Contexts contexts_{world_};
  MemoryLog log_;
  InProcessBus bus_{control_, BusOptions()};
  QmpEvents events_{[] { return std::chrono::microseconds(0); }};
  Machine machine_{Host()};
  int quits_ = 0;
  QmpMonitor monitor_{{.machine = &machine_, .events = &events_, .quit = [this] { ++quits_; }}};
  CollectedLines output_;
  std::shared_ptr<QmpSession> session_ = std::make_shared<QmpSession>(monitor_, output_);
};

}  // namespace platter

#endif  // PLATTER_MONITOR_MONITOR_FIXTURE_H_
