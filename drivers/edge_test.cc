// SPDX-License-Identifier: Apache-2.0
//
// What an Edge does with requests, seen from both ends: a reference model above, a node that checks
// its rights below.
#include "drivers/edge.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"
#include "testing/model/disk_model.h"
#include "testing/model/random.h"

namespace platter {
namespace {

using ::testing::IsEmpty;

class EdgeTest : public ::testing::Test {
 protected:
  StrictNode& Open(const StrictOptions& options, uint32_t granularity = 1) {
    node_ = std::make_shared<StrictNode>(options);
    EXPECT_TRUE(root_.Open(node_, granularity).ok());
    return *node_;
  }
  void TearDown() override {
    EXPECT_EQ(root_.in_flight(), 0);
    if (node_ != nullptr) {
      EXPECT_THAT(node_->Complaints(), IsEmpty());
      EXPECT_EQ(node_->in_flight(), 0);
    }
    EXPECT_EQ(io_.buffers().outstanding(), 0u);
  }

  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  std::shared_ptr<StrictNode> node_;
  TestRoot root_;
};

// --- Bounds. ---

struct OutOfRange {
  uint64_t offset;
  uint64_t bytes;
};

TEST_F(EdgeTest, R_FMT_14_NoDriverSeesARequestOutOfRange) {
  StrictNode& node = Open({.size = 64 * kKiB});
  const OutOfRange kTable[] = {
      {64 * kKiB, 1},      {64 * kKiB - 511, 512},       {0, 64 * kKiB + 1},
      {UINT64_MAX, 1},     {UINT64_MAX - 511, 512},      {UINT64_MAX, UINT64_MAX},
      {1, UINT64_MAX},     {uint64_t{1} << 63, 512},     {0, uint64_t{1} << 63},
      {512, UINT64_MAX},   {(uint64_t{1} << 63) - 1, 1}, {0, 3 * kGiB},
      {64 * kKiB + 512, 0}};
  for (const OutOfRange& row : kTable) {
    SCOPED_TRACE(::testing::Message() << row.offset << "+" << row.bytes);
    for (const IoOp op : {IoOp::kDiscard, IoOp::kWriteZeroes}) {
      EXPECT_EQ(DiskIo(root_, io_).Range(op, row.offset, row.bytes).Run(), -EIO);
    }
    for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
      // The memory is never touched: the request does not get that far.
      uint8_t byte = 0;
      DiskIo io(root_, io_);
      io.TransferPieces(op, row.offset, {{&byte, row.bytes}});
      EXPECT_EQ(io.Run(), -EIO);
    }
  }
  EXPECT_EQ(node.started(), 0u);
}

TEST_F(EdgeTest, R_FMT_14_TwoGiBAndMoreInOneRequest) {
  StrictOptions options{.size = 3 * kMiB};
  options.limits.max_discard = 1 * kMiB;
  StrictNode& node = Open(options);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 0, 3 * kMiB).Run(), 0);
  EXPECT_EQ(node.started(IoOp::kDiscard), 3u);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 0, 2 * kGiB).Run(), -EIO);
}

TEST_F(EdgeTest, R_FMT_15_ZeroLengthSucceedsAnywhereInRange) {
  StrictOptions options{.size = 64 * kKiB};
  options.limits.request_alignment = 4096;
  Open(options);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{4096}, 64 * kKiB}) {
    for (const IoOp op : {IoOp::kRead, IoOp::kWrite, IoOp::kDiscard, IoOp::kWriteZeroes}) {
      EXPECT_EQ(DiskIo(root_, io_).Range(op, offset, 0).Run(), 0) << offset;
    }
  }
}

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

