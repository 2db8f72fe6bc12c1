// SPDX-License-Identifier: Apache-2.0

#include "machine/node_info.h"

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "machine/machine.h"

namespace platter {
namespace {

class NodeInfoTest : public testing::Test {
 protected:
  ~NodeInfoTest() override { BlockOn(*control_, machine_.Shutdown()); }

  absl::Status Add(const std::string& options) {
    const absl::StatusOr<config::BlockdevOptions> node = ParseBlockdev(options);
    if (!node.ok()) return node.status();
    return BlockOn(*control_, machine_.BlockdevAdd(*node));
  }
  NodeInfo Of(const std::string& name) {
    const NodeRef node = machine_.graph().Find(name);
    EXPECT_NE(node, nullptr) << name;
    return DescribeNode(*node);
  }
  std::string MakeFile() {
    const std::string path = testing::TempDir() + "/disk.img";
    std::ofstream(path, std::ios::binary) << std::string(8192, 'x');
    return path;
  }

  StderrLog log_;
  std::unique_ptr<AioContext> control_ = *CreateAioContext({.kind = AioKind::kThreads});
  Machine machine_{{.control = control_.get(), .log = &log_}};
};

TEST_F(NodeInfoTest, AFileHasItsPathAndSizes) {
  const std::string path = MakeFile();
  ASSERT_TRUE(Add("driver=file,node-name=f0,read-only=on,filename=" + path).ok());
  const NodeInfo info = Of("f0");
  EXPECT_EQ(info.node_name, "f0");
  EXPECT_EQ(info.driver, "file");
  EXPECT_EQ(info.filename, path);
  EXPECT_TRUE(info.read_only);
  EXPECT_FALSE(info.cache_direct);
  EXPECT_EQ(info.virtual_size, 8192u);
  ASSERT_TRUE(info.actual_size.has_value());
  EXPECT_EQ(*info.actual_size % 512, 0u);
}

TEST_F(NodeInfoTest, WhatStandsOnAFileHasItsPath) {
  const std::string path = MakeFile();
  ASSERT_TRUE(Add("driver=raw,node-name=r0,size=4096,detect-zeroes=on,cache.no-flush=on,"
                  "file.driver=file,file.node-name=f0,file.filename=" +
                  path)
                  .ok());
  const NodeInfo info = Of("r0");
  EXPECT_EQ(info.driver, "raw");
  EXPECT_EQ(info.filename, path);
  EXPECT_EQ(info.virtual_size, 4096u);
  EXPECT_EQ(info.detect_zeroes, "on");
  EXPECT_TRUE(info.cache_no_flush);
  EXPECT_EQ(info.children, std::vector<std::string>{"f0"});
}

TEST_F(NodeInfoTest, EachNodeTellsOfItsOwnCache) {
  ASSERT_TRUE(Add("driver=raw,node-name=r0,cache.direct=on,cache.no-flush=on,"
                  "file.driver=memory,file.node-name=m0,file.size=512,file.cache.no-flush=off")
                  .ok());
  EXPECT_TRUE(Of("r0").cache_direct && Of("r0").cache_no_flush);
  EXPECT_TRUE(Of("m0").cache_direct) << "taken from above";
  EXPECT_FALSE(Of("m0").cache_no_flush);
  ASSERT_TRUE(Add("driver=raw,node-name=r1,file=m0").ok());
  EXPECT_FALSE(Of("r1").cache_direct);
}

TEST_F(NodeInfoTest, WhatHasNoFileSaysWhatItIs) {
  ASSERT_TRUE(Add("driver=memory,node-name=m0,size=65536").ok());
  EXPECT_EQ(Of("m0").filename, R"(json:{"driver": "memory", "size": 65536})");
  EXPECT_FALSE(Of("m0").actual_size.has_value());
}

TEST_F(NodeInfoTest, AllNodesAreListed) {
  ASSERT_TRUE(Add("driver=raw,node-name=top,file.driver=memory,file.size=512").ok());
  const std::vector<NodeInfo> infos = DescribeNodes(machine_.graph());
  ASSERT_EQ(infos.size(), 2u);
  EXPECT_EQ(infos[0].node_name[0], '#');
  EXPECT_EQ(infos[1].node_name, "top");
}

}  // namespace
}  // namespace platter
