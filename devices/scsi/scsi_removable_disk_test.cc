// SPDX-License-Identifier: Apache-2.0
//
// A disk with removable media: what guest and host do to its medium, in a lane of the control
// context and in one of its own.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr Sense kRemoved = UnitAttention(SenseCode::kMediumNotPresent);
constexpr Sense kChanged = UnitAttention(SenseCode::kMediumMayHaveChanged);
constexpr Sense kOpen = NotReady(SenseCode::kMediumNotPresentTrayOpen);
constexpr Sense kEmpty = NotReady(SenseCode::kMediumNotPresentTrayClosed);

enum class Lane : uint8_t { kControl, kOwn };

class ScsiRemovableDiskTest : public testing::TestWithParam<Lane>, protected ScsiFixture {
 protected:
  void Begin(ScsiDiskOptions options = {}) {
    StartRemovable(std::move(options),
                   GetParam() == Lane::kOwn ? &world.NewContext("lane") : nullptr);
  }
  ScsiResult Ready() { return Execute({0x00}); }
  ScsiResult Eject() { return Execute({0x1b, 0, 0, 0, 2, 0}); }
  ScsiResult Load() { return Execute({0x1b, 0, 0, 0, 3, 0}); }
  ScsiResult Prevent(bool on) { return Execute({0x1e, 0, 0, 0, on ? uint8_t{1} : uint8_t{0}, 0}); }
  ScsiResult Write(uint8_t lba, uint8_t seed) {
    return Execute({0x2a, 0, 0, 0, 0, lba, 0, 0, 1, 0}, Pattern(disk->block_size(), seed));
  }
  ScsiResult Read(uint8_t lba) {
    return Execute({0x28, 0, 0, 0, 0, lba, 0, 0, 1, 0}, {}, disk->block_size());
  }
  // The device-specific parameter of MODE SENSE(6): bit 7 is write protection.
  bool WriteProtected() {
    const ScsiResult result = Execute({0x1a, 8, 0x3f, 0, 255, 0}, {}, 255);
    EXPECT_TRUE(result.good());
    return (result.data[2] & 0x80) != 0;
  }
  // The host takes the medium out and puts in one of `bytes` zeroes.
  void Change(uint64_t bytes) {
    backend.ops.change_media(MediumMove::kEject);
    backend.data.assign(bytes, 0);
    backend.ops.change_media(MediumMove::kLoad);
  }
  // The two reports of a change.
  void TakeReports() {
    EXPECT_EQ(Ready().sense, kRemoved);
    EXPECT_EQ(Ready().sense, kChanged);
  }
};

TEST_P(ScsiRemovableDiskTest, SaysThatItsMediumIsRemovable) {
  Begin();
  const ScsiResult inquiry = Execute({0x12, 0, 0, 0, 36, 0}, {}, 36);
  EXPECT_EQ(inquiry.data[0], 0) << "a disk";
  EXPECT_EQ(inquiry.data[1], 0x80) << "RMB";
  EXPECT_TRUE(backend.ops.change_media && backend.ops.eject_request && backend.ops.is_tray_open &&
              backend.ops.is_medium_locked && backend.ops.resize);
}

// SBC-3, 5.25: what is cached is on the medium before it stops or goes.
TEST_P(ScsiRemovableDiskTest, WhatStopsOrEjectsFlushesFirst) {
  Begin();
  const auto flushes = [this](uint8_t byte4) {
    backend.asked.clear();
    const ScsiResult result = Execute({0x1b, 0, 0, 0, byte4, 0});
    EXPECT_TRUE(result.good()) << int{byte4};
    EXPECT_EQ(result.transferred, 0u);
    return !backend.asked.empty() && backend.asked.back().op == IoOp::kFlush;
  };
  constexpr uint8_t kStart = 1;
  constexpr uint8_t kLoadEject = 2;
  constexpr uint8_t kNoFlush = 4;
  constexpr uint8_t kStandby = 3 << 4;
  EXPECT_TRUE(flushes(0));
  EXPECT_TRUE(flushes(kStandby));
  EXPECT_FALSE(flushes(kStart));
  EXPECT_FALSE(flushes(kNoFlush));
  EXPECT_TRUE(flushes(kLoadEject));
  EXPECT_TRUE(backend.ops.is_tray_open());
  EXPECT_FALSE(flushes(kLoadEject)) << "no medium to flush";
  EXPECT_FALSE(flushes(kLoadEject | kStart));
  EXPECT_EQ(Ready().sense, kChanged);
  EXPECT_FALSE(flushes(kLoadEject | kNoFlush));
  EXPECT_TRUE(backend.ops.is_tray_open());
}

