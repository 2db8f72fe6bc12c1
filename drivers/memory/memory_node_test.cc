// SPDX-License-Identifier: Apache-2.0
#include "drivers/memory/memory_node.h"

#include <cerrno>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/arith.h"
#include "base/status.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

class MemoryNodeTest : public ::testing::Test {
 protected:
  MemoryNode& Open(const MemoryOptions& options) {
    auto created = MemoryNode::Create("ram0", options);
    EXPECT_TRUE(created.ok()) << created.status();
    node_ = *created;
    EXPECT_TRUE(root_.Open(node_).ok());
    return *node_;
  }
  IoResult Write(uint64_t offset, uint64_t bytes, uint8_t value, IoFlags flags = IoFlags::kNone) {
    std::vector<uint8_t> data(bytes, value);
    return DiskIo(root_, io_).Transfer(IoOp::kWrite, offset, data).Run(flags);
  }
  int ByteAt(uint64_t offset) {
    std::vector<uint8_t> data(1, 0xee);
    EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, offset, data).Run(), 0);
    return data[0];
  }
  IoResult Range(IoOp op, uint64_t offset, uint64_t bytes, IoFlags flags = IoFlags::kNone) {
    return DiskIo(root_, io_).Range(op, offset, bytes).Run(flags);
  }

  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  std::shared_ptr<MemoryNode> node_;
  TestRoot root_;
};

TEST_F(MemoryNodeTest, HoldsWhatIsWrittenAndTakesNoMoreRoom) {
  MemoryNode& node = Open({.size = uint64_t{1} << 40});
  EXPECT_EQ(Write((uint64_t{1} << 40) - 4096, 4096, 7), 0);
  EXPECT_EQ(ByteAt((uint64_t{1} << 40) - 1), 7);
  EXPECT_EQ(ByteAt(0), 0);
  EXPECT_EQ(node.allocated_bytes(), 4096u);
}

TEST_F(MemoryNodeTest, AllocationLimitGivesNoSpaceUntilItIsRaised) {
  MemoryNode& node = Open({.size = kMiB, .allocation_limit = 8192});
  EXPECT_EQ(Write(0, 8192, 1), 0);
  EXPECT_EQ(Write(4096, 8192, 2), -ENOSPC);
  EXPECT_EQ(ByteAt(4096), 1);
  EXPECT_EQ(Range(IoOp::kWriteZeroes, 8192, 8192), 0);  // Needs no room.
  node.SetAllocationLimit(12288);
  EXPECT_EQ(Write(4096, 8192, 2), 0);
  EXPECT_EQ(ByteAt(8192), 2);
}

TEST_F(MemoryNodeTest, DiscardMakesRoom) {
  MemoryNode& node = Open({.size = kMiB, .allocation_limit = 8192});
  EXPECT_EQ(Write(0, 8192, 1), 0);
  EXPECT_EQ(Range(IoOp::kDiscard, 0, 4096), 0);
  EXPECT_EQ(node.allocated_bytes(), 4096u);
  EXPECT_EQ(Write(65536, 4096, 1), 0);
  EXPECT_EQ(Range(IoOp::kWriteZeroes, 65536, 4096, IoFlags::kMayUnmap), 0);
  EXPECT_EQ(node.allocated_bytes(), 4096u);
}

TEST_F(MemoryNodeTest, StatusSaysWhatIsZero) {
  MemoryNode& node = Open({.size = kMiB});
  EXPECT_EQ(Write(8192, 4096, 1), 0);
  const auto hole = BlockOn(io_, node.GetBlockStatus(100, 100000));
  ASSERT_TRUE(hole.ok());
  EXPECT_EQ(hole->bytes, 8092u);
  EXPECT_TRUE(hole->zero);
  const auto data = BlockOn(io_, node.GetBlockStatus(8192, 100000));
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->bytes, 4096u);
  EXPECT_TRUE(data->data);
}

TEST_F(MemoryNodeTest, TruncateBothWays) {
  MemoryNode& node = Open({.size = 10000});
  EXPECT_EQ(Write(0, 10000, 1), 0);
  EXPECT_TRUE(BlockOn(io_, node.Truncate(5000)).ok());
  EXPECT_TRUE(BlockOn(io_, node.Truncate(100000)).ok());
  EXPECT_EQ(root_.changes(), 2);
  EXPECT_EQ(ByteAt(4999), 1);
  EXPECT_EQ(ByteAt(5000), 0);
  EXPECT_EQ(ByteAt(99999), 0);
}

