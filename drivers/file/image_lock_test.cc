// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/image_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "drivers/file/fake_host_calls.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr PermissionSet kAll = PermissionSet::All();

// What a disk of a guest takes: see facts of the field.
Permissions Disk() {
  return {.used = Permission::kConsistentRead | Permission::kWrite,
          .shared = Permission::kConsistentRead | Permission::kWriteUnchanged};
}
Permissions Reader() {
  return {.used = Permission::kConsistentRead,
          .shared = Permission::kConsistentRead | Permission::kWriteUnchanged};
}

TEST(ImageLockTest, HoldsABytePerPermissionUsedAndNotShared) {
  FakeHostCalls host;
  ImageLock lock(host);
  ASSERT_TRUE(lock.Set({}, Disk()).ok());
  // Used: consistent read 0, write 1. Not shared: write 1, resize 3.
  EXPECT_THAT(host.held_locks(), ElementsAre(100, 101, 201, 203));
  ASSERT_TRUE(lock.Set({}, Reader()).ok());
  EXPECT_THAT(host.held_locks(), ElementsAre(100, 201, 203));
  ASSERT_TRUE(lock.Set({}, {.used = {}, .shared = kAll}).ok());
  EXPECT_THAT(host.held_locks(), IsEmpty());
}

TEST(ImageLockTest, IsRefusedWhatOthersDoNotShareAndWhatItDoesNotShareAndOthersUse) {
  for (int n = 0; n < kPermissionCount; ++n) {
    const auto mine = static_cast<Permission>(1 << n);
    FakeHostCalls host;
    ImageLock lock(host);
    host.foreign_locks = {kUnsharedLockBase + n};
    EXPECT_EQ(ErrnoOf(lock.Set({3, "/disk"}, {.used = mine, .shared = kAll})), EBUSY);
    EXPECT_TRUE(lock.Set({3, "/disk"}, {.used = kAll - mine, .shared = {}}).ok());
    EXPECT_TRUE(lock.Set({3, "/disk"}, {.used = {}, .shared = kAll}).ok());

    host.foreign_locks = {kUsedLockBase + n};
    EXPECT_EQ(ErrnoOf(lock.Set({3, "/disk"}, {.used = {}, .shared = kAll - mine})), EBUSY);
    EXPECT_TRUE(lock.Set({3, "/disk"}, {.used = kAll, .shared = mine}).ok());
  }
}

TEST(ImageLockTest, TheMessageNamesFilePermissionAndWayOut) {
  FakeHostCalls host;
  ImageLock lock(host);
  host.foreign_locks = {201};
  const std::string refused = MessageOf(lock.Set({3, "/images/a.img"}, Disk()));
  EXPECT_THAT(refused, HasSubstr("'/images/a.img' is in use"));
  EXPECT_THAT(refused, HasSubstr("does not share the permission write"));
  EXPECT_THAT(refused, HasSubstr("share-rw=on"));
  host.foreign_locks = {103};
  EXPECT_THAT(MessageOf(lock.Set({3, "/images/a.img"}, Disk())),
              HasSubstr("uses the permission resize"));
}

TEST(ImageLockTest, NoMessageHasAControlByteOfThePath) {
  FakeHostCalls host;
  ImageLock lock(host);
  const HostFile file = {3, "/\x1B[2J.img"};
  for (const uint64_t foreign : {201, 103}) {
    host.foreign_locks = {foreign};
    EXPECT_THAT(MessageOf(lock.Set(file, Disk())), HasSubstr("'/\\x1b[2J.img' is in use"));
  }
  host.foreign_locks = {};
  host.refused_lock = 203;
  EXPECT_THAT(MessageOf(lock.Set(file, Disk())), HasSubstr("cannot lock '/\\x1b[2J.img'"));
}

TEST(ImageLockTest, AFailedChangeChangesNothing) {
  FakeHostCalls host;
  ImageLock lock(host);
  ASSERT_TRUE(lock.Set({}, Reader()).ok());
  host.foreign_locks = {201};
  EXPECT_FALSE(lock.Set({}, Disk()).ok());
  EXPECT_THAT(host.held_locks(), ElementsAre(100, 201, 203));

  // Nor does one that the host refuses half-way.
  host.foreign_locks = {};
  host.refused_lock = 203;
  ASSERT_TRUE(lock.Set({}, {.used = {}, .shared = kAll}).ok());
  const absl::Status refused = lock.Set({3, "/nfs/a.img"}, Disk());
  EXPECT_EQ(ErrnoOf(refused), ENOLCK);
  EXPECT_THAT(MessageOf(refused), HasSubstr("'/nfs/a.img'"));
  EXPECT_THAT(MessageOf(refused), HasSubstr("locking=off"));
  EXPECT_THAT(host.held_locks(), IsEmpty());
}

TEST(ImageLockTest, GivingUpNeverFails) {
  FakeHostCalls host;
  ImageLock lock(host);
  ASSERT_TRUE(lock.Set({}, Disk()).ok());
  // Somebody who does not keep to the rules.
  host.foreign_locks = {100, 101, 200, 201, 203};
  EXPECT_TRUE(lock.Set({}, Reader()).ok());
  EXPECT_TRUE(lock.Set({}, {.used = {}, .shared = kAll}).ok());
}