TEST_P(ScsiRemovableDiskTest, AFlushThatFailsKeepsTheMediumIn) {
  Begin();
  backend.next_error = -EIO;
  EXPECT_EQ(Execute({0x1b, 0, 0, 0, 2, 0}).sense.key, SenseKey::kMediumError);
  EXPECT_FALSE(backend.ops.is_tray_open());
  EXPECT_TRUE(Eject().good());
}

TEST_P(ScsiRemovableDiskTest, TheGuestEjectsAndLoads) {
  Begin();
  EXPECT_TRUE(Write(3, 1).good());
  EXPECT_TRUE(Eject().good());
  EXPECT_EQ(backend.tray_moves, std::vector{MediumMove::kEject});
  EXPECT_TRUE(backend.ops.is_tray_open());
  backend.asked.clear();
  EXPECT_EQ(Ready().sense, kOpen);
  EXPECT_EQ(Write(3, 2).sense, kOpen);
  EXPECT_EQ(Read(3).sense, kOpen);
  EXPECT_EQ(Execute({0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}).sense, kOpen);
  EXPECT_EQ(Execute({0x25}, {}, 8).sense, kOpen);
  EXPECT_TRUE(backend.asked.empty());
  EXPECT_TRUE(Load().good());
  EXPECT_EQ(backend.tray_moves, (std::vector{MediumMove::kEject, MediumMove::kLoad}));
  EXPECT_EQ(Write(3, 2).sense, kChanged) << "the host may have put another one on the tray";
  EXPECT_EQ(Read(3).data, Pattern(512, 1));
}

TEST_P(ScsiRemovableDiskTest, ALockedMediumStays) {
  Begin();
  EXPECT_TRUE(Prevent(true).good());
  EXPECT_TRUE(backend.medium_locked);
  EXPECT_TRUE(backend.ops.is_medium_locked());
  EXPECT_EQ(Eject().sense, IllegalRequest(SenseCode::kMediumRemovalPrevented));
  EXPECT_TRUE(backend.tray_moves.empty());
  EXPECT_TRUE(Write(0, 1).good());
  backend.ops.eject_request(Force::kNo);
  EXPECT_TRUE(backend.ops.is_medium_locked());
  EXPECT_TRUE(Prevent(false).good());
  EXPECT_FALSE(backend.medium_locked);
  EXPECT_TRUE(Eject().good());
}

TEST_P(ScsiRemovableDiskTest, TheHostForcesALockedMedium) {
  Begin();
  EXPECT_TRUE(Prevent(true).good());
  backend.ops.eject_request(Force::kYes);
  backend.ops.change_media(MediumMove::kEject);
  EXPECT_TRUE(backend.ops.is_tray_open());
  EXPECT_FALSE(backend.ops.is_medium_locked());
  EXPECT_EQ(Read(0).sense, kRemoved);
  EXPECT_EQ(Read(0).sense, kOpen);
  EXPECT_TRUE(backend.tray_moves.empty()) << "the backend tells of what the host does";
}

TEST_P(ScsiRemovableDiskTest, AnotherMediumHasItsOwnCapacityAndData) {
  Begin();
  EXPECT_TRUE(Write(3, 1).good());
  Change(4 << 20);
  EXPECT_EQ(Write(3, 2).sense, kRemoved);
  EXPECT_EQ(Write(3, 2).sense, kChanged);
  EXPECT_EQ(Read(3).data, std::vector<uint8_t>(512)) << "neither write was done";
  EXPECT_EQ(Execute({0x25}, {}, 8).Number(0, 4), 8191u);
  // The block descriptor of MODE SENSE, too.
  EXPECT_EQ(Execute({0x1a, 0, 0x3f, 0, 255, 0}, {}, 255).Number(4, 4), 8192u);
  EXPECT_TRUE(Write(3, 2).good());
  EXPECT_TRUE(MediumHas(3 * 512, Pattern(512, 2)));
  Change(64 << 10);
  TakeReports();
  EXPECT_EQ(Read(128).sense, IllegalRequest(SenseCode::kLbaOutOfRange));
  EXPECT_TRUE(Read(127).good());
}

