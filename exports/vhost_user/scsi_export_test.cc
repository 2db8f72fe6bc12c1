// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/scsi_export.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "aio/unix_listener.h"
#include "base/status.h"
#include "exports/vhost_user/scsi_fixture.h"

namespace platter {
namespace {

constexpr uint8_t kNotReady = 2;
constexpr uint8_t kIllegalRequest = 5;
constexpr uint8_t kUnitAttention = 6;
constexpr uint8_t kDataProtect = 7;
constexpr guest::ScsiLun kDisk = guest::ScsiLunOf(0, 0);
constexpr guest::ScsiLun kCd = guest::ScsiLunOf(0, 1);

std::string Text(const ScsiAnswer& answer, size_t at, size_t bytes) {
  if (answer.data.size() < at + bytes) return "";
  return {answer.data.begin() + static_cast<ptrdiff_t>(at),
          answer.data.begin() + static_cast<ptrdiff_t>(at + bytes)};
}

class ScsiExportTest : public testing::Test {
 protected:
  // A guest that has found both units.
  void Begin(VhostUserScsiOptions options = {}, uint16_t queues = 1) {
    rig_.emplace(std::move(options));
    Connect(queues);
  }
  void Connect(uint16_t queues = 1) {
    guest_.emplace(*rig_, queues);
    Probe();
  }
  void Probe() {
    const absl::Status probed = guest_->driver.Probe();
    ASSERT_TRUE(probed.ok()) << probed;
    ASSERT_TRUE(guest_->disk.ClearAttentions().ok());
    ASSERT_TRUE(guest_->cd.ClearAttentions().ok());
  }
  void Disconnect() {
    guest_.reset();
    rig_->Turn();
  }
  // What comes next on the event queue.
  std::vector<guest::ScsiEvent> Events() {
    std::vector<guest::ScsiEvent> events;
    guest_->driver.WaitUntil(
        [&] {
          events = guest_->driver.TakeEvents();
          return !events.empty();
        },
        std::chrono::seconds(10));
    return events;
  }
  uint8_t MediaEvent() { return guest_->cd.GetEventStatus()->data.at(4) & 0xf; }

