// SPDX-License-Identifier: Apache-2.0

#include "drivers/factory/reopen_nodes.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "drivers/factory/open_node.h"
#include "drivers/file/file_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

class ReopenNodesTest : public testing::Test {
 protected:
  void Open(const std::string& options) {
    absl::StatusOr<config::BlockdevOptions> parsed = ParseBlockdev(options);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    const absl::StatusOr<NodeRef> node = BlockOn(*control_, OpenNode(graph_, *parsed));
    ASSERT_TRUE(node.ok()) << node.status();
  }
  absl::Status Reopen(const std::vector<std::string>& list) {
    std::vector<config::BlockdevOptions> options;
    for (const std::string& one : list) {
      absl::StatusOr<config::BlockdevOptions> parsed = ParseBlockdev(one);
      EXPECT_TRUE(parsed.ok()) << parsed.status();
      options.push_back(*std::move(parsed));
    }
    return BlockOn(*control_, ReopenNodes(graph_, std::move(options)));
  }
  absl::Status Reopen(const std::string& one) { return Reopen(std::vector<std::string>{one}); }
  NodeRef Node(const std::string& name) { return graph_.Find(name); }
  // All that can be seen of the nodes.
  std::string State() {
    std::string state;
    for (const NodeRef& node : graph_.Nodes()) {
      const NodePolicy& policy = node->policy();
      state += node->node_name() + (node->read_only() ? " ro" : " rw") + " " +
               std::to_string(node->length()) + " " +
               std::to_string(static_cast<int>(policy.discard)) +
               std::to_string(static_cast<int>(policy.detect_zeroes)) +
               std::to_string(static_cast<int>(policy.flush)) +
               std::to_string(static_cast<int>(policy.host_cache)) + " " +
               std::to_string(node->limits().request_alignment) + " " +
               std::to_string(node->parents().size()) + ":";
      for (const Edge* const edge : node->children()) state += edge->child()->node_name() + " ";
    }
    return state;
  }
  // It fails, and nothing has changed.
  std::string Refused(const std::vector<std::string>& list, int error = EINVAL) {
    const std::string before = State();
    const absl::Status status = Reopen(list);
    EXPECT_EQ(ErrnoOf(status), error) << status;
    EXPECT_EQ(State(), before);
    return MessageOf(status);
  }
  std::string Refused(const std::string& one, int error = EINVAL) {
    return Refused(std::vector<std::string>{one}, error);
  }
  static std::string MakeFile(const std::string& name, size_t bytes, char fill = 'x') {
    const char* const folder = std::getenv("TEST_TMPDIR");
    std::string path = std::string(folder == nullptr ? "/tmp" : folder) + "/" + name;
    std::ofstream(path, std::ios::binary) << std::string(bytes, fill);
    return path;
  }

  std::unique_ptr<AioContext> control_ = *CreateAioContext({.kind = AioKind::kThreads});
  MemoryLog log_;
  BlockGraph graph_{*control_, log_};
};

TEST_F(ReopenNodesTest, EveryDriverBecomesReadOnlyAndBack) {
  const std::string path = MakeFile("every.img", 4096);
  Open("driver=memory,node-name=m,size=4096");
  const std::vector<std::pair<std::string, std::string>> drivers = {
      {"a", "driver=null-co,node-name=a"},
      {"b", "driver=null-aio,node-name=b"},
      {"c", "driver=memory,node-name=c,size=4096"},
      {"d", "driver=raw,node-name=d,file=m"},
      {"e", "driver=blkdebug,node-name=e,image=m"},
      {"f", "driver=file,node-name=f,filename=" + path}};
  for (const auto& [name, options] : drivers) {
    SCOPED_TRACE(options);
    Open(options);
    EXPECT_FALSE(Node(name)->read_only());
    EXPECT_TRUE(Reopen(options + ",read-only=on").ok());
    EXPECT_TRUE(Node(name)->read_only());
    TestRoot root;
    EXPECT_EQ(ErrnoOf(root.Open(Node(name))), EACCES);
    EXPECT_TRUE(Reopen(options).ok());
    EXPECT_FALSE(Node(name)->read_only());
    EXPECT_TRUE(root.Open(Node(name)).ok());
  }
  EXPECT_FALSE(Node("m")->read_only()) << "it is a node of its own";
}

