// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/event_descriptors.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "base/mutex.h"
#include "base/status.h"
#include "testing/alloc_counter/alloc_counter.h"

namespace platter {
namespace {

OwnedDescriptor NewEvent(int flags = 0) {
  return OwnedDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | flags));
}
void Add(const OwnedDescriptor& event, uint64_t value) {
  ASSERT_EQ(write(event.get(), &value, sizeof(value)), ssize_t{sizeof(value)});
}
// What was added since the last call.
uint64_t Take(const OwnedDescriptor& event) {
  uint64_t value = 0;
  return read(event.get(), &value, sizeof(value)) == ssize_t{sizeof(value)} ? value : 0;
}
void MakeBlocking(const OwnedDescriptor& event) {
  ASSERT_EQ(fcntl(event.get(), F_SETFL, fcntl(event.get(), F_GETFL) & ~O_NONBLOCK), 0);
}

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    reader = OwnedDescriptor(ends[0]);
    writer = OwnedDescriptor(ends[1]);
  }
  OwnedDescriptor reader;
  OwnedDescriptor writer;
};

class KickDescriptorTest : public testing::TestWithParam<AioKind> {
 protected:
  void SetUp() override {
    auto made = CreateAioContext({.kind = GetParam(), .name = "queue"});
    if (!made.ok() && GetParam() == AioKind::kUring) {
      GTEST_SKIP() << "no-io-uring: " << made.status();
    }
    ASSERT_TRUE(made.ok()) << made.status();
    context = *std::move(made);
    kick = NewKick();
  }
  void TearDown() override {
    if (context == nullptr) return;
    kick->Stop();
    Settle();
  }
  std::shared_ptr<KickDescriptor> NewKick() {
    return KickDescriptor::Create(*context, [this] {
      ++kicks;
      return progress;
    });
  }
  // A descriptor that is always ready would keep it from returning.
  void Settle(int most_turns = 100) {
    for (int turns = 0; context->RunReady(); ++turns) ASSERT_LT(turns, most_turns);
  }

  std::unique_ptr<AioContext> context;
  int kicks = 0;
  KickDescriptor::Progress progress = KickDescriptor::Progress::kSome;
  std::shared_ptr<KickDescriptor> kick;
  const OwnedDescriptor event = NewEvent();
};

TEST_P(KickDescriptorTest, ReadsAndKicksWhileStarted) {
  ASSERT_TRUE(kick->Set(event.get()).ok());
  Add(event, 1);
  Settle();
  EXPECT_EQ(kicks, 0);
  kick->Start();  // What is pending is noticed.
  Settle();
  EXPECT_EQ(kicks, 1);
  EXPECT_EQ(Take(event), 0u);
  Add(event, 3);
  Settle();
  EXPECT_EQ(kicks, 2);
  kick->Stop();
  Add(event, 5);
  Settle();
  EXPECT_EQ(kicks, 2);
  EXPECT_EQ(Take(event), 5u);  // For who looks next.
  EXPECT_EQ(kick->error(), 0);
}

TEST_P(KickDescriptorTest, SleepsUntilAKick) {
  ASSERT_TRUE(kick->Set(event.get()).ok());
  kick->Start();
  std::thread peer([&] { Add(event, 1); });
  context->RunUntil([&] { return kicks == 1; });
  peer.join();
}

TEST_P(KickDescriptorTest, ReplacedAndRemovedWhileStarted) {
  kick->Start();
  ASSERT_TRUE(kick->Set(event.get()).ok());
  Settle();
  {
    const OwnedDescriptor given = NewEvent();
    Add(given, 1);
    ASSERT_TRUE(kick->Set(given.get()).ok());
    // The caller's is closed here: it makes no difference.
  }
  Settle();
  EXPECT_EQ(kicks, 1);
  Add(event, 7);
  Settle();
  EXPECT_EQ(Take(event), 7u);
  ASSERT_TRUE(kick->Set(event.get()).ok());
  ASSERT_TRUE(kick->Set(-1).ok());
  Add(event, 7);
  Settle();
  EXPECT_EQ(Take(event), 7u);
  EXPECT_EQ(kicks, 1);
}

