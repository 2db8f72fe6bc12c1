// SPDX-License-Identifier: Apache-2.0
#include "drivers/null/null_node.h"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/status.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

class NullNodeTest : public ::testing::Test {
 protected:
  NullNode& Open(const NullOptions& options) {
    node_ = std::make_shared<NullNode>("null0", options);
    EXPECT_TRUE(root_.Open(node_).ok());
    return *node_;
  }
  void TearDown() override { EXPECT_EQ(io_.buffers().outstanding(), 0u); }

  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  std::shared_ptr<NullNode> node_;
  TestRoot root_;
  std::vector<uint8_t> data_ = std::vector<uint8_t>(4096, 5);
};

TEST_F(NullNodeTest, CompletesAtOnceAndIsAGigabyteLong) {
  NullNode& node = Open({});
  EXPECT_STREQ(node.driver_name(), "null-co");
  EXPECT_EQ(node.length(), kGiB);
  DiskIo io(root_, io_);
  EXPECT_EQ(io.Transfer(IoOp::kWrite, 0, data_).Run(), 0);
  EXPECT_TRUE(io.at_once());
  EXPECT_EQ(io.Transfer(IoOp::kRead, kGiB - 4096, data_).Run(), 0);
  EXPECT_EQ(data_, std::vector<uint8_t>(4096, 5));
}

TEST_F(NullNodeTest, ReadZeroesFillsTheBuffer) {
  Open({.reads = NullOptions::Reads::kZeroes});
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 0, data_).Run(), 0);
  EXPECT_EQ(data_, std::vector<uint8_t>(4096, 0));
}

TEST_F(NullNodeTest, NullAioCompletesInALaterTurn) {
  NullNode& node = Open({.completion = NullOptions::Completion::kLaterTurn});
  EXPECT_STREQ(node.driver_name(), "null-aio");
  DiskIo io(root_, io_);
  const Instant before = io_.Now();
  EXPECT_EQ(io.Transfer(IoOp::kRead, 0, data_).Run(), 0);
  EXPECT_FALSE(io.at_once());
  EXPECT_EQ(io_.Now(), before);
}

TEST_F(NullNodeTest, LatencyIsExact) {
  for (const auto completion :
       {NullOptions::Completion::kAtOnce, NullOptions::Completion::kLaterTurn}) {
    TestRoot root;
    ASSERT_TRUE(root.Open(std::make_shared<NullNode>(
                              "n", NullOptions{.completion = completion, .latency = Duration(700)}))
                    .ok());
    DiskIo first(root, io_);
    DiskIo second(root, io_);
    const Instant start = io_.Now();
    first.Transfer(IoOp::kRead, 0, data_).Submit();
    world_.RunFor(Duration(300));
    second.Transfer(IoOp::kRead, 0, data_).Submit();
    world_.RunFor(Duration(399));
    EXPECT_FALSE(first.done());
    io_.RunUntil([&first] { return first.done(); });
    EXPECT_EQ(io_.Now() - start, Duration(700));
    EXPECT_FALSE(second.done());
    io_.RunUntil([&second] { return second.done(); });
    EXPECT_EQ(io_.Now() - start, Duration(1000));
  }
}

TEST_F(NullNodeTest, CancelEndsTheWaitOnce) {
  Open({.latency = std::chrono::hours(1)});
  DiskIo kept(root_, io_);
  DiskIo cancelled(root_, io_);
  kept.Transfer(IoOp::kRead, 0, data_).Submit();
  cancelled.Transfer(IoOp::kRead, 0, data_).Submit();
  const Instant start = io_.Now();
  cancelled.Cancel();
  EXPECT_FALSE(cancelled.done());
  io_.RunUntil([&] { return cancelled.done(); });
  EXPECT_EQ(cancelled.result(), -ECANCELED);
  EXPECT_EQ(io_.Now(), start);
  EXPECT_FALSE(kept.done());
  io_.RunUntil([&] { return kept.done(); });
  EXPECT_EQ(kept.result(), 0);
  EXPECT_EQ(io_.Now() - start, std::chrono::hours(1));
  EXPECT_EQ(cancelled.completions(), 1);
}

TEST_F(NullNodeTest, TruncateTellsTheParents) {
  NullNode& node = Open({});
  EXPECT_TRUE(BlockOn(io_, node.Truncate(4096)).ok());
  EXPECT_EQ(root_.changes(), 1);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 4096, data_).Run(), -EIO);
  EXPECT_EQ(ErrnoOf(BlockOn(io_, node.Truncate(UINT64_MAX))), EFBIG);
}

TEST_F(NullNodeTest, ReadOnlyRefusesWriters) {
  TestRoot root;
  const absl::Status status =
      root.Open(std::make_shared<NullNode>("ro", NullOptions{.read_only = true}));
  EXPECT_EQ(ErrnoOf(status), EACCES);
  EXPECT_NE(MessageOf(status).find("'ro'"), std::string::npos);
}

}  // namespace
}  // namespace platter
