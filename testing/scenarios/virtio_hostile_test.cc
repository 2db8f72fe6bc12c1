// SPDX-License-Identifier: Apache-2.0
//
// Chains that break the rules, in a named way each, given to virtio-blk: it answers, or says that
// it needs a reset; it changes no memory but the request's, keeps the disk's other bytes, and works
// again after the reset.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/contract/device_world.h"
#include "testing/guest/blk_request_builder.h"
#include "testing/guest/chain_builder.h"
#include "testing/guest/raw_ring.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kWindow = 0x0a000000;
constexpr uint64_t kDiskBytes = 64 * 1024;
constexpr uint16_t kRingSize = 16;
constexpr uint32_t kBufferBytes = 4096;

class VirtioHostile : public testing::Test {
 protected:
  VirtioHostile() {
    EXPECT_TRUE(
        BlockOn(world_.control, world_.backend->InsertRoot(world_.NewMedium("disk", kDiskBytes)))
            .ok());
    FillPattern(1, 0, world_.disk().bytes());
    VirtioBlkOptions options;
    options.id = "disk0";
    device_ = *VirtioBlk::Create(options, *world_.backend, world_.control);
    mmio_ = std::make_unique<MmioTransport>(*device_, world_.bus.memory(), world_.bus.Line(1));
    EXPECT_TRUE(world_.bus.mmio().Map(kWindow, kMmioTransportBytes, *mmio_).ok());
    StartRing();
    guard_ = *world_.bus.Allocate(3 * kBufferBytes, 4096);
    std::vector<uint8_t> guard(3 * kBufferBytes);
    FillPattern(2, 0, guard);
    world_.bus.Write(guard_, guard);
  }
  ~VirtioHostile() override {
    bool done = false;
    device_->Unplug([&] { done = true; });
    EXPECT_TRUE(world_.bus.WaitFor([&] { return done; }, std::chrono::seconds(10)));
    world_.bus.mmio().Unmap(kWindow);
    device_.reset();
  }

  // A ring without rules on queue 0 of a device that is ready.
  void StartRing() {
    driver_.BeginReset();
    ASSERT_TRUE(world_.bus.WaitFor([&] { return driver_.ResetDone(); }, std::chrono::seconds(10)));
    ASSERT_TRUE(driver_
                    .AcceptFeatures(driver_.DeviceFeatures() &
                                    (guest::kFeatureVersion1 | guest::kFeatureIndirectDesc |
                                     guest::kBlkFeatureFlush | guest::kBlkFeatureDiscard))
                    .ok());
    ring_ = std::make_unique<RawRing>(*RawRing::Create(world_.bus, kRingSize));
    ASSERT_TRUE(driver_.StartQueue(0, ring_->layout()).ok());
    driver_.DriverOk();
  }

  uint64_t buffer() const { return guard_ + kBufferBytes; }

  enum class Reaction { kAnswered, kNeedsReset, kSilent };
  // Makes `head` available and waits for what the device does about it.
  Reaction Give(uint16_t head) {
    const uint16_t used = ring_->UsedIndex();
    ring_->MakeAvailable(head);
    driver_.Notify(0);
    world_.bus.WaitFor([&] { return ring_->UsedIndex() != used || driver_.NeedsReset(); },
                       std::chrono::seconds(10));
    if (ring_->UsedIndex() != used) return Reaction::kAnswered;
    return driver_.NeedsReset() ? Reaction::kNeedsReset : Reaction::kSilent;
  }

  // Whatever it was: nothing in flight, and only the buffer changed.
  void ExpectUnharmed() {
    EXPECT_EQ(world_.backend->in_flight(), 0u);
    EXPECT_EQ(FindPatternMismatch(1, kBufferBytes,
                                  std::span(world_.disk().bytes()).subspan(kBufferBytes)),
              std::nullopt)
        << "the disk changed outside of the request";
    std::vector<uint8_t> guard(3 * kBufferBytes);
    world_.bus.Read(guard_, guard);
    EXPECT_EQ(FindPatternMismatch(2, 0, std::span(guard).first(kBufferBytes)), std::nullopt);
    EXPECT_EQ(FindPatternMismatch(2, 2 * kBufferBytes, std::span(guard).subspan(2 * kBufferBytes)),
              std::nullopt);
  }

