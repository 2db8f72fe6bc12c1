// SPDX-License-Identifier: Apache-2.0
//
// VhostUserRings on a real transport: when a ring runs and what stops it.

#include "exports/vhost_user/rings.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>

#include "gtest/gtest.h"

#include "base/status.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

class NoVectors final : public InterruptVectors {
  void Raise(uint16_t) override {}
};

class RingsTest : public testing::Test {
 protected:
  RingsTest()
      : device_(*VirtioBlk::Create(
            {.id = "d", .num_queues = 2, .queue_size = 128, .ring = {.packed = true}}, backend_,
            *control_)),
        transport_(*device_, vectors_),
        rings_(std::make_unique<VhostUserRings>(transport_, table_, 2, 128)) {
    const OwnedDescriptor file(memfd_create("rings", MFD_CLOEXEC));
    EXPECT_EQ(ftruncate(file.get(), 64 * kKiB), 0);
    EXPECT_TRUE(
        table_
            .Add({.guest_address = 0, .size = 64 * kKiB, .user_address = kUser, .mmap_offset = 0},
                 file)
            .ok());
    EXPECT_TRUE(transport_.SetMemory(table_.memory()).ok());
  }
  ~RingsTest() override {
    bool done = false;
    device_->Unplug([&] { done = true; });
    control_->RunUntil([&] { return done; });
    device_.reset();
  }
  void Negotiate(uint64_t refused = kVirtioFRingPacked) {
    const uint64_t features = transport_.offered_features() & ~refused;
    ASSERT_TRUE(transport_.SetFeatures(features).ok());
    rings_->set_features(features);
  }
  // All but the kick.
  void Describe(uint32_t index) {
    ASSERT_TRUE(rings_->SetNum(index, 64).ok());
    ASSERT_TRUE(rings_->SetBase(index, 0).ok());
    ASSERT_TRUE(rings_->SetAddr(Place(index)).ok());
  }
  static VhostUserVringAddr Place(uint32_t index) {
    const uint64_t at = kUser + uint64_t{index} * 16 * kKiB;
    return {.index = index,
            .flags = 0,
            .descriptor = at,
            .used = at + 8 * kKiB,
            .available = at + 4 * kKiB,
            .log = 0};
  }

  static constexpr uint64_t kUser = 0x7000000000;

