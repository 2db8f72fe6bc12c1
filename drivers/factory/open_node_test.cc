// SPDX-License-Identifier: Apache-2.0

#include "drivers/factory/open_node.h"

#include <cerrno>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/log.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class OpenNodeTest : public testing::Test {
 protected:
  absl::StatusOr<NodeRef> Open(const std::string& options) {
    absl::StatusOr<config::BlockdevOptions> parsed = ParseBlockdev(options);
    if (!parsed.ok()) return parsed.status();
    return BlockOn(control_, OpenNode(graph_, *parsed));
  }
  void ExpectDriver(const std::string& options, const std::string& driver, uint64_t length) {
    absl::StatusOr<NodeRef> node = Open(options);
    ASSERT_TRUE(node.ok()) << node.status();
    EXPECT_EQ((*node)->driver_name(), driver);
    EXPECT_EQ((*node)->length(), length);
  }

  SimulatedWorld world_{1};
  MemoryLog log_;
  AioContext& control_{world_.NewContext("control")};
  BlockGraph graph_{control_, log_};
};

// A node that others use at this moment gets a further parent, and loses it again: both wait until
// it is quiet, since an Edge must not change under a request. Its blocks make the Edge track
// overlaps as long as there is a parent that could tear them.
TEST_F(OpenNodeTest, NodesComeAndGoAboveABusyNode) {
  ASSERT_TRUE(Open("driver=blkdebug,node-name=disk,align=4096,image.driver=null-aio,"
                   "image.latency-ns=1000000")
                  .ok());
  TestRoot root;
  ASSERT_TRUE(root.Open(graph_.Find("disk"), 4096).ok());
  std::vector<uint8_t> data(4096);
  DiskIo write(root, control_);
  write.Transfer(IoOp::kWrite, 0, data).Submit();
  ASSERT_FALSE(write.done());
  // Two levels above it, the upper with blocks that are smaller than the disk's.
  ASSERT_TRUE(Open("driver=raw,node-name=top,offset=512,file.driver=raw,file.file=disk").ok());
  EXPECT_TRUE(write.done()) << "attached while a request was in flight";
  write.Submit();
  ASSERT_FALSE(write.done());
  ASSERT_TRUE(BlockOn(control_, graph_.Remove("top")).ok());
  EXPECT_TRUE(write.done()) << "detached while a request was in flight";
}

TEST_F(OpenNodeTest, MakesEveryDriver) {
  ExpectDriver("driver=null-co,node-name=a,size=1M", "null-co", 1 << 20);
  ExpectDriver("driver=null-aio,node-name=b", "null-aio", 1 << 30);
  ExpectDriver("driver=memory,node-name=c,size=64K", "memory", 1 << 16);
  ExpectDriver("driver=raw,node-name=d,offset=4K,size=8K,file=c", "raw", 8192);
  ExpectDriver("driver=blkdebug,node-name=e,image.driver=null-co,image.size=2M", "blkdebug",
               2 << 20);
}

TEST_F(OpenNodeTest, ErrorsNameEachNodeOnce) {
  EXPECT_EQ(MessageOf(Open("driver=file,node-name=d0,filename=/nonexistent").status()),
            "node 'd0': cannot open '/nonexistent' with driver file for reading and writing: No "
            "such file or directory");
  EXPECT_EQ(MessageOf(Open("driver=raw,node-name=d0,file=nix").status()),
            "node 'd0': file: there is no block node 'nix'");
  EXPECT_EQ(MessageOf(Open("driver=raw,node-name=d0,offset=2M,file.driver=memory,file.size=1M,"
                           "file.node-name=m0")
                          .status()),
            "node 'd0': offset 2097152 is beyond the end of node 'm0', which has 1048576 bytes");
}