  std::optional<ScsiRig> rig_;
  std::optional<ScsiGuest> guest_;
};

TEST_F(ScsiExportTest, AGuestFindsADiskAndADrive) {
  Begin({.num_queues = 2}, 2);
  EXPECT_EQ(guest_->driver.queue_count(), 2u);
  EXPECT_EQ(guest_->driver.config().seg_max.get(), 126u);
  const auto luns = guest_->disk.ReportLuns();
  ASSERT_TRUE(luns->good());
  EXPECT_EQ(luns->Number(0, 4), 16u) << "bytes of two LUNs";
  EXPECT_EQ(luns->Number(8, 2), 0u);
  EXPECT_EQ(luns->Number(16, 2), 1u);
  const auto disk = guest_->disk.Inquiry();
  EXPECT_EQ(disk->data.at(0), 0) << "a disk";
  EXPECT_EQ(Text(*disk, 16, 4), "DISK");
  EXPECT_EQ(Text(*guest_->disk.InquiryPage(0x80), 4, 2), "S0");
  EXPECT_EQ(guest_->disk.ReadCapacity10()->Number(0, 4), kMiB / 512 - 1);
  const auto cd = guest_->cd.Inquiry();
  EXPECT_EQ(cd->data.at(0), 5) << "a CD drive";
  EXPECT_EQ(cd->data.at(1) & 0x80, 0x80) << "its medium is removable";
  EXPECT_EQ(guest_->cd.ReadCapacity10()->Number(4, 4), 2048u);
  const auto none =
      guest_->driver.Execute(0, guest::ScsiLunOf(1, 0), std::vector<uint8_t>(6), {}, 0);
  EXPECT_EQ(none->transport, guest::kScsiBadTarget);
}

TEST_F(ScsiExportTest, WhatIsWrittenIsReadBack) {
  Begin();
  std::vector<uint8_t> data(64 * kKiB);
  std::generate(data.begin(), data.end(), [i = 0]() mutable { return static_cast<uint8_t>(++i); });
  ASSERT_TRUE(guest_->disk.Write10(8, 128, data)->good());
  ASSERT_TRUE(guest_->disk.SynchronizeCache()->good());
  EXPECT_TRUE(std::equal(data.begin(), data.end(), rig_->disk.data.begin() + 8 * 512));
  EXPECT_EQ(guest_->disk.Read10(8, 128, 512)->data, data);
  std::fill_n(rig_->cd.data.begin() + 16 * 2048, 2048, uint8_t{7});
  EXPECT_EQ(guest_->cd.Read10(16, 1, 2048)->data, std::vector<uint8_t>(2048, 7));
  EXPECT_TRUE(
      guest_->cd.Write10(0, 1, std::vector<uint8_t>(2048))->IsSense(kIllegalRequest, 0x2000))
      << "a drive has no command that writes";
  EXPECT_GE(rig_->exported->stats().requests, 6u);
  EXPECT_EQ(guest_->driver.ring_faults(), 0u);
}

TEST_F(ScsiExportTest, WithoutWritableADiskIsWriteProtected) {
  FakeBlockDevice drive{kMiB};
  Begin({.luns = {{.lun = 2, .backend = &drive, .unit = ScsiDiskOptions{.id = "d2"}}}});
  EXPECT_FALSE(drive.attachment.needs_write);
  VirtioScsiUnit unit(guest_->driver, guest::ScsiLunOf(0, 2));
  ScsiInitiator disk(unit);
  ASSERT_TRUE(disk.ClearAttentions()->good());
  EXPECT_TRUE(disk.Read10(0, 1, 512)->good());
  EXPECT_TRUE(disk.Write10(0, 1, std::vector<uint8_t>(512, 1))->IsSense(kDataProtect, 0x2700));
  rig_->Close();
  EXPECT_FALSE(drive.attached);
}

TEST_F(ScsiExportTest, AResizeIsAnEventAndAnAttention) {
  Begin();
  rig_->disk.Resize(2 * kMiB);
  const std::vector<guest::ScsiEvent> events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].event.get(), guest::kScsiParamChange);
  EXPECT_EQ(events[0].lun, guest::ScsiReported(kDisk));
  EXPECT_EQ(events[0].reason.get(), 0x092au) << "CAPACITY DATA HAS CHANGED";
  EXPECT_TRUE(guest_->disk.TestUnitReady()->IsSense(kUnitAttention, 0x2a09));
  EXPECT_EQ(guest_->disk.ReadCapacity10()->Number(0, 4), 2 * kMiB / 512 - 1);
  const std::vector<uint8_t> data(512, 9);
  EXPECT_TRUE(guest_->disk.Write10(2 * kMiB / 512 - 1, 1, data)->good());
}

