// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/throttle/throttle_config.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"

namespace platter {
namespace {

TEST(ThrottleConfig, NothingIsLimitedByDefault) {
  const ThrottleConfig config;
  EXPECT_TRUE(CheckThrottleConfig(config).ok());
  EXPECT_FALSE(config.enabled());
}

TEST(ThrottleConfig, AnAverageOfAnyKindEnablesIt) {
  EXPECT_TRUE((ThrottleConfig{.bps_total = {.average = 1}}).enabled());
  EXPECT_TRUE((ThrottleConfig{.bps_read = {.average = 1}}).enabled());
  EXPECT_TRUE((ThrottleConfig{.bps_write = {.average = 1}}).enabled());
  EXPECT_TRUE((ThrottleConfig{.iops_total = {.average = 1}}).enabled());
  EXPECT_TRUE((ThrottleConfig{.iops_read = {.average = 1}}).enabled());
  EXPECT_TRUE((ThrottleConfig{.iops_write = {.average = 1}}).enabled());
}

TEST(ThrottleConfig, AcceptsWhatMakesSense) {
  const ThrottleConfig kGood[] = {
      {.bps_read = {.average = 1}, .bps_write = {.average = 2}, .iops_total = {.average = 3}},
      {.bps_total = {.average = 1, .burst = 1}},
      {.bps_total = {.average = kMaxThrottleValue, .burst = kMaxThrottleValue}},
      {.iops_write = {.average = 10, .burst = 1000, .burst_seconds = 60}, .iops_size = 4096},
      {.iops_read = {.average = 1, .burst = 1, .burst_seconds = kMaxThrottleValue}},
      {.bps_total = {.average = 5}, .iops_read = {.average = 1}},
  };
  for (const ThrottleConfig& config : kGood) {
    const absl::Status status = CheckThrottleConfig(config);
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(ThrottleConfig, RefusesTheRestNamingTheOption) {
  struct Row {
    ThrottleConfig config;
    const char* message;
  };
  const Row kRows[] = {
      {{.bps_total = {.average = 1}, .bps_read = {.average = 1}},
       "bps-total and bps-read or bps-write exclude each other"},
      {{.iops_total = {.average = 1}, .iops_write = {.average = 1}},
       "iops-total and iops-read or iops-write exclude each other"},
      {{.bps_total = {.burst = 1}, .bps_write = {.burst = 1}},
       "bps-total-max and bps-read-max or bps-write-max exclude each other"},
      {{.iops_total = {.average = 10, .burst = 9}}, "iops-total-max = 9 is below iops-total = 10"},
      {{.bps_write = {.burst = 9}}, "bps-write-max needs bps-write"},
      {{.bps_read = {.average = 1, .burst_seconds = 2}}, "bps-read-max-length needs bps-read-max"},
      {{.bps_read = {.burst_seconds = 2}}, "bps-read-max-length needs bps-read-max"},
      {{.iops_read = {.average = 1, .burst = 1, .burst_seconds = 0}},
       "iops-read-max-length is 0; it is 1 or more seconds"},
      {{.bps_total = {.average = 1, .burst = 2, .burst_seconds = kMaxThrottleValue / 2 + 1}},
       "bps-total-max-length = 500000000000001 is too long for bps-total-max = 2: their product "
       "is at most 1000000000000000"},
      {{.bps_total = {.average = 1, .burst = 2, .burst_seconds = UINT64_MAX}},
       "bps-total-max-length = 18446744073709551615 is too long for bps-total-max = 2: their "
       "product is at most 1000000000000000"},
      {{.bps_total = {.average = kMaxThrottleValue + 1}},
       "bps-total = 1000000000000001 is above 1000000000000000"},
      {{.iops_total = {.average = 1, .burst = UINT64_MAX}},
       "iops-total-max = 18446744073709551615 is above 1000000000000000"},
      {{.bps_total = {.average = 1}, .iops_size = 512},
       "iops-size needs iops-total, iops-read or iops-write"},
  };
  for (const Row& row : kRows) {
    const absl::Status status = CheckThrottleConfig(row.config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.message;
    EXPECT_EQ(MessageOf(status), std::string("I/O limits: ") + row.message);
  }
}

}  // namespace
}  // namespace platter
