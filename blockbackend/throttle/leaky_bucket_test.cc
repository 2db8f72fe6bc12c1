// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/throttle/leaky_bucket.h"

#include <gtest/gtest.h>

namespace platter {
namespace {

constexpr Duration kSecond{1'000'000'000};
constexpr NanoUnits Units(uint64_t units) {
  return static_cast<NanoUnits>(units) * kNanoUnitsPerUnit;
}

LeakyBucket BucketOf(const ThrottleLimit& limit) {
  LeakyBucket bucket;
  bucket.SetLimit(limit);
  return bucket;
}

TEST(LeakyBucket, WithoutALimitNothingWaits) {
  LeakyBucket bucket = BucketOf({});
  bucket.Add(Units(UINT64_MAX));
  EXPECT_EQ(bucket.Wait(), Duration{0});
}

TEST(LeakyBucket, HoldsATenthOfASecondWithoutABurst) {
  LeakyBucket bucket = BucketOf({.average = 1000});
  bucket.Add(Units(100));
  EXPECT_EQ(bucket.Wait(), Duration{0});
  bucket.Add(Units(1));
  EXPECT_EQ(bucket.Wait(), kSecond / 1000);
  bucket.Leak(kSecond / 1000);
  EXPECT_EQ(bucket.Wait(), Duration{0});
}

TEST(LeakyBucket, HoldsTheBurst) {
  LeakyBucket bucket = BucketOf({.average = 10, .burst = 1000});
  bucket.Add(Units(1000));
  EXPECT_EQ(bucket.Wait(), Duration{0}) << "at once, whatever the burst's rate";
  bucket.Add(Units(20));
  EXPECT_EQ(bucket.Wait(), 2 * kSecond);
}

TEST(LeakyBucket, ALongBurstKeepsToItsRate) {
  LeakyBucket bucket = BucketOf({.average = 10, .burst = 1000, .burst_seconds = 60});
  bucket.Add(Units(100));
  EXPECT_EQ(bucket.Wait(), Duration{0});
  bucket.Add(Units(1));
  EXPECT_EQ(bucket.Wait(), kSecond / 1000) << "a tenth of a second of the burst, then its rate";
  bucket.Leak(kSecond);
  bucket.Add(Units(60'000));
  // 101 - 10 + 60,000 - 60,000 over at 10 a second; 60,000 - 100 over at 1,000 a second.
  EXPECT_EQ(bucket.Wait(), kSecond * 599 / 10);
  bucket.Leak(kSecond * 599 / 10);
  EXPECT_EQ(bucket.Wait(), Duration{0});
}

TEST(LeakyBucket, C_37_ARequestLargerThanTheBucketGetsItsTurn) {
  LeakyBucket bucket = BucketOf({.average = 10, .burst = 20});
  EXPECT_EQ(bucket.Wait(), Duration{0});
  bucket.Add(Units(1'000'000));
  EXPECT_EQ(bucket.Wait(), kSecond * 99'998);
}

TEST(LeakyBucket, WaitsAreRoundedUpAndExact) {
  LeakyBucket bucket = BucketOf({.average = 3});
  bucket.Add(Units(1));
  // 0.7 units over at 3 a second.
  EXPECT_EQ(bucket.Wait(), Duration{233'333'334});
  bucket.Leak(Duration{233'333'333});
  EXPECT_EQ(bucket.Wait(), Duration{1});
  bucket.Leak(Duration{1});
  EXPECT_EQ(bucket.Wait(), Duration{0});
}

TEST(LeakyBucket, NothingDriftsInAMillionSmallSteps) {
  LeakyBucket bucket = BucketOf({.average = 7, .burst = kMaxThrottleValue});
  bucket.Add(Units(1000));
  for (int i = 0; i < 1'000'000; ++i) bucket.Leak(Duration{1});
  EXPECT_TRUE(bucket.level() == Units(1000) - 7 * NanoUnits{1'000'000});
}

TEST(LeakyBucket, TheLargestNumbersFit) {
  LeakyBucket bucket = BucketOf({.average = 1, .burst = 1, .burst_seconds = kMaxThrottleValue});
  for (int i = 0; i < 1000; ++i) bucket.Add(Units(UINT64_MAX));
  EXPECT_EQ(bucket.Wait(), kLongestThrottleWait);
  bucket.Leak(Duration::max());
  EXPECT_EQ(bucket.Wait(), kLongestThrottleWait);
  LeakyBucket fast = BucketOf({.average = kMaxThrottleValue, .burst = kMaxThrottleValue});
  fast.Add(Units(2 * kMaxThrottleValue));
  EXPECT_EQ(fast.Wait(), kSecond);
  fast.Leak(Duration::max());
  EXPECT_TRUE(fast.level() == 0);
}

TEST(LeakyBucket, ALowerLimitForgivesADebt) {
  LeakyBucket bucket = BucketOf({.average = 1'000'000});
  bucket.Add(Units(1'000'000));
  bucket.SetLimit({.average = 1'000'000});
  EXPECT_EQ(bucket.Wait(), kSecond * 9 / 10) << "the same limit, the same debt";
  bucket.SetLimit({.average = 10});
  EXPECT_EQ(bucket.Wait(), Duration{0});
  EXPECT_TRUE(bucket.level() == Units(1)) << "but it is full";
}

}  // namespace
}  // namespace platter