TEST_F(ReopenNodesTest, PoliciesChangeForAllDriversAndDefaultWhenLeftAway) {
  const std::string options = "driver=null-co,node-name=n";
  Open(options + ",discard=unmap,detect-zeroes=unmap");
  ASSERT_TRUE(Reopen(options + ",cache.no-flush=on,detect-zeroes=on").ok());
  EXPECT_EQ(Node("n")->policy().flush, NodePolicy::Flush::kIgnore);
  EXPECT_EQ(Node("n")->policy().detect_zeroes, NodePolicy::DetectZeroes::kOn);
  EXPECT_EQ(Node("n")->policy().discard, NodePolicy::Discard::kIgnore);
  ASSERT_TRUE(Reopen(options).ok());
  EXPECT_EQ(Node("n")->policy().flush, NodePolicy::Flush::kHonour);
}

TEST_F(ReopenNodesTest, AFileIsOpenedAnewWhereItMust) {
  const std::string path = MakeFile("direct.img", 8192);
  const std::string options = "driver=file,node-name=f,filename=" + path;
  Open(options);
  auto& file = dynamic_cast<FileNode&>(*Node("f"));
  const absl::Status direct = Reopen(options + ",cache.direct=on");
  // Not every host's file system has direct I/O.
  EXPECT_EQ(file.geometry().direct, direct.ok()) << direct;
  ASSERT_TRUE(Reopen(options).ok());
  EXPECT_FALSE(file.geometry().direct);
  // Without a need the file, which may have gone from its place, is left alone.
  ASSERT_EQ(std::remove(path.c_str()), 0);
  EXPECT_TRUE(Reopen(options + ",discard=unmap").ok());
  EXPECT_THAT(Refused(options + ",read-only=on", ENOENT), HasSubstr("node 'f': "));
}

TEST_F(ReopenNodesTest, RawGetsAnotherNodeUnderItsParent) {
  Open("driver=file,node-name=one,filename=" + MakeFile("one.img", 4096, '1'));
  Open("driver=file,node-name=two,filename=" + MakeFile("two.img", 8192, '2'));
  Open("driver=raw,node-name=top,file=one");
  TestRoot root;
  ASSERT_TRUE(root.Open(Node("top")).ok());
  ASSERT_TRUE(Reopen("driver=raw,node-name=top,file=two,offset=512").ok());
  EXPECT_EQ(Node("top")->length(), 8192u - 512);
  EXPECT_GT(root.changes(), 0) << "the length is another";
  EXPECT_TRUE(Node("one")->parents().empty());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(DiskIo(root, *control_).Transfer(IoOp::kRead, 0, data).Run(), 0);
  EXPECT_EQ(data[0], '2');
  EXPECT_EQ(DiskIo(root, *control_).Transfer(IoOp::kWrite, 0, data).Run(), 0)
      << "what the parent uses is used of the new node";
  // What it was opened with is what it has now.
  ASSERT_TRUE(Reopen("driver=raw,node-name=top,file=two,size=4096").ok());
  EXPECT_EQ(Node("top")->length(), 4096u);
  // The old one is free.
  EXPECT_TRUE(BlockOn(*control_, graph_.Remove("one")).ok());
}

TEST_F(ReopenNodesTest, ANodeThatCannotBeTakenIsNot) {
  Open("driver=memory,node-name=one,size=4096");
  Open("driver=memory,node-name=small,size=512");
  Open("driver=memory,node-name=protected,size=4096,read-only=on");
  Open("driver=memory,node-name=taken,size=4096");
  Open("driver=raw,node-name=top,file=one,offset=1024");
  TestRoot root;
  ASSERT_TRUE(root.Open(Node("top")).ok());
  TestRoot other("other");
  EdgeOptions alone;
  alone.permissions = {.used = Permission::kWrite, .shared = {}};
  ASSERT_TRUE(other.edge().Attach(Node("taken"), alone).ok());
  const std::string top = "driver=raw,node-name=top,offset=1024,file=";
  EXPECT_THAT(Refused(top + "small"), HasSubstr("beyond the end of node 'small'"));
  EXPECT_THAT(Refused(top + "protected", EACCES), HasSubstr("'protected' is read-only"));
  EXPECT_THAT(Refused(top + "taken", EBUSY), HasSubstr("'other'"));
  EXPECT_THAT(Refused(top + "nosuch", ENOENT),
              HasSubstr("node 'top': file: there is no block node 'nosuch'"));
  EXPECT_THAT(Refused(top + "top"), HasSubstr("would make a loop"));
  EXPECT_THAT(Refused("driver=raw,node-name=top,file=one,offset=5000"),
              HasSubstr("offset 5000 is beyond the end"));
}