TEST_F(ScsiExportTest, ADiscIsLockedAskedForAndChanged) {
  Begin();
  ASSERT_EQ(guest_->driver
                .Notification(guest::kScsiNotificationSubscribe, kCd, guest::kScsiNotifyMediaChange)
                ->response,
            guest::kScsiOk);
  ASSERT_TRUE(guest_->cd.PreventAllow(ScsiInitiator::Removal::kPrevent)->good());
  EXPECT_TRUE(rig_->cd.medium_locked);
  EXPECT_TRUE(rig_->cd.ops.is_medium_locked());
  // The host would like to have the disc.
  rig_->cd.ops.eject_request(Force::kNo);
  const std::vector<guest::ScsiEvent> events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].event.get(), guest::kScsiAsyncNotify);
  EXPECT_EQ(events[0].lun, guest::ScsiReported(kCd));
  EXPECT_EQ(events[0].reason.get(), guest::kScsiNotifyMediaChange);
  EXPECT_EQ(MediaEvent(), 1) << "EjectRequest";
  // The guest lets go of it.
  ASSERT_TRUE(guest_->cd.PreventAllow(ScsiInitiator::Removal::kAllow)->good());
  ASSERT_TRUE(guest_->cd.StartStopUnit(ScsiInitiator::StartStop::kEject)->good());
  EXPECT_FALSE(rig_->cd.medium_locked);
  EXPECT_EQ(rig_->cd.tray_moves, std::vector{MediumMove::kEject});
  EXPECT_TRUE(guest_->cd.TestUnitReady()->IsSense(kNotReady, 0x3a02)) << "the tray is open";
  // Another disc goes in.
  rig_->cd.data.assign(kMiB, 5);
  rig_->cd.ops.change_media(MediumMove::kLoad);
  EXPECT_FALSE(Events().empty());
  EXPECT_EQ(MediaEvent(), 3) << "MediaRemoval";
  EXPECT_EQ(MediaEvent(), 2) << "NewMedia";
  ASSERT_TRUE(guest_->cd.ClearAttentions()->good());
  EXPECT_EQ(guest_->cd.ReadCapacity10()->Number(0, 4), kMiB / 2048 - 1);
  EXPECT_EQ(guest_->cd.Read10(300, 1, 2048)->data, std::vector<uint8_t>(2048, 5));
}

TEST_F(ScsiExportTest, FrontEndsComeOneAfterAnotherAndLocksGoWithThem) {
  Begin();
  for (uint8_t mark = 1; mark <= 3; ++mark) {
    const std::vector<uint8_t> data(512, mark);
    ASSERT_TRUE(guest_->disk.Write10(mark, 1, data)->good());
    ASSERT_TRUE(guest_->cd.PreventAllow(ScsiInitiator::Removal::kPrevent)->good());
    EXPECT_TRUE(rig_->cd.medium_locked);
    Disconnect();
    EXPECT_FALSE(rig_->exported->serving());
    EXPECT_FALSE(rig_->cd.medium_locked) << "nobody is there to open it";
    Connect();
    EXPECT_EQ(guest_->disk.Read10(mark, 1, 512)->data, data);
  }
  EXPECT_EQ(rig_->LastLine(), "");
}

TEST_F(ScsiExportTest, RingsThatStopGoOnWhereTheyWere) {
  Begin();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(guest_->disk.Read10(0, 1, 512)->good());
    ASSERT_TRUE(guest_->transport.StopQueues().ok());
    rig_->disk.Resize((i % 2 + 1) * kMiB);
    ASSERT_TRUE(guest_->transport.ResumeQueues().ok());
    EXPECT_EQ(Events().size(), 1u) << "it waited until the event queue ran again";
    EXPECT_TRUE(guest_->disk.TestUnitReady()->IsSense(kUnitAttention, 0x2a09));
  }
  EXPECT_EQ(guest_->driver.ring_faults(), 0u);
}

