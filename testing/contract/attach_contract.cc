// SPDX-License-Identifier: Apache-2.0
//
// Device contract: attachment, plain I/O, resize, unplug.

#include <cerrno>
#include <vector>

#include "base/status.h"
#include "testing/contract/device_contract.h"
#include "testing/model/random.h"

namespace platter {
namespace {

using testing::HasSubstr;

TEST_P(DeviceContractTest, AttachTellsWhatTheDriveIs) {
  StartMachine();
  EXPECT_EQ(backend().attached_device(), "dut");
  EXPECT_EQ(backend().removable(), traits().removable);
  EXPECT_EQ(backend().has_tray(), traits().tray);
  EXPECT_EQ(backend().lockable(), traits().lock);
  EXPECT_EQ(fixture_->device().id(), "dut");
  EXPECT_EQ(fixture_->Capacity(), kDiskBytes);
  ExpectWorks();
}

TEST_P(DeviceContractTest, ASecondDeviceIsRefusedAndNamesBoth) {
  StartMachine();
  const auto second = GetParam().make();
  const absl::Status status = second->Create(
      {.control = world_.control, .bus = world_.bus, .backend = backend(), .id = "second"});
  EXPECT_EQ(ErrnoOf(status), EBUSY) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr("dut"));
  EXPECT_THAT(MessageOf(status), HasSubstr("second"));
  EXPECT_EQ(backend().attached_device(), "dut");
  ExpectWorks();
}

TEST_P(DeviceContractTest, EnospcIsNoPolicyForReads) {
  InsertDisk();
  EXPECT_EQ(CreateDevice(OnError::kEnospc, OnError::kAuto).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(backend().attached_device(), std::nullopt);
}

TEST_P(DeviceContractTest, UnplugDetachesAndTheNextDeviceWorks) {
  StartMachine();
  ExpectWorks();
  UnplugDevice();
  EXPECT_TRUE(fixture_->Gone());
  EXPECT_EQ(backend().attached_device(), std::nullopt);
  fixture_->Destroy();

  fixture_ = GetParam().make();
  ASSERT_TRUE(CreateDevice().ok());
  ASSERT_TRUE(fixture_->Probe(*this).ok());
  ExpectWorks(kIoBytes);
}

TEST_P(DeviceContractTest, RandomReadsAndWritesAreAByteArray) {
  constexpr uint64_t kRandomSeed = 5;
  SCOPED_TRACE(kRandomSeed);
  Random random(kRandomSeed);
  StartMachine();
  const uint32_t size = traits().block_size;
  for (int i = 0; i < 200; ++i) {
    const uint32_t blocks = static_cast<uint32_t>(random.Between(1, 8192 / size));
    const uint64_t offset = random.Below(kDiskBytes / size - blocks + 1) * size;
    if (traits().writable && random.OneIn(2)) {
      ASSERT_EQ(Run(GuestOp::kWrite, offset, blocks * size), GuestOutcome::kOk);
      continue;
    }
    const uint64_t read = Start(GuestOp::kRead, offset, blocks * size);
    ASSERT_TRUE(Wait([&] { return Finished(read); }));
    ASSERT_EQ(OutcomeOf(read), GuestOutcome::kOk);
    const auto mismatch = model_.Mismatch(offset, DataOf(read));
    ASSERT_EQ(mismatch, std::nullopt) << *mismatch;
  }
  if (!traits().writable) return ExpectNoWrites();
  EXPECT_EQ(Run(GuestOp::kFlush, 0), GuestOutcome::kOk);
}

TEST_P(DeviceContractTest, AsManyRequestsAsTheDeviceTakesEachOnce) {
  StartMachine();
  const uint32_t depth = traits().max_in_flight;
  for (int round = 0; round < 20; ++round) {
    std::vector<uint64_t> tokens;
    for (uint32_t i = 0; i < depth; ++i) {
      tokens.push_back(Start(i % 2 == 0 ? Transfer() : GuestOp::kRead, i * kIoBytes));
    }
    ASSERT_TRUE(Wait([&] { return ledger_.outstanding() == 0; }));
    for (const uint64_t token : tokens) EXPECT_EQ(OutcomeOf(token), GuestOutcome::kOk);
  }
}

TEST_P(DeviceContractTest, BeyondTheEndIsAnErrorAndDoesNothing) {
  StartMachine();
  const uint64_t invalid = backend().Stats().read.invalid + backend().Stats().write.invalid;
  const uint32_t size = traits().block_size;
  for (const GuestOp op : Transfers()) {
    EXPECT_EQ(Run(op, kDiskBytes), GuestOutcome::kFailed);
    EXPECT_EQ(Run(op, kDiskBytes - size, 2 * size), GuestOutcome::kFailed);
    EXPECT_EQ(Run(op, uint64_t{1} << 62), GuestOutcome::kFailed);
  }
  EXPECT_EQ(backend().Stats().read.invalid + backend().Stats().write.invalid,
            invalid + 3 * Transfers().size());
  EXPECT_EQ(world_.events.Count("BLOCK_IO_ERROR"), 0u) << "the guest's mistakes are no errors";
  const auto mismatch = model_.Mismatch(0, world_.disk().bytes());
  EXPECT_EQ(mismatch, std::nullopt) << *mismatch;
  ExpectWorks(kDiskBytes - kIoBytes);
}

TEST_P(DeviceContractTest, GrowthIsSeenAndUsable) {
  StartMachine();
  const uint64_t changes = fixture_->CapacityChanges();
  ASSERT_TRUE(Await(backend().Resize(2 * kDiskBytes)).ok());
  model_.Resize(2 * kDiskBytes);
  ExpectCapacity(2 * kDiskBytes);
  EXPECT_EQ(fixture_->CapacityChanges(), changes + (traits().tells_capacity ? 1 : 0));
  const uint64_t read = Start(GuestOp::kRead, kDiskBytes);
  ASSERT_TRUE(Wait([&] { return Finished(read); }));
  EXPECT_EQ(DataOf(read), std::vector<uint8_t>(kIoBytes, 0));
  ExpectWorks(2 * kDiskBytes - kIoBytes);
}

TEST_P(DeviceContractTest, ShrinkingIsSeenAndTheRestIsGone) {
  StartMachine();
  ASSERT_TRUE(Await(backend().Resize(kDiskBytes / 2)).ok());
  model_.Resize(kDiskBytes / 2);
  ExpectCapacity(kDiskBytes / 2);
  EXPECT_EQ(Run(GuestOp::kRead, kDiskBytes / 2), GuestOutcome::kFailed);
  ExpectWorks();
}

TEST_P(DeviceContractTest, ResizeWaitsForTheRequestInFlight) {
  StartMachine();
  world_.disk().Hold(OpOf(Transfer()));
  const uint64_t held = Start(Transfer(), 0);
  ASSERT_TRUE(Wait([&] { return world_.disk().held() == 1; }));
  std::optional<absl::Status> resized;
  StartTask(backend().Resize(2 * kDiskBytes), resized);
  Settle();
  EXPECT_EQ(resized, std::nullopt);
  EXPECT_EQ(fixture_->Capacity(), kDiskBytes);
  world_.disk().Release();
  ASSERT_TRUE(Wait([&] { return resized.has_value() && Finished(held); }));
  EXPECT_TRUE(resized->ok());
  EXPECT_EQ(OutcomeOf(held), GuestOutcome::kOk);
  model_.Resize(2 * kDiskBytes);
  ExpectCapacity(2 * kDiskBytes);
}

}  // namespace
}  // namespace platter
