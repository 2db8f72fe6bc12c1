// SPDX-License-Identifier: Apache-2.0
//
// Which cases there are depends on what this is built with: see README.md.

#include <climits>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>

#include "gtest/gtest.h"

#include "base/check.h"

#if defined(__clang__)
#define PLATTER_HAS_FEATURE(feature) __has_feature(feature)
#else
#define PLATTER_HAS_FEATURE(feature) 0
#endif

namespace platter {
namespace {

// Read through volatile, so that no compiler works the mistakes out beforehand.
volatile size_t g_four = 4;
[[maybe_unused]] volatile int g_one = 1;

constexpr char kBuiltWith[] =
#if PLATTER_HAS_FEATURE(address_sanitizer)
    "address";
#elif PLATTER_HAS_FEATURE(thread_sanitizer)
    "thread";
#else
    "none";
#endif

// .bazelrc sets the variable apart from the compiler's flags, so that one without the other shows.
TEST(CanaryTest, BuiltWithTheSanitizerThatTheConfigurationIsNamedFor) {
  const char* const named = std::getenv("PLATTER_SANITIZER");
  EXPECT_EQ(std::string_view(kBuiltWith), named == nullptr ? "none" : named);
}

TEST(CanaryDeathTest, OurChecksAreOn) { EXPECT_DEATH(PLATTER_CHECK(g_four == 5), "g_four == 5"); }

#if PLATTER_HAS_FEATURE(address_sanitizer)

TEST(CanaryDeathTest, AddressSanitizerSeesAReadPastTheEnd) {
  const auto bytes = std::make_unique<char[]>(g_four);
  EXPECT_DEATH(g_one = bytes[g_four], "heap-buffer-overflow");
}

TEST(CanaryDeathTest, UndefinedBehaviourSanitizerSeesAnOverflow) {
  EXPECT_DEATH(g_one = INT_MAX + g_one, "signed integer overflow");
}

#elif PLATTER_HAS_FEATURE(thread_sanitizer)

void Race() {
  std::thread other([] { g_one = 1; });
  g_one = 2;
  other.join();
}

TEST(CanaryDeathTest, ThreadSanitizerSeesARace) {
  // A fresh process: after fork() ThreadSanitizer has no second thread.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Race(), "data race");
}

#endif

}  // namespace
}  // namespace platter