TEST_F(MemoryNodeTest, ACrashForgetsWhatWasNotFlushed) {
  MemoryNode& node = Open({.size = kMiB, .cache = MemoryOptions::Cache::kVolatile});
  EXPECT_EQ(Write(0, 4096, 1), 0);
  EXPECT_EQ(Range(IoOp::kFlush, 0, 0), 0);
  EXPECT_EQ(Write(0, 4096, 2), 0);
  EXPECT_EQ(Write(8192, 512, 3, IoFlags::kFua), 0);
  EXPECT_EQ(Write(12288, 512, 4), 0);
  EXPECT_EQ(Range(IoOp::kWriteZeroes, 512, 512), 0);
  EXPECT_EQ(ByteAt(0), 2);
  node.SimulateCrash();
  EXPECT_EQ(ByteAt(0), 1);
  EXPECT_EQ(ByteAt(512), 1);
  EXPECT_EQ(ByteAt(8192), 3);
  EXPECT_EQ(ByteAt(12288), 0);
  node.SimulateCrash();
  EXPECT_EQ(ByteAt(0), 1);
}

TEST_F(MemoryNodeTest, ACrashGivesBackTheRoomOfWhatItForgets) {
  MemoryNode& node =
      Open({.size = kMiB, .allocation_limit = 8192, .cache = MemoryOptions::Cache::kVolatile});
  EXPECT_EQ(Write(0, 8192, 1), 0);
  EXPECT_EQ(Write(16384, 8192, 2), -ENOSPC);
  node.SimulateCrash();
  EXPECT_EQ(node.allocated_bytes(), 0u);
  EXPECT_EQ(Write(16384, 8192, 2), 0);
  EXPECT_EQ(ByteAt(16384), 2);
}

TEST_F(MemoryNodeTest, WithoutTheVolatileCacheACrashForgetsNothing) {
  MemoryNode& node = Open({.size = kMiB});
  EXPECT_EQ(Write(0, 4096, 1), 0);
  node.SimulateCrash();
  EXPECT_EQ(ByteAt(0), 1);
}

TEST_F(MemoryNodeTest, HomeContextGetsEveryRequestThere) {
  AioContext& home = world_.NewContext("home");
  MemoryNode& node = Open({.size = kMiB, .home_context = &home});
  EXPECT_EQ(node.home_context(), &home);
  EXPECT_EQ(Write(0, 4096, 1), 0);
  EXPECT_EQ(ByteAt(0), 1);
}

TEST_F(MemoryNodeTest, ASizeThatCannotBeMappedIsAnErrorThatNamesTheNode) {
  const auto node = MemoryNode::Create("big", {.size = kMaxNodeLength});
  EXPECT_EQ(ErrnoOf(node.status()), EFBIG);
  EXPECT_NE(MessageOf(node.status()).find("'big'"), std::string::npos);
}

TEST_F(MemoryNodeTest, AParentThatMayGrowGetsNoSpaceBehindTheEnd) {
  for (const auto cache : {MemoryOptions::Cache::kDurable, MemoryOptions::Cache::kVolatile}) {
    Open({.size = 4096, .cache = cache});
    EdgeOptions growing = ReadWriteOptions();
    growing.permissions.used = growing.permissions.used | Permission::kResize;
    growing.may_grow = true;
    ASSERT_TRUE(root_.edge().Change(growing).ok());
    for (const uint64_t offset : {uint64_t{4096}, uint64_t{1} << 40}) {
      EXPECT_EQ(Write(offset, 1, 1), -ENOSPC);
      EXPECT_EQ(Range(IoOp::kWriteZeroes, offset, 4096), -ENOSPC);
    }
    EXPECT_EQ(Range(IoOp::kWriteZeroes, 0, 8192), -ENOSPC);
    EXPECT_EQ(node_->length(), 4096u);
    root_.edge().Detach();
  }
}

}  // namespace
}  // namespace platter