TEST(ImageLockTest, WhatIsKeptIsHadAgainWhateverOthersDo) {
  FakeHostCalls host;
  ImageLock lock(host);
  ASSERT_TRUE(lock.Set({}, Disk()).ok());
  lock.Keep();
  ASSERT_TRUE(lock.Set({}, {.used = {}, .shared = kAll}).ok());
  EXPECT_THAT(host.held_locks(), ElementsAre(100, 101, 201, 203));
  host.foreign_locks = {101, 201};
  EXPECT_TRUE(lock.Set({}, Disk()).ok());
  EXPECT_FALSE(lock.Set({}, {.used = kAll, .shared = kAll}).ok()) << "it was not there before";
  lock.Settle({});
  EXPECT_THAT(host.held_locks(), ElementsAre(100, 101, 201, 203));

  lock.Keep();
  ASSERT_TRUE(lock.Set({}, Reader()).ok());
  lock.Settle({});
  EXPECT_THAT(host.held_locks(), ElementsAre(100, 201, 203));
  ASSERT_TRUE(lock.Set({}, {.used = {}, .shared = kAll}).ok());
  EXPECT_THAT(host.held_locks(), IsEmpty()) << "nothing is kept any more";
}

// With the kernel's locks: two openings of one file.
class KernelImageLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "/image_lock_XXXXXX";
    const int fd = ::mkstemp(path_.data());
    ASSERT_GE(fd, 0);
    ::close(fd);
    // The kernel looks at the mode only of a lock for writing: read-only will do to ask.
    first_ = {::open(path_.c_str(), O_RDWR | O_CLOEXEC), path_};
    second_ = {::open(path_.c_str(), O_RDONLY | O_CLOEXEC), path_};
    ASSERT_GE(first_.fd, 0);
    ASSERT_GE(second_.fd, 0);
  }
  void TearDown() override {
    ::close(first_.fd);
    ::close(second_.fd);
    ::unlink(path_.c_str());
  }

  std::string path_;
  HostFile first_;
  HostFile second_;
  KernelHostCalls host_;
};

TEST_F(KernelImageLockTest, TwoOpeningsExcludeEachOtherAsTheirPermissionsSay) {
  ASSERT_TRUE(ImageLock::Probe(host_, first_).ok());
  ImageLock disk(host_);
  ImageLock other(host_);
  ASSERT_TRUE(disk.Set(first_, Disk()).ok());
  EXPECT_EQ(ErrnoOf(other.Set(second_, Disk())), EBUSY);
  EXPECT_EQ(ErrnoOf(other.Set(second_, Reader())), EBUSY) << "it does not share writing";
  EXPECT_TRUE(other.Set(second_, {.used = Permission::kConsistentRead, .shared = kAll}).ok());
  ASSERT_TRUE(other.Set(second_, {.used = {}, .shared = kAll}).ok());

  ASSERT_TRUE(disk.Set(first_, Reader()).ok());
  EXPECT_TRUE(other.Set(second_, Reader()).ok()) << "readers go together";
  EXPECT_EQ(ErrnoOf(disk.Set(first_, Disk())), EBUSY);
}

TEST_F(KernelImageLockTest, ClosingTheFileGivesItsLocksBack) {
  ImageLock disk(host_);
  ASSERT_TRUE(disk.Set(first_, Disk()).ok());
  ::close(first_.fd);
  first_.fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  ImageLock other(host_);
  EXPECT_TRUE(other.Set(second_, Disk()).ok());
}

TEST_F(KernelImageLockTest, ACopyHoldsTheSameForASecondOpening) {
  ImageLock disk(host_);
  ASSERT_TRUE(disk.Set(first_, Disk()).ok());
  ImageLock copy(host_);
  ASSERT_TRUE(copy.CopyFrom(disk, second_).ok());
  ::close(first_.fd);
  first_.fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  ImageLock third(host_);
  EXPECT_EQ(ErrnoOf(third.Set(first_, Disk())), EBUSY) << "the second opening still holds all";
}

TEST_F(KernelImageLockTest, OneSucceedsAnotherAndNobodyElseComesBetween) {
  const HostFile third = {::open(path_.c_str(), O_RDWR | O_CLOEXEC), path_};
  const Permissions none = {.used = {}, .shared = kAll};
  ImageLock stranger(host_);
  ImageLock old(host_);
  ImageLock heir(host_);
  ASSERT_TRUE(old.Set(first_, Disk()).ok());
  old.Keep();
  heir.Succeed(old, first_);
  EXPECT_EQ(ErrnoOf(heir.Set(second_, Disk())), EBUSY) << "it is not only kept";
  ASSERT_TRUE(old.Set(first_, none).ok());
  EXPECT_EQ(ErrnoOf(stranger.Set(third, Disk())), EBUSY);

  // One that is about to be refused shows already.
  ASSERT_EQ(host_.SetByteLock(third, kUsedLockBase + 1, ByteLock::kHeld), 0);
  EXPECT_EQ(ErrnoOf(heir.Set(second_, Disk())), EBUSY);
  ASSERT_EQ(host_.SetByteLock(third, kUsedLockBase + 1, ByteLock::kFree), 0);
  EXPECT_TRUE(old.Set(first_, Disk()).ok()) << "it can have its own back";
  ASSERT_TRUE(old.Set(first_, none).ok());

  ASSERT_TRUE(heir.Set(second_, Disk()).ok());
  heir.SucceedNone();
  old.Settle(first_);
  EXPECT_EQ(ErrnoOf(stranger.Set(third, Disk())), EBUSY);
  ASSERT_TRUE(heir.Set(second_, none).ok());
  EXPECT_TRUE(stranger.Set(third, Disk()).ok());
  ::close(third.fd);
}

}  // namespace
}  // namespace platter
