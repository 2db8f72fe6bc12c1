// SPDX-License-Identifier: Apache-2.0
//
// The front-end against a peer that this test plays.

#include "testing/guest/vhost_user_front_end.h"

#include <sys/socket.h>

#include <array>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

using R = VhostUserRequest;

class VhostUserFrontEndTest : public testing::Test {
 protected:
  VhostUserFrontEndTest() {
    std::array<int, 2> pair = {};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    front_ = std::make_unique<VhostUserFrontEnd>(
        OwnedDescriptor(pair[0]),
        VhostUserFrontEnd::Options{.timeout = std::chrono::milliseconds(50)});
    back_ =
        std::make_unique<VhostUserFrontEnd>(OwnedDescriptor(pair[1]), VhostUserFrontEnd::Options{});
  }
  void Answer(R request, uint64_t value, uint32_t flags = kVhostUserVersion | kVhostUserReply) {
    ASSERT_TRUE(back_->Send(static_cast<uint32_t>(request), flags, BytesOf(value)));
  }

  std::unique_ptr<VhostUserFrontEnd> front_;
  std::unique_ptr<VhostUserFrontEnd> back_;
};

TEST_F(VhostUserFrontEndTest, AsksAndTells) {
  Answer(R::kGetFeatures, 42);
  EXPECT_EQ(front_->Ask(R::kGetFeatures).value_or(0), 42u);
  EXPECT_EQ(back_->Receive()->request, static_cast<uint32_t>(R::kGetFeatures));
  Answer(R::kGetProtocolFeatures, kVhostUserProtocolReplyAck | kVhostUserProtocolMq);
  ASSERT_TRUE(front_->NegotiateProtocol(kVhostUserProtocolReplyAck).ok());
  EXPECT_EQ(front_->protocol_features(), kVhostUserProtocolReplyAck);
  Answer(R::kSetOwner, 0);
  EXPECT_TRUE(front_->Tell(R::kSetOwner, {}).ok());
  Answer(R::kSetOwner, 1);
  EXPECT_EQ(front_->Tell(R::kSetOwner, {}).code(), absl::StatusCode::kAborted);
}

TEST_F(VhostUserFrontEndTest, WrongAnswersAreErrors) {
  Answer(R::kGetQueueNum, 1);
  EXPECT_EQ(front_->Ask(R::kGetFeatures).status().code(), absl::StatusCode::kInternal);
  Answer(R::kGetFeatures, 1, kVhostUserVersion);
  EXPECT_EQ(front_->Ask(R::kGetFeatures).status().code(), absl::StatusCode::kInternal);
}

TEST_F(VhostUserFrontEndTest, APeerThatIsSilentOrGoneIsAnError) {
  EXPECT_EQ(front_->Ask(R::kGetFeatures).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(front_->closed());
  back_.reset();
  EXPECT_TRUE(front_->closed());
  EXPECT_TRUE(front_->WaitUntilClosed().ok());
  EXPECT_EQ(front_->Ask(R::kGetFeatures).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace platter
