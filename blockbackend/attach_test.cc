// SPDX-License-Identifier: Apache-2.0
//
// Attach and Detach: rows 9, 10, 12, 36.

#include <gtest/gtest.h>

#include <cerrno>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using ::testing::Test;

class AttachTest : public BackendFixture {
 public:
  bool Contains(const absl::Status& status, std::string_view text) {
    return MessageOf(status).find(text) != std::string::npos;
  }
};

TEST_F(AttachTest, Row09_ASecondDeviceIsRefusedNamingBoth) {
  MakeDisk(io_);
  const absl::Status second = backend_->Attach({.device_id = "disk1"}, {});
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrnoOf(second), EBUSY);
  EXPECT_TRUE(Contains(second, "disk1") && Contains(second, "disk0") && Contains(second, "drive0"))
      << second;
  EXPECT_EQ(backend_->attached_device(), "disk0");
}

TEST_F(AttachTest, Row09_DetachResetsOpsBlockSizeAndIostatus) {
  MakeBackend({.write_error = OnError::kStop});
  Insert();
  ASSERT_TRUE(backend_->Attach({.device_id = "cd0", .guest_block_size = 2048}, drive_.Ops()).ok());
  EXPECT_TRUE(backend_->has_tray());
  EXPECT_TRUE(backend_->lockable());
  EXPECT_TRUE(backend_->iostatus_enabled());
  backend_->Detach();
  EXPECT_EQ(backend_->attached_device(), std::nullopt);
  EXPECT_FALSE(backend_->has_tray());
  EXPECT_FALSE(backend_->lockable());
  EXPECT_FALSE(backend_->iostatus_enabled());
  EXPECT_TRUE(backend_->removable()) << "a backend without a device changes its medium at will";
  AttachAndOpen(io_);
  Go(IoOp::kRead, 512, 512);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0) << "the block size of the device before is gone";
}

TEST_F(AttachTest, Row10_TheCallbacksDecideWhatTheDriveIs) {
  struct Row {
    bool change, tray, lock;
  };
  for (int bits = 0; bits < 8; ++bits) {
    const Row row = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
    MakeBackend();
    BlockDevOps ops;
    if (row.change) ops.change_media = [](MediumMove) {};
    if (row.tray) ops.is_tray_open = [] { return false; };
    if (row.lock) ops.is_medium_locked = [] { return false; };
    ASSERT_TRUE(backend_->Attach({.device_id = "d"}, std::move(ops)).ok());
    EXPECT_EQ(backend_->removable(), row.change);
    EXPECT_EQ(backend_->has_tray(), row.tray);
    EXPECT_EQ(backend_->lockable(), row.lock);
    backend_->Detach();
    backend_.reset();
  }
}

TEST_F(AttachTest, BadBlockSizesAndPoliciesAreRefused) {
  MakeBackend();
  for (const uint32_t size : {0u, 513u, 1000u}) {
    const absl::Status status = backend_->Attach({.device_id = "d", .guest_block_size = size}, {});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << size;
    EXPECT_TRUE(Contains(status, std::to_string(size))) << status;
  }
  const absl::Status policy =
      backend_->Attach({.device_id = "d", .read_error = OnError::kEnospc}, {});
  EXPECT_EQ(policy.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Contains(policy, "rerror")) << policy;
}

TEST_F(AttachTest, ADiskOfPartialBlocksIsRefusedAndADiscIsNot) {
  MakeBackend();
  Insert();
  const uint64_t odd = backend_->length() - 512;
  ASSERT_TRUE(BlockOn(control_, backend_->Resize(odd)).ok());
  const absl::Status refused = backend_->Attach({.device_id = "d", .guest_block_size = 4096}, {});
  EXPECT_TRUE(Contains(refused, "not a multiple of the 4096-byte blocks of device 'd'")) << refused;
  EXPECT_EQ(backend_->attached_device(), std::nullopt);
  ASSERT_TRUE(backend_->Attach({.device_id = "cd0", .guest_block_size = 2048}, drive_.Ops()).ok());
  backend_->Detach();
}

TEST_F(AttachTest, ADriveThatWritesNeedsAWritableMediumUnlessItIsRemovable) {
  MakeBackend();
  Insert({.length = kLength, .read_only = true});
  const absl::Status fixed = backend_->Attach({.device_id = "d"}, drive_.FixedOps());
  EXPECT_EQ(fixed.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Contains(fixed, "drive0")) << fixed;
  EXPECT_TRUE(backend_->Attach({.device_id = "d"}, drive_.TraylessOps()).ok());
  EXPECT_TRUE(backend_->is_read_only());
  backend_->Detach();
  EXPECT_TRUE(backend_->Attach({.device_id = "d", .needs_write = false}, {}).ok());
}