// They are past what an attention of a reset could keep from them; the first new command hears of
// it.
TEST_F(ScsiExportTest, WhatWasInFlightIsAnsweredByTheNextSession) {
  struct Listener final : ScsiListener {
    void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) override {
      if (answer.response == guest::kScsiOk && answer.status == 0) good.push_back(token);
    }
    std::vector<uint64_t> good;
  } listener;
  constexpr uint64_t kWrites = 5;
  Begin();
  ASSERT_GE(guest_->transport.inflight_file(), 0);
  guest_->driver.set_listener(&listener);
  rig_->disk.hold = true;
  for (uint64_t i = 0; i < kWrites; ++i) {
    const GuestSegment data = {*guest_->bus.Allocate(512, 512), 512};
    ASSERT_TRUE(guest_->bus.Write(data.address, std::vector<uint8_t>(512, 7)));
    const std::vector<uint8_t> cdb = ScsiWrite10(static_cast<uint32_t>(i), 1);
    ASSERT_TRUE(guest_->driver.Submit(
        0, {.lun = kDisk, .tag = i, .cdb = cdb, .out = std::span(&data, 1)}, i));
  }
  guest_->driver.Kick(0);
  rig_->Turn();
  ASSERT_EQ(rig_->disk.held(), kWrites);
  guest_->front.reset();
  rig_->Turn();
  EXPECT_EQ(rig_->disk.held(), 0u);
  rig_->disk.hold = false;
  guest_->front = rig_->Connect();
  ASSERT_TRUE(guest_->transport.Reconnect(*guest_->front).ok()) << rig_->LastLine();
  EXPECT_TRUE(guest_->driver.WaitUntil([&] { return listener.good.size() == kWrites; },
                                       std::chrono::seconds(10)));
  EXPECT_EQ(listener.good, (std::vector<uint64_t>{0, 1, 2, 3, 4})) << "each once, in order";
  EXPECT_TRUE(std::all_of(rig_->disk.data.begin(), rig_->disk.data.begin() + kWrites * 512,
                          [](uint8_t byte) { return byte == 7; }));
  EXPECT_TRUE(guest_->disk.TestUnitReady()->IsSense(kUnitAttention, 0x2900));
  guest_->driver.set_listener(nullptr);
  rig_->disk.Resize(2 * kMiB);
  EXPECT_EQ(Events().size(), 1u) << "the event queue goes on, too";
  EXPECT_EQ(guest_->driver.ring_faults(), 0u);
}

TEST_F(ScsiExportTest, AResetForgetsWhatWaitsToBeTold) {
  Begin();
  ASSERT_TRUE(guest_->transport.StopQueues().ok());
  rig_->disk.Resize(2 * kMiB);
  Probe();
  EXPECT_FALSE(guest_->driver.WaitUntil([&] { return !guest_->driver.TakeEvents().empty(); },
                                        std::chrono::milliseconds(10)));
  rig_->disk.Resize(kMiB);
  EXPECT_EQ(Events().size(), 1u);
}

// What QEMU 7.2's vhost-user-scsi-pci does: no configuration, no channel of our own requests; and
// what it passes on from Windows' driver: ANY_LAYOUT, which nobody here offered.
TEST_F(ScsiExportTest, AFrontEndWithoutConfigurationIsServed) {
  rig_.emplace();
  auto front = rig_->Connect();
  ASSERT_TRUE(front->NegotiateProtocol(kVhostUserProtocolMq | kVhostUserProtocolReplyAck).ok());
  EXPECT_EQ(front->Ask(VhostUserRequest::kGetQueueNum).value_or(0), 3u);
  const uint64_t features = kVhostUserFProtocolFeatures | uint64_t{1} << 32 | 1u << 27;
  EXPECT_TRUE(front->Tell(VhostUserRequest::kSetFeatures, BytesOf(features)).ok());
  EXPECT_TRUE(rig_->exported->serving());
}

TEST_F(ScsiExportTest, ASessionThatEndsCancelsWhatIsInFlight) {
  Begin();
  rig_->disk.hold = true;
  const GuestSegment data = {*guest_->bus.Allocate(512, 512), 512};
  const std::vector<uint8_t> cdb = ScsiRead10(0, 1);
  ASSERT_TRUE(
      guest_->driver.Submit(0, {.lun = kDisk, .tag = 1, .cdb = cdb, .in = std::span(&data, 1)}, 1));
  guest_->driver.Kick(0);
  ASSERT_TRUE(
      guest_->bus.WaitFor([&] { return rig_->disk.held() == 1; }, std::chrono::seconds(10)));
  rig_->Close();
  EXPECT_GE(rig_->disk.cancels, 1u);
  EXPECT_FALSE(rig_->disk.attached);
  EXPECT_FALSE(rig_->cd.attached);
}

