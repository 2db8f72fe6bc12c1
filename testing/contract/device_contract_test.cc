// SPDX-License-Identifier: Apache-2.0
//
// That the suite sees what it is for: a toy drive with one fault at a time, and for each the test
// that has to fail. The suite runs in a child process with the fault in its environment; without
// one the same drive passes.

#include "testing/contract/device_contract.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/timer.h"
#include "blockbackend/forwarding_view.h"
#include "testing/contract/toy_drive_fixture.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

constexpr char kVariable[] = "PLATTER_CONTRACT_FAULT";

// The faults of a device towards its machine.
class FaultyDevice final : public Device {
 public:
  FaultyDevice(Device& device, const DeviceFixture::Setup& setup, std::string_view fault)
      : device_(device),
        control_(setup.control),
        bus_(setup.bus),
        fault_(fault),
        straggler_(setup.control, [this] { TouchMemory(); }) {}

  const std::string& id() const override { return device_.id(); }
  const char* model() const override { return device_.model(); }
  void Reset(DeviceDone done) override {
    if (fault_ != "resets too early") return device_.Reset(std::move(done));
    device_.Reset([] {});
    control_.Post(std::move(done));
  }
  void Pause(DeviceDone done) override {
    if (fault_ == "ignores pause") return control_.Post(std::move(done));
    // Long after it should stand still.
    if (fault_ == "moves while stopped") straggler_.ArmAfter(std::chrono::seconds(10));
    device_.Pause(std::move(done));
  }
  void Resume() override {
    if (fault_ != "ignores resume") device_.Resume();
  }
  void Unplug(DeviceDone done) override {
    // The first time: the test's end unplugs it too.
    if (fault_ != "unplugs too early" || std::exchange(unplugged_, true)) {
      return device_.Unplug(std::move(done));
    }
    device_.Unplug([] {});
    control_.Post(std::move(done));
  }

 private:
  void TouchMemory() {
    const InProcessBus::Region& region = bus_.options().regions[0];
    const uint8_t byte[] = {0xff};
    bus_.Write(region.address + region.bytes - 1, byte);
  }

  Device& device_;
  AioContext& control_;
  InProcessBus& bus_;
  const std::string_view fault_;
  Timer straggler_;
  bool unplugged_ = false;
};

// A drive whose tray stays where it is when the host moves it.
class StuckTrayView final : public ForwardingView {
 public:
  using ForwardingView::ForwardingView;
  absl::Status Attach(const DeviceAttachment& attachment, BlockDevOps ops) override {
    ops.change_media = [](MediumMove) {};
    return ForwardingView::Attach(attachment, std::move(ops));
  }
};

// The toy drive, with the fault that the environment names.
class FaultyFixture final : public DeviceFixture, private GuestIoListener {
 public:
  FaultyFixture() {
    const char* fault = std::getenv(kVariable);
    if (fault != nullptr) fault_ = fault;
  }

  DeviceTraits traits() const override {
    DeviceTraits traits = drive_->traits();
    if (Has("claims no tray")) traits.tray = false;
    return traits;
  }
  absl::Status Create(const Setup& setup) override {
    bus_ = &setup.bus;
    view_ = Has("moves no tray") ? std::make_unique<StuckTrayView>(setup.backend)
                                 : std::make_unique<ForwardingView>(setup.backend);
    const absl::Status status = drive_->Create({.control = setup.control,
                                                .bus = setup.bus,
                                                .backend = *view_,
                                                .id = setup.id,
                                                .read_error = setup.read_error,
                                                .write_error = setup.write_error});
    if (status.ok()) device_ = std::make_unique<FaultyDevice>(drive_->device(), setup, fault_);
    return status;
  }
  Device& device() override { return *device_; }
  void Destroy() override { drive_->Destroy(); }
  absl::Status Probe(GuestIoListener& listener) override {
    listener_ = &listener;
    return drive_->Probe(*this);
  }
  absl::Status Start(const GuestIo& io) override {
    io_ = io;
    if (Has("answers from nowhere") && io.op == GuestOp::kRead) {
      listener_->OnGuestIo(io.token, GuestOutcome::kOk);
    }
    GuestIo changed = io;
    if (Has("writes beside") && io.op == GuestOp::kWrite) {
      changed.offset = io.offset >= 512 ? io.offset - 512 : io.offset;
    }
    return drive_->Start(changed);
  }
  void Poll() override { drive_->Poll(); }
  void ForgetAll() override { drive_->ForgetAll(); }
  bool Gone() override { return drive_->Gone(); }
  uint64_t Faults() override { return drive_->Faults(); }
  uint64_t Capacity() override { return drive_->Capacity(); }
  uint64_t CapacityChanges() override {
    return Has("hides growth") ? 0 : drive_->CapacityChanges();
  }
  uint64_t MediumChanges() override { return drive_->MediumChanges(); }
  uint64_t EjectRequests() override { return drive_->EjectRequests(); }
  bool TrayOpen() override { return drive_->TrayOpen(); }
  bool Locked() override { return drive_->Locked(); }
  bool GuestLock() override { return Has("does not lock") || drive_->GuestLock(); }
  bool GuestUnlock() override { return drive_->GuestUnlock(); }
  bool GuestOpenTray() override { return drive_->GuestOpenTray(); }
  bool GuestCloseTray() override { return drive_->GuestCloseTray(); }

