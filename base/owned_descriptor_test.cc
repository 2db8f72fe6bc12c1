// SPDX-License-Identifier: Apache-2.0

#include "base/owned_descriptor.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <utility>

#include "gtest/gtest.h"

namespace platter {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(OwnedDescriptorTest, ClosesWithItsOwner) {
  int fd = -1;
  {
    const OwnedDescriptor owned(eventfd(0, EFD_CLOEXEC));
    fd = owned.get();
    EXPECT_TRUE(IsOpen(fd));
  }
  EXPECT_FALSE(IsOpen(fd));
  EXPECT_EQ(OwnedDescriptor().get(), -1);
}

TEST(OwnedDescriptorTest, MovesAndLetsGo) {
  OwnedDescriptor first(eventfd(0, EFD_CLOEXEC));
  const int fd = first.get();
  OwnedDescriptor second(std::move(first));
  EXPECT_EQ(second.get(), fd);
  {
    OwnedDescriptor third;
    third = std::move(second);
    EXPECT_EQ(third.Release(), fd);
  }
  EXPECT_TRUE(IsOpen(fd));
  close(fd);
}

}  // namespace
}  // namespace platter