TEST_P(KickDescriptorTest, OneDescriptorForTwoQueues) {
  const auto other = NewKick();
  for (const auto& queue : {kick, other}) {
    ASSERT_TRUE(queue->Set(event.get()).ok());
    queue->Start();
  }
  Add(event, 1);
  Settle();
  EXPECT_GE(kicks, 1);
  other->Stop();
  Settle();
}

TEST_P(KickDescriptorTest, TheEndOfAPipeEndsTheWatch) {
  Pipe pipe;
  ASSERT_TRUE(kick->Set(pipe.reader.get()).ok());
  kick->Start();
  ASSERT_EQ(write(pipe.writer.get(), "kicks", 5), 5);
  Settle();
  EXPECT_EQ(kicks, 1);
  EXPECT_EQ(kick->error(), 0);
  pipe.writer = OwnedDescriptor();
  Settle();
  EXPECT_EQ(kick->error(), EPIPE);
  EXPECT_EQ(kicks, 1);
  // Another one makes it good.
  ASSERT_TRUE(kick->Set(event.get()).ok());
  Add(event, 1);
  Settle();
  EXPECT_EQ(kicks, 2);
  EXPECT_EQ(kick->error(), 0);
}

TEST_P(KickDescriptorTest, SocketsThatBreakEndTheWatch) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedDescriptor ours(ends[0]);
  OwnedDescriptor theirs(ends[1]);
  ASSERT_TRUE(kick->Set(ours.get()).ok());
  kick->Start();
  // Unread data: what we hold sees a reset.
  ASSERT_EQ(write(ours.get(), "x", 1), 1);
  Settle();
  theirs = OwnedDescriptor();
  Settle();
  EXPECT_NE(kick->error(), 0);
}

// The peer takes O_NONBLOCK off and drains the counter between the poll and the read.
TEST_P(KickDescriptorTest, NeverWaitsForAnEventfd) {
  ASSERT_TRUE(kick->Set(event.get()).ok());
  kick->Start();
  Settle();
  MakeBlocking(event);
  Add(event, 1);
  context->Post([&] { EXPECT_EQ(Take(event), 1u); });
  Settle();
  EXPECT_EQ(kicks, 0);
  EXPECT_EQ(kick->error(), 0);
  Add(event, 1);
  Settle();
  EXPECT_EQ(kicks, 1);
}

TEST_P(KickDescriptorTest, ReadableForNothingTooOftenEndsTheWatch) {
  ASSERT_TRUE(kick->Set(event.get()).ok());
  kick->Start();
  Settle();
  int rounds = 0;
  for (; kick->error() == 0 && rounds < 1000; ++rounds) {
    Add(event, 1);
    context->Post([&] { Take(event); });
    Settle();
  }
  EXPECT_EQ(kick->error(), EAGAIN);
  EXPECT_GT(rounds, 10);
  EXPECT_EQ(kicks, 0);
}

// Never empty: one read a turn, then one in a while.
TEST_P(KickDescriptorTest, AnEndlessCounterIsGivenARest) {
  constexpr int kMost = KickDescriptor::kMaxIdleKicks;
  const OwnedDescriptor semaphore = NewEvent(EFD_SEMAPHORE);
  Add(semaphore, uint64_t{1} << 60);
  ASSERT_TRUE(kick->Set(semaphore.get()).ok());
  kick->Start();
  for (int turn = 0; turn < 50; ++turn) context->RunReady();
  EXPECT_GT(kicks, 10);
  EXPECT_LE(kicks, 50);
  // As long as kicks lead to something it is an honest driver's.
  for (int turn = 0; turn < 3 * kMost; ++turn) context->RunReady();
  EXPECT_GT(kicks, kMost);
  progress = KickDescriptor::Progress::kNone;
  kicks = 0;
  while (kicks < kMost) context->RunReady();
  const uint64_t sleeps = context->stats().sleeps;
  context->RunUntil([&] { return context->stats().sleeps >= sleeps + 5; });
  // Stopped or replaced amid a rest.
  kick->Stop();
  Settle();
  kick->Start();
  const int until = kicks + 5;
  context->RunUntil([&] { return kicks >= until; });
  ASSERT_TRUE(kick->Set(event.get()).ok());
  Settle();
  const int before = kicks;
  Add(event, 1);
  Settle();
  EXPECT_EQ(kicks, before + 1);
  EXPECT_EQ(kick->error(), 0);
}

