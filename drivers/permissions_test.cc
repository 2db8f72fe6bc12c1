// SPDX-License-Identifier: Apache-2.0
#include "drivers/permissions.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(PermissionSetTest, NamesWhatItHolds) {
  EXPECT_EQ(PermissionSet().ToString(), "none");
  EXPECT_EQ(PermissionSet(Permission::kWrite).ToString(), "write");
  EXPECT_EQ(PermissionSet::All().ToString(), "consistent read, write, write unchanged, resize");
}

TEST(PermissionSetTest, IsASet) {
  constexpr PermissionSet kReadWrite = Permission::kConsistentRead | Permission::kWrite;
  EXPECT_TRUE(kReadWrite.Has(Permission::kWrite));
  EXPECT_FALSE(kReadWrite.Has(Permission::kResize));
  EXPECT_EQ(kReadWrite - Permission::kWrite, PermissionSet(Permission::kConsistentRead));
  EXPECT_EQ(kReadWrite & Permission::kResize, PermissionSet());
  EXPECT_TRUE(PermissionSet::All().Contains(kReadWrite));
  EXPECT_FALSE(PermissionSet(Permission::kWrite).Contains(kReadWrite));
}

// The numbers are bytes of an image file that other programs lock too.
TEST(PermissionSetTest, NumbersAreThoseOfImageLocks) {
  EXPECT_EQ(PermissionSet(Permission::kConsistentRead).bits(), 1);
  EXPECT_EQ(PermissionSet(Permission::kWrite).bits(), 2);
  EXPECT_EQ(PermissionSet(Permission::kWriteUnchanged).bits(), 4);
  EXPECT_EQ(PermissionSet(Permission::kResize).bits(), 8);
}

}  // namespace
}  // namespace platter
