// SPDX-License-Identifier: Apache-2.0

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "config/json_writer.h"
#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class CommandsLimitsTest : public testing::Test {
 protected:
  // The arguments of block_set_io_throttle for vd0: no limits, and then `more`, which counts.
  static std::string Limits(const std::string& more = "", const std::string& drive = "vd0") {
    std::string arguments = R"({"id": ")" + drive + "\"";
    for (const std::string name : {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"}) {
      if (more.find("\"" + name + "\"") == std::string::npos) arguments += ", \"" + name + "\": 0";
    }
    return arguments + (more.empty() ? "" : ", " + more) + "}";
  }
  Lines Set(const std::string& more = "", const std::string& drive = "vd0") {
    return rig_.Run("block_set_io_throttle", Limits(more, drive));
  }
  std::string Refused(const std::string& more) {
    return rig_.Refusal("block_set_io_throttle", Limits(more));
  }
  Value Query(const std::string& command, const std::string& id) {
    const absl::StatusOr<Value> reply = ParseJson(rig_.Run(command).at(0), "reply");
    EXPECT_TRUE(reply.ok());
    for (const Value& drive : reply->Find("return")->as_list()) {
      const Value* const of = drive.Find("qdev");
      if (of != nullptr && of->as_string() == id) return drive;
    }
    ADD_FAILURE() << "no drive " << id;
    return Value();
  }
  // A member of the drive's "inserted"; "none" without one.
  std::string Told(const std::string& member, const std::string& id = "vd0") {
    const Value drive = Query("query-block", id);
    const Value* const found = drive.Find("inserted")->Find(member);
    return found == nullptr ? "none" : FormatJson(*found);
  }
  // Of the drive's statistics.
  std::string Counted(const std::string& member, const std::string& id = "vd0") {
    const Value drive = Query("query-blockstats", id);
    const Value* const found = drive.Find("stats")->Find(member);
    return found == nullptr ? "none" : FormatJson(*found);
  }
  // Writes as the host does, and says how long that took.
  Duration Write(uint64_t offset, size_t bytes, const std::string& id = "vd0") {
    const std::vector<uint8_t> data(bytes, 0x5a);
    const Instant begin = rig_.control().Now();
    EXPECT_EQ(BlockOn(rig_.control(),
                      rig_.machine().BackendOfDevice(id)->Pwrite(offset, data, IoFlags::kNone)),
              0);
    return rig_.control().Now() - begin;
  }
  bool Has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
    return true;
  }
  static constexpr const char* kDone = MonitorRig::kDone;

  MonitorRig rig_;
};

// --- block_set_io_throttle. ---

TEST_F(CommandsLimitsTest, Row45_EveryLimitIsSetAndTold) {
  EXPECT_EQ(Told("group"), "none");
  EXPECT_EQ(Set(R"("bps_rd": 1000, "bps_wr": 2000, "iops_rd": 10, "iops_wr": 20,
                   "bps_rd_max": 3000, "bps_wr_max": 4000, "iops_rd_max": 30, "iops_wr_max": 40,
                   "bps_rd_max_length": 5, "bps_wr_max_length": 6, "iops_rd_max_length": 7,
                   "iops_wr_max_length": 8, "iops_size": 4096, "group": "slow")"),
            Lines{kDone});
  const std::vector<std::pair<std::string, std::string>> told = {{"bps", "0"},
                                                                 {"bps_rd", "1000"},
                                                                 {"bps_wr", "2000"},
                                                                 {"iops", "0"},
                                                                 {"iops_rd", "10"},
                                                                 {"iops_wr", "20"},
                                                                 {"bps_max", "none"},
                                                                 {"bps_rd_max", "3000"},
                                                                 {"bps_wr_max", "4000"},
                                                                 {"iops_max", "none"},
                                                                 {"iops_rd_max", "30"},
                                                                 {"iops_wr_max", "40"},
                                                                 {"bps_max_length", "none"},
                                                                 {"bps_rd_max_length", "5"},
                                                                 {"bps_wr_max_length", "6"},
                                                                 {"iops_rd_max_length", "7"},
                                                                 {"iops_wr_max_length", "8"},
                                                                 {"iops_size", "4096"},
                                                                 {"group", "\"slow\""}};
  for (const auto& [member, value] : told) EXPECT_EQ(Told(member), value) << member;
  // Anew, with totals: what is not given is not kept.
  EXPECT_EQ(Set(R"("bps": 500, "iops": 5, "bps_max": 600, "iops_max": 6, "bps_max_length": 2,
                   "iops_max_length": 3)"),
            Lines{kDone});
  EXPECT_EQ(Told("bps") + Told("bps_max") + Told("bps_max_length"), "5006002");
  EXPECT_EQ(Told("iops") + Told("iops_max") + Told("iops_max_length"), "563");
  EXPECT_EQ(Told("bps_rd") + Told("iops_size") + Told("group"), "0none\"slow\"");
}

