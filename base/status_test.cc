// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(StatusTest, ErrnoErrorKeepsTheErrnoAndNamesTheThing) {
  const absl::Status status = ErrnoError(ENOSPC, "disk.img");
  EXPECT_EQ(ErrnoOf(status), ENOSPC);
  EXPECT_EQ(MessageOf(status), "disk.img: No space left on device");
}

TEST(StatusTest, ErrorWithErrnoTakesTheTextAsItIs) {
  const absl::Status status = ErrorWithErrno(EBUSY, "drive0 is in use");
  EXPECT_EQ(ErrnoOf(status), EBUSY);
  EXPECT_EQ(MessageOf(status), "drive0 is in use");
}

TEST(StatusTest, AnnotateKeepsTheErrno) {
  const absl::Status status = Annotate(ErrnoError(EACCES, "a"), "node n0");
  EXPECT_EQ(ErrnoOf(status), EACCES);
  EXPECT_EQ(MessageOf(status), "node n0: a: Permission denied");
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
}

TEST(StatusTest, StatusWithoutErrnoGivesTheUsualOneOfItsCode) {
  EXPECT_EQ(ErrnoOf(absl::OkStatus()), 0);
  EXPECT_EQ(ErrnoOf(absl::NotFoundError("x")), ENOENT);
  EXPECT_EQ(ErrnoOf(absl::InvalidArgumentError("x")), EINVAL);
  EXPECT_EQ(ErrnoOf(absl::UnimplementedError("x")), ENOTSUP);
  EXPECT_EQ(ErrnoOf(absl::InternalError("x")), EIO);
}

}  // namespace
}  // namespace platter
