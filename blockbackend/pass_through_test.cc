// SPDX-License-Identifier: Apache-2.0
//
// What only some media have: rows 24, 26, 28, 34, 37.

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "aio/await.h"
#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

constexpr uint64_t kBlock = 512;

// A drive of the host, with everything that one can have.
class HostDriveNode final : public BlockNode {
 public:
  HostDriveNode() : BlockNode("host") { set_length(64 * kBlock); }

  const char* driver_name() const override { return "host_drive"; }
  IoResult Start(IoRequest&) override { return 0; }
  void LockMedium(MediumLock to) override { locks.push_back(to); }
  void MoveTray(MediumTray to) override { trays.push_back(to); }
  std::optional<DiskGeometry> ProbeGeometry() const override {
    return DiskGeometry{.cylinders = 615, .heads = 4, .sectors = 17};
  }
  bool is_sg() const override { return true; }
  Task<absl::StatusOr<int>> Ioctl(uint64_t request, void* argument) override {
    ++ioctls_begun;
    while (hold_ioctls) co_await Yield();
    *static_cast<uint64_t*>(argument) = request;
    if (request == 0) co_return ErrorWithErrno(EINVAL, "no such request");
    co_return 5;
  }
  Task<absl::Status> WriteCompressed(uint64_t offset, std::span<const uint8_t> data) override {
    compressed.emplace_back(offset, data.size());
    co_return absl::OkStatus();
  }
  Task<absl::Status> SaveVmState(uint64_t offset, std::span<const uint8_t> data) override {
    if (offset + data.size() > vm_state.size()) vm_state.resize(offset + data.size());
    std::memcpy(vm_state.data() + offset, data.data(), data.size());
    co_return absl::OkStatus();
  }
  Task<absl::Status> LoadVmState(uint64_t offset, std::span<uint8_t> data) override {
    if (offset + data.size() > vm_state.size()) co_return ErrorWithErrno(EIO, "no such state");
    std::memcpy(data.data(), vm_state.data() + offset, data.size());
    co_return absl::OkStatus();
  }

  std::vector<MediumLock> locks;
  std::vector<MediumTray> trays;
  std::vector<std::pair<uint64_t, uint64_t>> compressed;
  std::vector<uint8_t> vm_state;
  int ioctls_begun = 0;
  bool hold_ioctls = false;
};

class PassThroughTest : public BackendFixture {
 public:
  void PutDrive(const BackendOptions& options = {}) {
    MakeBackend(options);
    ASSERT_TRUE(Await(backend_->InsertRoot(host_)).ok());
  }
  // What a medium without all that answers.
  static void ExpectUnsupported(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_EQ(ErrnoOf(status), ENOTSUP);
    EXPECT_NE(MessageOf(status).find("'node0'"), std::string::npos) << status;
    EXPECT_NE(MessageOf(status).find("'held'"), std::string::npos) << status;
  }

  std::shared_ptr<HostDriveNode> host_ = std::make_shared<HostDriveNode>();
  std::array<uint8_t, kBlock> data_{};
  uint64_t argument_ = 0;
};

TEST_F(PassThroughTest, Row24_CompressedWritesGoToDriversThatHaveThem) {
  PutDrive();
  EXPECT_TRUE(Await(backend_->WriteCompressed(4 * kBlock, data_)).ok());
  ASSERT_EQ(host_->compressed.size(), 1u);
  EXPECT_EQ(host_->compressed[0], (std::pair<uint64_t, uint64_t>{4 * kBlock, kBlock}));
  EXPECT_EQ(ErrnoOf(Await(backend_->WriteCompressed(64 * kBlock, data_))), EIO);
  EXPECT_EQ(host_->compressed.size(), 1u);
}

TEST_F(PassThroughTest, Row24_OtherDriversRefuseCompressedWritesByName) {
  MakeBackend();
  EXPECT_EQ(ErrnoOf(Await(backend_->WriteCompressed(0, data_))), ENOMEDIUM);
  Insert();
  ExpectUnsupported(Await(backend_->WriteCompressed(0, data_)));
  EXPECT_TRUE(node_->seen.empty()) << "nothing is written instead";
}

TEST_F(PassThroughTest, Row24_ACompressedWriteIsAWrite) {
  PutDrive({.read_only = true});
  EXPECT_EQ(ErrnoOf(Await(backend_->WriteCompressed(0, data_))), EACCES);
  EXPECT_TRUE(host_->compressed.empty());
}

TEST_F(PassThroughTest, Row26_AnIoctlGoesToTheHostsDevice) {
  PutDrive();
  EXPECT_TRUE(backend_->is_sg());
  const absl::StatusOr<int> done = Await(backend_->Ioctl(0x2285, &argument_));
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(*done, 5);
  EXPECT_EQ(argument_, 0x2285u);
  EXPECT_EQ(ErrnoOf(Await(backend_->Ioctl(0, &argument_)).status()), EINVAL);
}

TEST_F(PassThroughTest, Row26_OtherMediaHaveNone) {
  MakeBackend();
  EXPECT_FALSE(backend_->is_sg());
  EXPECT_EQ(ErrnoOf(Await(backend_->Ioctl(1, &argument_)).status()), ENOMEDIUM);
  Insert();
  EXPECT_FALSE(backend_->is_sg());
  ExpectUnsupported(Await(backend_->Ioctl(1, &argument_)).status());
}