TEST_F(CommandsLimitsTest, ALimitHoldsRequestsUpUntilItGoes) {
  EXPECT_LT(Write(0, 65536), 1s);
  ASSERT_EQ(Set(R"("bps": 65536)"), Lines{kDone});
  Write(0, 65536);
  EXPECT_GT(Write(0, 65536), 800ms);
  // All zero: none.
  ASSERT_EQ(Set(), Lines{kDone});
  EXPECT_EQ(Told("bps") + Told("group"), "0none");
  EXPECT_LT(Write(0, 65536), 10ms);
  ASSERT_EQ(Set(), Lines{kDone}) << "nor are there any to take away";
}

TEST_F(CommandsLimitsTest, TheGroupIsNamedAsTheDriveUnlessItSaysSo) {
  ASSERT_EQ(Set(R"("iops": 100)"), Lines{kDone});
  EXPECT_EQ(Told("group"), "\"vd0\"");
  ASSERT_EQ(Set(R"("iops": 50, "group": "vd0")", "hd0"), Lines{kDone});
  EXPECT_EQ(Told("iops"), "50") << "the limits are the group's";
  ASSERT_EQ(Set("", "hd0"), Lines{kDone});
  EXPECT_EQ(Told("group", "hd0") + Told("iops"), "none50");
}

TEST_F(CommandsLimitsTest, ADriveIsFoundByItsOldNameToo) {
  std::string arguments = Limits(R"("iops": 7)");
  arguments.replace(arguments.find("\"id\""), 4, "\"device\"");
  EXPECT_EQ(rig_.Run("block_set_io_throttle", arguments), Lines{kDone});
  EXPECT_EQ(Told("iops"), "7");
}

TEST_F(CommandsLimitsTest, LimitsThatDoNotGoTogetherAreRefused) {
  ASSERT_EQ(Set(R"("iops": 100)"), Lines{kDone});
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {R"("bps": 1, "bps_rd": 1)", "bps-total and bps-read"},
      {R"("bps": 1, "bps_wr": 1)", "bps-total and bps-read"},
      {R"("iops": 1, "iops_rd": 1)", "iops-total and iops-read"},
      {R"("bps": 10, "bps_max": 100, "bps_rd_max": 100)", "bps-total-max and bps-read-max"},
      {R"("bps_max": 100)", "bps-total-max needs bps-total"},
      {R"("iops": 100, "iops_max": 10)", "iops-total-max = 10 is below"},
      {R"("iops": 100, "iops_max_length": 10)", "needs iops-total-max"},
      {R"("iops": 1, "iops_max": 10, "iops_max_length": 0)", "iops-total-max-length is 0"},
      {R"("iops_size": 512)", "iops-size needs"},
      {R"("bps": 2000000000000000)", "is above"},
      {R"("bps": -1)", "block_set_io_throttle.bps: "},
      {R"("bps": "1")", "block_set_io_throttle.bps: "},
      {R"("bps": 1.5)", "block_set_io_throttle.bps: "},
      {R"("iops_sise": 1)", "did you mean 'iops_size'?"},
      {R"("iops": 1, "group": "")", "block_set_io_throttle.group: "},
      {R"("iops": 1, "group": 5)", "block_set_io_throttle.group: "},
  };
  for (const auto& [arguments, text] : wrong) Has(Refused(arguments), text);
  EXPECT_EQ(Told("iops"), "100");
}

TEST_F(CommandsLimitsTest, DrivesThatThereAreNotHaveNone) {
  EXPECT_EQ(rig_.Refusal("DeviceNotFound", "block_set_io_throttle", Limits("", "nosuch")),
            "Device 'nosuch' not found");
  Has(rig_.Refusal("block_set_io_throttle", Limits(R"("iops": 1)", "cd1")),
      "drive of cd1 has no medium");
  EXPECT_EQ(rig_.Refusal("block_set_io_throttle", Limits("", "scsi0")),
            "Device 'scsi0' does not have a block device backend");
  EXPECT_EQ(rig_.Refusal("block_set_io_throttle", Limits(R"("device": "vd0")")),
            "Need exactly one of 'device' and 'id'");
  Has(rig_.Refusal("block_set_io_throttle", R"({"id": "vd0"})"), "block_set_io_throttle.bps: ");
}

