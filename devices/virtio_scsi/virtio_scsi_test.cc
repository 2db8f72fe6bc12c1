// SPDX-License-Identifier: Apache-2.0
//
// The adapter as a driver finds it: configuration, units and where they are, data, life.

#include "devices/virtio_scsi/virtio_scsi.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio_scsi/virtio_scsi_fixture.h"

namespace platter {
namespace {

using Bytes = std::vector<uint8_t>;

class VirtioScsiTest : public testing::Test, protected VirtioScsiFixture {
 protected:
  template <typename T>
  void WriteConfig(uint64_t offset, T value) {
    mmio.WriteConfig(offset, {reinterpret_cast<const uint8_t*>(&value), sizeof(value)});
  }
  uint32_t ReadConfig32(uint64_t offset) {
    Le32 value;
    mmio.ReadConfig(offset, {reinterpret_cast<uint8_t*>(&value), sizeof(value)});
    return value.get();
  }
};

TEST_F(VirtioScsiTest, ADiskIsReadAndWritten) {
  MakeAll();
  const Bytes data(1024, 0x5a);
  EXPECT_TRUE(disk().Write10(3, 2, data)->good());
  EXPECT_TRUE(std::equal(data.begin(), data.end(), backend.data.begin() + 3 * 512));
  const auto back = disk().Read16(2, 3, 512);
  ASSERT_TRUE(back->good());
  EXPECT_EQ(back->residual, 0u);
  ASSERT_EQ(back->data.size(), 1536u);
  EXPECT_TRUE(std::equal(back->data.begin(), back->data.end(), backend.data.begin() + 2 * 512));
  EXPECT_TRUE(disk().SynchronizeCache()->good());
  EXPECT_TRUE(disk().Unmap(8, 8)->good());
  EXPECT_EQ(backend.asked.back().op, IoOp::kDiscard);
  EXPECT_TRUE(disk().WriteSame16(16, 4, Bytes(512, 1))->good());
  EXPECT_EQ(backend.data[19 * 512 + 511], 1);
  EXPECT_EQ(driver->ring_faults(), 0u);
}

TEST_F(VirtioScsiTest, TheFirstCommandTellsOfPowerOn) {
  MakeAdapter();
  AddDisk({}, backend, "disk0");
  MakeDriver();
  EXPECT_TRUE(disk().Inquiry()->good());
  EXPECT_TRUE(disk().TestUnitReady()->IsSense(6, 0x2900));
  EXPECT_TRUE(disk().TestUnitReady()->good());
}

TEST_F(VirtioScsiTest, UnderrunsAndOverruns) {
  MakeAll();
  // More room than data.
  const ScsiAnswer longer = Execute(guest::ScsiLunOf(0, 0), ScsiRead10(0, 1), 2048);
  EXPECT_TRUE(longer.good());
  EXPECT_EQ(longer.residual, 1536u);
  EXPECT_EQ(longer.data.size(), 512u);
  // Less.
  const ScsiAnswer shorter = Execute(guest::ScsiLunOf(0, 0), ScsiRead10(0, 2), 512);
  EXPECT_EQ(shorter.transport, guest::kScsiOverrun);
  EXPECT_EQ(shorter.residual, 512u);
  const auto write = driver->Execute(0, guest::ScsiLunOf(0, 0), ScsiWrite10(0, 2), Bytes(512), 0);
  EXPECT_EQ(write->transport, guest::kScsiOverrun);
  // An error transfers nothing.
  backend.next_error = -EIO;
  const ScsiAnswer failed = Execute(guest::ScsiLunOf(0, 0), ScsiRead10(0, 1), 512);
  EXPECT_TRUE(failed.IsSense(3, 0x1100));
  EXPECT_EQ(failed.residual, 512u);
}

TEST_F(VirtioScsiTest, WhereThereIsNoTargetAndNoUnit) {
  MakeAll();
  EXPECT_EQ(Execute(guest::ScsiLunOf(1, 0), {0, 0, 0, 0, 0, 0}).transport, guest::kScsiBadTarget);
  EXPECT_EQ(Execute({2, 0, 0x40, 0}, {0, 0, 0, 0, 0, 0}).transport, guest::kScsiBadTarget);
  const guest::ScsiLun absent = guest::ScsiLunOf(0, 1);
  const ScsiAnswer inquiry = Execute(absent, {0x12, 0, 0, 0, 36, 0}, 36);
  EXPECT_TRUE(inquiry.good());
  EXPECT_EQ(inquiry.data[0], 0x7f);
  EXPECT_TRUE(Execute(absent, {0, 0, 0, 0, 0, 0}).IsSense(5, 0x2500));
  EXPECT_EQ(Execute(absent, {0x03, 0, 0, 0, 18, 0}, 18).data[12], 0x25);
  // By peripheral device addressing it is the same unit.
  EXPECT_TRUE(Execute({1, 0, 0, 0}, ScsiRead10(0, 1), 512).good());
}

TEST_F(VirtioScsiTest, ReportLunsOfAnyLunOfTheTarget) {
  MakeAll();
  AddDisk({.target = 0, .lun = 300}, other, "disk1");
  world.RunUntilIdle();
  const Bytes want = {0, 0, 0, 16, 0,    0,         0, 0, 0, 0, 0, 0,
                      0, 0, 0, 0,  0x41, 300 - 256, 0, 0, 0, 0, 0, 0};
  const Bytes cdb = {0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
  for (const guest::ScsiLun& lun : {guest::ScsiLunOf(0, 0), guest::ScsiLunOf(0, 300),
                                    guest::ScsiLunOf(0, 7), guest::ScsiLun{1, 0, 0xc1, 1}}) {
    const ScsiAnswer answer = Execute(lun, cdb, 256);
    ASSERT_TRUE(answer.good());
    EXPECT_EQ(answer.data, want);
    EXPECT_EQ(answer.residual, 256u - 24);
  }
}

TEST_F(VirtioScsiTest, TheWellKnownUnitListsTheWholeAdapter) {
  MakeAll();
  AddDisk({.target = 9, .lun = 2}, other, "disk1");
  world.RunUntilIdle();
  const ScsiAnswer answer =
      Execute(guest::kScsiReportLunsUnit, {0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, 256);
  ASSERT_TRUE(answer.good());
  EXPECT_EQ(answer.data,
            (Bytes{0, 0, 0, 16, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 0, 2, 0, 0, 0, 0}));
  EXPECT_EQ(Execute(guest::kScsiReportLunsUnit, {0x12, 0, 0, 0, 36, 0}, 36).data[0], 0x1e);
  EXPECT_TRUE(Execute(guest::kScsiReportLunsUnit, {0, 0, 0, 0, 0, 0}).good());
}

TEST_F(VirtioScsiTest, PlacesThatAreTakenOrDoNotExist) {
  MakeAll();
  auto second = *ScsiDisk::Create({.id = "second"}, other);
  const absl::Status taken = adapter->AddUnit({}, std::move(second));
  EXPECT_EQ(MessageOf(taken), "virtio-scsi device 'scsi0': target 0 LUN 0 is taken");
  EXPECT_FALSE(other.attached) << "the unit was let go";
  auto third = *ScsiDisk::Create({.id = "third"}, other);
  EXPECT_EQ(MessageOf(adapter->AddUnit({.target = 0, .lun = 16384}, std::move(third))),
            "virtio-scsi device 'scsi0': target 0 LUN 16384 is beyond the last LUN, 16383");
  EXPECT_EQ(MessageOf(adapter->RemoveUnit({.target = 4, .lun = 0}, [] {})),
            "virtio-scsi device 'scsi0': target 4 LUN 0 has no unit");
}

TEST_F(VirtioScsiTest, OnlyTheTwoSizesAreWritableAndAResetSetsThem) {
  MakeAll();
  constexpr uint64_t kSense = offsetof(guest::ScsiConfigLayout, sense_size);
  constexpr uint64_t kCdb = offsetof(guest::ScsiConfigLayout, cdb_size);
  for (uint64_t at = 0; at < sizeof(guest::ScsiConfigLayout); at += 4) WriteConfig(at, Le32(77));
  for (uint64_t at = 0; at < sizeof(guest::ScsiConfigLayout); at += 4) {
    EXPECT_EQ(ReadConfig32(at) == 77, at == kSense || at == kCdb) << at;
  }
  WriteConfig(kSense, Le32(UINT32_MAX));
  WriteConfig(kCdb, Le32(UINT32_MAX));
  EXPECT_EQ(ReadConfig32(kSense), 252u);
  EXPECT_EQ(ReadConfig32(kCdb), 260u);
  Probe();
  EXPECT_EQ(driver->config().sense_size.get(), 96u);
  EXPECT_EQ(driver->config().cdb_size.get(), 32u);
  EXPECT_TRUE(disk().ClearAttentions()->good());
}

TEST_F(VirtioScsiTest, SeveralQueuesInSeveralContexts) {
  AioContext& io0 = world.NewContext("io0");
  AioContext& io1 = world.NewContext("io1");
  MakeAll({.num_queues = 3, .iothreads = {&io0, &io1}}, {.queues = 3});
  EXPECT_EQ(driver->queue_count(), 3);
  EXPECT_EQ(backend.channel_count(), 2u);
  for (uint16_t queue = 0; queue < 3; ++queue) {
    EXPECT_TRUE(driver->Execute(queue, guest::ScsiLunOf(0, 0), ScsiRead10(0, 1), {}, 512)->good());
  }
}

TEST_F(VirtioScsiTest, ResetWithACommandHeldEndsWhenItDoes) {
  MakeAll();
  backend.hold = true;
  backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  ScsiRecorder recorder;
  driver->set_listener(&recorder);
  StartRead(1, 1);
  world.RunUntil([&] { return backend.held() == 1; });
  driver->BeginReset();
  world.RunUntilIdle();
  EXPECT_FALSE(mmio.ResetDone());
  EXPECT_EQ(backend.cancels, 1u);
  backend.Release();
  ASSERT_TRUE(driver->FinishReset().ok());
  Probe();
  EXPECT_TRUE(disk().TestUnitReady()->IsSense(6, 0x2900)) << "the units were reset too";
  EXPECT_TRUE(disk().Read10(0, 1, 512)->good());
}

TEST_F(VirtioScsiTest, ResetDropsWhatItCanCancel) {
  MakeAll();
  backend.hold = true;
  ScsiRecorder recorder;
  driver->set_listener(&recorder);
  StartRead(1, 1);
  world.RunUntil([&] { return backend.held() == 1; });
  ASSERT_TRUE(driver->Reset().ok());
  EXPECT_EQ(recorder.done, (std::vector<ScsiRecorder::Done>{{1, guest::kScsiNotWritten}}));
  backend.hold = false;
  Probe();
  EXPECT_TRUE(disk().ClearAttentions()->good());
}

TEST_F(VirtioScsiTest, UnplugLetsGoOfEveryBackend) {
  MakeAll();
  AddDisk({.target = 1, .lun = 0}, other, "disk1");
  Unplug();
  EXPECT_FALSE(backend.attached);
  EXPECT_FALSE(other.attached);
}

TEST_F(VirtioScsiTest, AnAdapterThatNeverStartedIsJustDestroyed) {
  MakeAdapter();
  AddDisk({}, backend, "disk0");
  bus.mmio().Unmap(kBase);
  adapter.reset();
  EXPECT_FALSE(backend.attached);
}

}  // namespace
}  // namespace platter