class EdgeModelTest {
 public:
  EdgeModelTest(TestRoot& root, AioContext& io, uint64_t size, Random& random)
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

TEST(EdgePropertyTest, R_FMT_15_AnyRequestOnAnyLimitsEqualsAByteArray) {
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
    EdgeModelTest test(root, io, options.size, random);
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
TEST(EdgePropertyTest, OverlappingReadModifyWritesLoseNothing) {
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

TEST_F(EdgeTest, WhatFitsTravelsOnUnchanged) {
  StrictNode& node = Open({});
  std::vector<uint8_t> data(4096, 7);
  DiskIo io(root_, io_);
  EXPECT_EQ(io.Transfer(IoOp::kWrite, 512, data).Run(), 0);
  EXPECT_TRUE(io.at_once());
  EXPECT_EQ(node.started(), 1u);
}

TEST_F(EdgeTest, FuaBecomesAFlushAfterTheWrite) {
  StrictNode& node = Open({.features = {}, .completion = StrictOptions::Completion::kLaterTurn});
  std::vector<uint8_t> data(512, 7);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kFua), 0);
  EXPECT_EQ(node.started(IoOp::kWrite), 1u);
  EXPECT_EQ(node.started(IoOp::kFlush), 1u);
  // A failing flush fails the write.
  node.FailNth(2, -EIO);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kFua), -EIO);
}

TEST_F(EdgeTest, FuaIsTheChildsWhenItCan) {
  StrictNode& node = Open({});
  std::vector<uint8_t> data(512, 7);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kFua), 0);
  EXPECT_EQ(node.started(IoOp::kFlush), 0u);
}

TEST_F(EdgeTest, ZeroesAreWrittenForAChildThatHasNone) {
  StrictNode& node = Open({.size = 3 * kMiB, .features = {}});
  node.SetContent(std::vector<uint8_t>(3 * kMiB, 1));
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kWriteZeroes, 0, 3 * kMiB).Run(), 0);
  EXPECT_EQ(node.Content(), std::vector<uint8_t>(3 * kMiB));
  // From a bounded buffer, many times over: 1 MiB a write.
  EXPECT_EQ(node.started(IoOp::kWrite), 3u);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kWriteZeroes, 0, 512).Run(IoFlags::kNoFallback),
            -ENOTSUP);
}

TEST_F(EdgeTest, DiscardSucceedsForAChildThatHasNone) {
  StrictNode& node = Open({.features = {}});
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 0, 4096).Run(), 0);
  EXPECT_EQ(node.started(), 0u);
}

TEST_F(EdgeTest, PolicyIgnoresDiscardsAndFlushesAndDetectsZeroes) {
  StrictNode& node = Open({});
  node.set_policy({.discard = NodePolicy::Discard::kIgnore,
                   .detect_zeroes = NodePolicy::DetectZeroes::kOn,
                   .flush = NodePolicy::Flush::kIgnore});
  std::vector<uint8_t> data(4096);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 0, 4096).Run(), 0);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kFlush, 0, 0).Run(), 0);
  EXPECT_EQ(node.started(), 0u);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kFua), 0);
  EXPECT_EQ(node.started(IoOp::kWriteZeroes), 1u);
  EXPECT_EQ(node.started(), 1u);
  data[4095] = 1;
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), 0);
  EXPECT_EQ(node.started(IoOp::kWrite), 1u);
}

TEST_F(EdgeTest, ABounceBufferThatCannotBeHadIsNoMemory) {
  StrictOptions options{.size = 32 * kMiB};
  options.limits.request_alignment = 8 * kMiB;
  StrictNode& node = Open(options);
  std::vector<uint8_t> data(512);
  for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
    EXPECT_EQ(DiskIo(root_, io_).Transfer(op, 512, data).Run(), -ENOMEM);
  }
  EXPECT_EQ(node.started(), 0u);
}

TEST_F(EdgeTest, ALongBouncedRequestGoesInBoundedPieces) {
  StrictOptions options{.size = 4 * kMiB};
  options.limits.memory_alignment = 4096;
  options.limits.request_alignment = 512;
  StrictNode& node = Open(options);
  std::vector<uint8_t> data(2 * kMiB + 1);
  EXPECT_EQ(DiskIo(root_, io_).TransferPieces(IoOp::kRead, 0, {{data.data() + 1, 2 * kMiB}}).Run(),
            0);
  EXPECT_EQ(node.started(IoOp::kRead), 16u);  // Of 128 KiB.
}

TEST_F(EdgeTest, AWriteThatBreaksThePromisedGranularityIsRefused) {
  StrictOptions options;
  options.limits.request_alignment = 512;
  Open(options, 512);
  std::vector<uint8_t> data(100);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), -EINVAL);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 0, data).Run(), 0);
}