 private:
  bool Has(std::string_view fault) const { return fault_ == fault; }

  void OnGuestIo(uint64_t token, GuestOutcome outcome) override {
    if (Has("loses answers")) return;
    if (Has("answers from nowhere") && io_.op == GuestOp::kRead) return;  // It has answered.
    if (Has("hides errors")) outcome = GuestOutcome::kOk;
    if (Has("reads wrongly") && io_.op == GuestOp::kRead) {
      const uint8_t wrong[] = {0xde, 0xad};
      bus_->Write(io_.buffer.address, wrong);
    }
    listener_->OnGuestIo(token, outcome);
    if (Has("answers twice")) listener_->OnGuestIo(token, outcome);
  }

  std::unique_ptr<ForwardingView> view_;
  const std::unique_ptr<DeviceFixture> drive_ = MakeToyDriveFixture();
  std::unique_ptr<FaultyDevice> device_;
  InProcessBus* bus_ = nullptr;
  GuestIoListener* listener_ = nullptr;
  GuestIo io_;
  std::string fault_;
};

std::unique_ptr<DeviceFixture> MakeFaultyFixture() { return std::make_unique<FaultyFixture>(); }

INSTANTIATE_TEST_SUITE_P(Faulty, DeviceContractTest,
                         testing::Values(DeviceContractCase{"Toy", &MakeFaultyFixture}),
                         NameOfCase);

struct Expected {
  const char* fault;
  const char* test;
};

class DeviceContractSuite : public testing::TestWithParam<Expected> {};

INSTANTIATE_TEST_SUITE_P(
    Faults, DeviceContractSuite,
    testing::Values(Expected{"claims no tray", "AttachTellsWhatTheDriveIs"},
                    Expected{"resets too early", "ResetWithARequestHeld"},
                    Expected{"ignores pause", "StopWaitsForTheRequestAndContGoesOn"},
                    Expected{"ignores pause", "NothingMovesAtThePlaceToSave"},
                    Expected{"ignores resume", "StopWaitsForTheRequestAndContGoesOn"},
                    Expected{"moves while stopped", "NothingMovesAtThePlaceToSave"},
                    Expected{"moves while stopped", "NothingMovesAtThePlaceToSaveWithARequestKept"},
                    Expected{"answers from nowhere", "DrainWaitsAndThenNothingStarts"},
                    Expected{"unplugs too early", "UnplugWithARequestHeld"},
                    Expected{"moves no tray", "EjectOpensTheTrayAndTakesTheMedium"},
                    Expected{"writes beside", "RandomReadsAndWritesAreAByteArray"},
                    Expected{"reads wrongly", "RandomReadsAndWritesAreAByteArray"},
                    Expected{"hides growth", "GrowthIsSeenAndUsable"},
                    Expected{"does not lock", "ALockedDriveAsksItsGuestFirst"},
                    Expected{"loses answers", "RandomReadsAndWritesAreAByteArray"},
                    Expected{"answers twice", "RandomReadsAndWritesAreAByteArray"},
                    Expected{"hides errors", "ReportTellsTheGuestAndTheHost"}));

// Runs one test of the suite in a process of its own, with a fault.
struct SuiteRun {
  int status;  // As waitpid(2) has it.
  std::string output;
};
SuiteRun RunSuite(const std::string& test, const std::string& fault) {
  const std::string command =
      std::string("exec env -u GTEST_OUTPUT -u XML_OUTPUT_FILE -u TESTBRIDGE_TEST_ONLY ") +
      kVariable + "='" + fault + "' /proc/" + std::to_string(getpid()) + "/exe --gtest_filter='" +
      test + "' 2>&1";
  SuiteRun run = {};
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> chunk;
  while (const size_t count = fread(chunk.data(), 1, chunk.size(), pipe)) {
    run.output.append(chunk.data(), count);
  }
  run.status = pclose(pipe);
  return run;
}

// By an assertion of that test: a crash, a failed check or a sanitizer's report shows nothing of
// the suite.
TEST_P(DeviceContractSuite, SeesTheFault) {
  const std::string test = std::string("Faulty/DeviceContractTest.") + GetParam().test + "/Toy";
  const SuiteRun healthy = RunSuite(test, "");
  EXPECT_EQ(healthy.status, 0) << healthy.output;
  EXPECT_THAT(healthy.output, HasSubstr("[  PASSED  ] 1 test"));
  const SuiteRun faulty = RunSuite(test, GetParam().fault);
  EXPECT_TRUE(WIFEXITED(faulty.status) && WEXITSTATUS(faulty.status) == 1) << faulty.output;
  EXPECT_THAT(faulty.output, HasSubstr(": Failure\n"));
  EXPECT_THAT(faulty.output, HasSubstr("[  FAILED  ] " + test));
  EXPECT_THAT(faulty.output, HasSubstr("\n 1 FAILED TEST"));
}

}  // namespace
}  // namespace platter
