// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/scarce_space.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "drivers/memory/memory_node.h"
#include "testing/demo/temp_folder.h"

namespace platter {
namespace {

TEST(ScarceSpaceTest, TmpfsIsFullUntilRoomIsMade) {
  const auto folder = *TempFolder::CreateIn("/tmp");
  const auto made = ScarceSpace::OnTmpfs(folder->path());
  if (!made.ok()) {
    EXPECT_NE(ErrnoOf(made.status()), 0) << made.status();
    GTEST_SKIP() << "no-user-namespace: " << MessageOf(made.status());
  }
  ScarceSpace& space = **made;
  EXPECT_EQ(space.NodeOptions("n").file().filename(), space.ImagePath());
  const int image = ::open(space.ImagePath().c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(image, 0);

  ASSERT_TRUE(space.Fill().ok());
  EXPECT_EQ(*space.FreeBytes(), 0u);
  EXPECT_EQ(::pwrite(image, "x", 1, 0), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_TRUE(space.MakeRoom(ScarceSpace::Room::kDelete).ok());
  EXPECT_EQ(::pwrite(image, "x", 1, 0), 1);

  ASSERT_TRUE(space.Fill().ok());
  EXPECT_EQ(::pwrite(image, "x", 1, 8192), -1);
  const auto grown = space.MakeRoom(ScarceSpace::Room::kGrow);
  ASSERT_TRUE(grown.ok()) << grown.status();
  EXPECT_EQ(*grown, "mount -o remount,size=2M");
  EXPECT_EQ(::pwrite(image, "x", 1, 8192), 1);
  ::close(image);
}

TEST(ScarceSpaceTest, MemoryMovesItsLimit) {
  const auto space = ScarceSpace::InMemory();
  EXPECT_EQ(space->NodeOptions("n").memory().allocation_limit(), ScarceSpace::kRealBytes);
  EXPECT_FALSE(space->Fill().ok()) << "before there is a node";
  const auto node = *MemoryNode::Create("n", {.size = ScarceSpace::kDiskBytes});
  space->SetNode(node);
  ASSERT_TRUE(space->Fill().ok());
  EXPECT_EQ(*space->FreeBytes(), 0u);
  ASSERT_TRUE(space->MakeRoom(ScarceSpace::Room::kGrow).ok());
  EXPECT_EQ(*space->FreeBytes(), ScarceSpace::kRealBytes);
  space->SetNode(nullptr);
}

}  // namespace
}  // namespace platter
