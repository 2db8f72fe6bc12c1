// SPDX-License-Identifier: Apache-2.0
//
// Requests that are made to fit, seen from both ends: a reference model above, a node that checks
// its rights below.
#include "drivers/slow_request.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "testing/drivers/edge_fixture.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"
#include "testing/model/disk_model.h"
#include "testing/model/random.h"

namespace platter {
namespace {

using ::testing::IsEmpty;
using SlowRequestTest = EdgeFixture;

// --- Everything at once, against a model. ---

uint32_t PowerOfTwo(Random& random, int low, int high) {
  return uint32_t{1} << random.Between(static_cast<uint64_t>(low), static_cast<uint64_t>(high));
}

StrictOptions RandomNode(Random& random, AioContext* home) {
  StrictOptions options;
  options.size = 20 * kKiB + random.Below(50 * kKiB);
  NodeLimits& limits = options.limits;
  limits.request_alignment = PowerOfTwo(random, 0, 13);
  limits.memory_alignment = PowerOfTwo(random, 0, 12);
  limits.max_iov = static_cast<uint32_t>(random.Between(1, 8));
  limits.max_transfer = limits.request_alignment * random.Between(1, 8);
  limits.discard_alignment = PowerOfTwo(random, 0, 13);
  limits.max_discard = limits.discard_alignment * random.Between(1, 4);
  limits.write_zeroes_alignment = PowerOfTwo(random, 0, 13);
  limits.max_write_zeroes = limits.write_zeroes_alignment * random.Between(1, 4);
  options.features = {.fua = random.OneIn(2),
                      .discard = random.OneIn(2),
                      .write_zeroes = random.OneIn(2),
                      .may_unmap = random.OneIn(2)};
  options.refuses_zeroes = random.OneIn(4);
  options.refuses_discard = random.OneIn(4);
  options.completion = static_cast<StrictOptions::Completion>(random.Below(3));
  options.home_context = random.OneIn(3) ? home : nullptr;
  return options;
}

std::vector<iovec> RandomPieces(std::span<uint8_t> data, Random& random) {
  std::vector<iovec> pieces;
  const uint64_t most = random.OneIn(2) ? 700 : data.size();
  size_t at = 0;
  do {
    const size_t length = std::min<size_t>(data.size() - at, random.Below(most + 1));
    pieces.push_back({data.data() + at, length});
    at += length;
  } while (at < data.size());
  return pieces;
}

class ModelComparison {
 public:
  ModelComparison(TestRoot& root, AioContext& io, uint64_t size, Random& random)
      : root_(root), io_(io), random_(random), model_(size), memory_(2 * size + 8192) {}

  void Step(const NodeLimits& limits) {
    const uint64_t offset = random_.Below(model_.size() + 1);
    const uint64_t most = model_.size() - offset;
    const uint64_t bytes = std::min(most, random_.OneIn(2) ? random_.Below(600) : most);
    const std::span<uint8_t> data(memory_.data() + random_.Below(4096), bytes);
    DiskIo io(root_, io_);
    switch (random_.Below(5)) {
      case 0:
        ASSERT_EQ(io.TransferPieces(IoOp::kRead, offset, RandomPieces(data, random_)).Run(), 0);
        ASSERT_EQ(model_.Mismatch(offset, data).value_or(""), "");
        break;
      case 1: {
        const bool zero = random_.OneIn(4);
        for (uint8_t& byte : data) byte = zero ? 0 : static_cast<uint8_t>(random_.Next());
        const IoFlags flags = random_.OneIn(3) ? IoFlags::kFua : IoFlags::kNone;
        io.TransferPieces(IoOp::kWrite, offset, RandomPieces(data, random_));
        ASSERT_EQ(io.Run(flags), 0);
        model_.Write(offset, data);
        break;
      }
      case 2: {
        const IoFlags flags = random_.OneIn(2) ? IoFlags::kMayUnmap : IoFlags::kFua;
        ASSERT_EQ(io.Range(IoOp::kWriteZeroes, offset, bytes).Run(flags), 0);
        model_.WriteZeroes(offset, bytes);
        break;
      }
      case 3: {
        ASSERT_EQ(io.Range(IoOp::kDiscard, offset, bytes).Run(), 0);
        // Only whole granules may change.
        const uint64_t begin = AlignUp(offset, limits.discard_alignment);
        const uint64_t end = AlignDown(offset + bytes, limits.discard_alignment);
        if (begin < end) model_.MakeUndefined(begin, end - begin);
        break;
      }
      default:
        ASSERT_EQ(io.Range(IoOp::kFlush, 0, 0).Run(), 0);
        break;
    }
    ASSERT_EQ(io.completions(), 1);
  }

