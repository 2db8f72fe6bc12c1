// SPDX-License-Identifier: Apache-2.0
//
// An ATA disk while a request is held in blkdebug, for each kind of command: whatever happens
// meanwhile, the drive stays busy until the request is gone, nothing is in flight afterwards, and
// no byte outside of the request changes (R-IDE-03: a reset that wrote over sector 0).

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "base/check.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ide_channel.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "testing/contract/device_world.h"
#include "testing/guest/ide_driver.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{256} * 1024;
constexpr uint64_t kLba = 128;
constexpr uint32_t kBytes = 4096;
constexpr uint64_t kImagePattern = 1;
constexpr uint64_t kDataPattern = 2;
constexpr char kTag[] = "held";
constexpr IdeDriver::Place kPlace = {};

enum class HeldCommand : uint8_t { kPioRead, kPioWrite, kDmaRead, kDmaWrite, kFlush, kTrim };

std::string NameOf(const testing::TestParamInfo<HeldCommand>& test) {
  static constexpr const char* kNames[] = {"PioRead",  "PioWrite", "DmaRead",
                                           "DmaWrite", "Flush",    "Trim"};
  return kNames[static_cast<size_t>(test.param)];
}

template <typename T>
Task<void> Keep(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}
Task<int> Drain(BlockBackend& backend) {
  co_await backend.BeginDrain();
  co_return 1;
}

