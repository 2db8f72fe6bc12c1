// SPDX-License-Identifier: Apache-2.0
//
// What only contexts over the kernel have: foreign loops, wake-ups, and descriptors that are served
// while local work keeps the context busy.

#include "aio/host/host_context.h"

#include <poll.h>
#include <sys/epoll.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/context_fixture.h"
#include "aio/timer.h"

namespace platter {
namespace {

// --- Foreign loops. ---

class ForeignLoopTest : public ContextFixture {
 protected:
  bool Readable(int timeout_ms) {
    pollfd entry{context().PollFd(), POLLIN, 0};
    return poll(&entry, 1, timeout_ms) == 1;
  }
  // What an embedder does.
  void DriveUntil(const std::function<bool()>& done) {
    while (!done()) {
      ASSERT_TRUE(Readable(/*timeout_ms=*/10'000)) << "nothing woke the foreign loop";
      RunReadyUntilIdle();
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, ForeignLoopTest, testing::Values(Kind::kUring, Kind::kThreads),
                         KindName);

TEST_P(ForeignLoopTest, PollFdIsQuietWhenIdle) {
  context().PollFd();
  RunReadyUntilIdle();
  EXPECT_FALSE(Readable(0));
}

TEST_P(ForeignLoopTest, PostsTimersFilesAndDescriptorsMakePollFdReadable) {
  context().PollFd();
  RunReadyUntilIdle();
  bool posted = false;
  std::thread([&] { context().Post([&] { posted = true; }); }).join();
  DriveUntil([&] { return posted; });

  bool deferred = false;
  Item item([&] { deferred = true; });
  context().Defer(item);
  DriveUntil([&] { return deferred; });

  int fired = 0;
  std::optional<Timer> timer;
  timer.emplace(context(), [&] {
    if (++fired < 3) timer->ArmAfter(Duration(1'000'000));
  });
  timer->ArmAfter(Duration(2'000'000));
  DriveUntil([&] { return fired == 3; });
  EXPECT_FALSE(Readable(0));

  CallingFileOp op;
  std::array<char, 64> buffer{};
  iovec iov{buffer.data(), buffer.size()};
  op.fd = OpenFile(4096);
  op.iov = &iov;
  op.iov_count = 1;
  context().file_io().Submit(op);
  DriveUntil([&] { return op.calls == 1; });
  EXPECT_EQ(op.last, 64);

  EventFd event;
  int calls = 0;
  CallingWatch watch([&](uint32_t) {
    event.Clear();
    ++calls;
  });
  context().Watch(watch, event.fd(), EPOLLIN);
  RunReadyUntilIdle();
  EXPECT_FALSE(Readable(0));
  event.Signal();
  DriveUntil([&] { return calls == 1; });
  context().Unwatch(watch);
  RunReadyUntilIdle();
  EXPECT_FALSE(Readable(0));
}

TEST_P(ForeignLoopTest, AnOwnLoopInBetweenLosesNoWakeUp) {
  context().PollFd();
  int seen = 0;
  for (int i = 0; i < 100; ++i) {
    std::thread([&] { context().Post([&] { ++seen; }); }).join();
    if (i % 2 == 0) {
      context().RunUntil([&] { return seen == i + 1; });
    } else {
      DriveUntil([&] { return seen == i + 1; });
    }
  }
  RunReadyUntilIdle();
}

// --- Wake-ups. ---

TEST_P(ForeignLoopTest, PostsWhileAwakeCostNoWakeUp) {
  int runs = 0;
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 100; ++i) items.push_back(std::make_unique<Item>([&] { ++runs; }));
  context().Post([&] {
    std::thread([&] {
      for (auto& item : items) context().Post(*item);
    }).join();
  });
  context().RunUntil([&] { return runs == 100; });
  EXPECT_EQ(context().stats().wakeups, 0u);
}

TEST_P(ForeignLoopTest, ASleeperCostsOneWakeUpForMany) {
  int runs = 0;
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 100; ++i) items.push_back(std::make_unique<Item>([&] { ++runs; }));
  context().PollFd();
  RunReadyUntilIdle();  // Asleep, as far as posters know.
  std::thread([&] {
    for (auto& item : items) context().Post(*item);
  }).join();
  DriveUntil([&] { return runs == 100; });
  EXPECT_EQ(context().stats().wakeups, 1u);
}

TEST_P(ForeignLoopTest, DescriptorsAreServedWhileLocalWorkNeverEnds) {
  EventFd event;
  bool served = false;
  CallingWatch watch([&](uint32_t) {
    event.Clear();
    served = true;
  });
  context().Watch(watch, event.fd(), EPOLLIN);
  int turns = 0;
  Item* again = nullptr;
  Item busy([&] {
    if (!served && ++turns < 100'000) context().Defer(*again);
  });
  again = &busy;
  context().Defer(busy);
  event.Signal();
  context().RunUntil([&] { return served || turns == 100'000; });
  EXPECT_TRUE(served);
  RunReadyUntilIdle();
  context().Unwatch(watch);
}

}  // namespace
}  // namespace platter