TEST_F(ReopenNodesTest, WhatCannotChangeIsNamed) {
  const std::string path = MakeFile("named.img", 4096);
  Open("driver=file,node-name=f,filename=" + path);
  Open("driver=memory,node-name=m,size=4096");
  Open("driver=memory,node-name=m2,size=4096");
  Open("driver=raw,node-name=r,file=m");
  Open("driver=raw,node-name=own,file.driver=memory,file.node-name=below,file.size=4096");
  Open("driver=blkdebug,node-name=b,image=m,align=512");
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"driver=file,node-name=f,filename=" + path + "x",
       "node 'f': can't change option 'filename'"},
      {"driver=file,node-name=f,locking=off,filename=" + path,
       "node 'f': can't change option 'locking'"},
      {"driver=null-co,node-name=f", "node 'f': can't change option 'driver'"},
      {"driver=memory,node-name=m,size=8192", "node 'm': can't change option 'size'"},
      {"driver=blkdebug,node-name=b,image=m2,align=512", "node 'b': can't change option 'image'"},
      {"driver=blkdebug,node-name=b,image=m", "node 'b': can't change option 'align'"},
      {"driver=blkdebug,node-name=b,image=m,align=512,inject-error.0.event=read_aio",
       "node 'b': can't change option 'inject-error'"},
      {"driver=raw,node-name=r,file.driver=memory,file.size=4096",
       "node 'r': can't change option 'file'"},
      {"driver=raw,node-name=own,file.driver=memory,file.size=8192",
       "node 'below': can't change option 'size'"},
      {"driver=raw,node-name=own,file.driver=memory,file.size=4096,file.node-name=x",
       "node 'own': can't change option 'file.node-name'"}};
  for (const auto& [options, text] : wrong) EXPECT_THAT(Refused(options), HasSubstr(text));
  EXPECT_THAT(Refused("driver=memory,node-name=nosuch,size=1", ENOENT),
              HasSubstr("there is no block node 'nosuch'"));
}

TEST_F(ReopenNodesTest, AllOrNothing) {
  const std::string path = MakeFile("atomic.img", 4096);
  const std::string file = "driver=file,node-name=f,filename=" + path;
  const std::string memory = "driver=memory,node-name=m,size=4096";
  Open(file);
  Open(memory);
  Open("driver=memory,node-name=m2,size=4096");
  Open("driver=raw,node-name=r,file=m");
  const std::vector<std::string> changes = {file + ",read-only=on,discard=unmap",
                                            memory + ",read-only=on",
                                            "driver=raw,node-name=r,file=m2,detect-zeroes=on"};
  for (const std::string wrong :
       {"driver=memory,node-name=m2,size=1", "driver=raw,node-name=m2,file=m"}) {
    std::vector<std::string> list = changes;
    list.emplace_back(wrong);
    EXPECT_THAT(Refused(list), HasSubstr("can't change option"));
  }
  std::vector<std::string> twice = changes;
  twice.push_back(memory);
  EXPECT_THAT(Refused(twice), HasSubstr("node 'm': is to be reopened twice"));
  // The writer comes last and is found all the same.
  TestRoot root;
  ASSERT_TRUE(root.Open(Node("m")).ok());
  EXPECT_THAT(Refused(changes, EACCES), HasSubstr("node 'm': can't become read-only: block backend "
                                                  "'test' writes to it"));
  BlockOn(*control_, [](TestRoot& writer) -> Task<void> {
    writer.edge().Detach();
    co_return;
  }(root));
  ASSERT_TRUE(Reopen(changes).ok());
  EXPECT_TRUE(Node("f")->read_only());
  EXPECT_TRUE(Node("m")->read_only());
  EXPECT_EQ(Node("r")->children().front()->child(), Node("m2"));
  EXPECT_TRUE(Reopen(std::vector<std::string>{}).ok());
}

