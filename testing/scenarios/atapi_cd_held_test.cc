// SPDX-License-Identifier: Apache-2.0
//
// An ATAPI drive while a read is held in blkdebug, by PIO and by DMA: whatever happens meanwhile,
// the drive stays busy until the request is gone, nothing is in flight afterwards, the guest's
// memory does not change after an answer or a reset, and the medium never does.

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "base/check.h"
#include "base/status.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "testing/contract/device_world.h"
#include "testing/guest/atapi_driver.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{256} * 1024;
constexpr uint64_t kLba = 32;
constexpr uint32_t kBytes = 8192;
constexpr uint64_t kImagePattern = 1;
constexpr uint64_t kOtherPattern = 2;
constexpr char kTag[] = "held";
constexpr IdeDriver::Place kPlace = {};
constexpr AtapiSense kReset = {.key = 6, .code = 0x2900};
constexpr AtapiSense kGone = {.key = 2, .code = 0x3a00};
constexpr AtapiSense kChanged = {.key = 6, .code = 0x2800};

std::string NameOf(const testing::TestParamInfo<IdeWay>& test) {
  return test.param == IdeWay::kDma ? "Dma" : "Pio";
}

template <typename T>
Task<void> Keep(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}
Task<int> Drain(BlockBackend& backend) {
  co_await backend.BeginDrain();
  co_return 1;
}

class AtapiCdHeld : public testing::TestWithParam<IdeWay> {
 protected:
  AtapiCdHeld() {
    auto medium = world_.NewMedium("disc", kDiskBytes);
    FillPattern(kImagePattern, 0, medium->bytes());
    before_ = medium->bytes();
    medium_ = medium;
    blkdebug_ = *BlkdebugNode::Create("debug", medium, {});
    PLATTER_CHECK(BlockOn(world_.control, backend().InsertRoot(blkdebug_)).ok());
    IoSpace& ports = world_.bus.ports();
    PLATTER_CHECK(
        ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_.command_block()).ok());
    PLATTER_CHECK(
        ports.Map(kPlace.control, ata::kControlBlockBytes, channel_.control_block()).ok());
    PLATTER_CHECK(ports.Map(kPlace.bus_master, kBusMasterBytes, channel_.bus_master()).ok());
    drive_ = *AtapiCd::Create({.id = "cd0"}, channel_.port(0), backend(), world_.control);
    world_.run_state.AddDevice(*drive_);
    PLATTER_CHECK(driver_.ClearNews());
    buffer_ = *world_.bus.Allocate(kBytes, 4096);
  }
  ~AtapiCdHeld() override {
    Release();
    if (world_.run_state.stopped()) world_.run_state.Cont();
    Begin(&Device::Unplug);
    EXPECT_TRUE(Wait([&] { return done_; }));
    world_.run_state.RemoveDevice(*drive_);
    drive_.reset();
    for (const uint64_t base : {kPlace.command, kPlace.control, kPlace.bus_master}) {
      world_.bus.ports().Unmap(base);
    }
  }

  BlockBackend& backend() { return *world_.backend; }

  void Hold() {
    blkdebug_->AddRule(BlkdebugSuspendRule{.tag = kTag, .iotype = BlkdebugIoType::kRead});
    driver_.Start({.packet = AtapiDriver::MakeRead10(kLba, kBytes / AtapiDriver::kBlock),
                   .way = GetParam(),
                   .buffer = buffer_,
                   .bytes = kBytes});
    ASSERT_TRUE(Wait([&] { return blkdebug_->IsSuspended(kTag); })) << "it is not held";
    ASSERT_EQ(driver_.ide().AlternateStatus(), guest::kIdeBusy);
    ASSERT_EQ(backend().in_flight(), 1u);
  }
  void Release() { blkdebug_->RemoveBreakpoint(kTag); }
  // The guest looks whenever something happens.
  bool Wait(absl::FunctionRef<bool()> until, Duration timeout = IdeDriver::kTimeout) {
    return world_.bus.WaitFor(
        [&] {
          if (const auto answer = driver_.Poll()) answer_ = *answer;
          return until();
        },
        timeout);
  }
  void Settle() {
    Wait([] { return false; }, std::chrono::seconds(1));
  }
  void Begin(void (Device::*operation)(DeviceDone)) {
    done_ = false;
    (drive_.get()->*operation)([this] { done_ = true; });
  }
  template <typename T>
  void StartTask(Task<T> task, std::optional<T>& result) {
    Spawn(world_.control, Keep(std::move(task), result));
  }
  std::vector<uint8_t> Buffer() {
    std::vector<uint8_t> data(kBytes);
    world_.bus.Read(buffer_, data);
    return data;
  }

  void ExpectAnsweredWell() {
    ASSERT_TRUE(Wait([&] { return answer_.has_value(); }));
    EXPECT_TRUE(answer_->ok()) << int{answer_->error};
    EXPECT_TRUE(std::equal(before_.begin() + kLba * 2048, before_.begin() + kLba * 2048 + kBytes,
                           Buffer().begin()));
    ExpectClean();
  }
  void ExpectClean() {
    EXPECT_EQ(backend().in_flight(), 0u);
    EXPECT_EQ(driver_.faults(), 0u);
    EXPECT_TRUE(medium_->bytes() == before_) << "the medium changed";
    const std::vector<uint8_t> data = Buffer();
    Settle();
    EXPECT_TRUE(Buffer() == data) << "the guest's memory changed afterwards";
  }
  void ExpectWorks() {
    EXPECT_TRUE(driver_.ClearNews());
    std::vector<uint8_t> expected(4096);
    std::copy_n(world_.disk().bytes().begin(), expected.size(), expected.begin());
    for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
      std::vector<uint8_t> data(expected.size());
      EXPECT_TRUE(driver_.Read10(way, 0, data).ok());
      EXPECT_EQ(data, expected);
    }
  }

  DeviceWorld world_{77};
  IdeChannel channel_{{.memory = world_.bus.memory(), .line = world_.bus.Line(kPlace.line)}};
  std::shared_ptr<FaultyDisk> medium_;
  std::shared_ptr<BlkdebugNode> blkdebug_;
  std::unique_ptr<AtapiCd> drive_;
  AtapiDriver driver_{world_.bus, kPlace};
  std::vector<uint8_t> before_;
  uint64_t buffer_ = 0;
  std::optional<PacketAnswer> answer_;
  bool done_ = false;
};