TEST_F(PassThroughTest, Row26_ADrainWaitsForAnIoctlAndAnIoctlForADrain) {
  PutDrive();
  host_->hold_ioctls = true;
  constexpr auto kCall = [](BlockBackendRef backend, uint64_t* argument, int* done) -> Task<void> {
    EXPECT_TRUE((co_await backend->Ioctl(7, argument)).ok());
    ++*done;
  };
  int done = 0;
  bool drained = false;
  constexpr auto kDrain = [](BlockBackendRef backend, bool* ended) -> Task<void> {
    co_await backend->BeginDrain();
    *ended = true;
  };
  Spawn(control_, kCall(backend_, &argument_, &done));
  for (int turn = 0; turn < 5; ++turn) control_.RunReady();
  EXPECT_EQ(host_->ioctls_begun, 1);
  Spawn(control_, kDrain(backend_, &drained));
  for (int turn = 0; turn < 10; ++turn) control_.RunReady();
  EXPECT_FALSE(drained);
  host_->hold_ioctls = false;
  world_.RunUntilIdle();
  EXPECT_EQ(done, 1);
  EXPECT_TRUE(drained);
  Spawn(control_, kCall(backend_, &argument_, &done));
  world_.RunUntilIdle();
  EXPECT_EQ(host_->ioctls_begun, 1) << "drained";
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(done, 2);
}

TEST_F(PassThroughTest, Row28_VmStateIsSavedAndLoaded) {
  PutDrive();
  data_.fill(0x5a);
  EXPECT_TRUE(Await(backend_->SaveVmState(100, data_)).ok());
  std::array<uint8_t, kBlock> back{};
  EXPECT_TRUE(Await(backend_->LoadVmState(100, back)).ok());
  EXPECT_EQ(back, data_);
  EXPECT_EQ(ErrnoOf(Await(backend_->LoadVmState(200, back))), EIO);
}

TEST_F(PassThroughTest, Row28_OtherMediaHaveNoRoomForVmState) {
  MakeBackend();
  EXPECT_EQ(ErrnoOf(Await(backend_->SaveVmState(0, data_))), ENOMEDIUM);
  EXPECT_EQ(ErrnoOf(Await(backend_->LoadVmState(0, data_))), ENOMEDIUM);
  Insert();
  ExpectUnsupported(Await(backend_->SaveVmState(0, data_)));
  ExpectUnsupported(Await(backend_->LoadVmState(0, data_)));
}

TEST_F(PassThroughTest, Row28_AReadOnlyBackendSavesNothing) {
  PutDrive({.read_only = true});
  EXPECT_EQ(ErrnoOf(Await(backend_->SaveVmState(0, data_))), EACCES);
}

TEST_F(PassThroughTest, Row34_LockAndTrayReachAPhysicalMedium) {
  using Locks = std::vector<MediumLock>;
  PutDrive();
  ASSERT_TRUE(backend_->Attach({.device_id = "cd0", .needs_write = false}, drive_.Ops()).ok());
  backend_->LockMedium(true);
  backend_->LockMedium(true);
  EXPECT_EQ(host_->locks, (Locks{MediumLock::kLocked}));
  backend_->LockMedium(false);
  EXPECT_EQ(host_->locks, (Locks{MediumLock::kLocked, MediumLock::kUnlocked}));
  drive_.open = true;
  backend_->TrayMoved(MediumMove::kEject);
  drive_.open = false;
  backend_->TrayMoved(MediumMove::kLoad);
  EXPECT_EQ(host_->trays, (std::vector<MediumTray>{MediumTray::kOpen, MediumTray::kClosed}));
  world_.RunUntilIdle();
}

TEST_F(PassThroughTest, Row34_TheLockIsTheDrivesNotTheMediums) {
  using Locks = std::vector<MediumLock>;
  MakeBackend();
  ASSERT_TRUE(backend_->Attach({.device_id = "cd0", .needs_write = false}, drive_.Ops()).ok());
  backend_->LockMedium(true);
  ASSERT_TRUE(Await(backend_->InsertRoot(host_)).ok());
  EXPECT_EQ(host_->locks, (Locks{MediumLock::kLocked})) << "a medium that comes is locked";
  ASSERT_TRUE(Await(backend_->RemoveRoot()).ok());
  EXPECT_EQ(host_->locks.back(), MediumLock::kUnlocked) << "one that goes is free";
  ASSERT_TRUE(Await(backend_->InsertRoot(host_)).ok());
  backend_->Detach();
  EXPECT_EQ(host_->locks.back(), MediumLock::kUnlocked) << "nobody is left to unlock it";
}

TEST_F(PassThroughTest, Row37_GeometryComesFromTheHostWhereItKnows) {
  PutDrive();
  const absl::StatusOr<DiskGeometry> geometry = backend_->ProbeGeometry();
  ASSERT_TRUE(geometry.ok()) << geometry.status();
  EXPECT_EQ(geometry->cylinders, 615u);
  EXPECT_EQ(geometry->heads, 4u);
  EXPECT_EQ(geometry->sectors, 17u);
}

TEST_F(PassThroughTest, Row37_OtherMediaHaveNoGeometry) {
  MakeBackend();
  EXPECT_EQ(ErrnoOf(backend_->ProbeGeometry().status()), ENOMEDIUM);
  Insert();
  ExpectUnsupported(backend_->ProbeGeometry().status());
}

}  // namespace
}  // namespace platter
