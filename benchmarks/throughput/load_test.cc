// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/load.h"

#include <memory>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/log.h"
#include "base/status.h"
#include "benchmarks/throughput/bench_target.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

Workload Short(const std::string& blockdev) {
  Workload workload;
  workload.blockdevs = {blockdev};
  // A count ends the run, not the time that a loaded machine needs for it.
  workload.seconds = 600;
  workload.requests = 1000;
  workload.aio = "threads";
  return workload;
}

absl::StatusOr<LoadResult> Measure(const Workload& workload) {
  MemoryLog log;
  absl::StatusOr<std::unique_ptr<BenchTarget>> target = MakeBenchTarget(workload, log);
  if (!target.ok()) return target.status();
  return RunLoad(**target, workload, [](double, uint64_t) {});
}

TEST(LoadTest, CountsRequestsOfEveryOperation) {
  for (const LoadOp op :
       {LoadOp::kRandRead, LoadOp::kRandWrite, LoadOp::kSeqRead, LoadOp::kSeqWrite}) {
    Workload workload = Short("driver=memory,node-name=d0,size=1M");
    workload.op = op;
    absl::StatusOr<LoadResult> result = Measure(workload);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_GE(result->requests, 1000u);
    EXPECT_EQ(result->errors, 0u);
    EXPECT_EQ(result->latency.total(), result->requests);
  }
}

TEST(LoadTest, EveryKindOfDevice) {
  for (const std::string_view model : kBenchModels) {
    Workload workload = Short("driver=memory,node-name=d0,size=1M");
    workload.device = model;
    workload.queue_depth = UsualQueueDepth(model);
    absl::StatusOr<LoadResult> result = Measure(workload);
    ASSERT_TRUE(result.ok()) << model << ": " << result.status();
    EXPECT_GE(result->requests, 1000u) << model;
    EXPECT_EQ(result->errors, 0u) << model;
    EXPECT_EQ(result->latency.total(), result->requests) << model;
  }
}

TEST(LoadTest, SeveralQueuesOnIoThreads) {
  Workload workload = Short("driver=null-co,node-name=d0,size=1G");
  workload.queues = 2;
  workload.iothreads = 2;
  absl::StatusOr<LoadResult> result = Measure(workload);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GE(result->requests, 1000u);
  EXPECT_EQ(result->errors, 0u);
}

TEST(LoadTest, FailedRequestsAreCounted) {
  Workload workload = Short(
      "driver=blkdebug,node-name=d0,image.driver=null-co,image.size=1G,"
      "inject-error.0.event=read_aio,inject-error.0.errno=5");
  absl::StatusOr<LoadResult> result = Measure(workload);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->errors, 0u);
  EXPECT_EQ(result->errors, result->requests);
}

// A full disk stops the guest's machine by default; a benchmark goes on to its end.
TEST(LoadTest, AFullDiskIsCountedAsErrors) {
  Workload workload = Short("driver=memory,node-name=d0,size=1G,allocation-limit=64K");
  workload.op = LoadOp::kSeqWrite;
  absl::StatusOr<LoadResult> result = Measure(workload);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->errors, 0u);
}

TEST(LoadTest, NodesMayReferToEarlierOnes) {
  Workload workload = Short("driver=memory,node-name=d0,size=1M");
  workload.blockdevs.emplace_back("driver=raw,node-name=d1,file=d0");
  absl::StatusOr<LoadResult> result = Measure(workload);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->errors, 0u);
  workload.blockdevs.front() = workload.blockdevs.back();
  EXPECT_THAT(MessageOf(Measure(workload).status()), HasSubstr("'d0'"));
}

// A second of silence from the disk is over when the time is; what is in flight is waited for.
TEST(LoadTest, TheTimeEndsARunThatHearsNothing) {
  Workload workload = Short("driver=null-aio,node-name=d0,latency-ns=300000000");
  workload.seconds = 0.05;
  workload.requests = 0;
  absl::StatusOr<LoadResult> result = Measure(workload);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->requests, 32u) << "those in flight when the time was over";
  EXPECT_EQ(result->latency.total(), 32u);
  EXPECT_GE(result->seconds, 0.3) << "and the time that they took counts";
}

TEST(LoadTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(MessageOf(Measure(Short("driver=nul-co,node-name=d0")).status()),
              HasSubstr("null-co"));
  EXPECT_THAT(MessageOf(Measure(Short("driver=memory,node-name=d0,size=512")).status()),
              HasSubstr("fewer than --bs"));
}

}  // namespace
}  // namespace platter
