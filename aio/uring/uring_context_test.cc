// SPDX-License-Identifier: Apache-2.0
//
// What only the ring has; the contract of all kinds is in aio/context_contract_test.cc.

#include "aio/uring/uring_context.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

#include "aio/context_fixture.h"

namespace platter {
namespace {

class UringContextTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = UringContext::Create("ring", {}, 8);
    ASSERT_TRUE(made.ok()) << made.status();
    context_ = *std::move(made);
  }

  std::unique_ptr<AioContext> context_;
};

TEST_F(UringContextTest, WatchesAndWakeUpsSurviveTheThreadThatArmedThem) {
  EventFd event;
  int calls = 0;
  CallingWatch watch([&](uint32_t) {
    event.Clear();
    ++calls;
  });
  std::thread([&] {
    context_->BindToThisThread();
    context_->Watch(watch, event.fd(), EPOLLIN);
    while (context_->RunReady()) {
    }
  }).join();  // The kernel cancels what it queued.
  context_->BindToThisThread();
  event.Signal();
  context_->RunUntil([&] { return calls == 1; });
  int posted = 0;
  std::thread poster([&] { context_->Post([&] { ++posted; }); });
  context_->RunUntil([&] { return posted == 1; });
  poster.join();
  context_->Unwatch(watch);
}

TEST_F(UringContextTest, DeviceIoctlsGoToThePoolBesideOperationsOfTheRing) {
  CallingFileOp ioctl_op;
  ioctl_op.kind = FileOpKind::kZeroDev;
  ioctl_op.fd = -1;
  CallingFileOp ring_op;
  ring_op.kind = FileOpKind::kSync;
  ring_op.fd = -1;
  context_->file_io().Submit(ioctl_op);
  context_->file_io().Submit(ring_op);
  EXPECT_EQ(context_->file_io().outstanding(), 2u);
  context_->RunUntil([&] { return ioctl_op.calls + ring_op.calls == 2; });
  EXPECT_EQ(ioctl_op.last, -EBADF);
  EXPECT_EQ(ring_op.last, -EBADF);
}

TEST_F(UringContextTest, UnwatchLetsGoOfAClosedDescriptorAtOnce) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  CallingWatch watch([](uint32_t) {});
  context_->Watch(watch, ends[1], EPOLLERR);
  while (context_->RunReady()) {
  }
  context_->Unwatch(watch);
  close(ends[1]);
  // Now nobody has the writing end: the reader sees the end of the pipe.
  int ended = 0;
  CallingWatch at_end([&](uint32_t) { ++ended; });
  context_->Watch(at_end, ends[0], EPOLLIN);
  context_->RunUntil([&] { return ended > 0; });
  context_->Unwatch(at_end);
  close(ends[0]);
}

}  // namespace
}  // namespace platter
