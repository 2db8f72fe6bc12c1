// SPDX-License-Identifier: Apache-2.0
//
// Messages about features, configuration and state, one by one.

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_config.h"
#include "devices/virtio/virtio_spec.h"
#include "exports/vhost_user/requests.h"
#include "exports/vhost_user/session.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

using R = VhostUserRequest;

constexpr uint32_t kWriteback = offsetof(VirtioBlkConfig, writeback);

class SessionConfigTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(front_->NegotiateProtocol(UINT64_MAX).ok()); }

  void ExpectEnds(R request, std::span<const uint8_t> payload, const std::string& text) {
    ASSERT_TRUE(front_->Send(static_cast<uint32_t>(request), kVhostUserVersion, payload));
    EXPECT_TRUE(front_->WaitUntilClosed().ok());
    EXPECT_NE(rig_.LastLine().find(text), std::string::npos) << rig_.LastLine();
  }
  static std::vector<uint8_t> Config(uint32_t offset, uint32_t size, uint32_t flags, size_t bytes) {
    const VhostUserConfigHeader header = {.offset = offset, .size = size, .flags = flags};
    std::vector<uint8_t> payload(BytesOf(header).begin(), BytesOf(header).end());
    payload.resize(payload.size() + bytes);
    return payload;
  }

  SessionRig rig_{{.num_queues = 3}};
  std::unique_ptr<VhostUserFrontEnd> front_ = rig_.Connect();
};

TEST_F(SessionConfigTest, WhatIsOfferedIsWhatIsServed) {
  EXPECT_EQ(front_->protocol_features(), kServedProtocolFeatures);
  const uint64_t features = front_->Ask(R::kGetFeatures).value_or(0);
  EXPECT_NE(features & kVhostUserFProtocolFeatures, 0u);
  EXPECT_NE(features & kVirtioFVersion1, 0u);
  EXPECT_NE(features & kVhostFLogAll, 0u);
  EXPECT_EQ(front_->Ask(R::kGetQueueNum).value_or(0), 3u);
}

TEST_F(SessionConfigTest, OwnersComeAndGo) {
  EXPECT_TRUE(front_->Tell(R::kSetOwner, {}).ok());
  EXPECT_TRUE(front_->Tell(R::kResetOwner, {}).ok());
  EXPECT_TRUE(front_->Ask(R::kGetQueueNum).ok());
}

// R-VU-06.
TEST_F(SessionConfigTest, ConfigurationBehindTheDevicesIsZero) {
  rig_.backend.Resize(kMiB);
  const auto all = front_->GetConfig(0, kVhostUserMaxConfigBytes);
  ASSERT_TRUE(all.ok()) << all.status();
  VirtioBlkConfig config;
  std::memcpy(&config, all->data(), sizeof(config));
  EXPECT_EQ(config.capacity.get(), kMiB / kSectorSize);
  EXPECT_EQ(config.num_queues.get(), 3u);
  for (size_t i = sizeof(config); i < all->size(); ++i) EXPECT_EQ((*all)[i], 0) << i;
  const auto part = front_->GetConfig(20, 4);
  ASSERT_TRUE(part.ok());
  EXPECT_TRUE(std::equal(part->begin(), part->end(), all->begin() + 20));
}

TEST_F(SessionConfigTest, ConfigurationThatCannotBeHasNoBytes) {
  for (const auto& [offset, size] : std::vector<std::pair<uint32_t, uint32_t>>{
           {0, 0}, {1, kVhostUserMaxConfigBytes}, {257, 1}, {UINT32_MAX, 2}}) {
    EXPECT_EQ(front_->GetConfig(offset, size).status().code(), absl::StatusCode::kAborted);
  }
}

TEST_F(SessionConfigTest, AConfigurationIsAsLongAsItSays) {
  ExpectEnds(R::kGetConfig, Config(0, 61, 0, 60), "GET_CONFIG: 61 bytes of configuration in 72");
}

TEST_F(SessionConfigTest, ASizeThatIsNotThereIsNotAnswered) {
  ExpectEnds(R::kGetConfig, Config(0, UINT32_MAX - 11, 0, 0), "GET_CONFIG: 4294967284 bytes");
}