// --- Throttle groups as objects. ---

TEST_F(CommandsLimitsTest, AGroupThatIsAnObjectKeepsItsLimits) {
  ASSERT_EQ(rig_.Run("object-add", R"({"qom-type": "throttle-group", "id": "g0",
                                        "limits": {"iops-total": 10, "iops-total-max": 20},
                                        "x-bps-read": 4096})"),
            Lines{kDone});
  ASSERT_EQ(Set(R"("iops": 30, "group": "g0")"), Lines{kDone});
  EXPECT_EQ(Told("group") + Told("iops"), "\"g0\"30");
  Has(rig_.Refusal("object-del", R"({"id": "g0"})"),
      "'g0' is in use: the drive of device 'vd0' uses it");
  ASSERT_EQ(Set(), Lines{kDone});
  EXPECT_EQ(rig_.Run("object-del", R"({"id": "g0"})"), Lines{kDone});
  Has(rig_.Refusal("object-del", R"({"id": "g0"})"), "there is no object 'g0'");
}

TEST_F(CommandsLimitsTest, WrongGroupsAreRefused) {
  const auto add = [&](const std::string& options) {
    return rig_.Refusal("object-add",
                        R"({"qom-type": "throttle-group", "id": "g0")" + options + "}");
  };
  Has(add(R"(, "limits": {"bps-total": 1, "bps-read": 1})"), "throttle-group 'g0': I/O limits: ");
  Has(add(R"(, "x-iops-total-max": 1)"), "iops-total-max needs iops-total");
  Has(add(R"(, "limits": {"bps-totl": 1})"), "did you mean 'bps-total'?");
  Has(add(R"(, "limits": 5)"), "object-add.limits");
  Has(add(R"(, "x-iops-size": "many")"), "object-add.x-iops-size: ");
  Has(rig_.Refusal("object-add", R"({"qom-type": "throttle-group", "id": "t0"})"),
      "there is an object 't0' already");
  // One that was made by its name: its limits belong to drives.
  ASSERT_EQ(Set(R"("iops": 30)"), Lines{kDone});
  Has(rig_.Refusal("object-add", R"({"qom-type": "throttle-group", "id": "vd0"})"),
      "throttle group 'vd0' already");
  EXPECT_EQ(Told("iops"), "30");
}

// --- Histograms and the rest of query-blockstats. ---

TEST_F(CommandsLimitsTest, AHistogramIsKeptUntilItEnds) {
  EXPECT_EQ(Counted("wr_latency_histogram"), "none");
  ASSERT_EQ(rig_.Run("block-latency-histogram-set",
                     R"({"id": "vd0", "boundaries": [10, 1000000000], "boundaries-flush": [5]})"),
            Lines{kDone});
  Write(0, 4096);
  EXPECT_EQ(Counted("rd_latency_histogram"),
            R"({"boundaries": [10, 1000000000], "bins": [0, 0, 0]})");
  EXPECT_NE(Counted("wr_latency_histogram"),
            R"({"boundaries": [10, 1000000000], "bins": [0, 0, 0]})");
  EXPECT_EQ(Counted("flush_latency_histogram"), R"({"boundaries": [5], "bins": [0, 0]})");
  // One kind alone begins anew.
  ASSERT_EQ(rig_.Run("block-latency-histogram-set", R"({"id": "vd0", "boundaries-write": [7]})"),
            Lines{kDone});
  EXPECT_EQ(Counted("wr_latency_histogram"), R"({"boundaries": [7], "bins": [0, 0]})");
  EXPECT_NE(Counted("rd_latency_histogram"), "none");
  ASSERT_EQ(rig_.Run("block-latency-histogram-set", R"({"id": "vd0"})"), Lines{kDone});
  for (const std::string kind : {"rd", "wr", "flush"}) {
    EXPECT_EQ(Counted(kind + "_latency_histogram"), "none");
  }
}

