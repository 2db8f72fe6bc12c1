// SPDX-License-Identifier: Apache-2.0
//
// What only the epoll kind has; the contract of all kinds is in aio/context_contract_test.cc.

#include "aio/epoll/epoll_context.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/context_fixture.h"

namespace platter {
namespace {

class EpollContextTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = EpollContext::Create("epoll", {}, 1);
    ASSERT_TRUE(made.ok()) << made.status();
    context_ = *std::move(made);
  }

  std::unique_ptr<AioContext> context_;
};

TEST_F(EpollContextTest, UnwatchAfterTheOwnerClosedTheDescriptor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  CallingWatch watch([](uint32_t) { FAIL(); });
  context_->Watch(watch, ends[0], EPOLLIN);
  close(ends[0]);
  context_->Unwatch(watch);
  close(ends[1]);
  EXPECT_FALSE(context_->RunReady());
}

TEST_F(EpollContextTest, MoreReadyDescriptorsThanOneLookTakes) {
  constexpr size_t kDescriptors = 200;
  std::vector<std::unique_ptr<EventFd>> events;
  std::vector<std::unique_ptr<CallingWatch>> watches;
  size_t served = 0;
  for (size_t i = 0; i < kDescriptors; ++i) {
    EventFd* event = events.emplace_back(std::make_unique<EventFd>()).get();
    event->Signal();
    watches.push_back(std::make_unique<CallingWatch>([&served, event](uint32_t) {
      event->Clear();
      ++served;
    }));
    context_->Watch(*watches.back(), event->fd(), EPOLLIN);
  }
  context_->RunUntil([&] { return served == kDescriptors; });
  for (auto& watch : watches) context_->Unwatch(*watch);
}

}  // namespace
}  // namespace platter
