// SPDX-License-Identifier: Apache-2.0
//
// Tray, lock and medium: rows 11, 32, 34, 43, 44.

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
using Log = std::vector<std::string>;
using Moves = std::vector<MediumMove>;
constexpr uint64_t kBlock = 512;

class TrayTest : public BackendFixture {
 public:
  void MakeCdrom(AioContext& context) {
    MakeBackend();
    Insert();
    ASSERT_TRUE(backend_->Attach({.device_id = "cd0", .needs_write = false}, drive_.Ops()).ok());
    channel_ = backend_->OpenChannel(context, client_);
  }
  // In the background.
  void Start(Task<absl::Status> task, std::optional<absl::Status>* result) {
    constexpr auto kRun = [](Task<absl::Status> inner,
                             std::optional<absl::Status>* out) -> Task<void> {
      *out = co_await std::move(inner);
    };
    Spawn(control_, kRun(std::move(task), result));
    world_.RunUntilIdle();
  }
  NodeRef Disc() { return std::make_shared<HeldNode>("disc1", HeldNodeOptions{}); }
  IoResult Read() {
    Go(IoOp::kRead, 0, kBlock);
    world_.RunUntilIdle();
    return LastResult();
  }
};

TEST_F(TrayTest, Row44_OpenAndCloseMoveTheTrayOnceEach) {
  MakeCdrom(io_);
  EXPECT_EQ(*Await(backend_->OpenTray(Force::kNo)), TrayResult::kMoved);
  EXPECT_EQ(*Await(backend_->OpenTray(Force::kNo)), TrayResult::kAlready);
  EXPECT_EQ(machine_.log, (Log{"TRAY open"}));
  EXPECT_EQ(Read(), -ENOMEDIUM) << "an open tray is no medium";
  EXPECT_EQ(*Await(backend_->CloseTray()), TrayResult::kMoved);
  EXPECT_EQ(*Await(backend_->CloseTray()), TrayResult::kAlready);
  EXPECT_EQ(machine_.log, (Log{"TRAY open", "TRAY closed"}));
  EXPECT_EQ(drive_.moves, (Moves{MediumMove::kEject, MediumMove::kLoad}));
  EXPECT_EQ(Read(), 0);
}

TEST_F(TrayTest, Row11_NoEventWhenTheCallbackMovesNothing) {
  MakeCdrom(io_);
  drive_.on_move = [&] { drive_.open = false; };
  Await(backend_->OpenTray(Force::kNo)).IgnoreError();
  EXPECT_TRUE(machine_.log.empty());
}

TEST_F(TrayTest, ChangeMediaRunsWhileDrained) {
  MakeCdrom(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, kBlock);
  uint32_t in_flight = 99;
  drive_.on_move = [&] { in_flight = backend_->in_flight(); };
  bool done = false;
  Begin(
      [](BlockBackendRef backend) -> Task<void> {
        EXPECT_TRUE((co_await backend->OpenTray(Force::kNo)).ok());
      }(backend_),
      &done);
  EXPECT_TRUE(drive_.moves.empty());
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_EQ(in_flight, 0u);
}

// What is written before a medium goes takes time; the guest has the drive meanwhile.
TEST_F(TrayTest, AGuestThatLocksAmidAnEjectKeepsTheMedium) {
  MakeCdrom(io_);
  node_->mode = HeldNode::Mode::kHold;
  std::optional<absl::Status> eject;
  Start(backend_->Eject(Force::kNo), &eject);
  ASSERT_EQ(node_->held.size(), 1u) << "the flush";
  EXPECT_TRUE(machine_.log.empty()) << "nothing has moved yet";
  drive_.locked = true;
  node_->FinishAll(0);
  world_.RunUntilIdle();
  ASSERT_TRUE(eject.has_value());
  EXPECT_EQ(ErrnoOf(*eject), EBUSY);
  EXPECT_EQ(backend_->root(), node_);
  EXPECT_TRUE(drive_.moves.empty());
  EXPECT_TRUE(machine_.log.empty());
}

TEST_F(TrayTest, AGuestThatClosesAmidARemovalKeepsTheMedium) {
  MakeCdrom(io_);
  ASSERT_TRUE(Await(backend_->OpenTray(Force::kNo)).ok());
  node_->mode = HeldNode::Mode::kHold;
  std::optional<absl::Status> removed;
  Start(backend_->RemoveMedium(), &removed);
  drive_.open = false;
  backend_->TrayMoved(MediumMove::kLoad);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  ASSERT_TRUE(removed.has_value());
  EXPECT_NE(MessageOf(*removed).find("is not open"), std::string::npos) << *removed;
  EXPECT_EQ(backend_->root(), node_);
  EXPECT_EQ(machine_.log, (Log{"TRAY open", "TRAY closed"}));
}