INSTANTIATE_TEST_SUITE_P(Held, AtapiCdHeld, testing::Values(IdeWay::kPio, IdeWay::kDma), NameOf);

TEST_P(AtapiCdHeld, R_IDE_03_SoftwareReset) {
  Hold();
  driver_.ide().SetControl(guest::kIdeSoftReset);
  driver_.ide().SetControl(0);
  driver_.Forget();
  Settle();
  EXPECT_EQ(driver_.ide().AlternateStatus(), guest::kIdeBusy) << "reset with a request in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return (driver_.ide().AlternateStatus() & guest::kIdeBusy) == 0; }));
  ExpectClean();
  EXPECT_FALSE(answer_.has_value());
  EXPECT_EQ(driver_.TestUnitReady().sense, kReset);
  ExpectWorks();
}

// How a guest cancels a packet command.
TEST_P(AtapiCdHeld, R_IDE_03_DeviceReset) {
  Hold();
  driver_.ide().Set(guest::kIdeCommand, guest::kIdeDeviceReset);
  driver_.Forget();
  Settle();
  EXPECT_EQ(driver_.ide().AlternateStatus(), guest::kIdeBusy) << "reset with a request in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return (driver_.ide().AlternateStatus() & guest::kIdeBusy) == 0; }));
  ExpectClean();
  EXPECT_FALSE(answer_.has_value());
  EXPECT_EQ(driver_.TestUnitReady().sense, kReset);
  ExpectWorks();
}

TEST_P(AtapiCdHeld, R_IDE_03_MachineReset) {
  Hold();
  Begin(&Device::Reset);
  driver_.Forget();
  Settle();
  EXPECT_FALSE(done_) << "done while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return done_; }));
  ExpectClean();
  EXPECT_FALSE(answer_.has_value());
  ExpectWorks();
}

TEST_P(AtapiCdHeld, StopOfTheBusMaster) {
  Hold();
  driver_.ide().SetBm(guest::kBmCommand, 0);
  Settle();
  EXPECT_FALSE(answer_.has_value());
  Release();
  ExpectAnsweredWell();
  ExpectWorks();
}

TEST_P(AtapiCdHeld, Unplug) {
  Hold();
  Begin(&Device::Unplug);
  driver_.Forget();
  Settle();
  EXPECT_FALSE(done_) << "unplugged while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return done_; }));
  EXPECT_TRUE(driver_.ide().Gone());
  EXPECT_EQ(backend().attached_device(), std::nullopt);
  ExpectClean();
}

