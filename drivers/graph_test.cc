// SPDX-License-Identifier: Apache-2.0
#include "drivers/graph.h"

#include <cerrno>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/id.h"
#include "base/status.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GraphTest : public ::testing::Test {
 protected:
  NodeRef Add(const std::string& name, BlockGraph::Keep keep) {
    auto node = std::make_shared<StrictNode>(StrictOptions{}, name);
    graph_.Register(node, keep);
    return node;
  }

  absl::Status Remove(const std::string& name) { return BlockOn(control_, graph_.Remove(name)); }

  SimulatedWorld world_{1};
  AioContext& control_{world_.NewContext("control")};
  MemoryLog log_;
  BlockGraph graph_{control_, log_};
};

TEST_F(GraphTest, FindsLivingNodesByName) {
  NodeRef node = Add("disk", BlockGraph::Keep::kNo);
  EXPECT_EQ(graph_.Find("disk"), node);
  EXPECT_EQ(*graph_.Lookup("disk"), node);
  EXPECT_EQ(graph_.Nodes().size(), 1u);
  EXPECT_EQ(ErrnoOf(graph_.CheckNodeName("disk")), EEXIST);
  node.reset();
  EXPECT_EQ(graph_.Find("disk"), nullptr);
  EXPECT_EQ(ErrnoOf(graph_.Lookup("disk").status()), ENOENT);
  EXPECT_EQ(MessageOf(graph_.Lookup("disk").status()), "there is no block node 'disk'");
  EXPECT_TRUE(graph_.Nodes().empty());
  EXPECT_TRUE(graph_.CheckNodeName("disk").ok());
  Add("disk", BlockGraph::Keep::kYes);
  EXPECT_NE(graph_.Find("disk"), nullptr);
}

TEST_F(GraphTest, GeneratedNamesAreNoUserNames) {
  const std::string name = graph_.GenerateNodeName();
  EXPECT_FALSE(IsWellFormedId(name));
  EXPECT_NE(name, graph_.GenerateNodeName());
}

TEST_F(GraphTest, RefusesNamesThatAreIllFormedOrLong) {
  EXPECT_EQ(ErrnoOf(graph_.CheckNodeName("#block0")), EINVAL);
  EXPECT_EQ(ErrnoOf(graph_.CheckNodeName("")), EINVAL);
  EXPECT_TRUE(graph_.CheckNodeName(std::string(31, 'a')).ok());
  EXPECT_EQ(ErrnoOf(graph_.CheckNodeName(std::string(32, 'a'))), EINVAL);
}

TEST_F(GraphTest, RemoveLetsGoOfNodesThatNobodyUses) {
  Add("disk", BlockGraph::Keep::kYes);
  EXPECT_THAT(graph_.KeptNames(), ElementsAre("disk"));
  {
    TestRoot root("drive0");
    ASSERT_TRUE(root.Open(graph_.Find("disk")).ok());
    const absl::Status busy = Remove("disk");
    EXPECT_EQ(ErrnoOf(busy), EBUSY);
    EXPECT_THAT(MessageOf(busy), HasSubstr("'disk' is in use by block backend 'drive0'"));
  }
  EXPECT_TRUE(Remove("disk").ok());
  EXPECT_EQ(graph_.Find("disk"), nullptr);
  EXPECT_THAT(MessageOf(Remove("disk")), HasSubstr("'disk' does not exist"));
  const NodeRef inner = Add("inner", BlockGraph::Keep::kNo);
  EXPECT_THAT(MessageOf(Remove("inner")), HasSubstr("belongs to the node above"));
  EXPECT_THAT(graph_.KeptNames(), IsEmpty());
}

}  // namespace
}  // namespace platter
