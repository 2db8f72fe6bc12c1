// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/message_stream.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "base/status.h"
#include "testing/guest/vhost_user_front_end.h"

namespace platter {
namespace {

class MessageStreamTest : public testing::Test, public MessageStreamUser {
 protected:
  struct Got {
    uint32_t request;
    uint32_t flags;
    std::vector<uint8_t> payload;
    size_t descriptors;
  };

  MessageStreamTest() {
    std::array<int, 2> pair = {};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    stream_ = std::make_unique<MessageStream>(*context_, OwnedDescriptor(pair[0]),
                                              MessageStream::Peer::kSendsRequests, *this);
    peer_ = std::make_unique<VhostUserFrontEnd>(
        OwnedDescriptor(pair[1]), VhostUserFrontEnd::Options{.turn = [this] { Turn(); }});
  }

  void Turn() {
    for (int i = 0; i < 1000 && context_->RunReady(); ++i) {
    }
  }
  // The first bytes of a message and its payload.
  static std::vector<uint8_t> Message(uint32_t request, uint32_t flags, uint32_t size,
                                      size_t payload) {
    const VhostUserHeader header = {.request = request, .flags = flags, .size = size};
    std::vector<uint8_t> bytes(BytesOf(header).begin(), BytesOf(header).end());
    for (size_t i = 0; i < payload; ++i) bytes.push_back(static_cast<uint8_t>(i));
    return bytes;
  }
  void ExpectEnd(const std::string& text) {
    Turn();
    ASSERT_TRUE(end_.has_value());
    EXPECT_NE(MessageOf(*end_).find(text), std::string::npos) << *end_;
    EXPECT_TRUE(stream_->closed());
    EXPECT_TRUE(got_.empty());
  }

  void OnMessage(VhostUserMessage& message) override {
    got_.push_back({message.request,
                    message.flags,
                    {message.payload.begin(), message.payload.end()},
                    message.descriptors.size()});
    if (answer_bytes_ != 0) {
      stream_->SendReply(message.request, std::vector<uint8_t>(answer_bytes_),
                         std::move(answer_descriptor_));
    }
    if (pause_) stream_->Pause();
    if (take_ && !message.descriptors.empty()) taken_ = std::move(message.descriptors[0]);
    if (close_) stream_->Close();
  }
  void OnStreamEnd(const absl::Status& why) override {
    EXPECT_FALSE(end_.has_value()) << "told twice";
    end_ = why;
  }

  std::unique_ptr<AioContext> context_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "stream"});
  std::unique_ptr<MessageStream> stream_;
  std::unique_ptr<VhostUserFrontEnd> peer_;
  std::vector<Got> got_;
  std::optional<absl::Status> end_;
  size_t answer_bytes_ = 0;
  OwnedDescriptor answer_descriptor_;
  bool pause_ = false;
  bool take_ = false;
  bool close_ = false;
  OwnedDescriptor taken_;
  const OwnedDescriptor event_{eventfd(0, EFD_CLOEXEC)};
};

TEST_F(MessageStreamTest, AMessageMayComeInTwoPartsCutAnywhere) {
  const std::vector<uint8_t> bytes = Message(5, kVhostUserVersion, 40, 40);
  const std::vector<int> fds = {event_.get(), event_.get()};
  for (size_t cut = 1; cut <= bytes.size(); ++cut) {
    got_.clear();
    ASSERT_TRUE(peer_->SendBytes(std::span(bytes).first(cut), fds));
    Turn();
    if (cut < bytes.size()) {
      EXPECT_TRUE(got_.empty());
      ASSERT_TRUE(peer_->SendBytes(std::span(bytes).subspan(cut)));
      Turn();
    }
    ASSERT_EQ(got_.size(), 1u) << cut;
    EXPECT_EQ(got_[0].request, 5u);
    EXPECT_EQ(got_[0].payload, std::vector<uint8_t>(bytes.begin() + 12, bytes.end()));
    EXPECT_EQ(got_[0].descriptors, 2u);
  }
}

TEST_F(MessageStreamTest, SeveralMessagesAtOnceEachHaveTheirOwnDescriptors) {
  for (int i = 0; i < 40; ++i) {
    const std::vector<int> fds(i % 9, event_.get());
    ASSERT_TRUE(peer_->Send(i, kVhostUserVersion, {}, fds));
  }
  Turn();
  ASSERT_EQ(got_.size(), 40u);
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(got_[i].request, static_cast<uint32_t>(i));
    EXPECT_EQ(got_[i].descriptors, static_cast<size_t>(i % 9));
  }
}

TEST_F(MessageStreamTest, DescriptorsThatNobodyTakesAreClosed) {
  const OwnedDescriptor next(eventfd(0, EFD_CLOEXEC));
  const int lowest = next.get() + 1;
  take_ = true;
  const std::vector<int> fds = {event_.get(), event_.get(), event_.get()};
  ASSERT_TRUE(peer_->Send(1, kVhostUserVersion, {}, fds));
  Turn();
  ASSERT_EQ(got_.size(), 1u);
  EXPECT_GE(taken_.get(), 0);
  EXPECT_NE(fcntl(taken_.get(), F_GETFD) & FD_CLOEXEC, 0);
  taken_ = OwnedDescriptor();
  const OwnedDescriptor again(eventfd(0, EFD_CLOEXEC));
  EXPECT_LE(again.get(), lowest);
}

TEST_F(MessageStreamTest, NineDescriptorsEndIt) {
  const std::vector<int> fds(9, event_.get());
  ASSERT_TRUE(peer_->Send(1, kVhostUserVersion, {}, fds));
  ExpectEnd("more than 8 file descriptors");
}

