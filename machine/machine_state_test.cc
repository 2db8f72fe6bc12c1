// SPDX-License-Identifier: Apache-2.0
//
// A whole machine goes on as another one: same memory, same images, its saved state; and what is no
// state of such a machine is refused.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/machine.pb.h"
#include "machine/machine.h"
#include "machine/machine_fixture.h"
#include "machine/machine_state.pb.h"
#include "testing/guest/atapi_driver.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"

namespace platter {
namespace {

constexpr char kDevices[] = R"(
    blockdevs { node_name: "n0" %s }
    blockdevs { node_name: "n1" file { filename: "%d/hd.img" } }
    blockdevs { node_name: "n2" file { filename: "%d/cd.img" } read_only: true }
    blockdevs { node_name: "n3" file { filename: "%d/sd.img" } }
    objects { id: "t0" iothread { poll_max_ns: 0 } }
    devices { id: "vd0" virtio_blk { drive: "n0" werror: ERROR_POLICY_STOP iothread: "t0" } }
    devices { id: "hd0" ide_hd { drive: "n1" } }
    devices { id: "cd0" ide_cd { drive: "n2" } }
    devices { id: "scsi0" virtio_scsi {} }
    devices { id: "sd0" scsi_hd { drive: "n3" } })";
constexpr char kGood[] = "file { filename: \"%d/vd.img\" }";
// The first write fails, once.
constexpr char kBadOnce[] = R"(blkdebug { image { definition { file { filename: "%d/vd.img" } } }
    inject_error { event: BLKDEBUG_EVENT_WRITE_AIO error: 5 once: true } })";

// The host of one life of the machine.
class Host final : private InterruptController, private MachineEventSink {
 public:
  enum class Start : uint8_t { kStopped, kIncoming };
  Host(InProcessBus& bus, AioContext& control, Start start) : bus_(bus), control_(control) {
    machine = std::make_unique<Machine>(MachineHost{.control = &control,
                                                    .log = &log_,
                                                    .events = this,
                                                    .interrupts = this,
                                                    .io_kind = AioKind::kThreads,
                                                    .memory = bus.memory()});
    if (start == Start::kIncoming) {
      machine->ExpectIncoming();
    } else {
      BlockOn(control_, machine->Stop());
    }
  }
  ~Host() {
    open_ = false;
    BlockOn(control_, machine->Shutdown());
  }
  absl::Status Configure(const char* disk) {
    std::string text(kDevices);
    text.replace(text.find("%s"), 2, disk);
    text = absl::StrReplaceAll(text, {{"%d", testing::TempDir()}});
    absl::StatusOr<config::MachineConfig> parsed = ParseMachineText(text);
    if (!parsed.ok()) return parsed.status();
    return BlockOn(control_, machine->Configure(*parsed));
  }

  std::unique_ptr<Machine> machine;
  bool stopped_by_error = false;
  int retries = 0;  // Requests that began to wait for one.

 private:
  class Gate final : public InterruptLine {
   public:
    Gate(InterruptLine& out, const std::atomic<bool>& open) : out_(out), open_(open) {}
    void Set(LineLevel level) override {
      if (open_) out_.Set(level);
    }

   private:
    InterruptLine& out_;
    const std::atomic<bool>& open_;
  };
  InterruptLine& Line(uint32_t number) override {
    auto& gate = gates_[number];
    if (gate == nullptr) gate = std::make_unique<Gate>(bus_.Line(number), open_);
    return *gate;
  }
  void OnMachineEvent(const MachineEvent& event) override {
    if (const auto* stop = std::get_if<StopEvent>(&event)) {
      stopped_by_error = stop->reason == StopReason::kIoError;
    }
    const auto* error = std::get_if<BlockIoErrorEvent>(&event);
    if (error != nullptr && error->action == ErrorAction::kRetry) ++retries;
  }

  InProcessBus& bus_;
  AioContext& control_;
  MemoryLog log_;
  // Cleared while the I/O threads may still raise lines.
  std::atomic<bool> open_ = true;
  std::map<uint32_t, std::unique_ptr<Gate>> gates_;
};

