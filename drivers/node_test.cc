// SPDX-License-Identifier: Apache-2.0
//
// Parents, children and permissions of a tree.
#include "drivers/node.h"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/status.h"
#include "drivers/edge.h"
#include "testing/drivers/filter_node.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

EdgeOptions Using(PermissionSet used, PermissionSet shared) {
  EdgeOptions options;
  options.permissions = {.used = used, .shared = shared};
  return options;
}

std::shared_ptr<StrictNode> NewNode(const StrictOptions& options = {}) {
  return std::make_shared<StrictNode>(options, "disk");
}

TEST(NodeTest, WhatADriverDoesNotImplementSaysSo) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  const auto filter = std::make_shared<FilterNode>("top");
  const absl::Status truncated = BlockOn(io, filter->Truncate(1));
  EXPECT_EQ(ErrnoOf(truncated), ENOTSUP);
  EXPECT_THAT(MessageOf(truncated), AllOf(HasSubstr("'top'"), HasSubstr("'filter'")));
  const auto status = BlockOn(io, filter->GetBlockStatus(0, 77));
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->bytes, 77u);
  EXPECT_TRUE(status->allocated && status->data);
  EXPECT_FALSE(filter->ProbeBlockSizes().has_value());
}

// A node that owns a physical medium, for what filters pass on.
class DriveNode final : public BlockNode {
 public:
  DriveNode() : BlockNode("drive") {}

  const char* driver_name() const override { return "drive"; }
  IoResult Start(IoRequest&) override { return 0; }
  bool HasMedium() const override { return medium; }
  void LockMedium(MediumLock to) override { lock = to; }
  void MoveTray(MediumTray to) override { tray = to; }
  std::optional<DiskGeometry> ProbeGeometry() const override {
    return DiskGeometry{.cylinders = 1, .heads = 2, .sectors = 3};
  }
  bool is_sg() const override { return true; }
  Task<absl::StatusOr<int>> Ioctl(uint64_t request, void*) override {
    co_return static_cast<int>(request);
  }
  Task<absl::Status> SaveVmState(uint64_t offset, std::span<const uint8_t>) override {
    saved_at = offset;
    co_return absl::OkStatus();
  }
  Task<absl::Status> LoadVmState(uint64_t offset, std::span<uint8_t> data) override {
    data[0] = static_cast<uint8_t>(offset);
    co_return absl::OkStatus();
  }

  bool medium = true;
  MediumLock lock = MediumLock::kUnlocked;
  MediumTray tray = MediumTray::kClosed;
  uint64_t saved_at = 0;
};

TEST(NodeTest, WhatOnlySomeDriversHaveTheOthersRefuseByName) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  const NodeRef node = NewNode();
  uint8_t byte = 0;
  const absl::Status refused[] = {BlockOn(io, node->Ioctl(1, nullptr)).status(),
                                  BlockOn(io, node->WriteCompressed(0, {&byte, 1})),
                                  BlockOn(io, node->SaveVmState(0, {&byte, 1})),
                                  BlockOn(io, node->LoadVmState(0, {&byte, 1}))};
  for (const absl::Status& status : refused) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_EQ(ErrnoOf(status), ENOTSUP);
    EXPECT_THAT(MessageOf(status), AllOf(HasSubstr("node 'disk'"), HasSubstr("driver 'strict'")));
  }
  EXPECT_TRUE(node->HasMedium());
  EXPECT_FALSE(node->is_sg());
  EXPECT_FALSE(node->ProbeGeometry().has_value());
}

TEST(NodeTest, AFilterPassesOnWhatConcernsTheDiskAsAWhole) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  const auto drive = std::make_shared<DriveNode>();
  const auto filter = std::make_shared<FilterNode>("top");
  ASSERT_TRUE(filter->Open(drive).ok());
  BlockNode& top = *filter;
  EXPECT_TRUE(top.HasMedium());
  drive->medium = false;
  EXPECT_FALSE(top.HasMedium());
  top.LockMedium(MediumLock::kLocked);
  EXPECT_EQ(drive->lock, MediumLock::kLocked);
  top.MoveTray(MediumTray::kOpen);
  EXPECT_EQ(drive->tray, MediumTray::kOpen);
  EXPECT_EQ(top.ProbeGeometry()->heads, 2u);
  EXPECT_TRUE(top.is_sg());
  EXPECT_EQ(*BlockOn(io, top.Ioctl(7, nullptr)), 7);
  uint8_t byte = 0;
  EXPECT_TRUE(BlockOn(io, top.SaveVmState(5, {&byte, 1})).ok());
  EXPECT_EQ(drive->saved_at, 5u);
  EXPECT_TRUE(BlockOn(io, top.LoadVmState(9, {&byte, 1})).ok());
  EXPECT_EQ(byte, 9u);
  // A filter that sees writes must not miss compressed ones.
  EXPECT_THAT(MessageOf(BlockOn(io, top.WriteCompressed(0, {&byte, 1}))), HasSubstr("'filter'"));
}