TEST_F(TrayTest, Row43_LockedDriveAsksTheGuest) {
  MakeCdrom(io_);
  drive_.locked = true;
  EXPECT_EQ(*Await(backend_->OpenTray(Force::kNo)), TrayResult::kRequested);
  const absl::Status eject = Await(backend_->Eject(Force::kNo));
  EXPECT_EQ(ErrnoOf(eject), EBUSY);
  EXPECT_NE(MessageOf(eject).find("is locked"), std::string::npos) << eject;
  EXPECT_EQ(drive_.eject_requests, (std::vector<Force>{Force::kNo, Force::kNo}));
  EXPECT_TRUE(drive_.moves.empty());
  EXPECT_TRUE(machine_.log.empty());
  EXPECT_EQ(backend_->root(), node_);
  // The guest grants it: unlocks and ejects.
  drive_.locked = false;
  drive_.open = true;
  backend_->TrayMoved(MediumMove::kEject);
  EXPECT_TRUE(Await(backend_->Eject(Force::kNo)).ok());
  EXPECT_EQ(backend_->root(), nullptr);
  EXPECT_EQ(machine_.log, (Log{"TRAY open"}));
}

TEST_F(TrayTest, Row43_ForceTakesALockedMedium) {
  MakeCdrom(io_);
  drive_.locked = true;
  EXPECT_TRUE(Await(backend_->Eject(Force::kYes)).ok());
  EXPECT_EQ(drive_.eject_requests, (std::vector<Force>{Force::kYes}));
  EXPECT_EQ(drive_.moves, (Moves{MediumMove::kEject}));
  EXPECT_FALSE(drive_.locked);
  EXPECT_EQ(backend_->root(), nullptr);
  EXPECT_EQ(machine_.log, (Log{"TRAY open"}));
}

TEST_F(TrayTest, ALockWithAnOpenTrayAsksNobody) {
  MakeCdrom(io_);
  drive_.locked = true;
  drive_.open = true;
  EXPECT_EQ(*Await(backend_->OpenTray(Force::kNo)), TrayResult::kAlready);
  EXPECT_TRUE(Await(backend_->Eject(Force::kNo)).ok());
  EXPECT_TRUE(drive_.eject_requests.empty());
}