class ScsiExportOptionsTest : public testing::Test {
 protected:
  VhostUserScsiLun Disk(uint32_t lun = 0) {
    return {.lun = lun, .backend = &disk_, .unit = ScsiDiskOptions{.id = "d"}};
  }
  VhostUserScsiLun Cd(uint32_t lun = 1) {
    return {.lun = lun, .backend = &cd_, .unit = ScsiCdOptions{.id = "c"}};
  }
  absl::StatusOr<std::unique_ptr<VhostUserScsiExport>> Create(VhostUserScsiOptions options) {
    options.id = "e";
    if (options.path.empty() && options.listener.get() < 0) options.path = folder_ / "sock";
    return VhostUserScsiExport::Create(std::move(options), *control_, log_);
  }
  void ExpectError(VhostUserScsiOptions options, int error_number, const std::string& text) {
    const absl::Status status = Create(std::move(options)).status();
    EXPECT_EQ(ErrnoOf(status), error_number) << status;
    EXPECT_NE(MessageOf(status).find("vhost-user-scsi export 'e'"), std::string::npos) << status;
    EXPECT_NE(MessageOf(status).find(text), std::string::npos) << status;
    EXPECT_FALSE(disk_.attached);
    EXPECT_FALSE(cd_.attached);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "sock"));
  }

  SocketFolder folder_;
  std::unique_ptr<AioContext> control_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  FakeBlockDevice disk_{kMiB};
  FakeBlockDevice cd_{kMiB};
  MemoryLog log_;
};

TEST_F(ScsiExportOptionsTest, WhatCannotBeIsNamedAndNothingIsLeft) {
  ExpectError({}, EINVAL, "needs a LUN");
  ExpectError({.luns = {Disk()}, .num_queues = 0}, EINVAL, "num-queues 0 is not between 1 and 254");
  ExpectError({.luns = {Disk()}, .num_queues = 255}, EINVAL, "num-queues 255");
  ExpectError({.luns = {Disk()}, .queue_size = 100}, EINVAL, "queue-size 100");
  ExpectError({.luns = {Disk(3), Cd(3)}}, EINVAL, "two LUNs have the number 3");
  ExpectError({.luns = {Disk(), Cd(16384)}}, EINVAL, "LUN 16384 is beyond");
  VhostUserScsiLun wrong = Disk(5);
  std::get<ScsiDiskOptions>(wrong.unit).logical_block_size = 513;
  ExpectError({.luns = {Cd(), wrong}}, EINVAL, "LUN 5: ");
  VhostUserScsiLun same = Cd();
  same.backend = &disk_;
  ExpectError({.luns = {Disk(), same}}, EBUSY, "LUN 1: ");
  ExpectError({.path = folder_ / "missing/sock", .luns = {Disk(), Cd()}}, ENOENT, "missing/sock");
  disk_.read_only = true;
  VhostUserScsiLun writable = Disk();
  writable.writable = true;
  ExpectError({.luns = {Cd(), writable}}, EACCES, "LUN 0 is to be writable");
}

TEST_F(ScsiExportOptionsTest, ASocketThatListensAlreadyIsServed) {
  const std::string path = folder_ / "theirs";
  absl::StatusOr<UnixListener> listener = UnixListener::Listen(path);
  ASSERT_TRUE(listener.ok());
  auto made = Create({.listener = OwnedDescriptor(dup(listener->fd())), .luns = {Disk()}});
  ASSERT_TRUE(made.ok()) << made.status();
  {
    auto front =
        *VhostUserFrontEnd::Connect(path, {.turn = [this] {
                                      for (int i = 0; i < 1000 && control_->RunReady(); ++i) {
                                      }
                                    }});
    EXPECT_TRUE(front->Ask(VhostUserRequest::kGetFeatures).ok());
  }
  BlockOn(*control_, (*made)->Close());
  EXPECT_FALSE(disk_.attached);
}

}  // namespace
}  // namespace platter