// "naming both parents and the permission", in whichever order they come.
TEST(NodePermissionsTest, WhatOneUsesAndAnotherDoesNotShareCollides) {
  const PermissionSet all = PermissionSet::All();
  const NodeRef node = NewNode();
  TestRoot a("a");
  TestRoot b("b");
  ASSERT_TRUE(
      a.edge().Attach(node, Using(Permission::kConsistentRead, all - Permission::kWrite)).ok());
  const absl::Status refused = b.edge().Attach(node, Using(Permission::kWrite, all));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
  EXPECT_THAT(MessageOf(refused), AllOf(HasSubstr("'disk'"), HasSubstr("block backend 'a'"),
                                        HasSubstr("block backend 'b'"), HasSubstr("uses write")));
  EXPECT_EQ(b.edge().child(), nullptr);
  EXPECT_EQ(node->parents().size(), 1u);
  // The other way round: the newcomer does not share what the first one uses.
  const absl::Status selfish =
      b.edge().Attach(node, Using(PermissionSet(), all - Permission::kConsistentRead));
  EXPECT_THAT(MessageOf(selfish), HasSubstr("block backend 'a' (as 'root') uses consistent read"));
  ASSERT_TRUE(b.edge().Attach(node, Using(Permission::kConsistentRead, all)).ok());
  // A refused change changes nothing.
  EXPECT_EQ(ErrnoOf(b.edge().Change(Using(Permission::kWrite, all))), EBUSY);
  EXPECT_FALSE(b.edge().options().permissions.used.Has(Permission::kWrite));
  a.edge().Detach();
  EXPECT_TRUE(b.edge().Change(Using(Permission::kWrite, all)).ok());
}

TEST(NodePermissionsTest, FiltersPassTheUnionOn) {
  const PermissionSet all = PermissionSet::All();
  const NodeRef node = NewNode();
  const auto filter = std::make_shared<FilterNode>("top");
  ASSERT_TRUE(filter->Open(node).ok());
  TestRoot below("below");
  ASSERT_TRUE(below.edge()
                  .Attach(node, Using(Permission::kConsistentRead, all - Permission::kResize))
                  .ok());
  TestRoot above("above");
  const absl::Status refused = above.edge().Attach(filter, Using(Permission::kResize, all));
  EXPECT_THAT(MessageOf(refused), AllOf(HasSubstr("node 'top'"), HasSubstr("resize"),
                                        HasSubstr("block backend 'below'")));
  EXPECT_TRUE(filter->parents().empty());
  ASSERT_TRUE(above.edge().Attach(filter, Using(Permission::kWrite, all)).ok());
  EXPECT_TRUE(filter->children()[0]->options().permissions.used.Has(Permission::kWrite));
  above.edge().Detach();
  EXPECT_TRUE(filter->children()[0]->options().permissions.used.empty());
}

TEST(NodePermissionsTest, AReadOnlyNodeRefusesWriters) {
  const NodeRef node = NewNode({.read_only = true});
  TestRoot root;
  const absl::Status refused = root.Open(node);
  EXPECT_EQ(ErrnoOf(refused), EACCES);
  EXPECT_THAT(MessageOf(refused), HasSubstr("'disk' is read-only"));
  EXPECT_TRUE(
      root.edge().Attach(node, Using(Permission::kConsistentRead, PermissionSet::All())).ok());
}

TEST(NodeTest, LoopsAreRefused) {
  const auto a = std::make_shared<FilterNode>("a");
  const auto b = std::make_shared<FilterNode>("b");
  ASSERT_TRUE(a->Open(b).ok());
  const absl::Status loop = b->Open(a);
  EXPECT_EQ(ErrnoOf(loop), EINVAL);
  EXPECT_THAT(MessageOf(loop), HasSubstr("would make a loop"));
}

TEST(NodeTest, ChangesOfLengthAndLimitsClimbTheTree) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  const auto node = NewNode();
  const auto filter = std::make_shared<FilterNode>("top");
  ASSERT_TRUE(filter->Open(node).ok());
  TestRoot root;
  ASSERT_TRUE(root.Open(filter).ok());
  ASSERT_TRUE(BlockOn(io, node->Truncate(4096)).ok());
  EXPECT_EQ(root.changes(), 1);
  EXPECT_EQ(filter->length(), 4096u);
  NodeLimits limits;
  limits.request_alignment = 512;
  node->SetLimits(limits);
  EXPECT_EQ(root.changes(), 2);
  // The edge to the node took note: a misaligned write through the filter is made to fit.
  std::vector<uint8_t> data(10, 1);
  EXPECT_EQ(DiskIo(root, io).Transfer(IoOp::kWrite, 5, data).Run(), 0);
  EXPECT_TRUE(node->Complaints().empty());
}

}  // namespace
}  // namespace platter
