// SPDX-License-Identifier: Apache-2.0

#include "daemon/signal_watch.h"

#include <unistd.h>

#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"

namespace platter {
namespace {

class SignalWatchTest : public testing::TestWithParam<AioKind> {};

TEST_P(SignalWatchTest, SignalsAreEventsOfTheContext) {
  std::vector<int> came;
  SignalWatch watch;
  auto made = CreateAioContext({.kind = GetParam()});
  if (!made.ok()) GTEST_SKIP() << "no-io-uring: " << made.status();
  const std::unique_ptr<AioContext> control = *std::move(made);
  ASSERT_TRUE(watch.Start(*control, [&came](int signal) { came.push_back(signal); }).ok());
  for (const int each : {SIGTERM, SIGINT, SIGHUP}) {
    ASSERT_EQ(kill(getpid(), each), 0);
    control->RunUntil([&] { return !came.empty() && came.back() == each; });
  }
  EXPECT_EQ(came, (std::vector<int>{SIGTERM, SIGINT, SIGHUP}));
  // One that nobody has looked at does not end the process, either.
  ASSERT_EQ(kill(getpid(), SIGTERM), 0);
  watch.Stop();
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGTERM), 0);
}

TEST(SignalWatchTest, TheMaskIsAsBeforeAfterwards) {
  sigset_t mask;
  {
    SignalWatch watch;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGTERM), 1);
  }
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SignalWatchTest,
                         testing::Values(AioKind::kThreads, AioKind::kUring));

}  // namespace
}  // namespace platter