  DiskModel& model() { return model_; }

 private:
  TestRoot& root_;
  AioContext& io_;
  Random& random_;
  DiskModel model_;
  std::vector<uint8_t> memory_;
};

TEST(SlowRequestPropertyTest, R_FMT_15_AnyRequestOnAnyLimitsEqualsAByteArray) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Random random(seed);
    SimulatedWorld world(seed);
    AioContext& io = world.NewContext("io");
    AioContext& home = world.NewContext("home");
    const StrictOptions options = RandomNode(random, &home);
    auto node = std::make_shared<StrictNode>(options);
    if (random.OneIn(3)) {
      node->set_policy({.detect_zeroes = NodePolicy::DetectZeroes::kUnmap});
    }
    TestRoot root;
    ASSERT_TRUE(root.Open(node).ok());
    ModelComparison test(root, io, options.size, random);
    for (int step = 0; step < 60; ++step) {
      SCOPED_TRACE(::testing::Message() << "step " << step);
      test.Step(options.limits);
      if (::testing::Test::HasFatalFailure()) return;
    }
    EXPECT_EQ(test.model().Mismatch(0, node->Content()).value_or(""), "");
    EXPECT_THAT(node->Complaints(), IsEmpty());
    EXPECT_EQ(io.buffers().outstanding() + home.buffers().outstanding(), 0u);
    if (::testing::Test::HasFailure()) return;
  }
}

// Many requests at once: writes to ranges of their own that share blocks, so that each block is
// read, modified and written by several.
TEST(SlowRequestPropertyTest, R_C48_OverlappingReadModifyWritesLoseNothing) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Random random(seed);
    SimulatedWorld world(seed);
    AioContext* const contexts[] = {&world.NewContext("a"), &world.NewContext("b")};
    StrictOptions options{.size = 32 * kKiB};
    options.limits.request_alignment = 4096;
    options.completion = StrictOptions::Completion::kLaterTurn;
    options.home_context = random.OneIn(3) ? contexts[0] : nullptr;
    auto node = std::make_shared<StrictNode>(options);
    TestRoot root;
    ASSERT_TRUE(root.Open(node).ok());
    std::vector<std::unique_ptr<DiskIo>> ios;
    std::vector<std::vector<uint8_t>> data;
    DiskModel model(options.size);
    for (uint64_t at = 0; at < options.size;) {
      const uint64_t bytes = std::min(options.size - at, random.Between(1, 5000));
      data.emplace_back(bytes);
      for (uint8_t& byte : data.back()) byte = static_cast<uint8_t>(random.Next());
      model.Write(at, data.back());
      ios.push_back(std::make_unique<DiskIo>(root, *contexts[random.Below(2)]));
      ios.back()->Transfer(IoOp::kWrite, at, data.back());
      at += bytes;
    }
    // Each in a turn of its context, in the order that the seed gives the contexts.
    for (const auto& io : ios) {
      io->context->Post([&io] { io->Submit(); });
    }
    world.RunUntil(
        [&] { return std::all_of(ios.begin(), ios.end(), [](auto& io) { return io->done(); }); });
    for (const auto& io : ios) EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(model.Mismatch(0, node->Content()).value_or(""), "");
    EXPECT_THAT(node->Complaints(), IsEmpty());
    if (::testing::Test::HasFailure()) return;
  }
}

// --- One thing at a time. ---

