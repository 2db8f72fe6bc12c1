// SPDX-License-Identifier: Apache-2.0

#include "drivers/activation.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/status.h"
#include "drivers/edge.h"
#include "testing/drivers/filter_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

// A medium that may be another's.
class Image final : public BlockNode {
 public:
  explicit Image(std::string name) : BlockNode(std::move(name)) { set_length(kBytes); }
  static constexpr uint64_t kBytes = 1 << 20;

  const char* driver_name() const override { return "image"; }
  IoResult Start(IoRequest& /*request*/) override { return 0; }
  absl::Status SetPermissions(Permissions cumulative) override {
    if (taken && !cumulative.used.empty()) {
      return ErrorWithErrno(EBUSY, "node '" + node_name() + "': another process has it");
    }
    held = cumulative;
    return absl::OkStatus();
  }
  absl::Status Invalidate() override {
    ++invalidated;
    held_when_invalidated = held;
    if (gone) return ErrorWithErrno(ENOENT, "node '" + node_name() + "' has gone");
    set_length(new_length);
    NotifyParents();
    return absl::OkStatus();
  }

  bool taken = false;
  bool gone = false;
  uint64_t new_length = kBytes;
  Permissions held;
  Permissions held_when_invalidated;
  int invalidated = 0;
};

class Root final : public EdgeParent {
 public:
  explicit Root(const NodeRef& node) {
    EXPECT_TRUE(edge.Attach(node, {.permissions = {.used = Permission::kWrite,
                                                   .shared = Permission::kConsistentRead}})
                    .ok());
  }
  std::string Describe() const override { return "block backend 'root'"; }
  absl::Status CheckInactivate() const override {
    return busy ? ErrorWithErrno(EBUSY, "block backend 'root' writes") : absl::OkStatus();
  }

  bool busy = false;
  Edge edge{*this, "root"};
};

std::shared_ptr<FilterNode> Above(std::string name, NodeRef child) {
  auto filter = std::make_shared<FilterNode>(std::move(name));
  EXPECT_TRUE(filter->Open(std::move(child)).ok());
  return filter;
}

class ActivationTest : public testing::Test {
 protected:
  absl::Status Activate(std::vector<NodeRef> nodes) {
    return BlockOn(control_, ActivateNodes(std::move(nodes)));
  }
  absl::Status Inactivate(std::vector<NodeRef> nodes) {
    return BlockOn(control_, InactivateNodes(std::move(nodes)));
  }
  IoResult Write() {
    std::vector<uint8_t> data(512);
    DiskIo write(top_root_, control_);
    write.Transfer(IoOp::kWrite, 0, data).Submit();
    return write.result();
  }
  IoResult Read() {
    std::vector<uint8_t> data(512);
    DiskIo read(top_root_, control_);
    read.Transfer(IoOp::kRead, 0, data).Submit();
    return read.result();
  }

  SimulatedWorld world_{1};
  AioContext& control_{world_.NewContext("control")};
  std::shared_ptr<Image> image_ = std::make_shared<Image>("image");
  std::shared_ptr<FilterNode> filter_ = Above("filter", image_);
  TestRoot top_root_;
};

TEST_F(ActivationTest, AnInactiveTreeHoldsNothingAndRefusesWrites) {
  ASSERT_TRUE(top_root_.Open(filter_).ok());
  EXPECT_TRUE(image_->held.used.Has(Permission::kWrite));
  EXPECT_EQ(Write(), 0);
  ASSERT_TRUE(Inactivate({filter_}).ok());
  EXPECT_FALSE(filter_->active());
  EXPECT_FALSE(image_->active());
  EXPECT_TRUE(image_->held.used.empty());
  EXPECT_EQ(image_->held.shared, PermissionSet::All());
  EXPECT_EQ(Write(), -EACCES);
  EXPECT_EQ(Read(), 0);

  image_->new_length = 2 * Image::kBytes;
  ASSERT_TRUE(Activate({filter_}).ok());
  EXPECT_TRUE(filter_->active());
  EXPECT_TRUE(image_->active());
  EXPECT_EQ(image_->invalidated, 1);
  EXPECT_TRUE(image_->held_when_invalidated.used.Has(Permission::kWrite)) << "locks come first";
  EXPECT_EQ(filter_->length(), 2 * Image::kBytes) << "it was grown meanwhile";
  EXPECT_EQ(Write(), 0);
  // What is active already knows its image.
  ASSERT_TRUE(Activate({filter_}).ok());
  EXPECT_EQ(image_->invalidated, 1);
}

