// SPDX-License-Identifier: Apache-2.0
//
// One tree gives way to another: which locks stay, and whose are seen.

#include "drivers/file/kept_locks.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "base/log.h"
#include "base/status.h"
#include "drivers/edge.h"
#include "drivers/file/file_node.h"
#include "drivers/file/host_calls.h"
#include "drivers/file/image_lock.h"
#include "drivers/file/kernel_files.h"
#include "drivers/raw/raw_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

// A disk that lets nobody else write.
EdgeOptions Disk() {
  return {.permissions = {.used = Permission::kConsistentRead | Permission::kWrite,
                          .shared = Permission::kConsistentRead}};
}

class KeptLocksTest : public ::testing::Test {
 protected:
  NodeRef Open(const std::string& name, const std::string& path) {
    FileOptions options;
    options.filename = path;
    options.locking = FileLocking::kOn;
    auto opened =
        FileNode::Open({.control = context_.get(), .log = &log_, .host = nullptr}, name, options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *opened;
  }
  // Whether another program could write to the image.
  bool IsFree(const std::string& path) {
    KernelHostCalls host;
    const HostFile file = {::open(path.c_str(), O_RDWR | O_CLOEXEC), path};
    ImageLock stranger(host);
    const bool free = stranger.Set(file, Disk().permissions).ok();
    ::close(file.fd);
    return free;
  }

  std::unique_ptr<AioContext> context_ = *CreateAioContext({.kind = AioKind::kThreads});
  MemoryLog log_;
  TempFolder folder_;
  const std::string a_ = folder_.Make("a", 4096);
  const std::string b_ = folder_.Make("b", 4096);
  TestRoot root_;
  TestRoot next_;
};

TEST_F(KeptLocksTest, WhatIsGivenUpStaysLockedAndCanBeHadAgain) {
  const NodeRef going = Open("going", a_);
  ASSERT_TRUE(root_.edge().Attach(going, Disk()).ok());
  {
    const KeptLocks kept(going, Open("coming", b_));
    ASSERT_TRUE(root_.edge().Change({}).ok());
    EXPECT_FALSE(IsFree(a_));
    ASSERT_TRUE(root_.edge().Change(Disk()).ok());
  }
  EXPECT_FALSE(IsFree(a_));
  {
    const KeptLocks kept(going, Open("coming", b_));
    root_.edge().Detach();
    EXPECT_FALSE(IsFree(a_));
    EXPECT_TRUE(IsFree(b_));
  }
  EXPECT_TRUE(IsFree(a_));
}

TEST_F(KeptLocksTest, TheSameImageUnderAnotherNameIsNoStrangers) {
  const std::string link = folder_.path() + "/link";
  ASSERT_EQ(::link(a_.c_str(), link.c_str()), 0);
  const NodeRef going = Open("going", a_);
  auto coming = RawNode::Create("coming", Open("below", link), {});
  ASSERT_TRUE(coming.ok()) << coming.status();
  ASSERT_TRUE(root_.edge().Attach(going, Disk()).ok());
  EXPECT_EQ(ErrnoOf(next_.edge().Attach(*coming, Disk())), EBUSY);
  {
    const KeptLocks kept(going, *coming);
    EXPECT_EQ(ErrnoOf(next_.edge().Attach(*coming, Disk())), EBUSY) << "it is not given up yet";
    root_.edge().Detach();
    ASSERT_TRUE(next_.edge().Attach(*coming, Disk()).ok());
  }
  EXPECT_FALSE(IsFree(a_));
  next_.edge().Detach();
  EXPECT_TRUE(IsFree(a_));
}

TEST_F(KeptLocksTest, ANodeInBothTreesSeesOthersAsEver) {
  const NodeRef file = Open("file", a_);
  ASSERT_TRUE(
      root_.edge().Attach(file, {.permissions = {.used = Permission::kConsistentRead}}).ok());
  auto above = RawNode::Create("above", file, {});
  ASSERT_TRUE(above.ok()) << above.status();
  KernelHostCalls host;
  const HostFile stranger = {::open(a_.c_str(), O_RDWR | O_CLOEXEC), a_};
  ASSERT_EQ(host.SetByteLock(stranger, kUsedLockBase + 1, ByteLock::kHeld), 0);
  {
    const KeptLocks kept(file, *above);
    root_.edge().Detach();
    EXPECT_EQ(ErrnoOf(next_.edge().Attach(*above, Disk())), EBUSY);
    ::close(stranger.fd);
    EXPECT_TRUE(next_.edge().Attach(*above, Disk()).ok());
  }
  EXPECT_FALSE(IsFree(a_));
}

}  // namespace
}  // namespace platter
