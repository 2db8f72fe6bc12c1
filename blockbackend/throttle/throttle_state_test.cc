// SPDX-License-Identifier: Apache-2.0
//
// The rates that a ThrottleState gives, over virtual time.

#include "blockbackend/throttle/throttle_state.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "testing/model/random.h"

namespace platter {
namespace {

constexpr Duration kSecond{1'000'000'000};
constexpr uint64_t kMiB = 1 << 20;

// Someone who always has another request, and the time that it takes them.
class Greedy {
 public:
  struct Served {
    uint64_t bytes = 0;
    uint64_t operations = 0;
    NanoUnits counted = 0;  // Operations of iops_size.
  };

  explicit Greedy(const ThrottleConfig& config, uint64_t seed = 1) : random_(seed) {
    const absl::Status status = CheckThrottleConfig(config);
    EXPECT_TRUE(status.ok()) << status;
    state_.SetConfig(config, now_);
  }

  ThrottleState& state() { return state_; }
  Instant now() const { return now_; }

  // What was served in `length` of requests of `low` to `high` bytes, in a mix of directions.
  Served Run(Duration length, std::vector<ThrottleDirection> mix, uint64_t low, uint64_t high) {
    const Instant end = now_ + length;
    Served served;
    while (true) {
      const ThrottleDirection direction = mix[random_.Below(mix.size())];
      const Duration wait = state_.WaitFor(direction, now_);
      if (now_ + wait > end) break;
      now_ += wait;
      EXPECT_EQ(state_.WaitFor(direction, now_), Duration{0});
      const uint64_t bytes = random_.Between(low, high);
      state_.Account(direction, bytes, now_);
      served.bytes += bytes;
      ++served.operations;
      const uint64_t size = state_.config().iops_size;
      served.counted += size == 0 || bytes <= size ? kNanoUnitsPerUnit
                                                   : NanoUnits{bytes} * kNanoUnitsPerUnit / size;
    }
    now_ = end;
    return served;
  }

 private:
  ThrottleState state_;
  Instant now_{Duration{12'345}};
  Random random_;
};

using enum ThrottleDirection;

// Within 2 % of `wanted`.
void ExpectNear(uint64_t got, uint64_t wanted, const std::string& what) {
  EXPECT_GE(got, wanted - wanted / 50) << what;
  EXPECT_LE(got, wanted + wanted / 50) << what;
}

struct Case {
  const char* name;
  ThrottleConfig config;
  ThrottleKind kind;
  std::vector<ThrottleDirection> mix;
};

ThrottleConfig With(ThrottleKind kind, const ThrottleLimit& limit) {
  ThrottleConfig config;
  ThrottleLimit* const limits[] = {&config.bps_total,  &config.bps_read,  &config.bps_write,
                                   &config.iops_total, &config.iops_read, &config.iops_write};
  *limits[static_cast<size_t>(kind)] = limit;
  return config;
}

std::vector<Case> Cases(const ThrottleLimit& bps, const ThrottleLimit& iops) {
  using enum ThrottleKind;
  return {
      {"bps-total", With(kBpsTotal, bps), kBpsTotal, {kRead, kWrite}},
      {"bps-total, reads only", With(kBpsTotal, bps), kBpsTotal, {kRead}},
      {"bps-read", With(kBpsRead, bps), kBpsRead, {kRead}},
      {"bps-write", With(kBpsWrite, bps), kBpsWrite, {kWrite}},
      {"iops-total", With(kIopsTotal, iops), kIopsTotal, {kRead, kWrite}},
      {"iops-total, writes mostly", With(kIopsTotal, iops), kIopsTotal, {kRead, kWrite, kWrite}},
      {"iops-read", With(kIopsRead, iops), kIopsRead, {kRead}},
      {"iops-write", With(kIopsWrite, iops), kIopsWrite, {kWrite}},
  };
}

uint64_t AmountOf(const Case& one, const Greedy::Served& served) {
  return one.kind <= ThrottleKind::kBpsWrite ? served.bytes : served.operations;
}

TEST(ThrottleRate, EveryKindOfBucketServesItsAverageOverTenSeconds) {
  struct Sizes {
    uint64_t low, high;
  };
  for (const Sizes sizes :
       {Sizes{512, 512}, Sizes{4096, 4096}, Sizes{1, 65536}, Sizes{0, 262144}}) {
    for (const uint64_t bps : {8 * kMiB, 33'333'333ul, 1024 * kMiB}) {
      if (bps / sizes.high > 20'000) continue;  // Enough is enough.
      for (const Case& one : Cases({.average = bps}, {.average = bps / (256 * 1024) * 3 + 100})) {
        Greedy greedy(one.config, bps + sizes.high);
        const uint64_t limit = one.config.limit(one.kind).average;
        ExpectNear(AmountOf(one, greedy.Run(10 * kSecond, one.mix, sizes.low, sizes.high)),
                   10 * limit, one.name);
        ExpectNear(AmountOf(one, greedy.Run(10 * kSecond, one.mix, sizes.low, sizes.high)),
                   10 * limit, std::string(one.name) + ", the next ten seconds");
      }
    }
  }
}

TEST(ThrottleRate, EveryKindOfBucketGivesItsBurstAtOnceAndThenTheAverage) {
  const ThrottleLimit bps = {.average = 10 * kMiB, .burst = 100 * kMiB};
  const ThrottleLimit iops = {.average = 1000, .burst = 50'000};
  for (const Case& one : Cases(bps, iops)) {
    Greedy greedy(one.config);
    const ThrottleLimit& limit = one.config.limit(one.kind);
    ExpectNear(AmountOf(one, greedy.Run(Duration{0}, one.mix, 512, 8192)), limit.burst, one.name);
    ExpectNear(AmountOf(one, greedy.Run(10 * kSecond, one.mix, 512, 8192)), 10 * limit.average,
               one.name);
    // A quiet time earns the burst again.
    greedy.Run(10 * kSecond, one.mix, 512, 8192);
    const Duration quiet{static_cast<int64_t>(limit.burst * kSecond.count() / limit.average)};
    greedy.state().WaitFor(one.mix[0], greedy.now() + quiet);
    ExpectNear(AmountOf(one, greedy.Run(Duration{0}, one.mix, 512, 8192)), limit.burst,
               std::string(one.name) + ", again");
  }
}

TEST(ThrottleRate, EveryKindOfBucketGivesALongBurstAtItsRate) {
  const ThrottleLimit bps = {.average = 4 * kMiB, .burst = 40 * kMiB, .burst_seconds = 20};
  const ThrottleLimit iops = {.average = 200, .burst = 2000, .burst_seconds = 20};
  for (const Case& one : Cases(bps, iops)) {
    Greedy greedy(one.config);
    const ThrottleLimit& limit = one.config.limit(one.kind);
    ExpectNear(AmountOf(one, greedy.Run(10 * kSecond, one.mix, 512, 16384)), 10 * limit.burst,
               one.name);
    // The bucket fills at the burst's rate and leaks at the average: full after 20 / 0.9 seconds.
    greedy.Run(13 * kSecond, one.mix, 512, 16384);
    ExpectNear(AmountOf(one, greedy.Run(10 * kSecond, one.mix, 512, 16384)), 10 * limit.average,
               one.name);
  }
}

TEST(ThrottleRate, LargeRequestsCountAsSeveralOperations) {
  Greedy greedy({.iops_total = {.average = 1000}, .iops_size = 4096});
  const Greedy::Served served = greedy.Run(10 * kSecond, {kRead, kWrite}, 512, 65536);
  ExpectNear(static_cast<uint64_t>(served.counted / kNanoUnitsPerUnit), 10'000, "counted");
  EXPECT_LT(served.operations, 2'000u);
  Greedy half({.iops_total = {.average = 1000}, .iops_size = 4096});
  ExpectNear(half.Run(10 * kSecond, {kRead}, 6144, 6144).operations, 6'667, "one and a half each");
  Greedy small({.iops_total = {.average = 1000}, .iops_size = 4096});
  ExpectNear(small.Run(10 * kSecond, {kRead}, 1, 4096).operations, 10'000, "never less than one");
}

TEST(ThrottleRate, TheTighterOfSeveralLimitsCounts) {
  const ThrottleConfig config = {.bps_total = {.average = 10 * kMiB},
                                 .iops_read = {.average = 100},
                                 .iops_write = {.average = 1'000'000}};
  ExpectNear(Greedy(config).Run(10 * kSecond, {kRead}, 4096, 4096).operations, 1000, "iops-read");
  ExpectNear(Greedy(config).Run(10 * kSecond, {kWrite}, 4096, 4096).bytes, 100 * kMiB, "bps-total");
}

TEST(ThrottleRate, ADirectionWithoutALimitNeverWaits) {
  Greedy greedy({.bps_read = {.average = 1}});
  greedy.Run(kSecond, {kRead}, 1000, 1000);
  EXPECT_GT(greedy.state().WaitFor(kRead, greedy.now()), Duration{0});
  EXPECT_EQ(greedy.state().WaitFor(kWrite, greedy.now()), Duration{0});
}

TEST(ThrottleRate, C_37_RequestsLargerThanTheBurstKeepTheAverage) {
  for (const ThrottleLimit& limit :
       {ThrottleLimit{.average = 1 * kMiB}, ThrottleLimit{.average = 1 * kMiB, .burst = 1 * kMiB},
        ThrottleLimit{.average = 1 * kMiB, .burst = 1 * kMiB, .burst_seconds = 3}}) {
    Greedy greedy({.bps_total = limit});
    // Ten seconds' worth each: an hour of them shows the rate.
    const Greedy::Served served = greedy.Run(3600 * kSecond, {kRead, kWrite}, 10 * kMiB, 10 * kMiB);
    ExpectNear(served.bytes, 3600 * kMiB, "an hour");
  }
}

TEST(ThrottleRate, LimitsChangeWhileItRuns) {
  Greedy greedy({.bps_total = {.average = 100 * kMiB}});
  greedy.Run(kSecond, {kRead, kWrite}, 512, 65536);
  for (const uint64_t average : {1 * kMiB, 50 * kMiB, 2 * kMiB, 1000 * kMiB, 3 * kMiB}) {
    greedy.state().SetConfig({.bps_total = {.average = average}}, greedy.now());
    ExpectNear(greedy.Run(10 * kSecond, {kRead, kWrite}, 512, 16384).bytes, 10 * average,
               std::to_string(average));
  }
  greedy.state().SetConfig({}, greedy.now());
  EXPECT_EQ(greedy.state().WaitFor(kRead, greedy.now()), Duration{0});
}

TEST(ThrottleRate, RandomLimitsAreNeverExceeded) {
  // Over any stretch of time: at most the bucket, what leaks, and one request more.
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    ThrottleLimit limit = {.average = random.Between(1, 1) << random.Below(30)};
    if (random.OneIn(2)) limit.burst = limit.average + random.Below(limit.average + 1);
    if (limit.burst != 0 && random.OneIn(2)) limit.burst_seconds = random.Between(1, 5);
    Greedy greedy({.bps_total = limit}, seed);
    const uint64_t high = limit.average / 50 + 1;
    const uint64_t capacity =
        limit.burst == 0 ? limit.average / 10 : limit.burst * limit.burst_seconds;
    for (int round = 0; round < 5; ++round) {
      const Duration length{static_cast<int64_t>(random.Below(5'000'000'000))};
      const uint64_t served = greedy.Run(length, {kRead, kWrite}, high / 2 + 1, high).bytes;
      const auto leaked = static_cast<uint64_t>(
          NanoUnits{limit.average} * static_cast<uint64_t>(length.count()) / kNanoUnitsPerUnit);
      EXPECT_LE(served, capacity + leaked + high + 1);
    }
  }
}

TEST(ThrottleRate, ATimeThatGoesBackwardsLeaksNothing) {
  ThrottleState state;
  const Instant later{10 * kSecond};
  state.SetConfig({.bps_total = {.average = 1000}}, later);
  state.Account(kRead, 1100, later);
  EXPECT_EQ(state.WaitFor(kRead, later), kSecond);
  EXPECT_EQ(state.WaitFor(kRead, later - 5 * kSecond), kSecond);
  EXPECT_EQ(state.WaitFor(kRead, later), kSecond);
  EXPECT_EQ(state.WaitFor(kRead, later + kSecond), Duration{0});
}

}  // namespace
}  // namespace platter
