// SPDX-License-Identifier: Apache-2.0
//
// Commands that wait for somebody outside of the program, and the other clients meanwhile.

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "machine/machine_fixture.h"
#include "monitor/monitor_fixture.h"
#include "testing/guest/atapi_driver.h"

namespace platter {
namespace {

constexpr const char* kDone = MonitorRig::kDone;

// A client beside the rig's.
class Waiter {
 public:
  explicit Waiter(MonitorRig& rig)
      : rig_(rig), session_(std::make_shared<QmpSession>(rig.monitor(), output_)) {
    session_->Start();
    Say(R"({"execute": "qmp_capabilities"})");
    TakeAnswer();
  }
  ~Waiter() { session_->Close(); }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void Say(const std::string& input) { session_->Receive(input); }
  bool waits() const { return !session_->wants_input(); }
  Lines TakeAnswer() {
    rig_.control().RunUntil([this] { return !waits(); });
    return std::exchange(output_.lines, {});
  }

 private:
  MonitorRig& rig_;
  CollectedLines output_;
  std::shared_ptr<QmpSession> session_;
};

// With files of the host, whose guest has locked cd0.
class CommandsWaitingTest : public testing::Test {
 protected:
  CommandsWaitingTest() {
    const auto at = rig_.machine().LocationOf<IdeLocation>("cd0");
    EXPECT_TRUE(at.ok()) << at.status();
    guest_ =
        std::make_unique<AtapiDriver>(rig_.bus(), IdeDriver::Place{.command = at->command,
                                                                   .control = at->control,
                                                                   .bus_master = at->bus_master,
                                                                   .line = at->irq,
                                                                   .unit = at->unit});
    EXPECT_TRUE(guest_->ClearNews());
    EXPECT_TRUE(guest_->PreventAllow(AtapiLock::kLocked).ok());
  }
  static std::string Arguments(const std::string& timeout) {
    return R"({"id": "cd0", "filename": ")" + MonitorRig::MakeFile("waited.iso", 6144) +
           R"(", "x-timeout": )" + timeout + "}";
  }
  static std::string Change(const std::string& timeout) {
    return R"({"execute": "blockdev-change-medium", "arguments": )" + Arguments(timeout) + "}";
  }
  uint64_t Length() { return rig_.machine().BackendOfDevice("cd0")->length(); }

  MonitorRig rig_{RigWorld::kHost};
  std::unique_ptr<AtapiDriver> guest_;
};

constexpr char kAnHour[] = "3600000";

TEST_F(CommandsWaitingTest, AClientThatWaitsHoldsNobodyUp) {
  Waiter waiter(rig_);
  waiter.Say(Change(kAnHour));
  // What comes later has its turn when the wait has begun.
  EXPECT_NE(rig_.Run("query-status").at(0).find("running"), std::string::npos);
  EXPECT_TRUE(waiter.waits());
  EXPECT_EQ(guest_->GetEventStatus()->code, 1) << "the guest was asked";
  EXPECT_EQ(Length(), 204800u);
  EXPECT_EQ(rig_.Run("blockdev-open-tray", R"({"id": "cd1"})"),
            (Lines{MonitorRig::TrayEvent(true, "cd1"), kDone}));
  EXPECT_NE(rig_.Refusal("eject", R"({"id": "cd0"})").find("is locked"), std::string::npos);
  // Of one client the answers stay in order.
  waiter.Say(R"({"execute": "query-name"})");
  ASSERT_TRUE(guest_->PreventAllow(AtapiLock::kUnlocked).ok());
  ASSERT_TRUE(guest_->StartStop(AtapiTray::kOpen).ok());
  EXPECT_EQ(waiter.TakeAnswer(),
            (Lines{MonitorRig::TrayEvent(true, "cd1"), MonitorRig::TrayEvent(true),
                   MonitorRig::TrayEvent(false), kDone, kDone}));
  EXPECT_EQ(Length(), 6144u);
}

TEST_F(CommandsWaitingTest, AGuestThatDoesNotAnswerKeepsItsMedium) {
  EXPECT_NE(rig_.Refusal("blockdev-change-medium", Arguments("1"))
                .find("'cd0' is locked: eject requested from the guest, which has not opened"),
            std::string::npos);
  EXPECT_NE(rig_.Refusal("blockdev-change-medium", Arguments("0")).find("'cd0' is locked"),
            std::string::npos);
}

TEST_F(CommandsWaitingTest, WrongTimesAreRefused) {
  for (const std::string wrong : {"-1", "\"1\"", "1.5", "true", "[1]", "99999999999"}) {
    EXPECT_NE(rig_.Refusal("blockdev-change-medium", Arguments(wrong))
                  .find("blockdev-change-medium.x-timeout: "),
              std::string::npos)
        << wrong;
  }
}

TEST_F(CommandsWaitingTest, TwoClientsDoNotWaitForOneDrive) {
  Waiter waiter(rig_);
  waiter.Say(Change(kAnHour));
  EXPECT_NE(rig_.Refusal("blockdev-change-medium", Arguments(kAnHour))
                .find("another change waits for it already"),
            std::string::npos);
  // Force is quicker than both.
  EXPECT_EQ(rig_.Run("eject", R"({"id": "cd0", "force": true})"),
            (Lines{MonitorRig::TrayEvent(true), kDone}));
  const Lines answer = waiter.TakeAnswer();
  ASSERT_EQ(answer.size(), 2u);
  EXPECT_NE(answer[1].find("its medium was changed meanwhile"), std::string::npos);
}

TEST_F(CommandsWaitingTest, AMonitorThatEndsWaitsForNobody) {
  {
    Waiter waiter(rig_);
    waiter.Say(Change(kAnHour));
    rig_.Run("query-status");
    EXPECT_TRUE(waiter.waits());
  }
  // The rig's end waits for the command, which would be an hour.
}

TEST_F(CommandsWaitingTest, AnUnplugHoldsNobodyUp) {
  auto device = std::make_unique<HeldDevice>("held0");
  HeldDevice& held = *device;
  ASSERT_TRUE(rig_.machine().AdoptDevice(std::move(device), nullptr).ok());
  Waiter waiter(rig_);
  waiter.Say(R"({"execute": "device_del", "arguments": {"id": "held0"}})");
  EXPECT_NE(rig_.Run("query-status").at(0).find("running"), std::string::npos);
  EXPECT_TRUE(waiter.waits());
  EXPECT_NE(rig_.Refusal("device_del", R"({"id": "held0"})").find("is being unplugged"),
            std::string::npos);
  held.Release();
  const Lines answer = waiter.TakeAnswer();
  ASSERT_EQ(answer.size(), 2u);
  EXPECT_NE(answer[0].find("DEVICE_DELETED"), std::string::npos);
  EXPECT_EQ(answer[1], kDone);
}

}  // namespace
}  // namespace platter
