// SPDX-License-Identifier: Apache-2.0
//
// Root and size: rows 7, 24, 33.

#include <gtest/gtest.h>

#include <cerrno>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"
#include "drivers/activation.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
constexpr uint64_t kBlock = 512;

class MediumTest : public BackendFixture {};

TEST_F(MediumTest, Row07_InsertOnAnOccupiedBackendIsAnError) {
  MakeBackend();
  Insert();
  auto second = std::make_shared<HeldNode>("node1", HeldNodeOptions{});
  const absl::Status status = Await(backend_->InsertRoot(second));
  EXPECT_EQ(ErrnoOf(status), EBUSY);
  EXPECT_NE(MessageOf(status).find("node0"), std::string::npos) << status;
  EXPECT_EQ(backend_->root(), node_);
}

TEST_F(MediumTest, Row07_RemoveDrainsFlushesAndIsIdempotent) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, 0, kBlock);
  bool removed = false;
  Begin(
      [](BlockBackendRef backend) -> Task<void> {
        EXPECT_TRUE((co_await backend->RemoveRoot()).ok());
      }(backend_),
      &removed);
  EXPECT_FALSE(removed);
  Go(IoOp::kRead, 0, kBlock);  // Parks, and finds no medium afterwards.
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_FALSE(removed);
  ASSERT_EQ(node_->seen.size(), 2u);
  EXPECT_EQ(node_->seen[1].op, IoOp::kFlush);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(removed);
  EXPECT_EQ(backend_->root(), nullptr);
  EXPECT_EQ(client_.ends.size(), 2u);
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
  EXPECT_TRUE(Await(backend_->RemoveRoot()).ok());
  EXPECT_TRUE(node_->parents().empty());
}

// Another process may have the image: a guest that runs gets no such medium, and a medium that a
// running guest has stays active.
TEST_F(MediumTest, Row31_AnInactiveMediumIsNoneForARunningGuest) {
  MakeBackend();
  Insert();
  ASSERT_TRUE(Await(InactivateNodes({node_})).ok()) << "there is no guest";
  EXPECT_EQ(ErrnoOf(Await(backend_->Resize(kLength / 2))), EBUSY);
  EXPECT_EQ(Await(backend_->Pwrite(0, std::vector<uint8_t>(kBlock), IoFlags::kNone)), -EACCES);
  const absl::Status attached = backend_->Attach({.device_id = "disk0"}, drive_.FixedOps());
  EXPECT_EQ(ErrnoOf(attached), EBUSY);
  EXPECT_NE(MessageOf(attached).find("node 'node0' is inactive"), std::string::npos) << attached;

  Await(machine_.Stop());
  ASSERT_TRUE(backend_->Attach({.device_id = "disk0"}, drive_.FixedOps()).ok());
  ASSERT_TRUE(Await(ActivateNodes({node_})).ok());
  machine_.Run();
  const absl::Status refused = Await(InactivateNodes({node_}));
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
  EXPECT_NE(MessageOf(refused).find("the machine runs, with device 'disk0'"), std::string::npos);
  EXPECT_TRUE(node_->active());
}

// The device is gone and with it its permission to write; what it wrote is still to be flushed.
TEST_F(MediumTest, Row25_RemovalAfterTheDeviceHasGoneFlushes) {
  MakeDisk(io_);
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  channel_.reset();
  backend_->Detach();
  Await(registry_.RemoveAllRoots());
  ASSERT_EQ(node_->seen.size(), 2u);
  EXPECT_EQ(node_->seen[1].op, IoOp::kFlush);
}

// Two backends above one node: while one flushes past its channels, the other's change waits.
TEST_F(MediumTest, AChangeWaitsForTheFlushOfAnotherBackendOnTheNode) {
  MakeBackend();
  Insert();
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(Await((*other)->InsertRoot(node_)).ok());
  node_->mode = Mode::kHold;
  bool removed = false;
  Begin(
      [](BlockBackendRef backend) -> Task<void> {
        EXPECT_TRUE((co_await backend->RemoveRoot()).ok());
      }(backend_),
      &removed);
  ASSERT_EQ(node_->seen.size(), 1u);
  bool resized = false;
  Begin(
      [](BlockBackendRef backend) -> Task<void> {
        EXPECT_TRUE((co_await backend->Resize(kBlock)).ok());
      }(*other),
      &resized);
  EXPECT_FALSE(removed);
  EXPECT_FALSE(resized);
  EXPECT_EQ(node_->length(), kLength);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(removed);
  EXPECT_TRUE(resized);
  EXPECT_EQ(node_->length(), kBlock);
  node_->mode = Mode::kAtOnce;
  EXPECT_TRUE(Await((*other)->RemoveRoot()).ok());
}

