// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/vhost_user_target.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "base/log.h"
#include "base/status.h"
#include "benchmarks/throughput/load.h"
#include "config/parse.h"
#include "config/parse_export.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "daemon/storage_daemon.h"

namespace platter {
namespace {

class VhostUserTargetTest : public testing::Test {
 protected:
  VhostUserTargetTest() {
    workload_.target = "vhost-user:" + (folder_ / "e");
    // A count ends the run, not the time that a loaded machine needs for it.
    workload_.seconds = 600;
    workload_.requests = 1000;
  }

  // Runs `guest` on a thread of its own while a daemon serves a drive of `blockdev`.
  void Serve(const std::string& blockdev, const std::string& more,
             const std::function<void()>& guest) {
    config::StorageDaemonConfig config;
    *config.add_objects() = *ParseObject("iothread,id=t0");
    *config.add_blockdevs() = *ParseBlockdev(blockdev);
    *config.add_exports() = *ParseExport(
        "vhost-user-blk,id=e,node-name=d,iothread=t0,addr.type=unix,addr.path=" + (folder_ / "e") +
        more);
    absl::StatusOr<std::unique_ptr<StorageDaemon>> daemon = StorageDaemon::Create(config, {}, log_);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    std::atomic<bool> done{false};
    std::thread thread([&] {
      guest();
      (*daemon)->control().Post([&done] { done = true; });
    });
    (*daemon)->control().RunUntil([&] { return done.load(); });
    thread.join();
  }
  absl::StatusOr<LoadResult> Measure() {
    absl::StatusOr<std::unique_ptr<BenchTarget>> target = MakeBenchTarget(workload_, log_);
    if (!target.ok()) return target.status();
    return RunLoad(**target, workload_, [](double, uint64_t) {});
  }

  const SocketFolder folder_;
  MemoryLog log_;
  Workload workload_;
};

TEST_F(VhostUserTargetTest, CountsRequestsOfEachWayToWait) {
  Serve("null-co,node-name=d,size=1G", ",num-queues=2,writable=on", [&] {
    for (const Completions completions : {Completions::kInterrupt, Completions::kPoll}) {
      workload_.completions = completions;
      for (const uint32_t queues : {1u, 2u}) {
        workload_.queues = queues;
        for (const LoadOp op : {LoadOp::kRandRead, LoadOp::kSeqWrite}) {
          workload_.op = op;
          const absl::StatusOr<LoadResult> result = Measure();
          ASSERT_TRUE(result.ok()) << result.status();
          EXPECT_GE(result->requests, 1000u);
          EXPECT_EQ(result->errors, 0u);
          EXPECT_EQ(result->latency.total(), result->requests);
        }
      }
    }
  });
}

TEST_F(VhostUserTargetTest, FailedRequestsAreCounted) {
  Serve("blkdebug,node-name=d,image.driver=null-co,image.size=1G,inject-error.0.event=none", "",
        [&] {
          const absl::StatusOr<LoadResult> result = Measure();
          ASSERT_TRUE(result.ok()) << result.status();
          EXPECT_EQ(result->errors, result->requests);
        });
}

TEST_F(VhostUserTargetTest, WhatTheDriveIsNotIsSaid) {
  Serve("null-co,node-name=d,size=2K", "", [&] {
    EXPECT_EQ(MessageOf(Measure().status()), "--target: the disk has 2048 bytes, fewer than --bs");
    workload_.block_size = 512;
    workload_.op = LoadOp::kRandWrite;
    EXPECT_EQ(MessageOf(Measure().status()), "--op: the disk is read-only");
    workload_.op = LoadOp::kRandRead;
    workload_.queues = 2;
    EXPECT_EQ(MessageOf(Measure().status()), "--target: it has 1 queues");
  });
}

TEST_F(VhostUserTargetTest, NobodyListens) {
  const absl::Status status = Measure().status();
  EXPECT_NE(MessageOf(status).find("--target: "), std::string::npos) << status;
  EXPECT_NE(MessageOf(status).find(folder_ / "e"), std::string::npos) << status;
}

}  // namespace
}  // namespace platter