// The guest's registers, of whichever machine it is on.
class Window final : public RegisterBlock {
 public:
  Window(std::unique_ptr<Host>& host, RegisterSpace space, uint64_t base)
      : host_(host), space_(space), base_(base) {}
  uint64_t ReadRegister(uint64_t offset, unsigned width) override {
    return Space().Read(base_ + offset, width);
  }
  void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override {
    Space().Write(base_ + offset, width, value);
  }

 private:
  IoSpace& Space() {
    return space_ == RegisterSpace::kMmio ? host_->machine->mmio() : host_->machine->ports();
  }
  std::unique_ptr<Host>& host_;
  const RegisterSpace space_;
  const uint64_t base_;
};

class MachineStateTest : public testing::Test {
 protected:
  MachineStateTest() {
    for (const char* name : {"/vd.img", "/hd.img", "/cd.img", "/sd.img"}) {
      std::ofstream(testing::TempDir() + name).seekp(kMiB - 1).put(0);
    }
    EXPECT_TRUE(bus_.mmio().Map(kMmio, kMmioBytes, mmio_).ok());
    EXPECT_TRUE(bus_.ports().Map(0, 0x10000, ports_).ok());
    NewHost(kBadOnce);
    EXPECT_TRUE(Run(host_->machine->Cont()).ok());
    FindDevices();
  }
  static InProcessBus::Options BusOptions() {
    InProcessBus::Options options;
    options.lines = kVirtioMmioFirstIrq + kVirtioMmioSlots;
    return options;
  }
  template <typename T>
  T Run(Task<T> task) {
    return BlockOn(control_, std::move(task));
  }
  void NewHost(const char* disk) {
    host_ = std::make_unique<Host>(bus_, control_, Host::Start::kStopped);
    ASSERT_EQ(MessageOf(host_->Configure(disk)), "");
  }
  std::string Save() {
    absl::StatusOr<std::string> state = Run(host_->machine->SaveState());
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or("");
  }
  // The machine stops, and another one goes on.
  void Move() {
    Run(host_->machine->Stop());
    const std::string state = Save();
    host_.reset();
    NewHost(kGood);
    ASSERT_EQ(MessageOf(Run(host_->machine->RestoreState(state))), "");
    EXPECT_EQ(Save(), state);
    EXPECT_TRUE(Run(host_->machine->Cont()).ok());
  }
  void FindDevices() {
    const auto vd = host_->machine->LocationOf<VirtioMmioLocation>("vd0");
    vd_mmio_.emplace(bus_, VirtioMmioDriver::Place{.base = vd->mmio_base, .line = vd->irq});
    vd_.emplace(bus_, *vd_mmio_, VirtioBlkDriver::Options{});
    ASSERT_TRUE(vd_->Probe().ok());
    const auto scsi = host_->machine->LocationOf<VirtioMmioLocation>("scsi0");
    scsi_mmio_.emplace(bus_, VirtioMmioDriver::Place{.base = scsi->mmio_base, .line = scsi->irq});
    scsi_.emplace(bus_, *scsi_mmio_, VirtioScsiDriver::Options{});
    ASSERT_TRUE(scsi_->Probe().ok());
    hd_.emplace(bus_, IdePlaceOf("hd0"));
    cd_.emplace(bus_, IdePlaceOf("cd0"));
    ASSERT_TRUE(cd_->ClearNews());
  }
  IdeDriver::Place IdePlaceOf(const std::string& id) {
    const auto at = host_->machine->LocationOf<IdeLocation>(id);
    return {.command = at->command,
            .control = at->control,
            .bus_master = at->bus_master,
            .line = at->irq,
            .unit = at->unit};
  }

  static constexpr uint64_t kMmio = 0x0a000000;
  static constexpr uint64_t kMmioBytes = 0x100000;
  std::unique_ptr<AioContext> loop_ = *CreateAioContext({.kind = AioKind::kThreads});
  AioContext& control_ = *loop_;
  InProcessBus bus_{control_, BusOptions()};
  std::unique_ptr<Host> host_;
  Window mmio_{host_, RegisterSpace::kMmio, kMmio};
  Window ports_{host_, RegisterSpace::kPort, 0};
  std::optional<VirtioMmioDriver> vd_mmio_;
  std::optional<VirtioBlkDriver> vd_;
  std::optional<VirtioMmioDriver> scsi_mmio_;
  std::optional<VirtioScsiDriver> scsi_;
  std::optional<IdeDriver> hd_;
  std::optional<AtapiDriver> cd_;
};