TEST_F(CommandsLimitsTest, WrongBoundariesChangeNothing) {
  ASSERT_EQ(rig_.Run("block-latency-histogram-set", R"({"id": "vd0", "boundaries": [10]})"),
            Lines{kDone});
  const auto refused = [&](const std::string& arguments) {
    const std::string text =
        rig_.Refusal("block-latency-histogram-set", R"({"id": "vd0", )" + arguments + "}");
    for (const std::string kind : {"rd", "wr", "flush"}) {
      EXPECT_EQ(Counted(kind + "_latency_histogram"), R"({"boundaries": [10], "bins": [0, 0]})");
    }
    return text;
  };
  Has(refused(R"("boundaries": [20, 20])"), "block-latency-histogram-set.boundaries: ");
  Has(refused(R"("boundaries": [0, 20])"), "block-latency-histogram-set.boundaries: ");
  Has(refused(R"("boundaries": [20], "boundaries-flush": [30, 20])"),
      "block-latency-histogram-set.boundaries-flush: ");
  Has(refused(R"("boundaries": [20, "x"])"), "block-latency-histogram-set.boundaries.1: ");
  Has(refused(R"("boundaries": 20)"), "block-latency-histogram-set.boundaries: ");
  EXPECT_EQ(rig_.Refusal("DeviceNotFound", "block-latency-histogram-set", R"({"id": "nosuch"})"),
            "Device 'nosuch' not found");
  EXPECT_EQ(rig_.Refusal("block-latency-histogram-set", R"({"id": "scsi0"})"),
            "Device 'scsi0' does not have a block device backend");
}

TEST_F(CommandsLimitsTest, StatisticsAreThoseOfTheAccounting) {
  EXPECT_EQ(Counted("idle_time_ns"), "none") << "there was no request";
  EXPECT_EQ(Counted("wr_highest_offset"), "0");
  Write(8192, 4096);
  Write(0, 512);
  EXPECT_EQ(Counted("wr_highest_offset"), "12288");
  EXPECT_EQ(Counted("wr_operations") + Counted("wr_bytes") + Counted("wr_merged"), "246080");
  const std::vector<uint8_t> data(512, 1);
  const BlockBackendRef drive = rig_.machine().BackendOfDevice("vd0");
  EXPECT_EQ(BlockOn(rig_.control(), drive->Multiwrite({{.offset = 0, .data = data},
                                                       {.offset = 512, .data = data},
                                                       {.offset = 1024, .data = data}},
                                                      IoFlags::kNone)),
            (std::vector<IoResult>{0, 0, 0}));
  EXPECT_EQ(Counted("wr_merged"), "2");
  BlockOn(rig_.control(), drive->Pwrite(uint64_t{1} << 30, data, IoFlags::kNone));
  EXPECT_EQ(Counted("invalid_wr_operations") + Counted("failed_wr_operations"), "10");
  const Instant before = rig_.control().Now();
  BlockOn(rig_.control(), []() -> Task<void> { co_await SleepFor(3s); }());
  EXPECT_GE(rig_.control().Now() - before, 3s);
  EXPECT_EQ(Counted("idle_time_ns").substr(0, 1), "3");
  EXPECT_EQ(Counted("account_invalid") + Counted("account_failed"), "truetrue");
  EXPECT_EQ(Counted("timed_stats"), "[]");
}

TEST_F(CommandsLimitsTest, ADevicesOptionsSayHowItsDriveCounts) {
  ASSERT_EQ(rig_.Run("device_add",
                     R"({"driver": "virtio-blk", "id": "vd1", "drive": "free",
                         "account-invalid": "off", "account-failed": "off",
                         "stats-intervals": [1, 60]})"),
            Lines{kDone});
  EXPECT_EQ(Counted("account_invalid", "vd1") + Counted("account_failed", "vd1"), "falsefalse");
  const std::string none = R"("min_rd_latency_ns": 0, "max_rd_latency_ns": 0, )"
                           R"("avg_rd_latency_ns": 0, "min_wr_latency_ns": 0, )"
                           R"("max_wr_latency_ns": 0, "avg_wr_latency_ns": 0, )"
                           R"("min_flush_latency_ns": 0, "max_flush_latency_ns": 0, )"
                           R"("avg_flush_latency_ns": 0, "avg_rd_queue_depth": 0)";
  const std::string before = Counted("timed_stats", "vd1");
  Has(before, R"([{"interval_length": 1, )" + none);
  Has(before, R"({"interval_length": 60, )" + none);
  ASSERT_EQ(rig_.Run("block_set_io_throttle", Limits(R"("bps": 4096)", "vd1")), Lines{kDone});
  Write(0, 4096, "vd1");
  Write(0, 4096, "vd1");
  EXPECT_EQ(Counted("timed_stats", "vd1").find(R"("max_wr_latency_ns": 0,)"), std::string::npos);
  Has(rig_.Refusal("device_add", R"({"driver": "scsi-cd", "id": "cd2", "stats-intervals": [0]})"),
      "device_add.stats-intervals.0: ");
  Has(rig_.Refusal("device_add",
                   R"({"driver": "scsi-cd", "id": "cd2", "stats-intervals": [1,2,3,4,5,6,7,8,9]})"),
      "device_add.stats-intervals: ");
}

}  // namespace
}  // namespace platter
