// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/server.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

using R = VhostUserRequest;

TEST(ServerTest, ASecondFrontEndWaitsForItsTurn) {
  SessionRig rig;
  auto first = rig.Connect();
  ASSERT_TRUE(first->Ask(R::kGetFeatures).ok());
  auto second = rig.Connect();
  ASSERT_TRUE(second->Send(static_cast<uint32_t>(R::kGetFeatures), kVhostUserVersion, {}));
  rig.Turn();
  EXPECT_TRUE(first->Ask(R::kGetFeatures).ok());
  first.reset();
  EXPECT_TRUE(second->Receive().ok());
}

TEST(ServerTest, C_46_ClosingEndsASessionInWhichIsInFlight) {
  SessionRig rig;
  SessionGuest guest(rig);
  ASSERT_TRUE(guest.disk.Probe().ok());
  rig.backend.hold = true;
  const uint64_t buffer = *guest.bus.Allocate(512, 512);
  const GuestSegment segment = {.address = buffer, .bytes = 512};
  ASSERT_TRUE(guest.disk.Submit(0, {.type = guest::kBlkOut, .data = {&segment, 1}}, 1));
  guest.disk.Kick(0);
  ASSERT_TRUE(guest.bus.WaitFor([&] { return rig.backend.held() == 1; }, std::chrono::seconds(10)));
  BlockOn(*rig.control, rig.exported->Close());
  rig.exported.reset();
  EXPECT_GE(rig.backend.cancels, 1u);
  EXPECT_FALSE(rig.backend.attached);
  EXPECT_EQ(rig.LastLine(), "");
}

TEST(ServerTest, ALiarIsLoggedAtALimitedRate) {
  SessionRig rig;
  for (int i = 0; i < 50; ++i) {
    auto front = rig.Connect();
    ASSERT_TRUE(front->Send(99, kVhostUserVersion, {}));
    ASSERT_TRUE(front->WaitUntilClosed().ok());
    rig.Turn();
  }
  EXPECT_LE(rig.log.Lines().size(), 2 * RateLimitedLog::kBurst + 1);
  EXPECT_NE(rig.log.Lines().front().find(
                "export 'exp0': the front-end's session ends: message 99 is not supported"),
            std::string::npos)
      << rig.log.Lines().front();
}

}  // namespace
}  // namespace platter
