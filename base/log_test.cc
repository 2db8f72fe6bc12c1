// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace platter {
namespace {

using ::testing::ElementsAre;

TEST(LogTest, MemoryLogKeepsLevelAndText) {
  MemoryLog log;
  log.Log(LogLevel::kError, "disk.img: gone");
  EXPECT_THAT(log.Lines(), ElementsAre("error: disk.img: gone"));
}

TEST(LogTest, RateLimitHoldsBackAndThenCounts) {
  MemoryLog log;
  RateLimitedLog limited(log);
  for (uint32_t i = 0; i < RateLimitedLog::kBurst + 7; ++i) {
    limited.Log(LogLevel::kInfo, "x", 1000);
  }
  EXPECT_EQ(log.Lines().size(), RateLimitedLog::kBurst);
  limited.Log(LogLevel::kInfo, "y", 1000 + RateLimitedLog::kIntervalNs);
  EXPECT_EQ(log.Lines()[RateLimitedLog::kBurst], "warning: 7 similar messages were held back");
  EXPECT_EQ(log.Lines().back(), "info: y");
}

}  // namespace
}  // namespace platter
