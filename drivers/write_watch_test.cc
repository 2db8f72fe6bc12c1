// SPDX-License-Identifier: Apache-2.0

#include "drivers/write_watch.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/simulated/world.h"
#include "testing/drivers/edge_fixture.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WriteWatchTest : public EdgeFixture {
 protected:
  void Watch(uint64_t threshold) {
    node_->set_write_watch(std::make_unique<WriteWatch>(
        control_, threshold, [this](uint64_t amount) { told_.push_back(amount); }));
  }
  IoResult Write(uint64_t offset, size_t bytes, IoFlags flags = IoFlags::kNone) {
    std::vector<uint8_t> data(bytes, 1);
    const IoResult result = DiskIo(root_, io_).Transfer(IoOp::kWrite, offset, data).Run(flags);
    world_.RunUntilIdle();
    return result;
  }

  AioContext& control_ = world_.NewContext("control");
  std::vector<uint64_t> told_;
};

TEST_F(WriteWatchTest, AWriteBeyondIsToldOnce) {
  StrictNode& node = Open({.size = 65536});
  Watch(8192);
  EXPECT_EQ(node.write_threshold(), 8192u);
  EXPECT_EQ(Write(0, 4096), 0);
  EXPECT_EQ(Write(4096, 4096), 0) << "up to the threshold";
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_EQ(Write(4096, 4097), 0);
  EXPECT_THAT(told_, ElementsAre(1u));
  EXPECT_EQ(node.write_threshold(), 0u);
  EXPECT_EQ(Write(16384, 4096), 0);
  EXPECT_THAT(told_, ElementsAre(1u));
  Watch(8192);
  EXPECT_EQ(Write(16384, 4096), 0);
  EXPECT_THAT(told_, ElementsAre(1u, 12288u));
}

TEST_F(WriteWatchTest, WhatWritesNothingIsNoWrite) {
  Open({.size = 65536});
  Watch(4096);
  std::vector<uint8_t> data(512);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 16384, data).Run(), 0);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 16384, 512).Run(), 0);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kFlush, 0, 0).Run(), 0);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kWriteZeroes, 65536, 512).Run(), -EIO);
  world_.RunUntilIdle();
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kWriteZeroes, 16384, 512).Run(), 0);
  world_.RunUntilIdle();
  EXPECT_THAT(told_, ElementsAre(16384u + 512 - 4096));
}

TEST_F(WriteWatchTest, ItSeesWhatTheEdgeMakesSomethingElseOf) {
  StrictOptions options = {.size = 65536};
  options.limits.request_alignment = 4096;
  options.limits.max_transfer = 4096;
  options.features.fua = false;
  options.home_context = &control_;
  Open(options);
  for (const IoFlags flags : {IoFlags::kNone, IoFlags::kFua}) {
    Watch(8192);
    // Not aligned, in several pieces, in the home context: told by what was asked for.
    EXPECT_EQ(Write(100, 10000, flags), 0);
    EXPECT_EQ(node_->write_threshold(), 0u);
  }
  EXPECT_THAT(told_, ElementsAre(1908u, 1908u));
}

TEST_F(WriteWatchTest, ANewWatchLetsTheOldOneSpeakFirst) {
  Open({.size = 65536});
  Watch(4096);
  std::vector<uint8_t> data(8192, 1);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), 0);
  EXPECT_THAT(told_, IsEmpty()) << "it is on its way";
  node_->set_write_watch(nullptr);
  EXPECT_THAT(told_, ElementsAre(4096u));
  world_.RunUntilIdle();
  EXPECT_THAT(told_, ElementsAre(4096u));
}

TEST_F(WriteWatchTest, ANodeThatGoesIsSilent) {
  Open({.size = 65536});
  Watch(4096);
  std::vector<uint8_t> data(8192, 1);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), 0);
  root_.edge().Detach();
  node_.reset();
  world_.RunUntilIdle();
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(WriteWatchTest, WhoIsToldMaySetAnother) {
  Open({.size = 65536});
  node_->set_write_watch(std::make_unique<WriteWatch>(control_, 4096, [this](uint64_t amount) {
    told_.push_back(amount);
    Watch(16384);
  }));
  EXPECT_EQ(Write(0, 8192), 0);
  EXPECT_EQ(Write(16384, 512), 0);
  EXPECT_THAT(told_, ElementsAre(4096u, 512u));
}

TEST(WriteWatchThreads, OfManyWritesAtOnceOneIsTold) {
  const auto control = *CreateAioContext({.kind = AioKind::kThreads});
  constexpr uint64_t kThreshold = 1000;
  constexpr uint64_t kWrites = 2000;
  std::vector<uint64_t> told;
  WriteWatch watch(*control, kThreshold, [&](uint64_t amount) { told.push_back(amount); });
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (uint64_t end = 1; end <= kWrites; ++end) watch.OnWrite(end);
    });
  }
  for (std::thread& writer : writers) writer.join();
  control->RunUntil([&] { return !told.empty(); });
  ASSERT_EQ(told.size(), 1u);
  EXPECT_GE(told[0], 1u);
  EXPECT_LE(told[0], kWrites - kThreshold);
}

}  // namespace
}  // namespace platter