TEST_F(MediumTest, AFlushThatFailsOnRemovalIsLogged) {
  MakeDisk(io_);
  node_->results = {-EIO};
  EXPECT_TRUE(Await(backend_->RemoveRoot()).ok());
  ASSERT_EQ(log_.Lines().size(), 1u);
  EXPECT_NE(log_.Lines()[0].find("node0"), std::string::npos);
}

TEST_F(MediumTest, ARefusedInsertChangesNothing) {
  MakeBackend();
  Insert();
  AttachAndOpen(io_);
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Attach({.device_id = "disk1"}, {}).ok());
  const absl::Status status = Await((*other)->InsertRoot(node_));
  EXPECT_EQ(ErrnoOf(status), EBUSY) << status;
  EXPECT_EQ((*other)->root(), nullptr);
  EXPECT_FALSE((*other)->is_inserted());
  EXPECT_EQ(node_->parents().size(), 1u);
  (*other)->Detach();
}

TEST_F(MediumTest, Row33_ResizeTellsTheDevice) {
  MakeDisk(io_);
  const absl::Status status = Await(backend_->Resize(2 * kLength));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(drive_.resizes, 1);
  EXPECT_EQ(backend_->length(), 2 * kLength);
  Go(IoOp::kRead, kLength, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
  EXPECT_TRUE(Await(backend_->Resize(2 * kLength)).ok());
  EXPECT_EQ(drive_.resizes, 1) << "nothing changed";
}

TEST_F(MediumTest, Row33_ResizeIsDrained) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, 0, kBlock);
  bool resized = false;
  Begin(
      [](BlockBackendRef backend) -> Task<void> {
        EXPECT_TRUE((co_await backend->Resize(kBlock)).ok());
      }(backend_),
      &resized);
  EXPECT_FALSE(resized);
  EXPECT_EQ(node_->length(), kLength);
  Go(IoOp::kWrite, kLength - kBlock, kBlock);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(resized);
  EXPECT_EQ(LastResult(), -EIO) << "the request that came meanwhile meets the new length";
}

TEST_F(MediumTest, Row33_AnotherBackendsResizeIsToldToo) {
  MakeBackend();
  Insert();
  AttachAndOpen(io_, {.device_id = "disk0", .share_writes = true});
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(Await((*other)->InsertRoot(node_)).ok());
  EXPECT_TRUE(Await((*other)->Resize(kLength / 2)).ok());
  EXPECT_EQ(drive_.resizes, 1);
  EXPECT_EQ(backend_->length(), kLength / 2);
  EXPECT_TRUE(Await((*other)->RemoveRoot()).ok());
}

TEST_F(MediumTest, ResizeErrorsNameTheBackend) {
  MakeBackend();
  const absl::Status empty = Await(backend_->Resize(1));
  EXPECT_EQ(ErrnoOf(empty), ENOMEDIUM);
  EXPECT_NE(MessageOf(empty).find("drive0"), std::string::npos);
  Insert();
  node_->truncate_error = ENOTSUP;
  EXPECT_EQ(Await(backend_->Resize(1)).code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(backend_->length(), kLength);
  EXPECT_FALSE(node_->parents().front()->options().permissions.used.Has(Permission::kResize));
  EXPECT_TRUE(Await(backend_->RemoveRoot()).ok());
  Insert({.length = kLength, .read_only = true});
  EXPECT_EQ(ErrnoOf(Await(backend_->Resize(1))), EACCES);
}

TEST_F(MediumTest, ADeviceThatCannotBeResizedIsAnObstacle) {
  MakeBackend();
  Insert();
  AttachAndOpen(io_, {.device_id = "disk0", .handles_resize = false});
  const absl::Status status = Await(backend_->Resize(1));
  EXPECT_EQ(ErrnoOf(status), EBUSY);
  EXPECT_NE(MessageOf(status).find("disk0"), std::string::npos) << status;
  EXPECT_EQ(node_->length(), kLength);
}

TEST_F(MediumTest, ConcurrentChangesHappenOneAfterTheOther) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, 0, kBlock);
  bool removed = false;
  bool inserted = false;
  Begin(
      [](BlockBackendRef backend) -> Task<void> {
        EXPECT_TRUE((co_await backend->RemoveRoot()).ok());
      }(backend_),
      &removed);
  auto second = std::make_shared<HeldNode>("node1", HeldNodeOptions{});
  Begin(
      [](BlockBackendRef backend, NodeRef node) -> Task<void> {
        EXPECT_TRUE((co_await backend->InsertRoot(node)).ok()) << "after the removal";
      }(backend_, second),
      &inserted);
  for (int i = 0; i < 2; ++i) {
    node_->FinishAll(0);
    world_.RunUntilIdle();
  }
  EXPECT_TRUE(removed);
  EXPECT_TRUE(inserted);
  EXPECT_EQ(backend_->root(), second);
}

}  // namespace
}  // namespace platter
