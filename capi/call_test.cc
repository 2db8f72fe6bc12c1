// SPDX-License-Identifier: Apache-2.0

#include "capi/call.h"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <thread>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter::capi {
namespace {

struct Versioned {
  size_t size;
  uint32_t first;
  uint32_t second;
};
constexpr size_t kLeast = offsetof(Versioned, second);

TEST(CapiCallTest, AnErrorIsANegativeErrnoAndItsText) {
  EXPECT_EQ(Report(absl::OkStatus()), 0);
  EXPECT_EQ(Report(ErrorWithErrno(ENOMEDIUM, "drive 'd' is empty")), -ENOMEDIUM);
  EXPECT_STREQ(LastError(), "drive 'd' is empty");
  EXPECT_EQ(Report(absl::OkStatus()), 0);
  EXPECT_STREQ(LastError(), "drive 'd' is empty") << "success leaves it alone";
  EXPECT_EQ(Refuse(EINVAL, "platter_x", "why"), -EINVAL);
  EXPECT_STREQ(LastError(), "platter_x: why");
  EXPECT_EQ(Report(absl::NotFoundError("none")), -ENOENT);
}

TEST(CapiCallTest, EachThreadHasItsOwnText) {
  EXPECT_EQ(Refuse(EINVAL, "here", "mine"), -EINVAL);
  std::thread([] {
    EXPECT_STREQ(LastError(), "");
    EXPECT_EQ(Refuse(EBUSY, "there", "another"), -EBUSY);
    EXPECT_STREQ(LastError(), "there: another");
  }).join();
  EXPECT_STREQ(LastError(), "here: mine");
}

TEST(CapiCallTest, NoExceptionLeaves) {
  EXPECT_EQ(Guarded("f", [] { return 7; }), 7);
  EXPECT_EQ(Guarded("f", []() -> int { throw std::bad_alloc(); }), -ENOMEM);
  EXPECT_STREQ(LastError(), "out of memory");
  EXPECT_EQ(Guarded("f", []() -> int { throw std::runtime_error("x"); }), -EIO);
  EXPECT_STREQ(LastError(), "f: an exception that nobody expected");
}

TEST(CapiCallTest, CallbacksAreCountedPerThread) {
  EXPECT_FALSE(CallbackScope::active());
  {
    const CallbackScope outer;
    {
      const CallbackScope inner;
      EXPECT_TRUE(CallbackScope::active());
    }
    EXPECT_TRUE(CallbackScope::active());
    std::thread([] { EXPECT_FALSE(CallbackScope::active()); }).join();
  }
  EXPECT_FALSE(CallbackScope::active());
}

TEST(CapiCallTest, AStructureOfAnOlderOrNewerCallerComesIn) {
  Versioned known;
  EXPECT_EQ(CopyIn("f", {.size = kLeast, .first = 1, .second = 2}, kLeast, known), 0);
  EXPECT_EQ(known.first, 1u);
  EXPECT_EQ(known.second, 0u) << "an older caller has no such member";
  EXPECT_EQ(CopyIn("f", {.size = sizeof(Versioned), .first = 1, .second = 2}, kLeast, known), 0);
  EXPECT_EQ(known.second, 2u);
  EXPECT_EQ(CopyIn("f", {.size = kLeast - 1, .first = 0, .second = 0}, kLeast, known), -EINVAL);
  EXPECT_STREQ(LastError(), "f: the size of a structure is wrong");
  EXPECT_EQ(CopyIn("f", {.size = SIZE_MAX, .first = 0, .second = 0}, kLeast, known), -EINVAL);

  struct Newer {
    Versioned known;
    uint64_t later;
  };
  Newer newer = {.known = {.size = sizeof(Newer), .first = 3, .second = 4}, .later = 0};
  EXPECT_EQ(CopyIn("f", newer.known, kLeast, known), 0);
  EXPECT_EQ(known.second, 4u);
  newer.later = 1;
  EXPECT_EQ(CopyIn("f", newer.known, kLeast, known), -E2BIG);
  EXPECT_STREQ(LastError(), "f: a member is set that this library does not know");
}

TEST(CapiCallTest, AStructureGoesOutAsFarAsThereIsRoom) {
  const Versioned from = {.size = sizeof(from), .first = 1, .second = 2};
  Versioned to = {.size = kLeast, .first = 9, .second = 9};
  EXPECT_EQ(CopyOut("f", from, kLeast, to), 0);
  EXPECT_EQ(to.size, kLeast);
  EXPECT_EQ(to.first, 1u);
  EXPECT_EQ(to.second, 9u) << "that is not the caller's structure any more";
  for (const size_t wrong : {kLeast - 1, kMaxStructure + 1}) {
    to.size = wrong;
    EXPECT_EQ(CopyOut("f", from, kLeast, to), -EINVAL) << wrong;
  }

  struct Newer {
    Versioned known;
    uint64_t later;
  };
  Newer newer = {.known = {.size = sizeof(Newer), .first = 0, .second = 0}, .later = 5};
  EXPECT_EQ(CopyOut("f", from, kLeast, newer.known), 0);
  EXPECT_EQ(newer.known.second, 2u);
  EXPECT_EQ(newer.later, 0u);
}

}  // namespace
}  // namespace platter::capi