  std::unique_ptr<AioContext> control_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  FakeBlockDevice backend_{kMiB};
  NoVectors vectors_;
  MemoryTable table_;
  std::unique_ptr<VirtioBlk> device_;
  DirectTransport transport_;
  std::unique_ptr<VhostUserRings> rings_;
  const OwnedDescriptor event_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

TEST_F(RingsTest, ARingRunsWhenAllIsThere) {
  ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
  Describe(0);
  ASSERT_TRUE(rings_->StartReady().ok());
  EXPECT_FALSE(rings_->running(0)) << "features are not known";
  Negotiate();
  rings_->set_enabled_at_first(false);
  ASSERT_TRUE(rings_->StartReady().ok());
  EXPECT_FALSE(rings_->running(0)) << "not enabled";
  ASSERT_TRUE(rings_->SetEnabled(0, true).ok());
  ASSERT_TRUE(rings_->StartReady().ok());
  EXPECT_TRUE(rings_->running(0));
  EXPECT_FALSE(rings_->running(1));
  EXPECT_FALSE(rings_->polls());
}

TEST_F(RingsTest, WhileARingRunsItStaysWhereItIs) {
  Negotiate();
  Describe(0);
  ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
  ASSERT_TRUE(rings_->StartReady().ok());
  EXPECT_EQ(rings_->SetNum(0, 32).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(rings_->SetBase(0, 0).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(rings_->SetAddr(Place(0)).ok());
  VhostUserVringAddr moved = Place(0);
  moved.used += 4096;
  EXPECT_EQ(rings_->SetAddr(moved).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RingsTest, NumbersAreChecked) {
  EXPECT_EQ(rings_->SetNum(2, 64).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(rings_->SetKick(2, -1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(rings_->SetEnabled(UINT32_MAX, true).code(), absl::StatusCode::kOutOfRange);
  for (const uint32_t size : {0u, 3u, 256u, 0x80000000u})
    EXPECT_FALSE(rings_->SetNum(0, size).ok());
  EXPECT_FALSE(rings_->SetBase(0, 65536).ok());
  VhostUserVringAddr place = Place(0);
  place.flags = 2;
  EXPECT_FALSE(rings_->SetAddr(place).ok());
  EXPECT_FALSE(rings_->SetErr(0, OwnedDescriptor(open("/dev/null", O_RDWR))).ok());
}

TEST_F(RingsTest, APartOutsideOfMemoryIsAnErrorAtTheStart) {
  Negotiate();
  Describe(0);
  VhostUserVringAddr place = Place(0);
  place.used = kUser + 64 * kKiB - 8;
  ASSERT_TRUE(rings_->SetAddr(place).ok());
  ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
  const absl::Status status = rings_->StartReady();
  EXPECT_NE(MessageOf(status).find("ring 0: a part of it"), std::string::npos) << status;
}

TEST_F(RingsTest, ABaseThatIsNotTheUsedIndexIsAnError) {
  Negotiate();
  Describe(0);
  ASSERT_TRUE(rings_->SetBase(0, 3).ok());
  ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
  EXPECT_NE(MessageOf(rings_->StartReady()).find("used index is 0"), std::string::npos);
}

// 2.8.10.1 and "Ring state": any size, and a base that has both places with their wrap counters.
TEST_F(RingsTest, APackedRingGoesOnWhereItStood) {
  Negotiate(0);
  EXPECT_EQ(rings_->base(0), 0x80008000u);
  ASSERT_TRUE(rings_->SetNum(0, 37).ok());
  EXPECT_FALSE(rings_->SetNum(0, 0).ok());
  EXPECT_FALSE(rings_->SetNum(0, 129).ok());
  ASSERT_TRUE(rings_->SetAddr(Place(0)).ok());
  ASSERT_TRUE(rings_->SetBase(0, 0x00050005).ok());
  ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
  ASSERT_TRUE(rings_->StartReady().ok());
  EXPECT_TRUE(rings_->running(0));
  bool stopped = false;
  rings_->StopAll([&] { stopped = true; });
  control_->RunUntil([&] { return stopped; });
  EXPECT_EQ(rings_->base(0), 0x00050005u);
}

// As User-mode Linux has it.
TEST_F(RingsTest, ABaseOf0IsThatOfANewPackedRingUnlessItWentRound) {
  for (const bool new_ring : {true, false}) {
    Negotiate(0);
    Describe(0);
    // The last of its 64 descriptors, used with a wrap counter of 1.
    const uint8_t flags[] = {0x80, 0x80};
    if (!new_ring) {
      ASSERT_TRUE(table_.memory()->Write(63 * 16 + 14, flags));
    }
    ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
    ASSERT_TRUE(rings_->StartReady().ok());
    bool stopped = false;
    rings_->StopAll([&] { stopped = true; });
    control_->RunUntil([&] { return stopped; });
    EXPECT_EQ(rings_->base(0), new_ring ? 0x80008000u : 0u);
    rings_->ForgetAll();
  }
}

TEST_F(RingsTest, APackedRingWhoseRequestsInFlightAreNotKnown) {
  Negotiate(0);
  Describe(0);
  ASSERT_TRUE(rings_->SetBase(0, 0x80008003).ok());
  ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
  EXPECT_NE(MessageOf(rings_->StartReady()).find("can't be known"), std::string::npos);
}

TEST_F(RingsTest, APackedRingWhosePredecessorEndedIsNotStarted) {
  VhostUserInflight description = {.queues = 2, .queue_size = 64};
  const auto file = InflightArea::MakeFile(description, &description.mmap_size);
  ASSERT_TRUE(file.ok());
  const auto area = *InflightArea::Map(description, *file, {.queues = 2, .queue_size = 128},
                                       SealedMemory::kAsGiven);
  auto* const mark = reinterpret_cast<uint64_t*>(area->region(0).host);
  rings_->set_inflight(area.get());
  Negotiate(0);
  Describe(0);
  ASSERT_TRUE(rings_->SetBase(0, 0x80008000).ok());
  ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
  ASSERT_TRUE(rings_->StartReady().ok());
  EXPECT_NE(*mark, 0u);
  bool stopped = false;
  rings_->StopAll([&] { stopped = true; });
  control_->RunUntil([&] { return stopped; });
  EXPECT_EQ(*mark, 0u) << "nothing is in flight";
  *mark = kVirtioFRingPacked;  // As one leaves it that is killed.
  EXPECT_NE(MessageOf(rings_->StartReady()).find("a back-end ended"), std::string::npos);
  EXPECT_FALSE(rings_->running(0));
  area->Forget();  // A reset.
  EXPECT_TRUE(rings_->StartReady().ok());
  EXPECT_TRUE(rings_->running(0));
  rings_->set_inflight(nullptr);
}

TEST_F(RingsTest, APackedRingWhoseBaseIsOutsideOfIt) {
  Negotiate(0);
  Describe(0);
  ASSERT_TRUE(rings_->SetBase(0, 64u | 64u << 16).ok());
  ASSERT_TRUE(rings_->SetKick(0, event_.get()).ok());
  EXPECT_NE(MessageOf(rings_->StartReady()).find("position"), std::string::npos);
}

TEST_F(RingsTest, StoppedRingsNeedAKickAndWithoutADescriptorArePolled) {
  Negotiate();
  Describe(0);
  Describe(1);
  ASSERT_TRUE(rings_->SetKick(0, -1).ok());
  ASSERT_TRUE(rings_->SetKick(1, event_.get()).ok());
  ASSERT_TRUE(rings_->StartReady().ok());
  EXPECT_TRUE(rings_->polls());
  rings_->KickPolled();
  bool stopped = false;
  rings_->StopAll([&] { stopped = true; });
  EXPECT_EQ(rings_->stopping(), 2u);
  control_->RunUntil([&] { return stopped; });
  EXPECT_FALSE(rings_->any_running());
  rings_->ForgetKick(0);
  ASSERT_TRUE(rings_->StartReady().ok());
  EXPECT_FALSE(rings_->running(0));
  EXPECT_TRUE(rings_->running(1));
}

TEST_F(RingsTest, ErrorsAreSignalled) {
  ASSERT_TRUE(rings_->SetErr(1, OwnedDescriptor(dup(event_.get()))).ok());
  rings_->SignalErrors();
  uint64_t value = 0;
  EXPECT_EQ(read(event_.get(), &value, sizeof(value)), ssize_t{sizeof(value)});
}

}  // namespace
}  // namespace platter