TEST_F(TrayTest, Row43_AFixedDiskIsNotRemovable) {
  MakeDisk(io_);
  for (const absl::Status& status :
       {Await(backend_->Eject(Force::kYes)), Await(backend_->OpenTray(Force::kYes)).status(),
        Await(backend_->CloseTray()).status(), Await(backend_->RemoveMedium()),
        Await(backend_->InsertMedium(Disc()))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(MessageOf(status).find("not removable"), std::string::npos) << status;
  }
  EXPECT_EQ(backend_->root(), node_);
}

TEST_F(TrayTest, Row44_InsertAndRemoveNeedAnOpenTray) {
  MakeCdrom(io_);
  EXPECT_NE(MessageOf(Await(backend_->RemoveMedium())).find("not open"), std::string::npos);
  ASSERT_TRUE(Await(backend_->OpenTray(Force::kNo)).ok());
  EXPECT_TRUE(Await(backend_->RemoveMedium()).ok());
  EXPECT_TRUE(Await(backend_->RemoveMedium()).ok()) << "an empty drive: nothing to do";
  EXPECT_TRUE(Await(backend_->InsertMedium(Disc())).ok());
  EXPECT_EQ(ErrnoOf(Await(backend_->InsertMedium(Disc()))), EBUSY) << "occupied";
  EXPECT_EQ(drive_.moves, (Moves{MediumMove::kEject})) << "the tray stays open";
  ASSERT_TRUE(Await(backend_->CloseTray()).ok());
  EXPECT_NE(MessageOf(Await(backend_->InsertMedium(Disc()))).find("not open"), std::string::npos);
  EXPECT_EQ(Read(), 0);
}

// A request that waits while the disc is changed was meant for the disc before.
TEST_F(TrayTest, AParkedRequestDoesNotReachTheNextMedium) {
  MakeCdrom(io_);
  Await([](BlockBackendRef backend) -> Task<void> { co_await backend->BeginDrain(); }(backend_));
  Go(IoOp::kRead, 0, kBlock);
  EXPECT_EQ(*Await(backend_->OpenTray(Force::kNo)), TrayResult::kMoved);
  ASSERT_TRUE(Await(backend_->RemoveMedium()).ok());
  ASSERT_TRUE(Await(backend_->InsertMedium(Disc())).ok());
  EXPECT_EQ(*Await(backend_->CloseTray()), TrayResult::kMoved);
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
  EXPECT_EQ(Read(), 0) << "the next one does";
}

TEST_F(TrayTest, Row44_ADriveWithoutATrayIsToldAtOnce) {
  MakeBackend();
  ASSERT_TRUE(backend_->Attach({.device_id = "sd0"}, drive_.TraylessOps()).ok());
  EXPECT_EQ(*Await(backend_->OpenTray(Force::kNo)), TrayResult::kAlready);
  EXPECT_TRUE(Await(backend_->InsertMedium(Disc())).ok());
  EXPECT_EQ(drive_.moves, (Moves{MediumMove::kLoad}));
  EXPECT_TRUE(Await(backend_->RemoveMedium()).ok());
  EXPECT_EQ(drive_.moves, (Moves{MediumMove::kLoad, MediumMove::kEject}));
  EXPECT_TRUE(machine_.log.empty()) << "no tray, no tray event";
}

TEST_F(TrayTest, ARemovedMediumIsAlreadyGoneWhenATraylessDriveIsTold) {
  MakeBackend();
  Insert();
  ASSERT_TRUE(backend_->Attach({.device_id = "sd0"}, drive_.TraylessOps()).ok());
  bool inserted = true;
  drive_.on_move = [&] { inserted = backend_->is_inserted(); };
  EXPECT_TRUE(Await(backend_->Eject(Force::kNo)).ok());
  EXPECT_FALSE(inserted);
  drive_.on_move = [&] { inserted = backend_->is_inserted(); };
  EXPECT_TRUE(Await(backend_->InsertMedium(Disc())).ok());
  EXPECT_TRUE(inserted);
}

TEST_F(TrayTest, Row44_WithoutADeviceTheMediumMovesFreely) {
  MakeBackend();
  EXPECT_TRUE(Await(backend_->InsertMedium(Disc())).ok());
  EXPECT_TRUE(Await(backend_->Eject(Force::kNo)).ok());
  EXPECT_EQ(backend_->root(), nullptr);
}

TEST_F(TrayTest, Row11_AGuestsMoveGivesOneEventAndChangesWhatRequestsMeet) {
  MakeCdrom(io_);
  drive_.open = true;
  backend_->TrayMoved(MediumMove::kEject);
  world_.RunUntilIdle();
  EXPECT_EQ(machine_.log, (Log{"TRAY open"}));
  EXPECT_EQ(Read(), -ENOMEDIUM);
  drive_.open = false;
  backend_->TrayMoved(MediumMove::kLoad);
  world_.RunUntilIdle();
  EXPECT_EQ(machine_.log, (Log{"TRAY open", "TRAY closed"}));
  EXPECT_EQ(Read(), 0);
}

TEST_F(TrayTest, AReadRightAfterTheGuestsLoadMeetsTheMedium) {
  // In the control context, without a turn between: no request may meet the old state.
  MakeCdrom(control_);
  drive_.open = true;
  backend_->TrayMoved(MediumMove::kEject);
  Go(IoOp::kRead, 0, kBlock);
  drive_.open = false;
  backend_->TrayMoved(MediumMove::kLoad);
  TestRequest& second = Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_FALSE(second.outstanding());
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(TrayTest, Row11_AnEmptyDrivesTrayMovesWithAnEvent) {
  MakeBackend();
  ASSERT_TRUE(backend_->Attach({.device_id = "cd0"}, drive_.Ops()).ok());
  EXPECT_EQ(*Await(backend_->OpenTray(Force::kNo)), TrayResult::kMoved);
  EXPECT_EQ(*Await(backend_->CloseTray()), TrayResult::kMoved);
  EXPECT_EQ(machine_.log, (Log{"TRAY open", "TRAY closed"}));
}

TEST_F(TrayTest, Row34_LockMediumIsKeptLogically) {
  MakeCdrom(io_);
  backend_->LockMedium(true);
  backend_->LockMedium(false);
  EXPECT_EQ(*Await(backend_->OpenTray(Force::kNo)), TrayResult::kMoved);
}

TEST_F(TrayTest, HostReadsDoNotMindTheTray) {
  MakeCdrom(io_);
  ASSERT_TRUE(Await(backend_->OpenTray(Force::kNo)).ok());
  uint8_t data[kBlock];
  EXPECT_EQ(Await(backend_->Pread(0, data)), 0);
}

TEST_F(TrayTest, WhatCanNeverMoveIsRefusedWithoutADrain) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  // Were it drained first, these would wait for the request.
  for (const absl::Status& status :
       {Await(backend_->Eject(Force::kYes)), Await(backend_->OpenTray(Force::kNo)).status(),
        Await(backend_->CloseTray()).status(), Await(backend_->RemoveMedium()),
        Await(backend_->InsertMedium(Disc())), Await(backend_->ChangeMedium(Disc(), Force::kNo))}) {
    EXPECT_NE(MessageOf(status).find("not removable"), std::string::npos) << status;
  }
  EXPECT_EQ(backend_->in_flight(), 1u);
  node_->FinishAll(0);
  world_.RunUntilIdle();
}

}  // namespace
}  // namespace platter
