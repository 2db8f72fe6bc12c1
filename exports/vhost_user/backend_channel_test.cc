// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/backend_channel.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "gtest/gtest.h"

#include "base/status.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

class BackendChannelTest : public testing::Test {
 protected:
  BackendChannelTest() {
    std::array<int, 2> pair = {};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    peer_ = OwnedDescriptor(pair[0]);
    channel_ = *BackendChannel::Create(*context_, OwnedDescriptor(pair[1]));
  }
  void Turn() {
    for (int i = 0; i < 1000 && context_->RunReady(); ++i) {
    }
  }

  std::unique_ptr<AioContext> context_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "channel"});
  OwnedDescriptor peer_;
  std::unique_ptr<BackendChannel> channel_;
};

TEST_F(BackendChannelTest, TellsOfAChange) {
  channel_->TellConfigChange();
  VhostUserHeader header;
  ASSERT_EQ(recv(peer_.get(), &header, sizeof(header), MSG_DONTWAIT), ssize_t{sizeof(header)});
  EXPECT_EQ(header.request, kVhostUserBackendConfigChange);
  EXPECT_EQ(header.flags, kVhostUserVersion);
  EXPECT_EQ(header.size, 0u);
}

TEST_F(BackendChannelTest, APeerThatDoesNotReadMakesNothingGrow) {
  for (int i = 0; i < 100'000; ++i) channel_->TellConfigChange();
  Turn();
  // What is there is whole messages.
  VhostUserHeader header;
  int messages = 0;
  while (recv(peer_.get(), &header, sizeof(header), MSG_DONTWAIT) == ssize_t{sizeof(header)}) {
    ASSERT_EQ(header.request, kVhostUserBackendConfigChange);
    ++messages;
    Turn();
  }
  EXPECT_GT(messages, 0);
}

TEST_F(BackendChannelTest, WhatThePeerSaysIsDroppedAndItsEndHurtsNobody) {
  const VhostUserHeader reply = {.request = kVhostUserBackendConfigChange,
                                 .flags = kVhostUserVersion | kVhostUserReply,
                                 .size = 0};
  ASSERT_EQ(send(peer_.get(), &reply, sizeof(reply), 0), ssize_t{sizeof(reply)});
  Turn();
  channel_->TellConfigChange();
  {
    const OwnedDescriptor closing = std::move(peer_);
  }
  Turn();
  channel_->TellConfigChange();
  Turn();
}

TEST_F(BackendChannelTest, OnlyAConnectedStreamSocketWillDo) {
  EXPECT_EQ(
      ErrnoOf(BackendChannel::Create(*context_, OwnedDescriptor(eventfd(0, EFD_CLOEXEC))).status()),
      EINVAL);
  EXPECT_EQ(ErrnoOf(BackendChannel::Create(
                        *context_, OwnedDescriptor(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)))
                        .status()),
            EINVAL);
  EXPECT_EQ(ErrnoOf(BackendChannel::Create(
                        *context_, OwnedDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)))
                        .status()),
            EINVAL);
}

}  // namespace
}  // namespace platter