TEST_F(AttachTest, Row12_PoliciesOfDeviceAndBackend) {
  MakeBackend();
  EXPECT_EQ(backend_->on_read_error(), OnError::kReport) << "default";
  EXPECT_EQ(backend_->on_write_error(), OnError::kEnospc) << "default";
  EXPECT_FALSE(backend_->SetOnError(OnError::kEnospc, OnError::kStop).ok());
  EXPECT_FALSE(backend_->SetOnError(OnError::kAuto, OnError::kStop).ok());
  EXPECT_TRUE(backend_->SetOnError(OnError::kStop, OnError::kIgnore).ok());
  ASSERT_TRUE(backend_->Attach({.device_id = "d", .write_error = OnError::kReport}, {}).ok());
  EXPECT_EQ(backend_->on_read_error(), OnError::kStop) << "auto takes the backend's";
  EXPECT_EQ(backend_->on_write_error(), OnError::kReport);
  backend_->Detach();
  EXPECT_EQ(backend_->on_write_error(), OnError::kIgnore);
}

TEST_F(AttachTest, WhatTheDeviceNeedsCollidesWithAnotherUser) {
  MakeDisk(io_);
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(Await((*other)->InsertRoot(node_)).ok()) << "without a device it uses nothing";
  const absl::Status refused =
      Await([](AttachTest* test, BlockBackendRef second) -> Task<absl::Status> {
        const DrainedSection drained = co_await DrainedSection::Begin(*test->node_);
        co_return second->Attach({.device_id = "disk1"}, {});
      }(this, *other));
  EXPECT_EQ(ErrnoOf(refused), EBUSY) << refused;
  EXPECT_TRUE(Contains(refused, "disk1") && Contains(refused, "disk0")) << refused;
  EXPECT_EQ((*other)->attached_device(), std::nullopt);
  EXPECT_TRUE(Await((*other)->RemoveRoot()).ok());
}

TEST_F(AttachTest, TwoDevicesShareAMediumWhenBothAllowIt) {
  MakeBackend();
  Insert();
  AttachAndOpen(io_, {.device_id = "disk0", .share_writes = true});
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(Await((*other)->InsertRoot(node_)).ok());
  const absl::Status undrained = (*other)->Attach({.device_id = "disk1", .share_writes = true}, {});
  EXPECT_EQ(ErrnoOf(undrained), EBUSY) << "a node in use is attached to in a drained section";
  const absl::Status drained_attach =
      Await([](AttachTest* test, BlockBackendRef second) -> Task<absl::Status> {
        const DrainedSection drained = co_await DrainedSection::Begin(*test->node_);
        co_return second->Attach({.device_id = "disk1", .share_writes = true}, {});
      }(this, *other));
  EXPECT_TRUE(drained_attach.ok()) << drained_attach;
  (*other)->Detach();
  world_.RunUntilIdle();  // Detach finishes in a drained section of its own.
  EXPECT_TRUE(Await((*other)->RemoveRoot()).ok());
}

TEST_F(AttachTest, Row36_TheGuestBlockSizeIsTheEdgesPromise) {
  MakeBackend();
  Insert({.length = kLength, .request_alignment = 4096});
  AttachAndOpen(io_, {.device_id = "disk0", .guest_block_size = 512});
  // Smaller than the node's blocks: read, modified and written below, as whole blocks.
  Go(IoOp::kWrite, 512, 512);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
  ASSERT_EQ(node_->seen.size(), 2u);
  EXPECT_EQ(node_->seen[0].op, IoOp::kRead);
  EXPECT_EQ(node_->seen[1].op, IoOp::kWrite);
  EXPECT_EQ(node_->seen[1].offset, 0u);
  EXPECT_EQ(node_->seen[1].bytes, 4096u);
}

TEST_F(AttachTest, AMediumForADeviceThatWritesIsReleasedByDetach) {
  MakeDisk(io_);
  channel_.reset();
  backend_->Detach();
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(Await((*other)->InsertRoot(node_)).ok());
  ASSERT_TRUE(Await(backend_->RemoveRoot()).ok());
  EXPECT_TRUE((*other)->Attach({.device_id = "disk1"}, {}).ok());
  (*other)->Detach();
}

}  // namespace
}  // namespace platter
