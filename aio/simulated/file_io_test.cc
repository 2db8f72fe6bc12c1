// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/file_io.h"

#include <cerrno>
#include <cstdint>
#include <set>
#include <string>

#include "gtest/gtest.h"

#include "aio/simulated/one_file_world.h"

namespace platter {
namespace {

using SimulatedFileIoTest = OneFileWorld;

TEST_F(SimulatedFileIoTest, OperationsTakeTimeBetweenTheLimits) {
  world_.disk().options().min_latency = Duration(1'000);
  world_.disk().options().max_latency = Duration(2'000);
  std::string text = "abc";
  std::set<int64_t> times;
  for (int i = 0; i < 20; ++i) {
    const Instant start = io_.Now();
    EXPECT_EQ(Run(FileOpKind::kWrite, 0, text), 3);
    const Duration took = io_.Now() - start;
    EXPECT_GE(took, Duration(1'000));
    EXPECT_LE(took, Duration(2'000));
    times.insert(took.count());
  }
  EXPECT_GT(times.size(), 5u);
}

TEST_F(SimulatedFileIoTest, ACrashFailsWhatIsInFlightAndForgetsWhatIsNotSynced) {
  std::string text = "durable";
  Run(FileOpKind::kWrite, 0, text);
  Run(FileOpKind::kSync, 0, text);
  text = "changed";
  Run(FileOpKind::kWrite, 0, text);
  OneFileOp op;
  iovec iov{text.data(), text.size()};
  Prepare(op, FileOpKind::kWrite, 512, iov);
  io_.file_io().Submit(op);
  io_.RunReady();  // On its way.
  world_.disk().Crash(CrashMode::kForget);
  EXPECT_EQ(op.calls, 0);
  io_.RunUntil([&] { return op.calls == 1; });
  EXPECT_EQ(op.last, -EIO);
  std::string back(7, '?');
  EXPECT_EQ(Run(FileOpKind::kRead, 0, back), 7);
  EXPECT_EQ(back, "durable");
  EXPECT_EQ(Run(FileOpKind::kRead, 512, back), 7);
  EXPECT_EQ(back, std::string(7, '\0'));
}

TEST_F(SimulatedFileIoTest, InlineTransfersAreRefusedUnlessAllowed) {
  std::string text = "abc";
  iovec iov{text.data(), text.size()};
  EXPECT_EQ(io_.file_io().InlineWrite(fd_, &iov, 1, 0, 0), -EOPNOTSUPP);
  world_.disk().options().inline_transfers = SimulatedInline::kAllowed;
  EXPECT_EQ(io_.file_io().InlineWrite(fd_, &iov, 1, 0, 0), 3);
  text = "???";
  EXPECT_EQ(io_.file_io().InlineRead(fd_, &iov, 1, 0, 0), 3);
  EXPECT_EQ(text, "abc");
}

}  // namespace
}  // namespace platter
