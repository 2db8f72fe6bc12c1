// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/workload.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "base/status.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

Workload Good() {
  Workload workload;
  workload.blockdevs = {"driver=null-co,node-name=d0"};
  return workload;
}

TEST(WorkloadTest, EveryOperationIsParsedByItsName) {
  for (const char* name : {"randread", "randwrite", "seqread", "seqwrite"}) {
    absl::StatusOr<LoadOp> op = ParseLoadOp(name);
    ASSERT_TRUE(op.ok()) << name;
    EXPECT_EQ(LoadOpName(*op), name);
  }
  EXPECT_THAT(MessageOf(ParseLoadOp("trim").status()), HasSubstr("--op: 'trim'"));
}

TEST(WorkloadTest, EachWrongOptionIsNamed) {
  EXPECT_TRUE(CheckWorkload(Good()).ok());
  const auto message = [](auto change) {
    Workload workload = Good();
    change(workload);
    return MessageOf(CheckWorkload(workload));
  };
  EXPECT_THAT(message([](Workload& w) { w.device = "floppy"; }),
              HasSubstr("--device: 'floppy' is none of virtio-blk, "));
  EXPECT_THAT(message([](Workload& w) { w.blockdevs = {""}; }), HasSubstr("--blockdev: missing"));
  EXPECT_THAT(message([](Workload& w) { w.block_size = 513; }), HasSubstr("--bs"));
  EXPECT_THAT(message([](Workload& w) { w.queue_depth = 0; }), HasSubstr("--qd"));
  EXPECT_THAT(message([](Workload& w) { w.queues = 17; }), HasSubstr("--queues"));
  EXPECT_THAT(message([](Workload& w) { w.iothreads = 17; }), HasSubstr("--iothreads"));
  EXPECT_THAT(message([](Workload& w) { w.seconds = 0; }), HasSubstr("--seconds"));
  EXPECT_THAT(message([](Workload& w) { w.aio = "posix"; }), HasSubstr("--aio: 'posix'"));
}

TEST(WorkloadTest, AnIdeDriveDoesOneCommandAtATime) {
  EXPECT_EQ(UsualQueueDepth("virtio-blk"), 32u);
  EXPECT_EQ(UsualQueueDepth("scsi-disk"), 32u);
  Workload workload = Good();
  workload.device = "ide-disk";
  EXPECT_THAT(MessageOf(CheckWorkload(workload)), HasSubstr("--qd: an IDE drive"));
  workload.queue_depth = UsualQueueDepth("ide-disk");
  EXPECT_EQ(MessageOf(CheckWorkload(workload)), "");
  workload.queues = 2;
  EXPECT_THAT(MessageOf(CheckWorkload(workload)), HasSubstr("--queues"));
  workload.queues = 1;
  workload.iothreads = 1;
  EXPECT_THAT(MessageOf(CheckWorkload(workload)), HasSubstr("--iothreads"));
}

TEST(WorkloadTest, ACdHasBlocksOf2048BytesAndIsReadOnly) {
  Workload workload = Good();
  workload.device = "scsi-cd";
  EXPECT_EQ(MessageOf(CheckWorkload(workload)), "");
  workload.block_size = 512;
  EXPECT_THAT(MessageOf(CheckWorkload(workload)), HasSubstr("--bs: a multiple of 2048"));
  workload.block_size = 2048;
  workload.op = LoadOp::kSeqWrite;
  EXPECT_THAT(MessageOf(CheckWorkload(workload)), HasSubstr("--op: scsi-cd is read-only"));
}

TEST(WorkloadTest, ATargetHasItsOwnDiskAndThreads) {
  Workload workload;
  workload.target = "vhost-user:/run/e.sock";
  workload.completions = Completions::kPoll;
  EXPECT_EQ(MessageOf(CheckWorkload(workload)), "");
  const auto message = [&](auto change) {
    Workload wrong = workload;
    change(wrong);
    return MessageOf(CheckWorkload(wrong));
  };
  EXPECT_THAT(message([](Workload& w) { w.target = "nvme:x"; }), HasSubstr("--target: 'nvme:x'"));
  EXPECT_THAT(message([](Workload& w) { w.target = "vhost-user:"; }), HasSubstr("--target"));
  EXPECT_THAT(message([](Workload& w) { w.device = "scsi-disk"; }), HasSubstr("--device"));
  EXPECT_THAT(message([](Workload& w) { w.blockdevs = {"d"}; }), HasSubstr("--blockdev"));
  EXPECT_THAT(message([](Workload& w) { w.iothreads = 1; }), HasSubstr("--iothreads"));
  EXPECT_THAT(message([](Workload& w) {
                w = Good();
                w.completions = Completions::kPoll;
              }),
              HasSubstr("--poll: needs a --target"));
}

TEST(WorkloadTest, ATargetIsInTheResults) {
  Workload workload;
  workload.target = "vhost-user:/run/e.sock";
  workload.completions = Completions::kPoll;
  const nlohmann::json json = nlohmann::json::parse(ResultAsJson(workload, {}));
  EXPECT_EQ(json["target"], "vhost-user:/run/e.sock");
  EXPECT_EQ(json["completions"], "poll");
  EXPECT_FALSE(json.contains("blockdev"));
  EXPECT_THAT(ResultAsTable(workload, {}), HasSubstr("the guest polls"));
}

TEST(WorkloadTest, JsonIsOneLineWithTheFigures) {
  LoadResult result;
  result.requests = 1000;
  result.seconds = 0.5;
  result.cpu_seconds = 0.25;
  result.latency.Record(2000);
  const std::string line = ResultAsJson(Good(), result);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(line);
  EXPECT_EQ(json["iops"], 2000.0);
  EXPECT_EQ(json["mbps"], 2000 * 4096 / 1e6);
  EXPECT_EQ(json["ns_per_io"], 500000.0);
  EXPECT_EQ(json["cpu_us_per_io"], 250.0);
  EXPECT_NEAR(json["p50_us"].get<double>(), 2.0, 0.07);
  EXPECT_EQ(json["errors"], 0);
  for (const char* key : {"p99_us", "p999_us"}) EXPECT_TRUE(json.contains(key)) << key;
}

TEST(WorkloadTest, TableShowsRateAndErrors) {
  LoadResult result;
  result.requests = 10;
  result.seconds = 1;
  result.errors = 3;
  const std::string table = ResultAsTable(Good(), result);
  EXPECT_THAT(table, HasSubstr("requests a second"));
  EXPECT_THAT(table, HasSubstr("errors                        3"));
}

}  // namespace
}  // namespace platter