TEST_P(KickDescriptorTest, NoAllocationAndNoLockForAKickAndACall) {
  ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
  CallDescriptor call;
  const OwnedDescriptor answer = NewEvent();
  ASSERT_TRUE(call.Set(answer.get()).ok());
  ASSERT_TRUE(kick->Set(event.get()).ok());
  kick->Start();
  const auto run = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Add(event, 1);
      Settle();
      call.Signal();
    }
  };
  run(100);
  const AllocationWindow window;
  const uint64_t locks = Mutex::TotalAcquisitions();
  run(1000);
  EXPECT_EQ(window.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
  EXPECT_EQ(kicks, 1100);
}

TEST_P(KickDescriptorTest, WhatCannotBeWatchedIsRefused) {
  ASSERT_TRUE(kick->Set(event.get()).ok());
  kick->Start();
  const Pipe pipe;
  const OwnedDescriptor bad[] = {OwnedDescriptor(open("/dev/zero", O_RDWR)),
                                 OwnedDescriptor(open("/dev/null", O_RDWR)),
                                 OwnedDescriptor(open("/proc/self/exe", O_RDONLY)),
                                 OwnedDescriptor(open("/", O_RDONLY | O_DIRECTORY)),
                                 OwnedDescriptor(open("/", O_PATH)),
                                 OwnedDescriptor(epoll_create1(0)),
                                 OwnedDescriptor(dup(pipe.writer.get()))};
  for (const OwnedDescriptor& fd : bad) {
    ASSERT_GE(fd.get(), 0);
    const absl::Status status = kick->Set(fd.get());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ErrnoOf(status), EINVAL);
  }
  EXPECT_EQ(ErrnoOf(kick->Set(9999)), EBADF);
  EXPECT_EQ(ErrnoOf(kick->Set(-2)), EBADF);
  // The one before is still there.
  Add(event, 1);
  Settle();
  EXPECT_EQ(kicks, 1);
}

INSTANTIATE_TEST_SUITE_P(Kinds, KickDescriptorTest,
                         testing::Values(AioKind::kUring, AioKind::kThreads),
                         [](const testing::TestParamInfo<AioKind>& kind) {
                           return kind.param == AioKind::kUring ? "Uring" : "Threads";
                         });

TEST(CallDescriptorTest, SignalsWhatWasSetLast) {
  CallDescriptor call;
  EXPECT_FALSE(call.Signal());
  OwnedDescriptor first = NewEvent();
  const OwnedDescriptor second = NewEvent();
  ASSERT_TRUE(call.Set(first.get()).ok());
  EXPECT_TRUE(call.Signal());
  EXPECT_TRUE(call.Signal());
  EXPECT_EQ(Take(first), 2u);
  ASSERT_TRUE(call.Set(second.get()).ok());
  EXPECT_TRUE(call.Signal());
  EXPECT_EQ(Take(first), 0u);
  EXPECT_EQ(Take(second), 1u);
  ASSERT_TRUE(call.Set(-1).ok());
  EXPECT_FALSE(call.Signal());
  EXPECT_EQ(Take(second), 0u);
  ASSERT_TRUE(call.Set(first.get()).ok());
  EXPECT_TRUE(call.Signal());
  EXPECT_EQ(Take(first), 1u);
}

TEST(CallDescriptorTest, AFullCounterIsNotWaitedFor) {
  CallDescriptor call;
  const OwnedDescriptor event = NewEvent();
  MakeBlocking(event);  // As it may come from a peer.
  ASSERT_TRUE(call.Set(event.get()).ok());
  Add(event, UINT64_MAX - 1);
  EXPECT_TRUE(call.Signal());
  EXPECT_EQ(Take(event), UINT64_MAX - 1);
}

