// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/state_transfer.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "base/status.h"

namespace platter {
namespace {

enum class Channel : uint8_t { kPipe, kSocket };

class StateTransferTest : public testing::TestWithParam<Channel> {
 protected:
  StateTransferTest() {
    std::array<int, 2> pair = {-1, -1};
    if (GetParam() == Channel::kPipe) {
      EXPECT_EQ(pipe2(pair.data(), O_CLOEXEC), 0);
    } else {
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    }
    reader_ = OwnedDescriptor(pair[0]);
    writer_ = OwnedDescriptor(pair[1]);
  }
  static std::string Bytes(size_t count) {
    std::string bytes(count, '\0');
    for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i * 31 + i / 256);
    return bytes;
  }
  StateTransfer::Done Tell() {
    return [this](absl::StatusOr<std::string> result) {
      transfer_.reset();
      result_ = std::move(result);
    };
  }
  void Save(std::string state) {
    auto made = StateTransfer::Save(*context_, std::move(writer_), std::move(state), Tell());
    ASSERT_TRUE(made.ok()) << made.status();
    transfer_ = *std::move(made);
  }
  void Load() {
    auto made = StateTransfer::Load(*context_, std::move(reader_), Tell());
    ASSERT_TRUE(made.ok()) << made.status();
    transfer_ = *std::move(made);
  }
  void Turn() {
    while (context_->RunReady()) {
    }
  }

  std::unique_ptr<AioContext> context_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  OwnedDescriptor reader_;
  OwnedDescriptor writer_;
  std::unique_ptr<StateTransfer> transfer_;
  std::optional<absl::StatusOr<std::string>> result_;
};

INSTANTIATE_TEST_SUITE_P(Channels, StateTransferTest,
                         testing::Values(Channel::kPipe, Channel::kSocket));

TEST_P(StateTransferTest, ASavedStateIsWrittenAsFastAsItIsReadAndEnds) {
  const std::string state = Bytes(1'000'000);
  Save(state);
  std::string seen;
  std::vector<char> part(10'000);
  for (;;) {
    Turn();
    const ssize_t got = read(reader_.get(), part.data(), part.size());
    ASSERT_GE(got, 0);
    if (got == 0) break;
    // What the reader does not take, nobody has waited for.
    EXPECT_TRUE(!seen.empty() || !result_.has_value());
    seen.append(part.data(), static_cast<size_t>(got));
  }
  EXPECT_EQ(seen, state);
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->ok());
}

TEST_P(StateTransferTest, AnEmptyStateIsAnEnd) {
  Save("");
  Turn();
  ASSERT_TRUE(result_.has_value() && result_->ok());
  char byte = 0;
  EXPECT_EQ(read(reader_.get(), &byte, 1), 0);
}

TEST_P(StateTransferTest, AReaderThatHasGoneIsAnError) {
  Save(Bytes(3'000'000));
  Turn();
  EXPECT_FALSE(result_.has_value());
  reader_ = OwnedDescriptor();
  Turn();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(ErrnoOf(result_->status()), EPIPE) << result_->status();
}

TEST_P(StateTransferTest, ALoadedStateIsReadToItsEnd) {
  const std::string state = Bytes(300'000);
  Load();
  for (size_t at = 0; at < state.size(); at += 30'000) {
    ASSERT_EQ(write(writer_.get(), state.data() + at, 30'000), 30'000);
    Turn();
    ASSERT_FALSE(result_.has_value());
  }
  writer_ = OwnedDescriptor();
  Turn();
  ASSERT_TRUE(result_.has_value());
  ASSERT_TRUE(result_->ok()) << result_->status();
  EXPECT_EQ(**result_, state);
}

TEST_P(StateTransferTest, AStateThatDoesNotEndIsRefused) {
  Load();
  const std::string part = Bytes(32'768);
  size_t sent = 0;
  while (!result_.has_value() && sent <= 2 * StateTransfer::kMostBytes) {
    const ssize_t count = write(writer_.get(), part.data(), part.size());
    ASSERT_GT(count, 0);
    sent += static_cast<size_t>(count);
    Turn();
  }
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_P(StateTransferTest, OneThatIsEndedTellsNothing) {
  Load();
  Turn();
  transfer_.reset();
  writer_ = OwnedDescriptor();
  Turn();
  EXPECT_FALSE(result_.has_value());
}

TEST_P(StateTransferTest, OtherDescriptorsAreRefused) {
  const auto refusal = [&](int fd) {
    return MessageOf(StateTransfer::Load(*context_, OwnedDescriptor(fd), Tell()).status());
  };
  const std::string wrong = "its descriptor is no pipe and no unix stream socket";
  EXPECT_EQ(refusal(memfd_create("file", MFD_CLOEXEC)), wrong);
  EXPECT_EQ(refusal(open("/dev/null", O_RDWR | O_CLOEXEC)), wrong);
  EXPECT_EQ(refusal(eventfd(0, EFD_CLOEXEC)), wrong);
  EXPECT_EQ(refusal(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), wrong);
  EXPECT_NE(refusal(-1).find("its descriptor"), std::string::npos);
  if (GetParam() != Channel::kPipe) return;
  EXPECT_EQ(refusal(writer_.Release()), "its descriptor is the other end of the pipe");
  EXPECT_EQ(MessageOf(StateTransfer::Save(*context_, std::move(reader_), "x", Tell()).status()),
            "its descriptor is the other end of the pipe");
}

// A peer that shares its flags and takes O_NONBLOCK off has taken it off its own only.
TEST_P(StateTransferTest, ThePeersFlagsAreItsOwn) {
  if (GetParam() == Channel::kPipe) {
    const OwnedDescriptor peers(dup(writer_.get()));
    Save(Bytes(1'000'000));
    const int flags = fcntl(peers.get(), F_GETFL);
    ASSERT_EQ(fcntl(peers.get(), F_SETFL, flags & ~O_NONBLOCK), 0);
    Turn();
  } else {
    const OwnedDescriptor peers(dup(writer_.get()));
    Save(Bytes(1'000'000));
    Turn();
    EXPECT_EQ(fcntl(peers.get(), F_GETFL) & O_NONBLOCK, 0);
  }
  EXPECT_FALSE(result_.has_value());
}

}  // namespace
}  // namespace platter