TEST_F(ReopenNodesTest, ANodeMadeForItsParentFollowsIt) {
  const std::string path = MakeFile("own.img", 4096);
  const std::string file = "file.driver=file,file.node-name=low,file.filename=" + path;
  Open("driver=raw,node-name=top,read-only=on," + file);
  EXPECT_TRUE(Node("low")->read_only());
  // By its name, or written out.
  ASSERT_TRUE(Reopen("driver=raw,node-name=top,file=low").ok());
  EXPECT_FALSE(Node("low")->read_only());
  EXPECT_FALSE(Node("top")->read_only());
  ASSERT_TRUE(Reopen("driver=raw,node-name=top,read-only=on," + file).ok());
  EXPECT_TRUE(Node("low")->read_only());
  ASSERT_TRUE(Reopen("driver=raw,node-name=top," + file + ",file.discard=unmap").ok());
  EXPECT_FALSE(Node("low")->read_only());
  EXPECT_EQ(Node("low")->policy().discard, NodePolicy::Discard::kUnmap);
  // What the node got since, it keeps.
  ASSERT_TRUE(
      Reopen("driver=file,node-name=low,cache.no-flush=on,read-only=on,filename=" + path).ok());
  EXPECT_TRUE(Node("top")->read_only()) << "there is no writing below it";
  ASSERT_TRUE(Reopen("driver=raw,node-name=top,file=low,discard=unmap").ok());
  EXPECT_EQ(Node("low")->policy().flush, NodePolicy::Flush::kIgnore);
  EXPECT_TRUE(Node("low")->read_only());
  EXPECT_EQ(Node("top")->policy().discard, NodePolicy::Discard::kUnmap);
}

std::string CacheOf(const BlockNode& node) {
  return std::string(node.policy().host_cache == NodePolicy::HostCache::kBypassed ? "direct" : "") +
         (node.policy().flush == NodePolicy::Flush::kIgnore ? "+no-flush" : "");
}

TEST_F(ReopenNodesTest, WhatComesFromAboveIsCarriedDown) {
  const std::string low = "file.file.driver=memory,file.file.node-name=low,file.file.size=4096";
  const std::string written = "file.driver=raw,file.node-name=mid," + low;
  Open("driver=raw,node-name=top," + written);
  for (const std::string& below : {std::string("file=mid"), written}) {
    SCOPED_TRACE(below);
    ASSERT_TRUE(
        Reopen("driver=raw,node-name=top,cache.direct=on,cache.no-flush=on,read-only=on," + below)
            .ok());
    for (const char* const name : {"top", "mid", "low"}) {
      EXPECT_EQ(CacheOf(*Node(name)), "direct+no-flush") << name;
      EXPECT_TRUE(Node(name)->read_only()) << name;
    }
    ASSERT_TRUE(Reopen("driver=raw,node-name=top," + below).ok());
    for (const char* const name : {"top", "mid", "low"}) {
      EXPECT_EQ(CacheOf(*Node(name)), "") << name;
      EXPECT_FALSE(Node(name)->read_only()) << name;
      EXPECT_EQ(Node(name)->policy().discard, std::string(name) == "top"
                                                  ? NodePolicy::Discard::kIgnore
                                                  : NodePolicy::Discard::kUnmap)
          << name;
    }
  }
}

TEST_F(ReopenNodesTest, ANestedNodeKeepsWhatItWasToldItself) {
  const std::string top = "driver=raw,node-name=top,";
  const std::string low = "file.driver=memory,file.node-name=low,file.size=4096";
  Open(top + low + ",file.cache.direct=off,file.read-only=off,file.discard=ignore");
  ASSERT_TRUE(Reopen(top + "cache.direct=on,cache.no-flush=on,read-only=on,file=low").ok());
  EXPECT_EQ(CacheOf(*Node("top")), "direct+no-flush");
  EXPECT_EQ(CacheOf(*Node("low")), "+no-flush");
  EXPECT_FALSE(Node("low")->read_only());
  EXPECT_EQ(Node("low")->policy().discard, NodePolicy::Discard::kIgnore);
  // Written out anew, it says less.
  ASSERT_TRUE(Reopen(top + "cache.direct=on," + low).ok());
  EXPECT_EQ(CacheOf(*Node("low")), "direct");
  EXPECT_EQ(Node("low")->policy().discard, NodePolicy::Discard::kUnmap);
  // And that counts from then on.
  ASSERT_TRUE(Reopen(top + "file=low").ok());
  EXPECT_EQ(CacheOf(*Node("low")), "");
}

