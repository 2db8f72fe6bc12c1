// SPDX-License-Identifier: Apache-2.0

#include "testing/qmp/served_machine.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await.h"
#include "aio/task.h"
#include "aio/timer.h"
#include "base/status.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

using std::chrono_literals::operator""ms;

// How often the guest looks at its drives, as real ones do, and Run at its caller's wish.
constexpr Duration kLookEvery = 100ms;
// All virtio-mmio slots of a machine have lines of their own.
constexpr uint32_t kLines = 128;

}  // namespace

absl::StatusOr<std::unique_ptr<ServedMachine>> ServedMachine::Create(
    const config::MachineConfig& config, const ServedMachineOptions& options, LogSink& log) {
  std::unique_ptr<ServedMachine> served(new ServedMachine);
  if (absl::Status built = served->Build(config, options, log); !built.ok()) return built;
  return served;
}

absl::Status ServedMachine::Build(const config::MachineConfig& config,
                                  const ServedMachineOptions& options, LogSink& log) {
  absl::StatusOr<std::unique_ptr<AioContext>> control =
      CreateAioContext({.kind = options.aio, .name = "control"});
  if (!control.ok()) return control.status();
  control_ = *std::move(control);
  InProcessBus::Options bus;
  bus.lines = kLines;
  bus_ = std::make_unique<InProcessBus>(*control_, bus);

  MachineHost host;
  host.control = control_.get();
  host.log = &log;
  host.events = &events_;
  host.interrupts = this;
  host.io_kind = options.aio;
  host.memory = bus_->memory();
  host.mmio = &bus_->mmio();
  host.ports = &bus_->ports();
  machine_ = std::make_unique<Machine>(std::move(host));
  monitor_ = std::make_unique<QmpMonitor>(QmpMonitorOptions{
      .machine = machine_.get(), .events = &events_, .quit = [this] { quit_ = true; }});
  if (options.start == ServedMachineOptions::Start::kIncoming) machine_->ExpectIncoming();
  PLATTER_RETURN_IF_ERROR(BlockOn(*control_, machine_->Configure(config)));
  if (options.start == ServedMachineOptions::Start::kStopped) {
    BlockOn(*control_, machine_->Stop());
  }
  if (options.guest == ServedMachineOptions::Guest::kUsesDiscs) StartGuest();
  if (options.socket.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<QmpServer>> server =
      QmpServer::Listen(*monitor_, log, options.socket);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  return absl::OkStatus();
}

ServedMachine::~ServedMachine() {
  guest_.reset();
  if (server_ != nullptr) BlockOn(*control_, server_->Close());
  server_.reset();
  if (machine_ != nullptr) BlockOn(*control_, machine_->Shutdown());
}

void ServedMachine::StartGuest() {
  for (const std::string& id : machine_->DeviceIds()) {
    const auto at = machine_->LocationOf<IdeLocation>(id);
    if (!at.ok() || std::string_view(machine_->FindDevice(id)->model()) != "ide-cd") continue;
    drives_.push_back({.id = id,
                       .guest = CdGuest(MakeIdeCd(*bus_,
                                                  {.command = at->command,
                                                   .control = at->control,
                                                   .bus_master = at->bus_master,
                                                   .line = at->irq,
                                                   .unit = at->unit},
                                                  [this] { return runs(); }))});
  }
  guest_ = Guest();
  StartOwned(*control_, *guest_);
  // Who finds the monitor there finds the discs locked. Drives answer this without their media.
  control_->RunUntil([this] { return guest_began_ || !runs(); });
}

// One drive after the other: two may be on one channel.
Task<void> ServedMachine::Guest() {
  while (!runs()) co_await SleepFor(kLookEvery);
  for (Drive& drive : drives_) co_await drive.guest.Begin();
  guest_began_ = true;
  for (;;) {
    co_await SleepFor(kLookEvery);
    for (Drive& drive : drives_) {
      if (runs()) co_await Look(drive);
    }
  }
}

Task<void> ServedMachine::Look(Drive& drive) {
  const CdGuest::Did did = co_await drive.guest.Look();
  if (did == CdGuest::Did::kGranted) {
    guest_did_.push_back(absl::StrCat(drive.id, ": unlocked and opened"));
  }
  if (did == CdGuest::Did::kLocked) guest_did_.push_back(absl::StrCat(drive.id, ": locked"));
}

void ServedMachine::Run(absl::FunctionRef<bool()> stop,
                        absl::FunctionRef<void(std::string_view)> did) {
  bool look = false;
  Timer timer(*control_, [&look] { look = true; });
  while (!quit_ && !stop()) {
    look = false;
    timer.ArmAfter(kLookEvery);
    control_->RunUntil([&] { return look || quit_ || stop() || !guest_did_.empty(); });
    for (const std::string& what : std::exchange(guest_did_, {})) did(what);
  }
}

}  // namespace platter