TEST_F(MessageStreamTest, DescriptorsInTheMiddleEndIt) {
  const std::vector<uint8_t> bytes = Message(5, kVhostUserVersion, 8, 8);
  const std::vector<int> fds = {event_.get()};
  ASSERT_TRUE(peer_->SendBytes(std::span(bytes).first(12)));
  ASSERT_TRUE(peer_->SendBytes(std::span(bytes).subspan(12), fds));
  ExpectEnd("in the middle of a message");
}

TEST_F(MessageStreamTest, ASizeIsRefusedBeforeThePayloadComes) {
  ASSERT_TRUE(peer_->SendBytes(Message(5, kVhostUserVersion, kVhostUserMaxPayload + 1, 0)));
  ExpectEnd("message 5 has 269 bytes");
}

TEST_F(MessageStreamTest, AnotherVersionEndsIt) {
  ASSERT_TRUE(peer_->SendBytes(Message(1, 2, 0, 0)));
  ExpectEnd("message 1 is of version 2");
}

TEST_F(MessageStreamTest, AReplyIsNoRequest) {
  ASSERT_TRUE(peer_->SendBytes(Message(1, kVhostUserVersion | kVhostUserReply, 0, 0)));
  ExpectEnd("message 1 is a reply");
}

TEST_F(MessageStreamTest, AnEndBetweenMessagesIsNoErrorAndOneInsideIs) {
  ASSERT_TRUE(peer_->SendBytes(Message(1, kVhostUserVersion, 4, 3)));
  Turn();
  peer_.reset();
  ExpectEnd("closed in the middle of a message");
}

TEST_F(MessageStreamTest, AnEndBetweenMessagesIsOk) {
  peer_.reset();
  Turn();
  ASSERT_TRUE(end_.has_value());
  EXPECT_TRUE(end_->ok());
}

TEST_F(MessageStreamTest, NothingIsTakenWhilePausedButThatThePeerHasGoneIsNoticed) {
  pause_ = true;
  ASSERT_TRUE(peer_->Send(1, kVhostUserVersion, {}));
  ASSERT_TRUE(peer_->Send(2, kVhostUserVersion, {}));
  Turn();
  EXPECT_EQ(got_.size(), 1u);
  stream_->Resume();
  Turn();
  EXPECT_EQ(got_.size(), 2u);
  peer_.reset();
  Turn();
  EXPECT_TRUE(end_.has_value());
}

TEST_F(MessageStreamTest, APeerThatDoesNotReadIsNotReadFrom) {
  answer_bytes_ = 256;
  size_t sent = 0;
  while (sent < 100'000) {
    const std::vector<uint8_t> bytes = Message(1, kVhostUserVersion, 0, 0);
    const ssize_t count = send(peer_->socket(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0) break;
    sent += static_cast<size_t>(count);
    Turn();
    EXPECT_LE(stream_->unsent(), 268u);
  }
  ASSERT_LT(sent, 1'200'000u);
  EXPECT_FALSE(end_.has_value());
  const size_t before = got_.size();
  // Once it reads, all that it had sent is answered.
  while (got_.size() * 12 < sent) ASSERT_TRUE(peer_->Receive().ok());
  EXPECT_GE(got_.size(), before);
  EXPECT_FALSE(end_.has_value());
}

TEST_F(MessageStreamTest, ClosedFromInsideAMessageItTellsNothing) {
  close_ = true;
  ASSERT_TRUE(peer_->Send(1, kVhostUserVersion, {}));
  ASSERT_TRUE(peer_->Send(2, kVhostUserVersion, {}));
  Turn();
  EXPECT_EQ(got_.size(), 1u);
  EXPECT_FALSE(end_.has_value());
  EXPECT_TRUE(peer_->closed());
}

TEST_F(MessageStreamTest, ADescriptorGoesWithItsAnswer) {
  for (const bool given : {true, false, true}) {
    answer_bytes_ = 24;
    answer_descriptor_ = OwnedDescriptor(given ? eventfd(5, EFD_CLOEXEC) : -1);
    ASSERT_TRUE(peer_->Send(1, kVhostUserVersion, {}));
    const auto answer = peer_->Receive();
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->payload.size(), 24u);
    ASSERT_EQ(answer->descriptor.get() >= 0, given);
    if (!given) continue;
    uint64_t value = 0;
    EXPECT_EQ(read(answer->descriptor.get(), &value, sizeof(value)), 8);
    EXPECT_EQ(value, 5u);
  }
}

// Behind an answer that the peer has not read yet.
TEST_F(MessageStreamTest, ADescriptorWaitsForItsTurn) {
  const int small = 1;
  ASSERT_EQ(setsockopt(peer_->socket(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  std::vector<uint8_t> much(4000);
  size_t sent = 0;
  for (; stream_->unsent() == 0; ++sent) stream_->Send(7, kVhostUserVersion, much);
  stream_->Send(8, kVhostUserVersion, much, OwnedDescriptor(eventfd(6, EFD_CLOEXEC)));
  for (size_t i = 0; i < sent; ++i) {
    const auto before = peer_->Receive();
    ASSERT_TRUE(before.ok());
    EXPECT_EQ(before->request, 7u);
    EXPECT_LT(before->descriptor.get(), 0);
  }
  const auto answer = peer_->Receive();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->request, 8u);
  EXPECT_GE(answer->descriptor.get(), 0);
}

}  // namespace
}  // namespace platter
