// SPDX-License-Identifier: Apache-2.0

#include "monitor/block_info.h"

#include <string>

#include "gtest/gtest.h"

#include "config/json_writer.h"
#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

TEST(BlockInfoTest, ADriveWithoutNameOrDeviceIsNobodysBusiness) {
  MonitorRig rig;
  const BlockBackendRef nameless = *rig.machine().backends().Create("", {});
  const BlockBackendRef named = *rig.machine().backends().Create("spare", {});
  EXPECT_FALSE(IsListed(*nameless));
  EXPECT_TRUE(IsListed(*named));
  EXPECT_TRUE(IsListed(*rig.machine().BackendOfDevice("cd1")));
  EXPECT_EQ(FormatJson(DriveValue(*named)),
            R"({"device": "spare", "type": "unknown", "removable": true, "locked": false, )"
            R"("x-rerror": "report", "x-werror": "enospc", "x-stalled": false})");
}

TEST(BlockInfoTest, TheCacheIsTheDrives) {
  MonitorRig rig;
  const BlockBackendRef drive = rig.machine().BackendOfDevice("vd0");
  drive->set_write_cache_enabled(false);
  EXPECT_NE(FormatJson(DriveValue(*drive)).find(R"("writeback": false)"), std::string::npos);
}

TEST(BlockInfoTest, ANodeByItselfSaysWhatItIs) {
  NodeInfo info;
  info.node_name = "n";
  info.driver = "file";
  info.filename = "/x";
  info.cache_direct = true;
  info.actual_size = 512;
  const std::string text = FormatJson(NodeValue(info));
  EXPECT_NE(text.find(R"("direct": true)"), std::string::npos);
  EXPECT_NE(text.find(R"("actual-size": 512)"), std::string::npos);
}

TEST(BlockInfoTest, WhatIsCountedIsTold) {
  MonitorRig rig;
  const BlockBackendRef drive = rig.machine().BackendOfDevice("vd0");
  const std::string text = FormatJson(DriveStatsValue(*drive));
  for (const char* const name : {"rd_bytes",
                                 "wr_bytes",
                                 "unmap_bytes",
                                 "rd_operations",
                                 "wr_operations",
                                 "flush_operations",
                                 "unmap_operations",
                                 "rd_total_time_ns",
                                 "wr_total_time_ns",
                                 "flush_total_time_ns",
                                 "unmap_total_time_ns",
                                 "rd_merged",
                                 "wr_merged",
                                 "unmap_merged",
                                 "failed_rd_operations",
                                 "failed_wr_operations",
                                 "failed_flush_operations",
                                 "failed_unmap_operations",
                                 "invalid_rd_operations",
                                 "invalid_wr_operations",
                                 "invalid_flush_operations",
                                 "invalid_unmap_operations",
                                 "wr_highest_offset",
                                 "account_invalid",
                                 "account_failed",
                                 "timed_stats"}) {
    EXPECT_NE(text.find("\"" + std::string(name) + "\": "), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace platter