TEST_F(EdgeTest, TheLastBlockOfALengthThatIsNotAligned) {
  StrictOptions options{.size = 1000};
  options.limits.request_alignment = 512;
  Open(options);
  std::vector<uint8_t> data(10, 9);
  std::vector<uint8_t> back(10);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 990, data).Run(), 0);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 990, back).Run(), 0);
  EXPECT_EQ(back, data);
}

TEST_F(EdgeTest, WritesGrowOnlyWithPermission) {
  StrictOptions options{.size = 1000, .grows = true};
  options.limits.request_alignment = 512;
  node_ = std::make_shared<StrictNode>(options);
  EdgeOptions growing = ReadWriteOptions();
  ASSERT_TRUE(root_.edge().Attach(node_, growing).ok());
  std::vector<uint8_t> data(600, 9);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 5000, data).Run(), -EIO);
  growing.permissions.used = growing.permissions.used | Permission::kResize;
  growing.may_grow = true;
  ASSERT_TRUE(root_.edge().Change(growing).ok());
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 5000, data).Run(), 0);
  EXPECT_EQ(node_->length(), 5632u);
  std::vector<uint8_t> back(5632, 1);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 0, back).Run(), 0);
  std::vector<uint8_t> expected(5632);
  std::fill(expected.begin() + 5000, expected.begin() + 5600, uint8_t{9});
  EXPECT_EQ(back, expected);
}

TEST_F(EdgeTest, WritesNeedAPermission) {
  StrictNode& node = Open({});
  EdgeOptions reading;
  reading.permissions.used = Permission::kConsistentRead;
  ASSERT_TRUE(root_.edge().Change(reading).ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), -EACCES);
  for (const IoOp op : {IoOp::kDiscard, IoOp::kWriteZeroes}) {
    EXPECT_EQ(DiskIo(root_, io_).Range(op, 0, 512).Run(), -EACCES);
  }
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 0, data).Run(), 0);
  EXPECT_EQ(node.started(), 1u);
}

TEST_F(EdgeTest, SerialisingNeedsAnEdgeThatSaidSo) {
  Open({});
  std::vector<uint8_t> data(512);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kSerialising),
            -ENOTSUP);
  EdgeOptions options = ReadWriteOptions();
  options.may_serialise = true;
  ASSERT_TRUE(root_.edge().Change(options).ok());
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kSerialising), 0);
}

// --- Home context and cancel. ---

TEST_F(EdgeTest, AHomeContextChildIsCalledThereAndCompletesHere) {
  AioContext& home = world_.NewContext("home");
  StrictNode& node = Open({.home_context = &home});
  std::vector<uint8_t> data(512, 3);
  DiskIo away(root_, io_);
  EXPECT_EQ(away.Transfer(IoOp::kWrite, 0, data).Run(), 0);
  EXPECT_FALSE(away.at_once());
  DiskIo at_home(root_, home);
  EXPECT_EQ(at_home.Transfer(IoOp::kRead, 0, data).Run(), 0);
  EXPECT_TRUE(at_home.at_once());
  EXPECT_EQ(node.started(), 2u);
  EXPECT_EQ(home.buffers().outstanding(), 0u);
}

TEST_F(EdgeTest, CancelReachesTheChildAndCompletesOnce) {
  AioContext& home = world_.NewContext("home");
  for (AioContext* const where : {static_cast<AioContext*>(nullptr), &home}) {
    TestRoot root;
    StrictOptions options{.completion = StrictOptions::Completion::kLaterTurn,
                          .home_context = where};
    options.limits.max_transfer = 4096;
    auto node = std::make_shared<StrictNode>(options);
    ASSERT_TRUE(root.Open(node).ok());
    std::vector<uint8_t> data(4 * 4096);
    DiskIo io(root, io_);
    io.Transfer(IoOp::kWrite, 0, data).Submit();
    EXPECT_FALSE(io.done());
    io.Cancel();
    io.Cancel();
    world_.RunUntilIdle();
    // The piece in flight was the child's to finish; no further one starts.
    EXPECT_EQ(io.completions(), 1);
    EXPECT_EQ(io.result(), -ECANCELED);
    EXPECT_EQ(node->started(), 1u);
    EXPECT_GE(node->cancels(), 1u);
    EXPECT_THAT(node->Complaints(), IsEmpty());
  }
}

TEST_F(EdgeTest, C_34_AChildThatCompletesAtOnceDoesNotNestCalls) {
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