TEST_F(ReopenNodesTest, ByItsOwnNameANestedNodeTakesNothing) {
  const std::string top = "driver=raw,node-name=top,cache.direct=on,";
  const std::string low = "driver=memory,node-name=low,size=4096";
  Open(top + "file.driver=memory,file.node-name=low,file.size=4096");
  EXPECT_EQ(CacheOf(*Node("low")), "direct");
  ASSERT_TRUE(Reopen(low + ",cache.no-flush=on").ok());
  EXPECT_EQ(CacheOf(*Node("low")), "+no-flush");
  EXPECT_EQ(Node("low")->policy().discard, NodePolicy::Discard::kUnmap) << "it is nested still";
  // Until the one above says something again; what the node was told stays.
  ASSERT_TRUE(Reopen(top + "file=low").ok());
  EXPECT_EQ(CacheOf(*Node("low")), "direct+no-flush");
  // Both in one command: each has what is said of it.
  ASSERT_TRUE(Reopen(std::vector<std::string>{top + "file=low", low + ",discard=ignore"}).ok());
  EXPECT_EQ(CacheOf(*Node("top")), "direct");
  EXPECT_EQ(CacheOf(*Node("low")), "");
  EXPECT_EQ(Node("low")->policy().discard, NodePolicy::Discard::kIgnore);
}

TEST_F(ReopenNodesTest, TheFileBelowIsOpenedAnewInTheSameStep) {
  const std::string path = MakeFile("below.img", 8192);
  const std::string top = "driver=raw,node-name=top,";
  Open(top + "file.driver=file,file.node-name=low,file.filename=" + path);
  auto& file = dynamic_cast<FileNode&>(*Node("low"));
  const absl::Status direct = Reopen(top + "cache.direct=on,file=low");
  // Not every host's file system has direct I/O.
  EXPECT_EQ(file.geometry().direct, direct.ok()) << direct;
  ASSERT_TRUE(Reopen(top + "file=low").ok());
  EXPECT_FALSE(file.geometry().direct);
  // All or nothing: the file has gone from its place.
  ASSERT_EQ(std::remove(path.c_str()), 0);
  EXPECT_THAT(Refused(top + "cache.direct=on,cache.no-flush=on,file=low", ENOENT),
              HasSubstr("node 'low': "));
}

// Whose image it is, is not for this to say.
TEST_F(ReopenNodesTest, NodesStayAsActiveAsTheyAre) {
  Open("driver=raw,node-name=idle,active=off,file.driver=memory,file.size=1M");
  Open("driver=raw,node-name=top,file.driver=memory,file.size=1M");
  ASSERT_TRUE(
      Reopen("driver=raw,node-name=idle,read-only=on,file.driver=memory,file.size=1M").ok());
  EXPECT_FALSE(Node("idle")->active());
  EXPECT_TRUE(Node("idle")->read_only());
  EXPECT_EQ(Refused("driver=raw,node-name=top,active=off,file.driver=memory,file.size=1M"),
            "node 'top': can't change option 'active'");
  EXPECT_EQ(Refused("driver=raw,node-name=top,file=idle", EBUSY),
            "node 'top': node 'idle' is inactive, and cannot be below it");
  EXPECT_TRUE(Node("top")->active());
}

TEST_F(ReopenNodesTest, RequestsUnderWayComeFirst) {
  Open("driver=null-aio,node-name=slow,latency-ns=1000000");
  Open("driver=raw,node-name=top,file=slow");
  Open("driver=memory,node-name=m,size=1M");
  TestRoot root;
  ASSERT_TRUE(root.Open(Node("top")).ok());
  std::vector<uint8_t> data(4096);
  DiskIo write(root, *control_);
  write.Transfer(IoOp::kWrite, 0, data).Submit();
  ASSERT_FALSE(write.done());
  ASSERT_TRUE(Reopen("driver=raw,node-name=top,file=m").ok());
  EXPECT_TRUE(write.done()) << "changed while a request was in flight";
  EXPECT_EQ(write.result(), 0);
}

}  // namespace
}  // namespace platter