class Answer final : public BlkListener {
 public:
  void OnBlkDone(uint64_t, uint8_t answered) override { status = answered; }
  std::optional<uint8_t> status;
};

TEST_F(MachineStateTest, Row15_AWriteThatStoppedTheMachineIsDoneByTheNextOne) {
  Answer answer;
  vd_->set_listener(&answer);
  const GuestSegment data = {*bus_.Allocate(512, 512), 512};
  const std::vector<uint8_t> bytes(512, 0x5a);
  bus_.Write(data.address, bytes);
  ASSERT_TRUE(vd_->Submit(0, {.type = guest::kBlkOut, .sector = 7, .data = {&data, 1}}, 1));
  vd_->Kick(0);
  ASSERT_TRUE(bus_.WaitFor([&] { return host_->stopped_by_error; }, std::chrono::seconds(5)));
  Run(host_->machine->run_state().Settle());
  EXPECT_EQ(host_->machine->state(), MachineState::kIoError);

  const std::string state = Save();
  host_.reset();
  NewHost(kGood);
  ASSERT_EQ(MessageOf(Run(host_->machine->RestoreState(state))), "");
  EXPECT_EQ(host_->machine->state(), MachineState::kIoError);
  vd_->HandleInterrupts();
  EXPECT_FALSE(answer.status.has_value()) << "it waits for cont";
  EXPECT_TRUE(Run(host_->machine->Cont()).ok());
  ASSERT_TRUE(vd_->WaitUntil([&] { return answer.status.has_value(); }, std::chrono::seconds(5)));
  EXPECT_EQ(*answer.status, guest::kBlkOk);
  std::vector<uint8_t> back(512);
  ASSERT_TRUE(vd_->Read(7, back).ok());
  EXPECT_EQ(back, bytes);
}

TEST_F(MachineStateTest, Row15_AStalledDriveIsStalledInTheNextMachine) {
  BlockBackendRef drive = host_->machine->BackendOfDevice("vd0");
  // Another policy than that of the configuration.
  ASSERT_TRUE(drive->SetOnError(OnError::kReport, OnError::kStall).ok());
  Answer answer;
  vd_->set_listener(&answer);
  const GuestSegment data = {*bus_.Allocate(512, 512), 512};
  const std::vector<uint8_t> bytes(512, 0x5a);
  bus_.Write(data.address, bytes);
  ASSERT_TRUE(vd_->Submit(0, {.type = guest::kBlkOut, .sector = 7, .data = {&data, 1}}, 1));
  vd_->Kick(0);
  ASSERT_TRUE(bus_.WaitFor([&] { return drive->stalled(); }, std::chrono::seconds(5)));
  EXPECT_EQ(host_->machine->state(), MachineState::kRunning);
  EXPECT_TRUE(hd_->Write(IdeWay::kDma, 12, bytes)->ok()) << "another drive goes on";

  Run(host_->machine->Stop());
  const std::string state = Save();
  drive.reset();
  host_.reset();
  NewHost(kGood);
  ASSERT_EQ(MessageOf(Run(host_->machine->RestoreState(state))), "");
  EXPECT_EQ(Save(), state);
  drive = host_->machine->BackendOfDevice("vd0");
  EXPECT_TRUE(drive->stalled());
  EXPECT_EQ(drive->iostatus(), IoStatus::kFailed);
  EXPECT_EQ(drive->on_write_error(), OnError::kStall);
  EXPECT_FALSE(host_->machine->BackendOfDevice("hd0")->stalled());
  drive->Resume();
  EXPECT_FALSE(drive->stalled());
  vd_->HandleInterrupts();
  EXPECT_FALSE(answer.status.has_value()) << "the machine has not gone on";
  EXPECT_TRUE(Run(host_->machine->Cont()).ok());
  ASSERT_TRUE(vd_->WaitUntil([&] { return answer.status.has_value(); }, std::chrono::seconds(5)));
  EXPECT_EQ(*answer.status, guest::kBlkOk);
  std::vector<uint8_t> back(512);
  ASSERT_TRUE(vd_->Read(7, back).ok());
  EXPECT_EQ(back, bytes);
}