TEST_F(SessionConfigTest, WritableFieldsAreWrittenAndOthersRefused) {
  const std::array<uint8_t, 1> off = {0};
  const uint64_t features = front_->Ask(R::kGetFeatures).value_or(0);
  ASSERT_TRUE(front_->Tell(R::kSetFeatures, BytesOf(features)).ok());
  EXPECT_TRUE(front_->SetConfig(kWriteback, off).ok());
  EXPECT_FALSE(rig_.backend.write_cache);
  const std::array<uint8_t, 8> capacity = {1};
  EXPECT_EQ(front_->SetConfig(0, capacity).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(front_->GetConfig(0, 8).value_or(std::vector<uint8_t>())[1], kMiB / kSectorSize >> 8);
  // Without a wish for an answer it is ignored.
  ASSERT_TRUE(front_->Send(static_cast<uint32_t>(R::kSetConfig), kVhostUserVersion,
                           Config(0, 8, kVhostUserConfigWritable, 8)));
  EXPECT_TRUE(front_->Ask(R::kGetQueueNum).ok());
  // Live migration writes it all; what can't be written is what it was.
  EXPECT_TRUE(front_->Tell(R::kSetConfig, Config(0, 8, kVhostUserConfigMigration, 8)).ok());
}

TEST_F(SessionConfigTest, UnknownFlagsOfAConfigurationAreRefused) {
  ExpectEnds(R::kSetConfig, Config(0, 1, 2, 1), "SET_CONFIG: unknown flags 2");
}

TEST_F(SessionConfigTest, AConfigurationBehindAllIsRefused) {
  ExpectEnds(R::kSetConfig, Config(UINT32_MAX, 8, 0, 8), "SET_CONFIG: no configuration has");
}

TEST_F(SessionConfigTest, StatusIsKeptAndFeaturesOkTellsTheTruth) {
  uint64_t status = 1 | 2 | 8;
  ASSERT_TRUE(front_->Tell(R::kSetStatus, BytesOf(status)).ok());
  EXPECT_EQ(front_->Ask(R::kGetStatus).value_or(0), 1u | 2u) << "no features were set";
  const uint64_t features = front_->Ask(R::kGetFeatures).value_or(0);
  ASSERT_TRUE(front_->Tell(R::kSetFeatures, BytesOf(features)).ok());
  ASSERT_TRUE(front_->Tell(R::kSetStatus, BytesOf(status)).ok());
  EXPECT_EQ(front_->Ask(R::kGetStatus).value_or(0), status);
  status = 0;
  ASSERT_TRUE(front_->Tell(R::kSetStatus, BytesOf(status)).ok());
  EXPECT_EQ(front_->Ask(R::kGetStatus).value_or(1), 0u);
}

TEST_F(SessionConfigTest, AStatusHasEightBits) {
  const uint64_t status = 256;
  ExpectEnds(R::kSetStatus, BytesOf(status), "SET_STATUS: 0x100 is no device status");
}

TEST_F(SessionConfigTest, MessagesOfFeaturesThatWereNotNegotiatedAreRefused) {
  ASSERT_TRUE(front_->NegotiateProtocol(kVhostUserProtocolMq).ok());
  ExpectEnds(R::kGetStatus, {}, "GET_STATUS needs a protocol feature");
}

TEST_F(SessionConfigTest, OnlyASocketIsABackendChannel) {
  const OwnedDescriptor event(eventfd(0, EFD_CLOEXEC));
  const std::array<int, 1> wrong = {event.get()};
  EXPECT_EQ(front_->Tell(R::kSetBackendReqFd, {}, wrong).code(), absl::StatusCode::kAborted);
  std::array<int, 2> pair = {};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const OwnedDescriptor ours(pair[0]);
  const OwnedDescriptor theirs(pair[1]);
  const std::array<int, 1> right = {theirs.get()};
  EXPECT_TRUE(front_->Tell(R::kSetBackendReqFd, {}, right).ok());
}

TEST_F(SessionConfigTest, AResetForgetsTheRings) {
  front_.reset();
  SessionGuest guest(rig_);
  ASSERT_TRUE(guest.disk.Probe().ok());
  ASSERT_TRUE(guest.front->Tell(R::kResetDevice, {}).ok());
  EXPECT_EQ(guest.front->GetVringBase(0).value_or(1), 0u);
  EXPECT_EQ(guest.front->Ask(R::kGetStatus).value_or(1), 0u);
  ASSERT_TRUE(guest.disk.Probe().ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(guest.disk.Read(0, data).value_or(255), guest::kBlkOk);
}

TEST_F(SessionConfigTest, AResizeBeforeTheDriverStartsIsToldWhenItDoes) {
  front_.reset();
  SessionGuest guest(rig_);
  ASSERT_TRUE(guest.transport.Discover(2).ok());
  ASSERT_TRUE(guest.front->GetConfig(0, 60).ok());
  rig_.backend.Resize(2 * kMiB);
  rig_.Turn();
  ASSERT_TRUE(guest.transport.AcceptFeatures(kVirtioFVersion1).ok());
  EXPECT_FALSE(guest.transport.TakeInterrupts().config);
  const RingLayout layout = {.size = 16,
                             .descriptors = *guest.bus.Allocate(256, 16),
                             .driver = *guest.bus.Allocate(64, 16),
                             .device = *guest.bus.Allocate(256, 16)};
  ASSERT_TRUE(guest.transport.StartQueue(0, layout).ok());
  EXPECT_TRUE(guest.transport.TakeInterrupts().config);
}

}  // namespace
}  // namespace platter
