// SPDX-License-Identifier: Apache-2.0
//
// Messages about rings and memory, one by one.

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_spec.h"
#include "exports/vhost_user/session.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

using R = VhostUserRequest;

// A guest whose driver has started, and what can be asked for one at a time.
class SessionRingsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(guest_.disk.Probe().ok()); }

  // A read that is held by the backend.
  void StartRead() {
    rig_.backend.hold = true;
    buffer_ = *guest_.bus.Allocate(512, 512);
    const GuestSegment segment = {.address = buffer_, .bytes = 512};
    ASSERT_TRUE(guest_.disk.Submit(0, {.type = guest::kBlkIn, .data = {&segment, 1}}, 1));
    guest_.disk.Kick(0);
    guest_.bus.WaitFor([&] { return rig_.backend.held() == 1; }, std::chrono::seconds(10));
    ASSERT_EQ(rig_.backend.held(), 1u);
  }
  void ExpectWaitsForTheRead(R request, std::span<const uint8_t> payload,
                             std::span<const int> descriptors) {
    StartRead();
    ASSERT_TRUE(front().Send(static_cast<uint32_t>(request),
                             kVhostUserVersion | kVhostUserNeedReply, payload, descriptors));
    // This one is not looked at before.
    ASSERT_TRUE(front().Send(static_cast<uint32_t>(R::kGetQueueNum), kVhostUserVersion, {}));
    rig_.Turn();
    std::array<uint8_t, 1> byte = {};
    EXPECT_LT(recv(front().socket(), byte.data(), 1, MSG_PEEK | MSG_DONTWAIT), 0);
    rig_.backend.Release();
    const auto first = front().Receive();
    ASSERT_TRUE(first.ok()) << first.status() << rig_.LastLine();
    EXPECT_EQ(first->request, static_cast<uint32_t>(request));
    const auto second = front().Receive();
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(second->request, static_cast<uint32_t>(R::kGetQueueNum));
  }
  bool ReadsStill() {
    std::vector<uint8_t> data(512);
    return guest_.disk.Read(0, data).value_or(255) == guest::kBlkOk;
  }
  void ExpectEnds(R request, std::span<const uint8_t> payload, const std::string& text,
                  std::span<const int> descriptors = {}) {
    ASSERT_TRUE(
        front().Send(static_cast<uint32_t>(request), kVhostUserVersion, payload, descriptors));
    EXPECT_TRUE(front().WaitUntilClosed().ok());
    EXPECT_NE(rig_.LastLine().find(text), std::string::npos) << rig_.LastLine();
  }
  VhostUserFrontEnd& front() { return *guest_.front; }
  std::vector<uint8_t> Table() const {
    const std::vector<VhostUserMemoryRegion> regions = guest_.bus.table();
    const VhostUserMemoryHeader header = {.regions = 2, .padding = 0};
    std::vector<uint8_t> payload(BytesOf(header).begin(), BytesOf(header).end());
    for (const auto& region : regions) {
      payload.insert(payload.end(), BytesOf(region).begin(), BytesOf(region).end());
    }
    return payload;
  }

  SessionRig rig_;
  SessionGuest guest_{rig_};
  uint64_t buffer_ = 0;
  const OwnedDescriptor event_{eventfd(0, EFD_CLOEXEC)};
  const std::array<int, 1> one_ = {event_.get()};
};

TEST_F(SessionRingsTest, GetVringBaseAnswersWhenTheRingHasDrained) {
  const VhostUserVringState state = {.index = 0, .num = 0};
  ExpectWaitsForTheRead(R::kGetVringBase, BytesOf(state), {});
}

TEST_F(SessionRingsTest, ADisabledRingHasDrainedAndAnEnabledOneGoesOn) {
  VhostUserVringState state = {.index = 0, .num = 0};
  ExpectWaitsForTheRead(R::kSetVringEnable, BytesOf(state), {});
  state.num = 1;
  ASSERT_TRUE(front().Tell(R::kSetVringEnable, BytesOf(state)).ok());
  EXPECT_TRUE(ReadsStill());
}

// R-VU-05.
TEST_F(SessionRingsTest, MemoryIsReplacedWhenTheRingHasDrainedAndItGoesOn) {
  ExpectWaitsForTheRead(R::kSetMemTable, Table(), guest_.bus.descriptors());
  EXPECT_TRUE(ReadsStill());
}

TEST_F(SessionRingsTest, MemoryIsAddedAndRemovedUnderARunningRing) {
  EXPECT_GE(front().Ask(R::kGetMaxMemSlots).value_or(0), 32u);
  const OwnedDescriptor file(memfd_create("more", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), kMiB), 0);
  const std::array<int, 1> files = {file.get()};
  const VhostUserSingleRegion more = {
      .padding = 0,
      .region = {
          .guest_address = kGiB, .size = kMiB, .user_address = 0x6000000000, .mmap_offset = 0}};
  ASSERT_TRUE(front().Tell(R::kAddMemReg, BytesOf(more), files).ok());
  EXPECT_TRUE(ReadsStill());
  // Refused, and all is as it was.
  EXPECT_EQ(front().Tell(R::kAddMemReg, BytesOf(more), files).code(), absl::StatusCode::kAborted);
  EXPECT_NE(rig_.LastLine().find("ADD_MEM_REG: memory region"), std::string::npos);
  EXPECT_TRUE(ReadsStill());
  ExpectWaitsForTheRead(R::kRemMemReg, BytesOf(more), files);
  EXPECT_TRUE(ReadsStill());
  EXPECT_EQ(front().Tell(R::kRemMemReg, BytesOf(more)).code(), absl::StatusCode::kAborted);
}