TEST_F(SlowRequestTest, FuaBecomesAFlushAfterTheWrite) {
  StrictNode& node = Open({.features = {}, .completion = StrictOptions::Completion::kLaterTurn});
  std::vector<uint8_t> data(512, 7);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kFua), 0);
  EXPECT_EQ(node.started(IoOp::kWrite), 1u);
  EXPECT_EQ(node.started(IoOp::kFlush), 1u);
  // A failing flush fails the write.
  node.FailNth(2, -EIO);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kFua), -EIO);
}

TEST_F(SlowRequestTest, FuaIsTheChildsWhenItCan) {
  StrictNode& node = Open({});
  std::vector<uint8_t> data(512, 7);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kFua), 0);
  EXPECT_EQ(node.started(IoOp::kFlush), 0u);
}

TEST_F(SlowRequestTest, ZeroesAreWrittenForAChildThatHasNone) {
  StrictNode& node = Open({.size = 3 * kMiB, .features = {}});
  node.SetContent(std::vector<uint8_t>(3 * kMiB, 1));
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kWriteZeroes, 0, 3 * kMiB).Run(), 0);
  EXPECT_EQ(node.Content(), std::vector<uint8_t>(3 * kMiB));
  // From a bounded buffer, many times over: 1 MiB a write.
  EXPECT_EQ(node.started(IoOp::kWrite), 3u);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kWriteZeroes, 0, 512).Run(IoFlags::kNoFallback),
            -ENOTSUP);
}

TEST_F(SlowRequestTest, DiscardSucceedsForAChildThatHasNone) {
  StrictNode& node = Open({.features = {}});
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 0, 4096).Run(), 0);
  EXPECT_EQ(node.started(), 0u);
}

TEST_F(SlowRequestTest, ABounceBufferThatCannotBeHadIsNoMemory) {
  StrictOptions options{.size = 32 * kMiB};
  options.limits.request_alignment = 8 * kMiB;
  StrictNode& node = Open(options);
  std::vector<uint8_t> data(512);
  for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
    EXPECT_EQ(DiskIo(root_, io_).Transfer(op, 512, data).Run(), -ENOMEM);
  }
  EXPECT_EQ(node.started(), 0u);
}

TEST_F(SlowRequestTest, ALongBouncedRequestGoesInBoundedPieces) {
  StrictOptions options{.size = 4 * kMiB};
  options.limits.memory_alignment = 4096;
  options.limits.request_alignment = 512;
  StrictNode& node = Open(options);
  std::vector<uint8_t> data(2 * kMiB + 1);
  EXPECT_EQ(DiskIo(root_, io_).TransferPieces(IoOp::kRead, 0, {{data.data() + 1, 2 * kMiB}}).Run(),
            0);
  EXPECT_EQ(node.started(IoOp::kRead), 16u);  // Of 128 KiB.
}

TEST_F(SlowRequestTest, AWriteThatBreaksThePromisedGranularityIsRefused) {
  StrictOptions options;
  options.limits.request_alignment = 512;
  Open(options, 512);
  std::vector<uint8_t> data(100);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), -EINVAL);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 0, data).Run(), 0);
}

TEST_F(SlowRequestTest, TheLastBlockOfALengthThatIsNotAligned) {
  StrictOptions options{.size = 1000};
  options.limits.request_alignment = 512;
  Open(options);
  std::vector<uint8_t> data(10, 9);
  std::vector<uint8_t> back(10);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 990, data).Run(), 0);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 990, back).Run(), 0);
  EXPECT_EQ(back, data);
}

TEST_F(SlowRequestTest, C_34_AChildThatCompletesAtOnceDoesNotNestCalls) {
  StrictOptions options{.size = 8 * kMiB, .features = {}};
  options.limits.max_transfer = 512;
  options.limits.request_alignment = 512;
  StrictNode& node = Open(options);
  // 16384 pieces, each done in the call that starts it.
  DiskIo io(root_, io_);
  io.Range(IoOp::kWriteZeroes, 0, 8 * kMiB).Submit();
  // The context gets its turn in between.
  EXPECT_FALSE(io.done());
  io_.RunUntil([&io] { return io.done(); });
  EXPECT_EQ(io.result(), 0);
  EXPECT_EQ(node.started(IoOp::kWrite), 16384u);
}

}  // namespace
}  // namespace platter