TEST_F(OpenNodeTest, NamedNodesStayAndOthersLiveWithTheirParent) {
  ASSERT_TRUE(Open("driver=raw,node-name=top,file.driver=memory,file.size=1M").ok());
  EXPECT_NE(graph_.Find("top"), nullptr);
  ASSERT_EQ(graph_.Nodes().size(), 2u);
  EXPECT_THAT(graph_.Nodes()[0]->node_name(), StartsWith("#"));
  ASSERT_TRUE(BlockOn(control_, graph_.Remove("top")).ok());
  EXPECT_TRUE(graph_.Nodes().empty());
}

TEST_F(OpenNodeTest, FailureNamesTheThingAndLeavesNothing) {
  EXPECT_THAT(MessageOf(Open("driver=raw,node-name=top,file=nowhere").status()),
              HasSubstr("node 'top': file: there is no block node 'nowhere'"));
  const absl::Status missing = Open(
                                   "driver=raw,node-name=top,file.driver=file,file.node-name=low,"
                                   "file.filename=/nonexistent/disk.img")
                                   .status();
  EXPECT_EQ(ErrnoOf(missing), ENOENT);
  EXPECT_THAT(MessageOf(missing), HasSubstr("/nonexistent/disk.img"));
  EXPECT_THAT(MessageOf(Open("driver=raw,node-name=top,offset=1M,size=1M,"
                             "file.driver=memory,file.node-name=low,file.size=1M")
                            .status()),
              HasSubstr("top"));
  EXPECT_TRUE(graph_.Nodes().empty());
}

TEST_F(OpenNodeTest, NamesAreUniqueInTheWholeTree) {
  ASSERT_TRUE(Open("driver=null-co,node-name=n").ok());
  EXPECT_EQ(ErrnoOf(Open("driver=memory,node-name=n,size=1M").status()), EEXIST);
  EXPECT_EQ(ErrnoOf(Open("driver=raw,node-name=m,file.driver=null-co,file.node-name=m").status()),
            EEXIST);
  EXPECT_EQ(graph_.Find("m"), nullptr);
}

TEST_F(OpenNodeTest, CommonOptionsBecomeThePolicy) {
  absl::StatusOr<NodeRef> node =
      Open("driver=null-co,node-name=n,discard=unmap,detect-zeroes=unmap,cache.no-flush=on");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)->policy().discard, NodePolicy::Discard::kUnmap);
  EXPECT_EQ((*node)->policy().detect_zeroes, NodePolicy::DetectZeroes::kUnmap);
  EXPECT_EQ((*node)->policy().flush, NodePolicy::Flush::kIgnore);
  EXPECT_EQ((*Open("driver=null-co,node-name=p"))->policy().discard, NodePolicy::Discard::kIgnore);
}

TEST_F(OpenNodeTest, ReadOnlyReachesChildrenMadeOnTheSpot) {
  const std::string options =
      "driver=raw,node-name=n,read-only=on,file.driver=memory,file.node-name=low,file.size=1M";
  absl::StatusOr<NodeRef> node = Open(options);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_TRUE((*node)->read_only());
  EXPECT_TRUE(graph_.Find("low")->read_only());
  node->reset();
  ASSERT_TRUE(BlockOn(control_, graph_.Remove("n")).ok());
  node = Open(options + ",file.read-only=off");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_TRUE((*node)->read_only());
  EXPECT_FALSE(graph_.Find("low")->read_only()) << "it says so itself";
}

TEST_F(OpenNodeTest, CacheSettingsReachNestedNodesThatDoNotSay) {
  ASSERT_TRUE(Open("driver=blkdebug,node-name=top,cache.direct=on,cache.no-flush=on,"
                   "image.driver=raw,image.node-name=mid,image.cache.no-flush=off,"
                   "image.file.driver=memory,image.file.size=1M,image.file.node-name=low")
                  .ok());
  for (const char* const name : {"top", "mid", "low"}) {
    EXPECT_EQ(graph_.Find(name)->policy().host_cache, NodePolicy::HostCache::kBypassed) << name;
  }
  EXPECT_EQ(graph_.Find("top")->policy().flush, NodePolicy::Flush::kIgnore);
  EXPECT_EQ(graph_.Find("mid")->policy().flush, NodePolicy::Flush::kHonour);
  EXPECT_EQ(graph_.Find("low")->policy().flush, NodePolicy::Flush::kHonour);
}