TEST_F(SessionRingsTest, TheMemoryOfARunningRingIsNotTakenAway) {
  const VhostUserMemoryHeader none = {.regions = 0, .padding = 0};
  EXPECT_TRUE(front().Tell(R::kSetMemTable, BytesOf(none)).ok());
  // It is stopped, and runs again when its memory is back.
  ASSERT_TRUE(front().Tell(R::kSetMemTable, Table(), guest_.bus.descriptors()).ok());
  EXPECT_TRUE(ReadsStill());
  // Without the ring's own region it can't go on.
  const VhostUserMemoryRegion ring = guest_.bus.table()[0];
  const VhostUserSingleRegion gone = {.padding = 0, .region = ring};
  ExpectEnds(R::kRemMemReg, BytesOf(gone), "REM_MEM_REG: ring 0: a part of it");
}

TEST_F(SessionRingsTest, ATableIsAsLongAsItSays) {
  std::vector<uint8_t> table = Table();
  table[0] = 3;
  ExpectEnds(R::kSetMemTable, table, "SET_MEM_TABLE: 3 regions", guest_.bus.descriptors());
}

TEST_F(SessionRingsTest, ATableHasADescriptorForEachRegion) {
  ExpectEnds(R::kSetMemTable, Table(), "with 1 file descriptors", one_);
}

TEST_F(SessionRingsTest, ATableMayBeFollowedByUnusedRegions) {
  std::vector<uint8_t> table = Table();
  table.resize(table.size() + sizeof(VhostUserMemoryRegion));
  EXPECT_TRUE(front().Tell(R::kSetMemTable, table, guest_.bus.descriptors()).ok());
}

TEST_F(SessionRingsTest, ARingThatRunsKeepsItsSize) {
  const VhostUserVringState state = {.index = 0, .num = 64};
  ExpectEnds(R::kSetVringNum, BytesOf(state), "SET_VRING_NUM: ring 0 runs");
}

TEST_F(SessionRingsTest, ThereAreAsManyRingsAsThereAre) {
  const VhostUserVringState state = {.index = 1, .num = 64};
  ExpectEnds(R::kGetVringBase, BytesOf(state), "GET_VRING_BASE: there is no ring 1");
}

TEST_F(SessionRingsTest, EnabledIsNoughtOrOne) {
  const VhostUserVringState state = {.index = 0, .num = 2};
  ExpectEnds(R::kSetVringEnable, BytesOf(state), "neither 0 nor 1");
}

TEST_F(SessionRingsTest, ADescriptorIsThereUnlessTheMessageSaysThatItIsNot) {
  const uint64_t index = 0;
  ExpectEnds(R::kSetVringKick, BytesOf(index), "SET_VRING_KICK: its descriptor is missing");
}

TEST_F(SessionRingsTest, NoDescriptorIsThereWhenTheMessageSaysSo) {
  const uint64_t index = kVhostUserVringNoFd;
  ExpectEnds(R::kSetVringCall, BytesOf(index), "SET_VRING_CALL: it says that there is no", one_);
}

TEST_F(SessionRingsTest, UnknownBitsOfAnIndexAreRefused) {
  const uint64_t index = uint64_t{1} << 9;
  ExpectEnds(R::kSetVringErr, BytesOf(index), "SET_VRING_ERR: 0x200 has unknown bits", one_);
}

TEST_F(SessionRingsTest, WithoutDescriptorsBothSidesPoll) {
  const uint64_t none = kVhostUserVringNoFd;
  ASSERT_TRUE(front().Tell(R::kSetVringKick, BytesOf(none)).ok());
  ASSERT_TRUE(front().Tell(R::kSetVringCall, BytesOf(none)).ok());
  const uint64_t buffer = *guest_.bus.Allocate(512, 512);
  const GuestSegment segment = {.address = buffer, .bytes = 512};
  ASSERT_TRUE(guest_.disk.Submit(0, {.type = guest::kBlkIn, .data = {&segment, 1}}, 1));
  static_cast<void>(guest_.disk.queue(0).Publish());
  uint32_t reaped = 0;
  EXPECT_TRUE(guest_.bus.WaitFor(
      [&] {
        guest_.disk.queue(0).Reap([&](uint64_t, uint8_t, uint32_t) { ++reaped; });
        return reaped == 1;
      },
      std::chrono::seconds(10)));
}

TEST_F(SessionRingsTest, AGuestThatBreaksItsRingIsToldAndCanStartAnew) {
  // R-VQ-03: the available index far ahead.
  const std::array<uint8_t, 2> wild = {0xff, 0x7f};
  ASSERT_TRUE(guest_.bus.Write(guest_.transport.layout(0).driver + kVirtqAvailIdx, wild));
  guest_.transport.Notify(0);
  ASSERT_TRUE(
      guest_.bus.WaitFor([&] { return guest_.transport.NeedsReset(); }, std::chrono::seconds(10)));
  EXPECT_EQ(front().Ask(R::kGetStatus).value_or(0) & 64, 64u);
  ASSERT_TRUE(guest_.disk.Probe().ok());
  EXPECT_TRUE(ReadsStill());
}

}  // namespace
}  // namespace platter