TEST_P(ScsiRemovableDiskTest, WriteProtectionIsTheMediums) {
  backend.read_only = true;
  Begin();
  EXPECT_TRUE(backend.attachment.needs_write) << "the next medium may be writable";
  EXPECT_TRUE(WriteProtected());
  EXPECT_EQ(Write(0, 1).sense,
            (Sense{.key = SenseKey::kDataProtect, .code = SenseCode::kWriteProtected}));
  backend.read_only = false;
  Change(1 << 20);
  TakeReports();
  EXPECT_FALSE(WriteProtected());
  EXPECT_TRUE(Write(0, 1).good());
}

TEST_P(ScsiRemovableDiskTest, AMediumThatDoesNotFitIsNotReady) {
  constexpr Sense kIncompatible = NotReady(SenseCode::kIncompatibleMedium);
  Begin({.logical_block_size = 4096});
  Change((1 << 20) + 512);
  TakeReports();
  backend.asked.clear();
  EXPECT_EQ(Ready().sense, kIncompatible);
  EXPECT_EQ(Read(0).sense, kIncompatible);
  EXPECT_EQ(Write(0, 1).sense, kIncompatible);
  EXPECT_EQ(Execute({0x25}, {}, 8).sense, kIncompatible);
  EXPECT_TRUE(backend.asked.empty());
  const ScsiResult sense = Execute({0x03, 0, 0, 0, 18, 0}, {}, 18);
  EXPECT_EQ(sense.data[2], 0x02);
  EXPECT_EQ(sense.Number(12, 2), 0x3000u);
  EXPECT_EQ(Execute({0x1a, 0, 0x3f, 0, 255, 0}, {}, 255).data[3], 0) << "no block descriptor";
  EXPECT_TRUE(Eject().good()) << "it can be taken out";
  backend.data.assign(1 << 20, 0);
  EXPECT_TRUE(Load().good());
  EXPECT_EQ(Ready().sense, kChanged);
  const ScsiResult capacity = Execute({0x25}, {}, 8);
  EXPECT_EQ(capacity.Number(0, 4), 255u);
  EXPECT_EQ(capacity.Number(4, 4), 4096u) << "blocks are the drive's, not the medium's";
}

TEST_P(ScsiRemovableDiskTest, AnEmptyDriveWaitsForAMedium) {
  backend.inserted = false;
  Begin();
  EXPECT_EQ(Ready().sense, kEmpty);
  EXPECT_EQ(Write(0, 1).sense, kEmpty);
  EXPECT_EQ(Execute({0x25}, {}, 8).sense, kEmpty);
  EXPECT_TRUE(Execute({0x1a, 0, 0x3f, 0, 255, 0}, {}, 255).good());
  EXPECT_TRUE(Eject().good());
  EXPECT_EQ(Ready().sense, kOpen);
  backend.inserted = true;
  EXPECT_EQ(Ready().sense, kOpen) << "what lies on the tray is not in the drive";
  EXPECT_TRUE(Load().good());
  EXPECT_EQ(Ready().sense, kChanged);
  EXPECT_TRUE(Write(0, 1).good());
}

TEST_P(ScsiRemovableDiskTest, AMediumThatGoesBeneathTheTrayIsNotThere) {
  Begin();
  backend.inserted = false;
  EXPECT_EQ(Read(0).sense, kEmpty);
}

