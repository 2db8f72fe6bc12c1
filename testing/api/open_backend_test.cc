// SPDX-License-Identifier: Apache-2.0
//
// Backends made and opened in one call with the real opener of trees: by typed options, by file
// name and by the name of a node. Row 3.

#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "base/status.h"
#include "blockbackend/block_backend.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "drivers/factory/open_node.h"
#include "drivers/graph.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OpenBackendTest : public ::testing::Test {
 protected:
  absl::StatusOr<BlockBackendRef> Open(const std::string& text) {
    const absl::StatusOr<config::BlockdevOptions> options = ParseBlockdev(text);
    EXPECT_TRUE(options.ok()) << options.status();
    return BlockOn(control_, registry_.CreateAndOpen("drive0", {}, [this, options = *options] {
      return OpenNode(graph_, options);
    }));
  }

  ~OpenBackendTest() override {
    while (context_->RunReady()) {
    }
  }

  std::unique_ptr<AioContext> context_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  AioContext& control_ = *context_;
  MemoryLog log_;
  BlockGraph graph_{control_, log_};
  BackendRegistry registry_{{.control = &control_, .log = &log_}};
};

TEST_F(OpenBackendTest, Row03_ByTypedOptions) {
  const auto backend = Open("driver=raw,node-name=top,size=512K,file.driver=memory,file.size=1M");
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_STREQ((*backend)->root()->driver_name(), "raw");
  EXPECT_EQ((*backend)->length(), 512u << 10);
  EXPECT_EQ(registry_.Find("drive0"), *backend);
}

TEST_F(OpenBackendTest, Row03_ByFileName) {
  const std::string path = ::testing::TempDir() + "/open_backend.img";
  std::ofstream(path) << std::string(64 << 10, 'x');
  const auto backend = Open("driver=file,node-name=top,filename=" + path);
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_EQ((*backend)->length(), 64u << 10);
  std::array<uint8_t, 512> data{};
  EXPECT_EQ(BlockOn(control_, (*backend)->Pread(512, data)), 0);
  EXPECT_EQ(data[511], 'x');
}

TEST_F(OpenBackendTest, Row03_ByNodeName) {
  const auto options = ParseBlockdev("driver=null-co,node-name=disk,size=2M");
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_TRUE(BlockOn(control_, OpenNode(graph_, *options)).ok());
  constexpr auto kFind = [](BlockGraph* graph) -> Task<absl::StatusOr<NodeRef>> {
    co_return graph->Find("disk");
  };
  const auto backend =
      BlockOn(control_, registry_.CreateAndOpen("drive0", {}, [&] { return kFind(&graph_); }));
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_EQ((*backend)->length(), 2u << 20);
}

TEST_F(OpenBackendTest, Row03_AFailureLeavesNothingBehind) {
  const auto failed = Open("driver=raw,node-name=top,offset=4M,file.driver=memory,file.size=1M");
  EXPECT_EQ(ErrnoOf(failed.status()), EINVAL);
  EXPECT_THAT(MessageOf(failed.status()), HasSubstr("block backend 'drive0'"));
  EXPECT_THAT(MessageOf(failed.status()), HasSubstr("offset 4194304"));
  EXPECT_THAT(registry_.All(), IsEmpty());
  EXPECT_THAT(graph_.Nodes(), IsEmpty());
  EXPECT_TRUE(Open("driver=null-co,node-name=top").ok()) << "both names are free";
}

}  // namespace
}  // namespace platter