  // After a reset the device does a plain read.
  void ExpectWorksAfterReset() {
    StartRing();
    BlkRequestBuilder request(world_.bus, scratch_);
    request.In(8).To(buffer(), 512);
    EXPECT_EQ(Give(request.Chain().Place(*ring_, 0)), Reaction::kAnswered);
    EXPECT_EQ(request.Status(), guest::kBlkOk);
    std::vector<uint8_t> data(512);
    world_.bus.Read(buffer(), data);
    EXPECT_EQ(FindPatternMismatch(1, 8 * 512, data), std::nullopt);
  }

  DeviceWorld world_{5};
  std::unique_ptr<VirtioBlk> device_;
  std::unique_ptr<MmioTransport> mmio_;
  VirtioMmioDriver driver_{world_.bus, {.base = kWindow, .line = 1}};
  std::unique_ptr<RawRing> ring_;
  uint64_t guard_ = 0;
  const uint64_t scratch_ = *world_.bus.Allocate(BlkRequestBuilder::kScratchBytes, 16);
  const uint64_t table_ = *world_.bus.Allocate(4096, 16);
};

enum class Direction { kIn, kOut };

class VirtioHostileChain : public VirtioHostile,
                           public testing::WithParamInterface<std::tuple<int, Direction, bool>> {
 protected:
  ChainDefect defect() const { return static_cast<ChainDefect>(std::get<0>(GetParam())); }
  bool indirect() const { return std::get<2>(GetParam()) || NeedsIndirect(defect()); }
};

INSTANTIATE_TEST_SUITE_P(Defects, VirtioHostileChain,
                         testing::Combine(testing::Range(0, kChainDefectCount),
                                          testing::Values(Direction::kIn, Direction::kOut),
                                          testing::Bool()),
                         [](const auto& test) {
                           return std::string(
                                      NameOf(static_cast<ChainDefect>(std::get<0>(test.param)))) +
                                  (std::get<1>(test.param) == Direction::kIn ? "In" : "Out") +
                                  (std::get<2>(test.param) ? "Indirect" : "Direct");
                         });

TEST_P(VirtioHostileChain, IsAnsweredOrNeedsAResetAndHarmsNothing) {
  BlkRequestBuilder request(world_.bus, scratch_);
  if (std::get<1>(GetParam()) == Direction::kIn) {
    request.In(0).To(buffer(), 2048).To(buffer() + 2048, 2048);
  } else {
    request.Out(0).From(buffer(), 2048).From(buffer() + 2048, 2048);
  }
  ChainBuilder chain = request.Chain().With(defect());
  if (indirect()) chain.Indirect(table_);
  const Reaction reaction = Give(chain.Place(*ring_, 2));
  EXPECT_NE(reaction, Reaction::kSilent);
  if (defect() == ChainDefect::kNone) {
    EXPECT_EQ(reaction, Reaction::kAnswered);
    EXPECT_EQ(request.Status(), guest::kBlkOk);
  }
  world_.bus.RunFor(std::chrono::seconds(1));
  ExpectUnharmed();
  ExpectWorksAfterReset();
}

// R-VQ-05: one head given twice before it was used.
TEST_F(VirtioHostile, AHeadGivenTwiceInFlight) {
  world_.disk().Hold(IoOp::kRead);
  BlkRequestBuilder request(world_.bus, scratch_);
  request.In(0).To(buffer(), 512);
  const uint16_t head = request.Chain().Place(*ring_, 0);
  ring_->MakeAvailable(head);
  ring_->MakeAvailable(head);
  driver_.Notify(0);
  world_.bus.RunFor(std::chrono::seconds(1));
  world_.disk().Release();
  world_.bus.RunFor(std::chrono::seconds(1));
  EXPECT_TRUE(driver_.NeedsReset() || ring_->UsedIndex() == 2);
  ExpectUnharmed();
  ExpectWorksAfterReset();
}