TEST(CallDescriptorTest, WhatIsNoEventfdIsRefused) {
  CallDescriptor call;
  const OwnedDescriptor event = NewEvent();
  ASSERT_TRUE(call.Set(event.get()).ok());
  Pipe pipe;
  pipe.reader = OwnedDescriptor();  // A write would raise SIGPIPE.
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedDescriptor other_end(ends[1]);
  const OwnedDescriptor bad[] = {OwnedDescriptor(dup(pipe.writer.get())), OwnedDescriptor(ends[0]),
                                 OwnedDescriptor(open("/dev/null", O_RDWR)),
                                 OwnedDescriptor(open("/proc/self/exe", O_RDONLY)),
                                 OwnedDescriptor(epoll_create1(0))};
  for (const OwnedDescriptor& fd : bad) {
    ASSERT_GE(fd.get(), 0);
    EXPECT_EQ(call.Set(fd.get()).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(ErrnoOf(call.Set(9999)), EBADF);
  EXPECT_TRUE(call.Signal());
  EXPECT_EQ(Take(event), 1u);
}

TEST(CallDescriptorTest, AStreamSocketIsSignalledAndMayHaveGone) {
  CallDescriptor call;
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  OwnedDescriptor peer(ends[0]);
  ASSERT_TRUE(call.Set(OwnedDescriptor(ends[1]).get()).ok());
  EXPECT_TRUE(call.Signal());
  uint64_t value = 0;
  ASSERT_EQ(recv(peer.get(), &value, sizeof(value), MSG_DONTWAIT), ssize_t{sizeof(value)});
  EXPECT_EQ(value, 1u);
  // A peer that does not read is not waited for.
  for (int i = 0; i < 100'000; ++i) EXPECT_TRUE(call.Signal());
  // A write to it now would raise SIGPIPE.
  peer = OwnedDescriptor();
  EXPECT_TRUE(call.Signal());
  const OwnedDescriptor event = NewEvent();
  ASSERT_TRUE(call.Set(event.get()).ok());
  EXPECT_TRUE(call.Signal());
  EXPECT_EQ(Take(event), 1u);
  EXPECT_TRUE(call.Set(-1).ok());
  EXPECT_FALSE(call.Signal());
}

TEST(CallDescriptorTest, KindsReplacedBesideSignals) {
  CallDescriptor call;
  const OwnedDescriptor event = NewEvent();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedDescriptor ours(ends[1]);
  {
    const OwnedDescriptor gone(ends[0]);
  }  // A write to it would raise SIGPIPE.
  ASSERT_TRUE(call.Set(event.get()).ok());
  std::atomic<bool> stop{false};
  std::thread queue([&] {
    while (!stop.load()) call.Signal();
  });
  for (int i = 0; i < 2000; ++i) {
    EXPECT_TRUE(call.Set(i % 2 == 0 ? ours.get() : event.get()).ok());
  }
  stop.store(true);
  queue.join();
}

TEST(CallDescriptorTest, ReplacedBesideSignals) {
  constexpr int kChanges = 2000;
  CallDescriptor call;
  const OwnedDescriptor events[] = {NewEvent(), NewEvent()};
  ASSERT_TRUE(call.Set(events[0].get()).ok());
  std::atomic<bool> stop{false};
  uint64_t signals = 0;
  std::thread queue([&] {
    while (!stop.load()) signals += call.Signal() ? 1 : 0;
  });
  for (int i = 0; i < kChanges; ++i) EXPECT_TRUE(call.Set(events[i % 2].get()).ok());
  stop.store(true);
  queue.join();
  EXPECT_GT(signals, 0u);
  // Each went to one of the two, and none elsewhere.
  EXPECT_EQ(Take(events[0]) + Take(events[1]), signals);
}

TEST(CallDescriptorTest, RemovedBesideSignals) {
  CallDescriptor call;
  const OwnedDescriptor event = NewEvent();
  std::atomic<bool> stop{false};
  uint64_t signals = 0;
  std::thread queue([&] {
    while (!stop.load()) signals += call.Signal() ? 1 : 0;
  });
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(call.Set(i % 2 == 0 ? event.get() : -1).ok());
  stop.store(true);
  queue.join();
  EXPECT_LE(Take(event), signals);  // What was sent amid a removal may be lost.
}

}  // namespace
}  // namespace platter
