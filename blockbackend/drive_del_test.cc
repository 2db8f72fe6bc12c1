// SPDX-License-Identifier: Apache-2.0
//
// drive_del: row 8.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
constexpr uint64_t kBlock = 512;

class DriveDelTest : public BackendFixture {
 public:
  absl::Status Delete() { return Await(backend_->HideForDriveDel()); }
};

TEST_F(DriveDelTest, Row08_TheNameIsFreeAtOnceAndTheMediumGone) {
  MakeDisk(io_);
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  bool deleted = false;
  Begin(
      [](BlockBackendRef backend) -> Task<void> {
        EXPECT_TRUE((co_await backend->HideForDriveDel()).ok());
      }(backend_),
      &deleted);
  EXPECT_FALSE(deleted) << "a request is in flight";
  EXPECT_EQ(registry_.Find("drive0"), nullptr);
  EXPECT_TRUE(registry_.List().empty());
  EXPECT_EQ(registry_.All().size(), 1u) << "a shutdown still finds it";
  EXPECT_EQ(backend_->name(), "");
  auto successor = registry_.Create("drive0", {});
  ASSERT_TRUE(successor.ok()) << successor.status();
  node_->FinishAll(0);  // The write,
  world_.RunUntilIdle();
  node_->FinishAll(0);  // and the flush of the removal.
  world_.RunUntilIdle();
  EXPECT_TRUE(deleted);
  EXPECT_EQ(backend_->root(), nullptr);
  EXPECT_TRUE(node_->parents().empty());
}

TEST_F(DriveDelTest, Row08_GuestIoMeetsNoMediumUnderAnyPolicy) {
  MakeDisk(io_, {.read_error = OnError::kStop, .write_error = OnError::kStop});
  EXPECT_TRUE(Delete().ok());
  for (const IoOp op :
       {IoOp::kRead, IoOp::kWrite, IoOp::kFlush, IoOp::kDiscard, IoOp::kWriteZeroes}) {
    Go(op, 0, op == IoOp::kFlush ? 0 : kBlock);
    world_.RunUntilIdle();
    EXPECT_EQ(LastResult(), -ENOMEDIUM);
  }
  EXPECT_EQ(client_.ends.size(), 5u);
  EXPECT_EQ(machine_.stop_requests, 0);
  EXPECT_FALSE(backend_->is_inserted());
  EXPECT_EQ(backend_->length(), 0u);
  // Nor does a medium come back.
  const absl::Status refused =
      Await(backend_->InsertRoot(std::make_shared<HeldNode>("late", HeldNodeOptions{})));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(refused).find("'drive0'"), std::string::npos) << refused;
}

// A request that waited for the machine to run is not tried again on nothing.
TEST_F(DriveDelTest, Row08_KeptRequestsEndWhenTheMachineRuns) {
  MakeDisk(io_, {.write_error = OnError::kStop});
  node_->results = {-EIO};
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  Await(machine_.Stop());
  EXPECT_TRUE(Delete().ok());
  machine_.Run();
  world_.RunUntilIdle();
  ASSERT_EQ(client_.ends.size(), 1u);
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
}

TEST_F(DriveDelTest, Row08_ItLivesUntilTheDeviceLetsGo) {
  MakeDisk(io_);
  EXPECT_TRUE(Delete().ok());
  BlockBackend& drive = *backend_;
  const std::weak_ptr<BlockBackend> weak = backend_;
  backend_.reset();  // The monitor's reference: the device goes on with what it has.
  world_.RunUntilIdle();
  ASSERT_FALSE(weak.expired());
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -ENOMEDIUM);
  channel_.reset();
  drive.Detach();
  EXPECT_FALSE(weak.expired()) << "not from inside the device's call";
  world_.RunUntilIdle();
  EXPECT_TRUE(weak.expired());
  EXPECT_TRUE(registry_.All().empty());
}

TEST_F(DriveDelTest, Row08_WithoutADeviceItGoesWithItsLastReference) {
  MakeBackend();
  Insert();
  EXPECT_TRUE(Delete().ok());
  backend_.reset();
  world_.RunUntilIdle();
  EXPECT_TRUE(registry_.All().empty());
}

TEST_F(DriveDelTest, Row08_ABlockerRefusesAndNothingHasChanged) {
  MakeBackend();
  Insert();
  const OpBlocker blocker(backend_->op_blockers(), BlockOperation::kDriveDel, "job0 uses it");
  const absl::Status refused = Delete();
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
  EXPECT_NE(MessageOf(refused).find("job0 uses it"), std::string::npos) << refused;
  EXPECT_EQ(registry_.Find("drive0"), backend_);
  EXPECT_EQ(backend_->root(), node_);
}

}  // namespace
}  // namespace platter