// R-VQ-03: an available index further ahead than the ring is long.
TEST_F(VirtioHostile, AnAvailableIndexAheadOfTheRing) {
  BlkRequestBuilder request(world_.bus, scratch_);
  request.In(0).To(buffer(), 512);
  const uint16_t head = request.Chain().Place(*ring_, 0);
  for (uint16_t slot = 0; slot < kRingSize; ++slot) ring_->SetAvailEntry(slot, head);
  ring_->SetAvailIndex(kRingSize + 1);
  driver_.Notify(0);
  world_.bus.RunFor(std::chrono::seconds(1));
  EXPECT_TRUE(driver_.NeedsReset());
  ExpectUnharmed();
  ExpectWorksAfterReset();
}

// R-BLK-01, R-BLK-03: headers and statuses of every length.
TEST_F(VirtioHostile, HeadersAndStatusesOfEveryLength) {
  for (uint32_t header = 0; header <= 17; ++header) {
    for (const uint32_t status : {0u, 1u, 2u, 16u}) {
      SCOPED_TRACE(testing::Message() << header << " bytes of header, " << status << " of status");
      BlkRequestBuilder request(world_.bus, scratch_);
      request.In(0).HeaderBytes(header).StatusBytes(status).To(buffer(), 512);
      const Reaction reaction = Give(request.Chain().Place(*ring_, 0));
      EXPECT_NE(reaction, Reaction::kSilent);
      if (header == 16 && status == 1) {
        EXPECT_EQ(request.Status(), guest::kBlkOk);
      }
      ExpectUnharmed();
      if (driver_.NeedsReset()) StartRing();
    }
  }
  ExpectWorksAfterReset();
}

// R-VQ-02: notifications of queues that do not exist.
TEST_F(VirtioHostile, NotificationsOfNoQueue) {
  for (const uint32_t queue : {1u, 63u, 64u, 65u, 0xffffu, 0x10000u, UINT32_MAX}) {
    driver_.Set(guest::kMmioQueueNotify, queue);
  }
  world_.bus.RunFor(std::chrono::seconds(1));
  EXPECT_FALSE(driver_.NeedsReset());
  ExpectWorksAfterReset();
}

// R-BLK-05: ranges that wrap, are too long, have unknown flags or unmap.
TEST_F(VirtioHostile, DiscardRangesThatAreWrong) {
  struct Wrong {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
    uint8_t status;
  };
  const Wrong kWrong[] = {
      {UINT64_MAX, 1, 0, guest::kBlkIoError},
      {UINT64_MAX / 512, UINT32_MAX, 0, guest::kBlkIoError},
      {kDiskBytes / 512, 1, 0, guest::kBlkIoError},
      {kDiskBytes / 512 - 1, 2, 0, guest::kBlkIoError},
      {0, 1, 0x80000000, guest::kBlkUnsupported},
      {0, 1, guest::kBlkRangeUnmap, guest::kBlkUnsupported},
  };
  for (const Wrong& wrong : kWrong) {
    SCOPED_TRACE(testing::Message() << wrong.sector << "+" << wrong.sectors);
    BlkRequestBuilder request(world_.bus, scratch_);
    request.Discard().Range(wrong.sector, wrong.sectors, wrong.flags);
    ASSERT_EQ(Give(request.Chain().Place(*ring_, 0)), Reaction::kAnswered);
    EXPECT_EQ(request.Status(), wrong.status);
    EXPECT_EQ(world_.disk().done(IoOp::kDiscard), 0u);
  }
  ExpectUnharmed();
}

}  // namespace
}  // namespace platter