class AtaDiskHeld : public testing::TestWithParam<HeldCommand> {
 protected:
  AtaDiskHeld() {
    auto medium = world_.NewMedium("disk", kDiskBytes);
    before_.resize(kDiskBytes);
    FillPattern(kImagePattern, 0, before_);
    medium->bytes() = before_;
    blkdebug_ = *BlkdebugNode::Create("debug", medium, {});
    PLATTER_CHECK(BlockOn(world_.control, backend().InsertRoot(blkdebug_)).ok());
    IoSpace& ports = world_.bus.ports();
    PLATTER_CHECK(
        ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_.command_block()).ok());
    PLATTER_CHECK(
        ports.Map(kPlace.control, ata::kControlBlockBytes, channel_.control_block()).ok());
    PLATTER_CHECK(ports.Map(kPlace.bus_master, kBusMasterBytes, channel_.bus_master()).ok());
    disk_ = *AtaDisk::Create({.id = "hd0"}, channel_.port(0), backend(), world_.control,
                             world_.control);
    world_.run_state.AddDevice(*disk_);
    PLATTER_CHECK(driver_.SetMultiple(16)->ok());
  }
  ~AtaDiskHeld() override {
    Release();
    if (world_.run_state.stopped()) world_.run_state.Cont();
    Begin(&Device::Unplug);
    EXPECT_TRUE(Wait([&] { return done_; }));
    world_.run_state.RemoveDevice(*disk_);
    disk_.reset();
    for (const uint64_t base : {kPlace.command, kPlace.control, kPlace.bus_master}) {
      world_.bus.ports().Unmap(base);
    }
  }

  BlockBackend& backend() { return *world_.backend; }
  bool ChangesData() const {
    return GetParam() == HeldCommand::kPioWrite || GetParam() == HeldCommand::kDmaWrite ||
           GetParam() == HeldCommand::kTrim;
  }
  BlkdebugIoType IoType() const {
    switch (GetParam()) {
      case HeldCommand::kPioRead:
      case HeldCommand::kDmaRead:
        return BlkdebugIoType::kRead;
      case HeldCommand::kPioWrite:
      case HeldCommand::kDmaWrite:
        return BlkdebugIoType::kWrite;
      case HeldCommand::kFlush:
        return BlkdebugIoType::kFlush;
      case HeldCommand::kTrim:
        return BlkdebugIoType::kDiscard;
    }
    return BlkdebugIoType::kRead;
  }
  IdeCommand Command() {
    std::vector<uint8_t> data(kBytes);
    FillPattern(kDataPattern, 0, data);
    IdeCommand command;
    switch (GetParam()) {
      case HeldCommand::kPioRead:
      case HeldCommand::kPioWrite:
        command =
            driver_.Transfer(IdeWay::kMultiple, GetParam() == HeldCommand::kPioWrite, kLba, kBytes);
        break;
      case HeldCommand::kDmaRead:
      case HeldCommand::kDmaWrite:
        command =
            driver_.Transfer(IdeWay::kDma, GetParam() == HeldCommand::kDmaWrite, kLba, kBytes);
        break;
      case HeldCommand::kFlush:
        command.code = guest::kIdeFlushExt;
        break;
      case HeldCommand::kTrim:
        command = {.code = guest::kIdeTrim,
                   .protocol = IdeProtocol::kDmaOut,
                   .form = IdeForm::k48,
                   .features = 1,
                   .count = 1,
                   .bytes = 512};
        std::fill(data.begin(), data.end(), uint8_t{0});
        data[0] = kLba;
        data[6] = kBytes / 512;
    }
    command.buffer = driver_.scratch();
    world_.bus.Write(driver_.scratch(), data);
    return command;
  }

  void Hold() {
    blkdebug_->AddRule(BlkdebugSuspendRule{.tag = kTag, .iotype = IoType()});
    driver_.Start(Command());
    ASSERT_TRUE(Wait([&] { return blkdebug_->IsSuspended(kTag); })) << "it is not held";
    ASSERT_EQ(driver_.AlternateStatus(), guest::kIdeBusy);
    ASSERT_EQ(backend().in_flight(), 1u);
  }
  void Release() { blkdebug_->RemoveBreakpoint(kTag); }
  // The guest looks whenever something happens.
  bool Wait(absl::FunctionRef<bool()> until) {
    return world_.bus.WaitFor(
        [&] {
          if (const auto answer = driver_.Poll()) answer_ = *answer;
          return until();
        },
        IdeDriver::kTimeout);
  }
  void Settle() {
    world_.bus.WaitFor(
        [&] {
          if (const auto answer = driver_.Poll()) answer_ = *answer;
          return false;
        },
        std::chrono::seconds(1));
  }
  void Begin(void (Device::*operation)(DeviceDone)) {
    done_ = false;
    (disk_.get()->*operation)([this] { done_ = true; });
  }
  template <typename T>
  void StartTask(Task<T> task, std::optional<T>& result) {
    Spawn(world_.control, Keep(std::move(task), result));
  }

  void ExpectAnsweredWell() {
    ASSERT_TRUE(Wait([&] { return answer_.has_value(); }));
    EXPECT_TRUE(answer_->ok()) << int{answer_->status};
    ExpectClean();
  }
  void ExpectClean() {
    EXPECT_EQ(backend().in_flight(), 0u);
    EXPECT_EQ(driver_.faults(), 0u);
    std::vector<uint8_t> image = world_.disk().bytes();
    if (ChangesData()) {
      std::copy_n(before_.begin() + kLba * 512, kBytes, image.begin() + kLba * 512);
    }
    const auto differs = std::mismatch(image.begin(), image.end(), before_.begin());
    EXPECT_TRUE(differs.first == image.end())
        << "byte " << differs.first - image.begin() << " of the image changed";
  }
  void ExpectWorks() {
    std::vector<uint8_t> data(kBytes);
    std::vector<uint8_t> back(kBytes);
    FillPattern(7, 0, data);
    for (const uint64_t lba : {uint64_t{0}, kLba}) {
      EXPECT_TRUE(driver_.Write(IdeWay::kDma, lba, data)->ok());
      EXPECT_TRUE(driver_.Read(IdeWay::kPio, lba, back)->ok());
      EXPECT_EQ(back, data);
    }
  }

  DeviceWorld world_{77};
  IdeChannel channel_{{.memory = world_.bus.memory(), .line = world_.bus.Line(kPlace.line)}};
  std::shared_ptr<BlkdebugNode> blkdebug_;
  std::unique_ptr<AtaDisk> disk_;
  IdeDriver driver_{world_.bus, kPlace};
  std::vector<uint8_t> before_;
  std::optional<IdeAnswer> answer_;
  bool done_ = false;
};

INSTANTIATE_TEST_SUITE_P(Held, AtaDiskHeld,
                         testing::Values(HeldCommand::kPioRead, HeldCommand::kPioWrite,
                                         HeldCommand::kDmaRead, HeldCommand::kDmaWrite,
                                         HeldCommand::kFlush, HeldCommand::kTrim),
                         NameOf);

TEST_P(AtaDiskHeld, R_IDE_03_SoftwareReset) {
  Hold();
  driver_.SetControl(guest::kIdeSoftReset);
  driver_.SetControl(0);
  driver_.Forget();
  Settle();
  EXPECT_EQ(driver_.AlternateStatus(), guest::kIdeBusy) << "reset with a request in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return (driver_.AlternateStatus() & guest::kIdeBusy) == 0; }));
  Settle();
  EXPECT_FALSE(answer_.has_value());
  ExpectClean();
  EXPECT_EQ(driver_.Get(guest::kIdeError), 1) << "the diagnostic passed";
  ExpectWorks();
}

TEST_P(AtaDiskHeld, R_IDE_03_MachineReset) {
  Hold();
  Begin(&Device::Reset);
  driver_.Forget();
  Settle();
  EXPECT_FALSE(done_) << "done while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return done_; }));
  Settle();
  EXPECT_FALSE(answer_.has_value());
  ExpectClean();
  ExpectWorks();
}

