// SPDX-License-Identifier: Apache-2.0
//
// Reopening a file whose name has gone to another one: its users are looked at.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "drivers/file/file_rig.h"
#include "drivers/file/host_calls.h"
#include "drivers/file/image_lock.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

// A disk that lets nobody else write.
EdgeOptions Disk() {
  return {.permissions = {.used = Permission::kConsistentRead | Permission::kWrite,
                          .shared = Permission::kConsistentRead}};
}

TEST(FileReopenTest, AnotherFileOfTheNameMayBeInUse) {
  FileRig rig({.kind = RigKind::kThreads});
  ASSERT_EQ(rig.why_not(), "");
  TestRoot root;
  ASSERT_TRUE(root.edge().Attach(rig.node_ref(), Disk()).ok());
  const std::string other = rig.path() + ".other";
  KernelHostCalls host;
  const HostFile file = {::open(other.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), other};
  ASSERT_GE(file.fd, 0);
  ImageLock stranger(host);
  ASSERT_TRUE(stranger.Set(file, Disk().permissions).ok());
  ASSERT_EQ(std::rename(other.c_str(), rig.path().c_str()), 0);

  EXPECT_EQ(ErrnoOf(rig.node().Reopen(rig.file_options())), EBUSY);
  EXPECT_EQ(rig.node().length(), uint64_t{1} << 20) << "nothing has changed";
  ASSERT_TRUE(stranger.Set(file, {}).ok());
  ASSERT_TRUE(rig.node().Reopen(rig.file_options()).ok());
  EXPECT_EQ(rig.node().length(), 0u);
  EXPECT_EQ(ErrnoOf(stranger.Set(file, Disk().permissions)), EBUSY) << "now it is ours";
  ::close(file.fd);
}

}  // namespace
}  // namespace platter