TEST_F(OpenNodeTest, ANodeThatIsReferredToTakesNothing) {
  ASSERT_TRUE(Open("driver=memory,node-name=low,size=1M").ok());
  ASSERT_TRUE(Open("driver=raw,node-name=top,read-only=on,cache.direct=on,cache.no-flush=on,"
                   "discard=unmap,file=low")
                  .ok());
  const BlockNode& low = *graph_.Find("low");
  EXPECT_FALSE(low.read_only());
  EXPECT_EQ(low.policy().host_cache, NodePolicy::HostCache::kUsed);
  EXPECT_EQ(low.policy().flush, NodePolicy::Flush::kHonour);
  EXPECT_EQ(low.policy().discard, NodePolicy::Discard::kIgnore);
}

// Each node decides for itself what comes through; a nested one passes everything on.
TEST_F(OpenNodeTest, DiscardsAndZeroesThatUnmapAreDecidedByEachNode) {
  struct Row {
    const char* driver;
    const char* child;
    const char* options;
    bool passed;
  };
  const Row rows[] = {{"raw", "file", "", false},
                      {"raw", "file", ",discard=unmap", true},
                      {"raw", "file", ",file.discard=unmap", false},
                      {"raw", "file", ",discard=ignore,file.discard=unmap", false},
                      {"raw", "file", ",discard=unmap,file.discard=ignore", false},
                      {"blkdebug", "image", "", false},
                      {"blkdebug", "image", ",discard=unmap", true},
                      {"blkdebug", "image", ",image.discard=unmap", false},
                      {"blkdebug", "image", ",discard=unmap,image.discard=ignore", false}};
  std::vector<uint8_t> data(uint64_t{64} << 10, 'x');
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.driver) + row.options);
    const std::string child = row.child;
    // Room for the data, once.
    ASSERT_TRUE(Open(std::string("driver=") + row.driver + ",node-name=top," + child +
                     ".driver=memory," + child + ".size=1M," + child + ".allocation-limit=64K" +
                     row.options)
                    .ok());
    for (const IoOp op : {IoOp::kDiscard, IoOp::kWriteZeroes}) {
      TestRoot root;
      ASSERT_TRUE(root.Open(graph_.Find("top")).ok());
      DiskIo io(root, control_);
      ASSERT_EQ(io.Transfer(IoOp::kWrite, 0, data).Run(), 0);
      EXPECT_EQ(io.Range(op, 0, data.size()).Run(IoFlags::kMayUnmap), 0);
      EXPECT_EQ(io.Transfer(IoOp::kWrite, data.size(), data).Run(), row.passed ? 0 : -ENOSPC);
      // As before.
      EXPECT_EQ(io.Range(IoOp::kDiscard, 0, 2 * data.size()).Run(), 0);
    }
    ASSERT_TRUE(BlockOn(control_, graph_.Remove("top")).ok());
  }
}

TEST_F(OpenNodeTest, AnInactiveNodeHasInactiveChildren) {
  absl::StatusOr<NodeRef> node =
      Open("driver=raw,node-name=n,active=off,file.driver=memory,file.node-name=low,file.size=1M");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_FALSE((*node)->active());
  EXPECT_FALSE(graph_.Find("low")->active());
  EXPECT_EQ(MessageOf(Open("driver=raw,node-name=top,file=low").status()),
            "node 'top' cannot be active: 'low' below it is inactive");
  EXPECT_TRUE(Open("driver=raw,node-name=top,active=off,file=low").ok());
}

TEST_F(OpenNodeTest, AGraphThatWaitsOpensInactiveNodes) {
  graph_.set_opens_inactive(true);
  absl::StatusOr<NodeRef> node = Open("driver=raw,node-name=n,file.driver=memory,file.size=1M");
  ASSERT_TRUE(node.ok()) << node.status();
  for (const NodeRef& each : graph_.Nodes()) EXPECT_FALSE(each->active());
}

}  // namespace
}  // namespace platter