TEST_F(MachineStateTest, Row15_WhatWaitsForARetryIsTriedByTheNextMachine) {
  BlockBackendRef backend = host_->machine->BackendOfDevice("vd0");
  ASSERT_TRUE(backend
                  ->SetErrorPolicies({.read = OnError::kReport,
                                      .write = OnError::kRetry,
                                      .retry = {.delay = RetryPolicy::kMaxDelay}})
                  .ok());
  Answer answer;
  vd_->set_listener(&answer);
  const GuestSegment data = {*bus_.Allocate(512, 512), 512};
  ASSERT_TRUE(vd_->Submit(0, {.type = guest::kBlkOut, .sector = 7, .data = {&data, 1}}, 1));
  vd_->Kick(0);
  ASSERT_TRUE(bus_.WaitFor([&] { return host_->retries == 1; }, std::chrono::seconds(5)));
  backend.reset();
  Move();
  ASSERT_TRUE(vd_->WaitUntil([&] { return answer.status.has_value(); }, std::chrono::seconds(5)));
  EXPECT_EQ(*answer.status, guest::kBlkOk);
}

TEST_F(MachineStateTest, AStateOfTheVersionBeforeIsRestored) {
  Run(host_->machine->Stop());
  state::Machine state;
  ASSERT_TRUE(state.ParseFromString(Save()));
  state.set_version(1);
  host_.reset();
  NewHost(kGood);
  EXPECT_EQ(MessageOf(Run(host_->machine->RestoreState(state.SerializeAsString()))), "");
  EXPECT_TRUE(Run(host_->machine->Cont()).ok());
  EXPECT_EQ(*vd_->Flush(), guest::kBlkOk);
}

TEST_F(MachineStateTest, EveryDeviceGoesOn) {
  ASSERT_TRUE(cd_->PreventAllow(AtapiLock::kLocked).ok());
  const std::vector<uint8_t> bytes(1024, 0x77);
  EXPECT_TRUE(hd_->Write(IdeWay::kDma, 12, bytes)->ok());
  Move();
  EXPECT_EQ(cd_->StartStop(AtapiTray::kOpen).sense.code, 0x5302);
  std::vector<uint8_t> back(1024);
  EXPECT_TRUE(hd_->Read(IdeWay::kPio, 12, back)->ok());
  EXPECT_EQ(back, bytes);
  EXPECT_EQ(*vd_->Flush(), guest::kBlkOk);
  VirtioScsiUnit unit(*scsi_, guest::ScsiLunOf(0, 0));
  ScsiInitiator disk(unit);
  Move();
  EXPECT_TRUE(disk.ClearAttentions()->good());
  Move();
  EXPECT_TRUE(disk.TestUnitReady()->good()) << "no attention comes of a move";
  EXPECT_EQ(scsi_->ring_faults() + vd_->ring_faults() + hd_->faults() + cd_->faults(), 0u);
}

// Both have the images open at the same time; one of them at a time uses them.
TEST_F(MachineStateTest, Row31_AMachineThatWaitsTakesTheImagesOver) {
  const std::vector<uint8_t> bytes(512, 0x31);
  ASSERT_TRUE(hd_->Write(IdeWay::kDma, 5, bytes)->ok());
  Run(host_->machine->Stop());
  const std::string state = Save();
  auto next = std::make_unique<Host>(bus_, control_, Host::Start::kIncoming);
  ASSERT_EQ(MessageOf(next->Configure(kGood)), "") << "the locks are the other's";
  EXPECT_EQ(next->machine->state(), MachineState::kIncoming);
  ASSERT_EQ(MessageOf(Run(next->machine->RestoreState(state))), "");
  EXPECT_EQ(ErrnoOf(Run(next->machine->Cont())), EBUSY);
  EXPECT_EQ(next->machine->state(), MachineState::kPaused);
  EXPECT_EQ(ErrnoOf(Run(next->machine->ResizeNode("n0", 2 * kMiB))), EBUSY);

  ASSERT_TRUE(Run(host_->machine->Inactivate()).ok());
  ASSERT_EQ(MessageOf(Run(next->machine->Cont())), "");
  EXPECT_EQ(ErrnoOf(Run(host_->machine->Cont())), EBUSY);
  EXPECT_EQ(host_->machine->state(), MachineState::kPaused);
  std::swap(host_, next);
  next.reset();
  std::vector<uint8_t> back(512);
  ASSERT_TRUE(hd_->Read(IdeWay::kDma, 5, back)->ok());
  EXPECT_EQ(back, bytes);
  ASSERT_TRUE(vd_->Write(6, bytes).ok());
  ASSERT_TRUE(Run(host_->machine->ResizeNode("n0", 2 * kMiB)).ok());
}

