// SPDX-License-Identifier: Apache-2.0
//
// Rows 12 and 15 of docs/api.md, as a client of QMP has them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "config/json_writer.h"
#include "monitor/block_info.h"
#include "monitor/monitor_fixture.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {
namespace {

class Answer final : public BlkListener {
 public:
  void OnBlkDone(uint64_t, uint8_t answered) override { status = answered; }
  std::optional<uint8_t> status;
};

class CommandsErrorPolicyTest : public testing::Test {
 protected:
  ErrorPolicies Policies(const std::string& id) {
    return rig_.machine().BackendOfDevice(id)->error_policies();
  }
  // Whether query-block says this of the drive.
  bool Shows(const std::string& id, const std::string& text) {
    const std::string drive = FormatJson(DriveValue(*rig_.machine().BackendOfDevice(id)));
    return drive.find(text) != std::string::npos;
  }
  std::string Refusal(const std::string& arguments) {
    return rig_.Refusal("x-block-set-on-error", arguments);
  }
  static constexpr const char* kDone = MonitorRig::kDone;

  MonitorRig rig_;
};

TEST_F(CommandsErrorPolicyTest, Row12_PoliciesChangeWhileTheMachineRuns) {
  EXPECT_TRUE(Shows("vd0", R"("x-rerror": "report", "x-werror": "enospc", "x-stalled": false)"));
  EXPECT_FALSE(Shows("vd0", "x-retry"));
  EXPECT_EQ(rig_.Run("x-block-set-on-error", R"({"id": "vd0", "rerror": "stall"})"), Lines{kDone});
  EXPECT_EQ(Policies("vd0").read, OnError::kStall);
  EXPECT_EQ(Policies("vd0").write, OnError::kEnospc) << "as it was";
  EXPECT_EQ(rig_.Run("x-block-set-on-error",
                     R"({"device": "vd0", "werror": "retry", "x-retry-delay": 20,)"
                     R"( "x-retry-limit": 0, "x-retry-action": "stop"})"),
            Lines{kDone});
  EXPECT_TRUE(Shows("vd0", R"("io-status": "ok", "x-rerror": "stall", "x-werror": "retry", )"
                           R"("x-retry-delay": 20, "x-retry-limit": 0, "x-retry-action": "stop", )"
                           R"("x-stalled": false)"));
  EXPECT_EQ(rig_.Run("x-block-set-on-error", R"({"id": "vd0", "x-retry-limit": 5})"), Lines{kDone});
  EXPECT_EQ(Policies("vd0").retry.limit, 5u);
  EXPECT_EQ(Policies("vd0").retry.then, OnError::kStop) << "as it was";
  EXPECT_EQ(
      rig_.Run("x-block-set-on-error", R"({"id": "vd0", "rerror": "auto", "werror": "auto"})"),
      Lines{kDone});
  EXPECT_EQ(Policies("vd0").read, OnError::kReport);
  EXPECT_EQ(Policies("vd0").write, OnError::kEnospc);
  EXPECT_EQ(Policies("hd0").read, OnError::kReport) << "another drive";
}

TEST_F(CommandsErrorPolicyTest, Row12_WhatIsWrongIsNamedAndChangesNothing) {
  EXPECT_EQ(Refusal(R"({"id": "vd0", "rerror": "enospc"})"),
            "block backend of device 'vd0': the read error policy cannot be 'enospc'");
  EXPECT_EQ(Refusal(R"({"id": "vd0", "rerror": "retry", "x-retry-action": "enospc"})"),
            "block backend of device 'vd0': the action after retries of reads cannot be 'enospc'");
  EXPECT_EQ(Refusal(R"({"id": "vd0"})"),
            "x-block-set-on-error: there is nothing to change: give rerror, werror or an x-retry "
            "option");
  for (const std::string argument :
       {R"("x-retry-delay": 5)", R"("x-retry-limit": 5)", R"("x-retry-action": "stop")"}) {
    const std::string name = argument.substr(1, argument.find(':') - 2);
    EXPECT_EQ(Refusal(R"({"id": "vd0", "werror": "stop", )" + argument + "}"),
              "x-block-set-on-error." + name + ": needs the error policy retry");
  }
  EXPECT_EQ(Refusal(R"({"id": "vd0", "rerror": "retry", "x-retry-delay": 0})"),
            "x-block-set-on-error.x-retry-delay: 0 must be between 1 and 3600000");
  EXPECT_EQ(Refusal(R"({"id": "vd0", "rerror": "retry", "x-retry-limit": 1000001})"),
            "x-block-set-on-error.x-retry-limit: 1000001 must be between 0 and 1000000");
  for (const char* const wrong :
       {R"("rerror": "stal")", R"("werror": 4)", R"("rerror": "retry", "x-retry-action": "retry")",
        R"("rerror": "retry", "x-retry-delay": "long")"}) {
    EXPECT_EQ(Refusal(std::string(R"({"id": "vd0", )") + wrong + "}").find("x-block-set-on-error."),
              0u)
        << wrong;
  }
  EXPECT_EQ(Refusal(R"({"rerror": "stop"})"), "Need exactly one of 'device' and 'id'");
  EXPECT_EQ(Refusal(R"({"id": "scsi0", "rerror": "stop"})"),
            "Device 'scsi0' does not have a block device backend");
  EXPECT_EQ(rig_.Refusal("DeviceNotFound", "x-block-set-on-error",
                         R"({"id": "nosuch", "rerror": "stop"})"),
            "Device 'nosuch' not found");
}

TEST_F(CommandsErrorPolicyTest, Row15_ResumeNeedsADrive) {
  EXPECT_EQ(rig_.Refusal("x-block-resume"), "Need exactly one of 'device' and 'id'");
  EXPECT_EQ(rig_.Refusal("DeviceNotFound", "x-block-resume", R"({"id": "nosuch"})"),
            "Device 'nosuch' not found");
  EXPECT_EQ(rig_.Refusal("x-block-resume", R"({"id": "vd0", "now": true})"),
            "x-block-resume.now: unknown option; there are device, id");
  const std::string before = rig_.State();
  EXPECT_EQ(rig_.Run("x-block-resume", R"({"id": "vd0"})"), Lines{kDone}) << "nothing to resume";
  EXPECT_EQ(rig_.State(), before);
}

TEST_F(CommandsErrorPolicyTest, Row15_AStallIsSeenAndResumed) {
  EXPECT_EQ(rig_.Run("blockdev-add",
                     R"({"driver": "blkdebug", "node-name": "bad", "inject-error": [{"event": )"
                     R"("write_aio", "errno": 28, "once": true}], "image": {"driver": "memory", )"
                     R"("size": 1048576}})"),
            Lines{kDone});
  EXPECT_EQ(rig_.Run("device_add", R"({"driver": "virtio-blk", "id": "vd1", "drive": "bad"})"),
            Lines{kDone});
  EXPECT_EQ(rig_.Run("x-block-set-on-error", R"({"id": "vd1", "werror": "stall"})"), Lines{kDone});
  const auto at = rig_.machine().LocationOf<VirtioMmioLocation>("vd1");
  ASSERT_TRUE(at.ok());
  VirtioMmioDriver transport(rig_.bus(),
                             VirtioMmioDriver::Place{.base = at->mmio_base, .line = at->irq});
  VirtioBlkDriver driver(rig_.bus(), transport, VirtioBlkDriver::Options{});
  ASSERT_TRUE(driver.Probe().ok());
  Answer answer;
  driver.set_listener(&answer);
  const GuestSegment data = {*rig_.bus().Allocate(512, 512), 512};
  ASSERT_TRUE(driver.Submit(0, {.type = guest::kBlkOut, .sector = 7, .data = {&data, 1}}, 1));
  driver.Kick(0);
  const Lines told = rig_.Say("");
  ASSERT_EQ(told.size(), 1u);
  for (const char* const part : {R"("event": "BLOCK_IO_ERROR")", R"("action": "stall")",
                                 R"("nospace": true)", R"("node-name": "bad")"}) {
    EXPECT_NE(told[0].find(part), std::string::npos) << told[0];
  }
  EXPECT_TRUE(Shows("vd1", R"("io-status": "nospace")"));
  EXPECT_TRUE(Shows("vd1", R"("x-stalled": true)"));
  EXPECT_EQ(rig_.machine().state(), MachineState::kRunning);
  driver.HandleInterrupts();
  EXPECT_FALSE(answer.status.has_value());
  EXPECT_EQ(rig_.Run("x-block-resume", R"({"id": "vd1"})"), Lines{kDone});
  driver.HandleInterrupts();
  ASSERT_TRUE(answer.status.has_value());
  EXPECT_EQ(*answer.status, guest::kBlkOk);
  EXPECT_TRUE(Shows("vd1", R"("io-status": "ok")"));
  EXPECT_TRUE(Shows("vd1", R"("x-stalled": false)"));
}

}  // namespace
}  // namespace platter
