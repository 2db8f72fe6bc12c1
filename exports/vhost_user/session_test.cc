// SPDX-License-Identifier: Apache-2.0
//
// What a front-end and its guest see of a session as a whole, and what becomes of one that lies.

#include "exports/vhost_user/session.h"

#include <sys/eventfd.h>

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "exports/vhost_user/requests.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

using R = VhostUserRequest;

TEST(SessionTest, AGuestReadsWhatItWrote) {
  SessionRig rig;
  SessionGuest guest(rig);
  ASSERT_TRUE(guest.disk.Probe().ok());
  EXPECT_EQ(guest.disk.info().capacity_sectors, kMiB / kSectorSize);
  std::vector<uint8_t> data(16 * kKiB);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 7 + i / 512);
  EXPECT_EQ(guest.disk.Write(3, data).value_or(255), guest::kBlkOk);
  EXPECT_EQ(rig.backend.data[3 * kSectorSize + 1], data[1]);
  std::vector<uint8_t> back(data.size());
  EXPECT_EQ(guest.disk.Read(3, back).value_or(255), guest::kBlkOk);
  EXPECT_EQ(back, data);
  EXPECT_EQ(guest.disk.GetId().value_or(""), "vhost_user_blk");
  EXPECT_EQ(guest.disk.ring_faults(), 0u);
}

// 5.2.6: "sector" is 512 bytes, and a guest is told of no optimal size that there isn't.
TEST(SessionTest, C_45_SectorsAreOf512BytesWhateverTheBlockSize) {
  SessionRig rig({.logical_block_size = 4096});
  SessionGuest guest(rig);
  ASSERT_TRUE(guest.disk.Probe().ok());
  EXPECT_EQ(guest.disk.info().capacity_sectors, kMiB / kSectorSize);
  EXPECT_EQ(guest.disk.info().block_size, 4096u);
  EXPECT_EQ(guest.disk.info().opt_io_bytes, 0u);
  const std::vector<uint8_t> data(4096, 0x45);
  EXPECT_EQ(guest.disk.Write(8, data).value_or(255), guest::kBlkOk);
  EXPECT_EQ(rig.backend.data[4096], 0x45);
  EXPECT_EQ(rig.backend.data[size_t{8} * 4096], 0);
}

TEST(SessionTest, TwoQueues) {
  SessionRig rig({.num_queues = 2});
  SessionGuest guest(rig, {.queues = 2});
  ASSERT_TRUE(guest.disk.Probe().ok());
  ASSERT_EQ(guest.disk.queue_count(), 2);
  for (uint16_t queue : {0, 1}) {
    EXPECT_EQ(guest.disk.Execute(queue, {.type = guest::kBlkFlush}).value_or(255), guest::kBlkOk);
  }
}

TEST(SessionTest, WithoutAcknowledgementsToo) {
  SessionRig rig;
  SessionGuest guest(rig, {.protocol_features = kVhostUserProtocolConfig});
  ASSERT_TRUE(guest.disk.Probe().ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(guest.disk.Read(0, data).value_or(255), guest::kBlkOk);
}

TEST(SessionTest, AFrontEndThatStopsItsRingsGoesOnWhereTheyStood) {
  SessionRig rig;
  SessionGuest guest(rig);
  ASSERT_TRUE(guest.disk.Probe().ok());
  std::vector<uint8_t> data(512, 0x5a);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(guest.disk.Write(round, data).value_or(255), guest::kBlkOk);
    ASSERT_TRUE(guest.transport.StopQueues().ok());
    ASSERT_TRUE(guest.transport.ResumeQueues().ok());
  }
  EXPECT_EQ(rig.backend.data[size_t{4} * kSectorSize], 0x5a);
}

TEST(SessionTest, AResizeIsTold) {
  SessionRig rig;
  SessionGuest guest(rig);
  ASSERT_TRUE(guest.disk.Probe().ok());
  rig.backend.Resize(2 * kMiB);
  ASSERT_TRUE(guest.disk.WaitUntil([&] { return guest.disk.config_changes() == 1; },
                                   std::chrono::seconds(10)));
  EXPECT_EQ(guest.disk.info().capacity_sectors, 2 * kMiB / kSectorSize);
  std::vector<uint8_t> data(512);
  EXPECT_EQ(guest.disk.Read(3 * kMiB / 2 / kSectorSize, data).value_or(255), guest::kBlkOk);
}

TEST(SessionTest, FrontEndsComeOneAfterAnother) {
  SessionRig rig;
  for (int round = 0; round < 3; ++round) {
    SessionGuest guest(rig);
    ASSERT_TRUE(guest.disk.Probe().ok()) << round;
    std::vector<uint8_t> data(512, static_cast<uint8_t>(round + 1));
    EXPECT_EQ(guest.disk.Write(0, data).value_or(255), guest::kBlkOk);
    EXPECT_EQ(rig.backend.data[0], round + 1);
  }
  rig.Turn();
  EXPECT_FALSE(rig.exported->serving());
  EXPECT_EQ(rig.LastLine(), "");
}