TEST_P(AtapiCdHeld, StopAndCont) {
  Hold();
  world_.run_state.Stop(StopReason::kPaused);
  Settle();
  EXPECT_FALSE(world_.run_state.stopped()) << "stopped while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); }));
  world_.run_state.Cont();
  ExpectAnsweredWell();
  ExpectWorks();
}

TEST_P(AtapiCdHeld, Drain) {
  Hold();
  std::optional<int> drained;
  StartTask(Drain(backend()), drained);
  Settle();
  EXPECT_EQ(drained, std::nullopt) << "drained while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return drained.has_value(); }));
  backend().EndDrain();
  ExpectAnsweredWell();
  ExpectWorks();
}

// The host's eject waits for the read; the guest sees the read end well, and then the change.
TEST_P(AtapiCdHeld, Eject) {
  Hold();
  std::optional<absl::Status> ejected;
  StartTask(backend().Eject(Force::kNo), ejected);
  Settle();
  EXPECT_EQ(ejected, std::nullopt) << "ejected while a request was in flight";
  EXPECT_FALSE(drive_->tray().open());
  Release();
  ASSERT_TRUE(Wait([&] { return ejected.has_value(); }));
  EXPECT_TRUE(ejected->ok()) << *ejected;
  EXPECT_TRUE(drive_->tray().open());
  ExpectAnsweredWell();
  EXPECT_EQ(driver_.TestUnitReady().sense, kGone);

  const auto other = world_.NewMedium("other", kDiskBytes);
  FillPattern(kOtherPattern, 0, other->bytes());
  EXPECT_TRUE(BlockOn(world_.control, backend().InsertMedium(other)).ok());
  EXPECT_TRUE(BlockOn(world_.control, backend().CloseTray()).ok());
  EXPECT_EQ(driver_.TestUnitReady().sense, kGone);
  EXPECT_EQ(driver_.TestUnitReady().sense, kChanged);
  ExpectWorks();
}

// Locked, the host only asks, and the read goes on.
TEST_P(AtapiCdHeld, EjectOfALockedDrive) {
  EXPECT_TRUE(driver_.PreventAllow(AtapiLock::kLocked).ok());
  Hold();
  std::optional<absl::Status> ejected;
  StartTask(backend().Eject(Force::kNo), ejected);
  Settle();
  Release();
  ASSERT_TRUE(Wait([&] { return ejected.has_value(); }));
  EXPECT_EQ(ErrnoOf(*ejected), EBUSY);
  ExpectAnsweredWell();
  EXPECT_EQ(driver_.GetEventStatus(), (AtapiDriver::Event{.code = 1, .medium = true}));
  ExpectWorks();
}

TEST_P(AtapiCdHeld, Resize) {
  Hold();
  std::optional<absl::Status> resized;
  StartTask(backend().Resize(kDiskBytes / 2), resized);
  Settle();
  EXPECT_EQ(resized, std::nullopt) << "resized while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return resized.has_value(); }));
  EXPECT_TRUE(resized->ok()) << *resized;
  ASSERT_TRUE(Wait([&] { return answer_.has_value(); }));
  EXPECT_TRUE(answer_->ok());
  EXPECT_EQ(backend().in_flight(), 0u);
  EXPECT_EQ(driver_.ReadCapacity()->blocks, kDiskBytes / 2 / AtapiDriver::kBlock);
  ExpectWorks();
}

// What drive_del does: the host takes the root away beneath the device.
TEST_P(AtapiCdHeld, RootRemoved) {
  Hold();
  std::optional<absl::Status> removed;
  StartTask(backend().RemoveRoot(), removed);
  Settle();
  EXPECT_EQ(removed, std::nullopt) << "removed while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return removed.has_value(); }));
  ExpectAnsweredWell();
  std::vector<uint8_t> data(AtapiDriver::kBlock);
  EXPECT_EQ(driver_.Read10(GetParam(), 0, data).sense, (AtapiSense{.key = 2, .code = 0x3a01}));
  EXPECT_EQ(driver_.faults(), 0u);
}

TEST_P(AtapiCdHeld, SoftwareResetThenUnplug) {
  Hold();
  driver_.ide().SetControl(guest::kIdeSoftReset);
  driver_.ide().SetControl(0);
  driver_.Forget();
  Begin(&Device::Unplug);
  Settle();
  EXPECT_FALSE(done_);
  Release();
  ASSERT_TRUE(Wait([&] { return done_; }));
  EXPECT_TRUE(driver_.ide().Gone());
  ExpectClean();
}

}  // namespace
}  // namespace platter
