// SPDX-License-Identifier: Apache-2.0
//
// Row 44: blockdev-change-medium is done, or nothing is.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Log = std::vector<std::string>;
using Moves = std::vector<MediumMove>;

class ChangeMediumTest : public BackendFixture {
 public:
  void MakeDrive(BlockDevOps ops) {
    MakeBackend();
    Insert();
    ASSERT_TRUE(backend_->Attach({.device_id = "cd0", .needs_write = false}, std::move(ops)).ok());
    channel_ = backend_->OpenChannel(io_, client_);
  }
  NodeRef Disc() { return std::make_shared<HeldNode>("disc1", HeldNodeOptions{}); }

  // A node that a disk writes to and lets nobody else use.
  NodeRef TakenNode() {
    NodeRef node = std::make_shared<HeldNode>("taken", HeldNodeOptions{});
    other_ = *registry_.Create("other", {});
    EXPECT_TRUE(Await(other_->InsertRoot(node)).ok());
    EXPECT_TRUE(other_->Attach({.device_id = "disk9"}, other_drive_.FixedOps()).ok());
    return node;
  }
  void TearDown() override {
    if (other_ != nullptr) other_->Detach();
    other_.reset();
    BackendFixture::TearDown();
  }

  BlockBackendRef other_;
  TestDrive other_drive_;
};

TEST_F(ChangeMediumTest, Row44_ChangePutsTheNewMediumInThroughTheTray) {
  MakeDrive(drive_.Ops());
  const NodeRef disc = Disc();
  ASSERT_TRUE(Await(backend_->ChangeMedium(disc, Force::kNo)).ok());
  EXPECT_EQ(backend_->root(), disc);
  EXPECT_EQ(machine_.log, (Log{"TRAY open", "TRAY closed"}));
  EXPECT_EQ(drive_.moves, (Moves{MediumMove::kEject, MediumMove::kLoad}));
  EXPECT_FALSE(backend_->tray_open());
}

TEST_F(ChangeMediumTest, AnOpenOrEmptyDriveGetsTheMediumAndCloses) {
  MakeDrive(drive_.Ops());
  ASSERT_TRUE(Await(backend_->Eject(Force::kNo)).ok());
  EXPECT_TRUE(backend_->tray_open());
  ASSERT_TRUE(Await(backend_->ChangeMedium(Disc(), Force::kNo)).ok());
  EXPECT_EQ(machine_.log, (Log{"TRAY open", "TRAY closed"}));
  EXPECT_TRUE(backend_->is_inserted());
}

TEST_F(ChangeMediumTest, ALockedDriveAsksTheGuestAndStaysAsItIs) {
  MakeDrive(drive_.Ops());
  drive_.locked = true;
  EXPECT_TRUE(backend_->medium_locked());
  const absl::Status refused = Await(backend_->ChangeMedium(Disc(), Force::kNo));
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
  EXPECT_NE(MessageOf(refused).find("device 'cd0' is locked"), std::string::npos) << refused;
  EXPECT_EQ(drive_.eject_requests, std::vector<Force>{Force::kNo});
  EXPECT_EQ(backend_->root(), node_);
  EXPECT_TRUE(drive_.moves.empty());
  EXPECT_TRUE(machine_.log.empty());

  ASSERT_TRUE(Await(backend_->ChangeMedium(Disc(), Force::kYes)).ok());
  EXPECT_FALSE(drive_.locked);
  EXPECT_EQ(machine_.log, (Log{"TRAY open", "TRAY closed"}));
}

TEST_F(ChangeMediumTest, AMediumThatCannotBeHadLeavesTheOldOne) {
  MakeDrive(drive_.Ops());
  drive_.locked = true;
  const NodeRef taken = TakenNode();
  const absl::Status refused = Await(backend_->ChangeMedium(taken, Force::kYes));
  EXPECT_EQ(ErrnoOf(refused), EBUSY) << refused;
  EXPECT_EQ(backend_->root(), node_);
  EXPECT_TRUE(drive_.locked);
  EXPECT_TRUE(drive_.eject_requests.empty());
  EXPECT_TRUE(drive_.moves.empty());
  EXPECT_TRUE(machine_.log.empty());
  // What was in works on.
  Go(IoOp::kRead, 0, 512);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(ChangeMediumTest, ADriveWithoutATrayIsToldOfBothSteps) {
  MakeDrive(drive_.TraylessOps());
  bool inserted_at_eject = true;
  drive_.on_move = [&] {
    if (drive_.moves.back() == MediumMove::kEject) inserted_at_eject = backend_->is_inserted();
  };
  const NodeRef disc = Disc();
  ASSERT_TRUE(Await(backend_->ChangeMedium(disc, Force::kNo)).ok());
  EXPECT_EQ(drive_.moves, (Moves{MediumMove::kEject, MediumMove::kLoad}));
  EXPECT_FALSE(inserted_at_eject);
  EXPECT_EQ(backend_->root(), disc);
  EXPECT_TRUE(machine_.log.empty());
}

TEST_F(ChangeMediumTest, AFixedDiskKeepsItsMedium) {
  MakeDrive(drive_.FixedOps());
  const absl::Status refused = Await(backend_->ChangeMedium(Disc(), Force::kYes));
  EXPECT_NE(MessageOf(refused).find("'cd0' is not removable"), std::string::npos) << refused;
  EXPECT_EQ(backend_->root(), node_);
}

}  // namespace
}  // namespace platter