TEST_P(ScsiRemovableDiskTest, AResizeIsNoChangeOfTheMedium) {
  Begin();
  std::vector<ScsiNews> news;
  disk->set_on_news([&](ScsiNews what) { news.push_back(what); });
  backend.Resize(2 << 20);
  EXPECT_EQ(Ready().sense, UnitAttention(SenseCode::kCapacityDataChanged));
  EXPECT_TRUE(Ready().good());
  EXPECT_EQ(Execute({0x25}, {}, 8).Number(0, 4), 4095u);
  backend.ops.eject_request(Force::kNo);
  Change(1 << 20);
  EXPECT_EQ(news,
            (std::vector{ScsiNews::kCapacity, ScsiNews::kTray, ScsiNews::kTray, ScsiNews::kTray}));
}

TEST_P(ScsiRemovableDiskTest, ResetsUnlockAndOnlyTheMachinesCloses) {
  Begin();
  EXPECT_TRUE(Eject().good());
  EXPECT_TRUE(Prevent(true).good());
  backend.write_cache = false;
  disk->Reset(SenseCode::kBusDeviceReset);
  EXPECT_TRUE(backend.write_cache);
  EXPECT_FALSE(backend.medium_locked);
  EXPECT_FALSE(backend.ops.is_medium_locked());
  EXPECT_TRUE(backend.ops.is_tray_open());
  EXPECT_EQ(Ready().sense, UnitAttention(SenseCode::kBusDeviceReset));
  EXPECT_EQ(Ready().sense, kOpen);
  backend.tray_moves.clear();
  backend.write_cache = false;
  disk->ResetMachine();
  EXPECT_TRUE(backend.write_cache);
  EXPECT_EQ(backend.tray_moves, std::vector{MediumMove::kLoad});
  EXPECT_EQ(Ready().sense, UnitAttention(SenseCode::kPowerOnOrReset));
  EXPECT_TRUE(Ready().good());
}

INSTANTIATE_TEST_SUITE_P(Lanes, ScsiRemovableDiskTest, testing::Values(Lane::kControl, Lane::kOwn),
                         [](const testing::TestParamInfo<Lane>& lane) {
                           return std::string(lane.param == Lane::kControl ? "Control" : "Own");
                         });

class ScsiEmptyDiskTest : public testing::Test, protected ScsiFixture {};

// Its commands do not come and go with the medium.
TEST_F(ScsiEmptyDiskTest, UnmapWaitsForAMediumAsOthersDo) {
  StartRemovable();
  backend.inserted = false;
  backend.discards = false;
  disk->ResetMachine();
  disk->attentions().Clear();
  const Sense unmap = Execute({0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0}).sense;
  EXPECT_EQ(unmap.key, SenseKey::kNotReady);
  EXPECT_EQ(unmap, Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 512).sense);
}

TEST_F(ScsiEmptyDiskTest, PowerConditionsThatThereAreNotAreRefused) {
  StartRemovable();
  for (const uint8_t condition : {0x40, 0x50, 0x60, 0x80, 0x90, 0xc0, 0xf0}) {
    EXPECT_EQ(Execute({0x1b, 0, 0, 0, condition, 0}).sense,
              IllegalRequest(SenseCode::kInvalidFieldInCdb));
  }
  EXPECT_TRUE(Execute({0x1b, 0, 0, 0, 0x30, 0}).good());
}

class ScsiFixedDiskTest : public testing::Test, protected ScsiFixture {};

TEST_F(ScsiFixedDiskTest, HasNoTray) {
  Start();
  EXPECT_EQ(disk->tray(), nullptr);
  EXPECT_EQ(Execute({0x12, 0, 0, 0, 36, 0}, {}, 36).data[1], 0) << "RMB";
  EXPECT_EQ(Execute({0x1e, 0, 0, 0, 1, 0}).sense, IllegalRequest(SenseCode::kInvalidOpcode));
  EXPECT_EQ(Execute({0x1b, 0, 0, 0, 2, 0}).sense, IllegalRequest(SenseCode::kInvalidFieldInCdb));
  EXPECT_TRUE(Execute({0x00}).good());
  EXPECT_TRUE(backend.tray_moves.empty());
  EXPECT_FALSE(backend.ops.change_media || backend.ops.eject_request || backend.ops.is_tray_open ||
               backend.ops.is_medium_locked);
}

}  // namespace
}  // namespace platter
