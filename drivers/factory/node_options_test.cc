// SPDX-License-Identifier: Apache-2.0

#include "drivers/factory/node_options.h"

#include <cerrno>
#include <chrono>
#include <string>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/log.h"
#include "config/parse.h"

namespace platter {
namespace {

config::BlockdevOptions Parsed(const std::string& options) {
  absl::StatusOr<config::BlockdevOptions> parsed = ParseBlockdev(options + ",node-name=n");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *parsed : config::BlockdevOptions();
}

TEST(NodeOptionsTest, File) {
  const FileOptions options = FileOptionsFrom(
      Parsed("driver=file,filename=/a,read-only=on,cache.direct=on,locking=off,aio=io_uring,"
             "x-inline-writes=on"));
  EXPECT_EQ(options.driver, FileDriver::kFile);
  EXPECT_EQ(options.filename, "/a");
  EXPECT_EQ(options.access, FileAccess::kReadOnly);
  EXPECT_EQ(options.caching, FileCaching::kDirect);
  EXPECT_EQ(options.locking, FileLocking::kOff);
  EXPECT_EQ(options.aio, FileAioHint::kIoUring);
  EXPECT_EQ(options.inline_writes, FileInlineWrites::kAlways);
}

TEST(NodeOptionsTest, HostDeviceAndDefaults) {
  const FileOptions options =
      FileOptionsFrom(Parsed("driver=host_device,filename=/dev/x,auto-read-only=on"));
  EXPECT_EQ(options.driver, FileDriver::kHostDevice);
  EXPECT_EQ(options.access, FileAccess::kAutoReadOnly);
  EXPECT_EQ(options.caching, FileCaching::kPageCache);
  EXPECT_EQ(options.locking, FileLocking::kAuto);
  EXPECT_EQ(options.inline_writes, FileInlineWrites::kMemoryOnly);
}

TEST(NodeOptionsTest, ThePolicyIsWhatEveryDriverHasAlike) {
  const NodePolicy none = PolicyFrom(Parsed("driver=null-co"));
  EXPECT_EQ(none.discard, NodePolicy::Discard::kIgnore);
  EXPECT_EQ(none.detect_zeroes, NodePolicy::DetectZeroes::kOff);
  EXPECT_EQ(none.flush, NodePolicy::Flush::kHonour);
  EXPECT_EQ(none.host_cache, NodePolicy::HostCache::kUsed);
  const NodePolicy all = PolicyFrom(
      Parsed("driver=null-co,discard=unmap,detect-zeroes=on,cache.direct=on,cache.no-flush=on"));
  EXPECT_EQ(all.discard, NodePolicy::Discard::kUnmap);
  EXPECT_EQ(all.detect_zeroes, NodePolicy::DetectZeroes::kOn);
  EXPECT_EQ(all.flush, NodePolicy::Flush::kIgnore);
  EXPECT_EQ(all.host_cache, NodePolicy::HostCache::kBypassed);
}

TEST(NodeOptionsTest, WhereAChildIsNamed) {
  config::BlockdevOptions raw = Parsed("driver=raw,file=below");
  ASSERT_NE(ChildOf(raw), nullptr);
  EXPECT_EQ(ChildOf(raw)->reference(), "below");
  EXPECT_EQ(MutableChildOf(raw), ChildOf(raw));
  config::BlockdevOptions blkdebug = Parsed("driver=blkdebug,image=below");
  ASSERT_NE(ChildOf(blkdebug), nullptr);
  EXPECT_EQ(ChildOf(blkdebug)->reference(), "below");
  EXPECT_EQ(MutableChildOf(blkdebug), ChildOf(blkdebug));
  config::BlockdevOptions null = Parsed("driver=null-co");
  EXPECT_EQ(ChildOf(null), nullptr);
  EXPECT_EQ(MutableChildOf(null), nullptr);
}

TEST(NodeOptionsTest, Null) {
  const NullOptions options =
      NullOptionsFrom(Parsed("driver=null-aio,size=2M,latency-ns=500,read-zeroes=on"));
  EXPECT_EQ(options.completion, NullOptions::Completion::kLaterTurn);
  EXPECT_EQ(options.size, 2u << 20);
  EXPECT_EQ(options.latency, std::chrono::nanoseconds(500));
  EXPECT_EQ(options.reads, NullOptions::Reads::kZeroes);
  EXPECT_EQ(NullOptionsFrom(Parsed("driver=null-co")).completion, NullOptions::Completion::kAtOnce);
}

TEST(NodeOptionsTest, Memory) {
  SimulatedWorld world(1);
  MemoryLog log;
  BlockGraph graph(world.NewContext("control"), log);
  const MemoryOptions options = MemoryOptionsFrom(
      Parsed("driver=memory,size=1M,allocation-limit=64K,volatile-cache=on,home-context=on"),
      graph);
  EXPECT_EQ(options.size, 1u << 20);
  EXPECT_EQ(options.allocation_limit, 65536u);
  EXPECT_EQ(options.cache, MemoryOptions::Cache::kVolatile);
  EXPECT_EQ(options.home_context, &graph.control());
  EXPECT_EQ(MemoryOptionsFrom(Parsed("driver=memory,size=1M"), graph).home_context, nullptr);
}

TEST(NodeOptionsTest, BlkdebugRules) {
  const BlkdebugOptions options = BlkdebugOptionsFrom(
      Parsed("driver=blkdebug,image.driver=null-co,align=4096,max-transfer=64K,"
             "inject-error.0.event=write_aio,inject-error.0.errno=28,inject-error.0.sector=8,"
             "inject-error.0.once=on,inject-error.0.immediately=on,inject-error.0.iotype=write,"
             "inject-error.0.state=2,inject-error.1.event=none,inject-error.1.x-count=3,"
             "inject-error.1.x-offset=512,inject-error.1.x-bytes=1024,"
             "set-state.0.event=flush_to_disk,set-state.0.new_state=2,"
             "x-suspend.0.event=pwritev,x-suspend.0.tag=t"));
  EXPECT_EQ(options.align, 4096u);
  EXPECT_EQ(options.max_transfer, 65536u);
  ASSERT_EQ(options.inject_error.size(), 2u);
  const BlkdebugErrorRule& first = options.inject_error[0];
  EXPECT_EQ(first.event, BlkdebugEvent::kWriteAio);
  EXPECT_EQ(first.error, ENOSPC);
  EXPECT_EQ(first.state, 2u);
  EXPECT_EQ(first.iotype, BlkdebugIoType::kWrite);
  EXPECT_EQ(first.range->offset, 4096u);
  EXPECT_EQ(first.range->bytes, 512u);
  EXPECT_EQ(first.count, 1u);
  EXPECT_EQ(first.failure, BlkdebugErrorRule::Failure::kImmediately);
  const BlkdebugErrorRule& second = options.inject_error[1];
  EXPECT_EQ(second.event, BlkdebugEvent::kNone);
  EXPECT_EQ(second.error, EIO);
  EXPECT_EQ(second.count, 3u);
  EXPECT_EQ(second.range->offset, 512u);
  EXPECT_EQ(second.range->bytes, 1024u);
  EXPECT_FALSE(second.state.has_value());
  ASSERT_EQ(options.set_state.size(), 1u);
  EXPECT_EQ(options.set_state[0].event, BlkdebugEvent::kFlushToDisk);
  EXPECT_EQ(options.set_state[0].new_state, 2u);
  ASSERT_EQ(options.suspend.size(), 1u);
  EXPECT_EQ(options.suspend[0].event, BlkdebugEvent::kPwritev);
  EXPECT_EQ(options.suspend[0].tag, "t");
}

}  // namespace
}  // namespace platter