TEST(SessionTest, C_46_ADisconnectCancelsWhatIsInFlightAndWaitsForIt) {
  SessionRig rig;
  rig.backend.hold = true;
  rig.backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  {
    SessionGuest guest(rig);
    ASSERT_TRUE(guest.disk.Probe().ok());
    const uint64_t buffer = *guest.bus.Allocate(512, 512);
    const GuestSegment segment = {.address = buffer, .bytes = 512};
    ASSERT_TRUE(guest.disk.Submit(0, {.type = guest::kBlkIn, .data = {&segment, 1}}, 1));
    guest.disk.Kick(0);
    guest.bus.WaitFor([&] { return rig.backend.held() == 1; }, std::chrono::seconds(10));
    ASSERT_EQ(rig.backend.held(), 1u);
  }
  rig.Turn();
  // The memory is still the request's, so the device is not free for another front-end.
  EXPECT_TRUE(rig.exported->serving());
  rig.backend.Release();
  rig.Turn();
  EXPECT_FALSE(rig.exported->serving());
}

// --- Lies. ---

TEST(SessionTest, AMessageThatIsNotServedEndsTheSessionAndNothingElse) {
  SessionRig rig;
  auto front = rig.Connect();
  ASSERT_TRUE(front->Send(static_cast<uint32_t>(R::kPostcopyAdvise), kVhostUserVersion, {}));
  EXPECT_TRUE(front->WaitUntilClosed().ok());
  EXPECT_NE(rig.LastLine().find("POSTCOPY_ADVISE is not supported"), std::string::npos);
  SessionGuest guest(rig);
  EXPECT_TRUE(guest.disk.Probe().ok());
}

TEST(SessionTest, FeaturesThatWereNotOfferedAreRefused) {
  SessionRig rig;
  auto front = rig.Connect();
  ASSERT_TRUE(front->NegotiateProtocol(UINT64_MAX).ok());
  const uint64_t all = UINT64_MAX;
  EXPECT_EQ(front->Tell(R::kSetFeatures, BytesOf(all)).code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(front->Ask(R::kGetFeatures).ok());
  ASSERT_TRUE(
      front->Send(static_cast<uint32_t>(R::kSetProtocolFeatures), kVhostUserVersion, BytesOf(all)));
  EXPECT_TRUE(front->WaitUntilClosed().ok());
}

// What the protocol can't be in the middle of: every served message, of every wrong size and with
// every wrong number of descriptors.
TEST(SessionTest, EveryMessageOfAWrongFormEndsTheSession) {
  SessionRig rig;
  const OwnedDescriptor event(eventfd(0, EFD_CLOEXEC));
  const std::vector<uint8_t> bytes(kVhostUserMaxPayload + 8);
  for (const RequestRule& rule : ServedRequests()) {
    for (const uint32_t size : {0u, rule.min_payload - 1, rule.min_payload, rule.max_payload,
                                rule.max_payload + 1, kVhostUserMaxPayload + 1}) {
      if (size > bytes.size()) continue;
      for (const uint32_t descriptors : {0u, 1u, 2u, 9u}) {
        const bool right = size >= rule.min_payload && size <= rule.max_payload &&
                           descriptors >= rule.min_descriptors &&
                           descriptors <= rule.max_descriptors;
        if (right) continue;
        auto front = rig.Connect();
        const std::vector<int> fds(descriptors, event.get());
        ASSERT_TRUE(front->Send(static_cast<uint32_t>(rule.id), kVhostUserVersion,
                                std::span(bytes).first(size), fds));
        EXPECT_TRUE(front->WaitUntilClosed().ok()) << rule.name << size << " " << descriptors;
        rig.Turn();
        ASSERT_FALSE(rig.exported->serving());
      }
    }
  }
}

// R-VU-03.
TEST(SessionTest, BadMessagesLeaveNoDescriptorBehind) {
  constexpr int kMessages = 10'000;
  SessionRig rig;
  const auto seed = static_cast<uint32_t>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937 random(seed);
  const OwnedDescriptor event(eventfd(0, EFD_CLOEXEC));
  rig.Turn();
  const size_t before = SessionRig::OpenDescriptors();
  for (int i = 0; i < kMessages; ++i) {
    auto front = rig.Connect();
    std::vector<uint8_t> payload(random() % (kVhostUserMaxPayload + 16));
    for (uint8_t& byte : payload) byte = random() % 4 == 0 ? static_cast<uint8_t>(random()) : 0;
    const std::vector<int> fds(random() % 10, event.get());
    front->Send(static_cast<uint32_t>(random() % 46), random() % 16, payload, fds);
    rig.Turn();
  }
  rig.Turn();
  EXPECT_EQ(SessionRig::OpenDescriptors(), before) << "seed " << seed;
  EXPECT_FALSE(rig.exported->serving());
}

}  // namespace
}  // namespace platter
