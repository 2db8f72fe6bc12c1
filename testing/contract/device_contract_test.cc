// SPDX-License-Identifier: Apache-2.0
//
// That the suite sees what it is for: a toy drive with one fault at a time, and for each the test
// that has to fail. The suite runs in a child process with the fault in its environment; without
// one the same drive passes.

#include "testing/contract/device_contract.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "testing/contract/toy_drive_fixture.h"

namespace platter {
namespace {

constexpr char kVariable[] = "PLATTER_CONTRACT_FAULT";

// Says that a reset is done when it has only begun.
class HastyDevice final : public Device {
 public:
  HastyDevice(Device& device, AioContext& control) : device_(device), control_(control) {}
  const std::string& id() const override { return device_.id(); }
  const char* model() const override { return device_.model(); }
  void Reset(DeviceDone done) override {
    device_.Reset([] {});
    control_.Post(std::move(done));
  }
  void Pause(DeviceDone done) override { device_.Pause(std::move(done)); }
  void Resume() override { device_.Resume(); }
  void Unplug(DeviceDone done) override { device_.Unplug(std::move(done)); }

 private:
  Device& device_;
  AioContext& control_;
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
    const absl::Status status = drive_->Create(setup);
    if (status.ok()) hasty_ = std::make_unique<HastyDevice>(drive_->device(), setup.control);
    return status;
  }
  Device& device() override {
    return Has("resets too early") ? static_cast<Device&>(*hasty_) : drive_->device();
  }
  void Destroy() override { drive_->Destroy(); }
  absl::Status Probe(GuestIoListener& listener) override {
    listener_ = &listener;
    return drive_->Probe(*this);
  }
  absl::Status Start(const GuestIo& io) override {
    io_ = io;
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
    if (Has("hides errors")) outcome = GuestOutcome::kOk;
    if (Has("reads wrongly") && io_.op == GuestOp::kRead) {
      const uint8_t wrong[] = {0xde, 0xad};
      bus_->Write(io_.buffer.address, wrong);
    }
    listener_->OnGuestIo(token, outcome);
    if (Has("answers twice")) listener_->OnGuestIo(token, outcome);
  }

  const std::unique_ptr<DeviceFixture> drive_ = MakeToyDriveFixture();
  std::unique_ptr<HastyDevice> hasty_;
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
                    Expected{"writes beside", "RandomReadsAndWritesAreAByteArray"},
                    Expected{"reads wrongly", "RandomReadsAndWritesAreAByteArray"},
                    Expected{"hides growth", "GrowthIsSeenAndUsable"},
                    Expected{"does not lock", "ALockedDriveAsksItsGuestFirst"},
                    Expected{"loses answers", "RandomReadsAndWritesAreAByteArray"},
                    Expected{"answers twice", "RandomReadsAndWritesAreAByteArray"},
                    Expected{"hides errors", "ReportTellsTheGuestAndTheHost"}));

TEST_P(DeviceContractSuite, SeesTheFault) {
  const std::string test = std::string("Faulty/DeviceContractTest.") + GetParam().test + "/Toy";
  const auto run = [&](const std::string& fault) {
    const std::string command =
        std::string("env -u GTEST_OUTPUT -u XML_OUTPUT_FILE -u TESTBRIDGE_TEST_ONLY ") + kVariable +
        "='" + fault + "' /proc/" + std::to_string(getpid()) + "/exe --gtest_filter='" + test +
        "' 2>&1";
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");
    std::array<char, 4096> chunk;
    while (const size_t count = fread(chunk.data(), 1, chunk.size(), pipe)) {
      output.append(chunk.data(), count);
    }
    return std::pair(pclose(pipe), output);
  };
  const auto [healthy, healthy_output] = run("");
  EXPECT_EQ(healthy, 0) << healthy_output;
  EXPECT_THAT(healthy_output, testing::HasSubstr("[  PASSED  ] 1 test"));
  const auto [faulty, faulty_output] = run(GetParam().fault);
  EXPECT_NE(faulty, 0) << faulty_output;
  EXPECT_THAT(faulty_output, testing::HasSubstr("FAILED"));
}

}  // namespace
}  // namespace platter