TEST_F(ActivationTest, WhatAnotherProcessHasStaysInactive) {
  ASSERT_TRUE(top_root_.Open(filter_).ok());
  ASSERT_TRUE(Inactivate({filter_}).ok());
  image_->taken = true;
  EXPECT_EQ(MessageOf(Activate({filter_})), "node 'image': another process has it");
  EXPECT_FALSE(filter_->active());
  EXPECT_FALSE(image_->active());
  EXPECT_EQ(image_->invalidated, 0);
  EXPECT_EQ(Write(), -EACCES);
  image_->taken = false;
  EXPECT_TRUE(Activate({filter_}).ok());
  EXPECT_EQ(Write(), 0);
}

TEST_F(ActivationTest, AnImageThatCannotBeReadAgainLeavesEveryNodeInactive) {
  const auto other = std::make_shared<Image>("other");
  ASSERT_TRUE(top_root_.Open(filter_).ok());
  ASSERT_TRUE(Inactivate({other, filter_}).ok());
  image_->gone = true;
  EXPECT_EQ(ErrnoOf(Activate({other, filter_})), ENOENT);
  for (const NodeRef& node : std::vector<NodeRef>{filter_, image_, other}) {
    EXPECT_FALSE(node->active()) << node->node_name();
  }
  EXPECT_TRUE(image_->held.used.empty());
}

TEST_F(ActivationTest, AnActiveNodeStandsOnActiveOnes) {
  ASSERT_TRUE(top_root_.Open(filter_).ok());
  EXPECT_EQ(MessageOf(Inactivate({image_})),
            "node 'image' is below node 'filter', which is active");
  EXPECT_TRUE(image_->active());
  // Whatever the order in which they are named.
  EXPECT_TRUE(Inactivate({image_, filter_}).ok());
  ASSERT_TRUE(Activate({image_}).ok());
  EXPECT_TRUE(image_->active());
  EXPECT_FALSE(filter_->active());
  ASSERT_TRUE(Inactivate({image_}).ok());
  ASSERT_TRUE(Activate({filter_}).ok());
  EXPECT_TRUE(image_->active());
}

TEST_F(ActivationTest, WhatOthersUseBelowStaysActive) {
  const auto second = Above("second", image_);
  ASSERT_TRUE(Inactivate({filter_}).ok());
  EXPECT_FALSE(filter_->active());
  EXPECT_TRUE(image_->active());
  ASSERT_TRUE(Inactivate({second}).ok());
  EXPECT_FALSE(image_->active());
}

TEST_F(ActivationTest, ARootThatWritesIsAsked) {
  Root root(filter_);
  root.busy = true;
  EXPECT_EQ(MessageOf(Inactivate({filter_})), "node 'filter': block backend 'root' writes");
  EXPECT_TRUE(filter_->active());
  // Beside the filter, on the image itself.
  const auto other = std::make_shared<Image>("image2");
  const auto above = Above("above", other);
  Root busy(other);
  busy.busy = true;
  ASSERT_TRUE(Inactivate({above}).ok());
  EXPECT_TRUE(other->active());
}

TEST_F(ActivationTest, ParentsThatComeToAnInactiveNodeGetNothingYet) {
  ASSERT_TRUE(Inactivate({filter_}).ok());
  image_->taken = true;
  ASSERT_TRUE(top_root_.Open(filter_).ok()) << "nothing is asked of the image";
  EXPECT_EQ(Write(), -EACCES);
  image_->taken = false;
  ASSERT_TRUE(Activate({filter_}).ok());
  EXPECT_TRUE(image_->held.used.Has(Permission::kWrite));
  EXPECT_EQ(Write(), 0);
}

}  // namespace
}  // namespace platter
