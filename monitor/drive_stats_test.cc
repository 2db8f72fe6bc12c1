// SPDX-License-Identifier: Apache-2.0

#include "monitor/drive_stats.h"

#include <chrono>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "config/json_writer.h"
#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

TEST(DriveStatsTest, WhatIsCountedAndWhatIsOptionalComesOnlyWhenItIsThere) {
  MonitorRig rig;
  const BlockBackendRef drive = *rig.machine().backends().Create("spare", {});
  const std::string fresh = FormatJson(StatsValue(*drive));
  for (const char* const member :
       {R"("rd_operations": 0)", R"("wr_bytes": 0)", R"("unmap_merged": 0)",
        R"("flush_total_time_ns": 0)", R"("failed_wr_operations": 0)",
        R"("invalid_unmap_operations": 0)", R"("wr_highest_offset": 0)", R"("timed_stats": [])",
        R"("account_invalid": true)", R"("account_failed": true)"}) {
    EXPECT_NE(fresh.find(member), std::string::npos) << member << " is not in " << fresh;
  }
  for (const char* const member :
       {"flush_bytes", "flush_merged", "idle_time_ns", "latency_histogram"}) {
    EXPECT_EQ(fresh.find(member), std::string::npos) << member;
  }
}

TEST(DriveStatsTest, IntervalsAndHistograms) {
  MonitorRig rig;
  BackendOptions options;
  options.stats.intervals = {std::chrono::seconds(7)};
  const BlockBackendRef drive = *rig.machine().backends().Create("spare", options);
  ASSERT_TRUE(
      BlockOn(rig.machine().control(), drive->SetLatencyHistogram(StatsKind::kWrite, {10, 20}))
          .ok());
  const std::string stats = FormatJson(StatsValue(*drive));
  EXPECT_NE(stats.find(R"("interval_length": 7)"), std::string::npos) << stats;
  EXPECT_NE(stats.find(R"("wr_latency_histogram": {"boundaries": [10, 20], "bins": [0, 0, 0]})"),
            std::string::npos)
      << stats;
  EXPECT_EQ(stats.find("rd_latency_histogram"), std::string::npos);
}

}  // namespace
}  // namespace platter