TEST_P(AtaDiskHeld, StopOfTheBusMaster) {
  Hold();
  driver_.SetBm(guest::kBmCommand, 0);
  Settle();
  EXPECT_FALSE(answer_.has_value());
  Release();
  ExpectAnsweredWell();
  ExpectWorks();
}

TEST_P(AtaDiskHeld, Unplug) {
  Hold();
  Begin(&Device::Unplug);
  driver_.Forget();
  Settle();
  EXPECT_FALSE(done_) << "unplugged while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return done_; }));
  EXPECT_TRUE(driver_.Gone());
  ExpectClean();
  EXPECT_EQ(backend().attached_device(), std::nullopt);
}

TEST_P(AtaDiskHeld, StopAndCont) {
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

TEST_P(AtaDiskHeld, Drain) {
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

// A fixed disk is no removable medium, forced or not: it is refused, and nothing happens to the
// disk, its medium or its request.
TEST_P(AtaDiskHeld, Eject) {
  Hold();
  std::array<std::optional<absl::Status>, 2> ejected;
  StartTask(backend().Eject(Force::kNo), ejected[0]);
  StartTask(backend().Eject(Force::kYes), ejected[1]);
  Settle();
  EXPECT_TRUE(blkdebug_->IsSuspended(kTag));
  EXPECT_EQ(backend().in_flight(), 1u);
  EXPECT_EQ(backend().root(), blkdebug_);
  EXPECT_EQ(driver_.AlternateStatus(), guest::kIdeBusy);
  Release();
  ASSERT_TRUE(Wait([&] { return ejected[0].has_value() && ejected[1].has_value(); }));
  for (const auto& status : ejected) {
    EXPECT_EQ(status->code(), absl::StatusCode::kFailedPrecondition) << *status;
    EXPECT_NE(status->message().find("not removable"), absl::string_view::npos) << *status;
  }
  ExpectAnsweredWell();
  EXPECT_EQ(backend().root(), blkdebug_);
  EXPECT_EQ(world_.events.Count("DEVICE_TRAY_MOVED"), 0u);
  EXPECT_EQ(driver_.Identify()->sectors, kDiskBytes / 512);
  ExpectWorks();
}

TEST_P(AtaDiskHeld, Resize) {
  constexpr uint64_t kNewBytes = 2 * kDiskBytes;
  Hold();
  std::optional<absl::Status> resized;
  StartTask(backend().Resize(kNewBytes), resized);
  Settle();
  EXPECT_EQ(resized, std::nullopt) << "resized while a request was in flight";
  EXPECT_EQ(world_.disk().bytes().size(), kDiskBytes);
  Release();
  ASSERT_TRUE(Wait([&] { return resized.has_value(); }));
  EXPECT_TRUE(resized->ok()) << *resized;
  before_.resize(kNewBytes);
  ExpectAnsweredWell();
  EXPECT_EQ(driver_.Identify()->sectors, kNewBytes / 512);
  std::vector<uint8_t> data(kBytes);
  FillPattern(kDataPattern, 1, data);
  const uint64_t last = (kNewBytes - kBytes) / 512;
  EXPECT_TRUE(driver_.Write(IdeWay::kDma, last, data)->ok());
  std::vector<uint8_t> back(kBytes);
  EXPECT_TRUE(driver_.Read(IdeWay::kPio, last, back)->ok());
  EXPECT_EQ(back, data);
  ExpectWorks();
}

// What drive_del does: the host takes the root away beneath the device.
TEST_P(AtaDiskHeld, RootRemoved) {
  Hold();
  std::optional<absl::Status> removed;
  StartTask(backend().RemoveRoot(), removed);
  Settle();
  EXPECT_EQ(removed, std::nullopt) << "removed while a request was in flight";
  Release();
  ASSERT_TRUE(Wait([&] { return removed.has_value(); }));
  ExpectAnsweredWell();
  std::vector<uint8_t> data(512);
  const auto answer = driver_.Read(IdeWay::kDma, 0, data);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->ok());
  EXPECT_EQ(driver_.Identify()->sectors, 0u);
}

TEST_P(AtaDiskHeld, SoftwareResetThenUnplug) {
  Hold();
  driver_.SetControl(guest::kIdeSoftReset);
  driver_.SetControl(0);
  driver_.Forget();
  Begin(&Device::Unplug);
  Settle();
  EXPECT_FALSE(done_);
  Release();
  ASSERT_TRUE(Wait([&] { return done_; }));
  EXPECT_TRUE(driver_.Gone());
  ExpectClean();
}

}  // namespace
}  // namespace platter