// The other one never came: the images are taken back.
TEST_F(MachineStateTest, ImagesThatNobodyTookAreTakenBack) {
  EXPECT_EQ(ErrnoOf(Run(host_->machine->Inactivate())), EBUSY) << "it runs";
  EXPECT_EQ(ErrnoOf(Run(host_->machine->SetNodeActive("n0", false))), EBUSY);
  EXPECT_EQ(ErrnoOf(Run(host_->machine->SetNodeActive("n9", false))), ENOENT);
  Run(host_->machine->Stop());
  ASSERT_TRUE(Run(host_->machine->Inactivate()).ok());
  ASSERT_EQ(MessageOf(Run(host_->machine->Cont())), "");
  ASSERT_TRUE(hd_->Write(IdeWay::kDma, 6, std::vector<uint8_t>(512, 1))->ok());
}

TEST_F(MachineStateTest, C_21_OnlyAStoppedMachine) {
  EXPECT_EQ(Run(host_->machine->SaveState()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Run(host_->machine->RestoreState("")).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MachineStateTest, WhatIsNoStateOfThisMachineIsRefusedByName) {
  Run(host_->machine->Stop());
  state::Machine right;
  ASSERT_TRUE(right.ParseFromString(Save()));
  EXPECT_EQ(Run(host_->machine->RestoreState(right.SerializeAsString())).code(),
            absl::StatusCode::kFailedPrecondition)
      << "its devices are in use";
  Run(host_->machine->Reset());
  const auto refused = [&](auto change, const std::string& why) {
    state::Machine state = right;
    change(state);
    const absl::Status status = Run(host_->machine->RestoreState(state.SerializeAsString()));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_NE(MessageOf(status).find(why), std::string::npos) << status;
  };
  using State = state::Machine;
  EXPECT_EQ(Run(host_->machine->RestoreState("\xff")).code(), absl::StatusCode::kInvalidArgument);
  refused([](State& s) { s.set_version(9); }, "version 9; versions up to 2 can be restored");
  refused([](State& s) { s.mutable_devices(0)->set_id("vd9"); }, "device 'vd9', a virtio-blk");
  refused([](State& s) { s.mutable_devices(0)->set_model("nvme"); }, "device 'vd0', a nvme");
  refused([](State& s) { s.mutable_devices()->RemoveLast(); }, "device 'sd0' of this machine");
  refused([](State& s) { *s.add_devices() = s.devices(0); }, "device 'vd0' is there twice");
  refused([](State& s) { s.mutable_devices(0)->clear_state(); }, "of device 'vd0' there is none");
  refused([](State& s) { s.mutable_devices(4)->set_state("x"); }, "of device 'sd0' there is one");
  refused([](State& s) { s.mutable_devices(2)->set_state("x"); }, "device 'cd0'");
  refused([](State& s) { s.mutable_devices(3)->mutable_errors()->set_stalled(true); },
          "device 'scsi0': it has no drive");
  refused(
      [](State& s) {
        // Seen before any device is touched.
        s.mutable_devices(0)->mutable_errors()->mutable_policies();
        s.mutable_devices(1)->set_state("x");
      },
      "device 'vd0': error policy 0 is not known");
  EXPECT_FALSE(host_->machine->BackendOfDevice("vd0")->stalled());
  // As after a reset: its drivers begin anew.
  EXPECT_TRUE(Run(host_->machine->Cont()).ok());
  ASSERT_TRUE(vd_->Probe().ok());
  EXPECT_EQ(*vd_->Flush(), guest::kBlkOk);
}

}  // namespace
}  // namespace platter
