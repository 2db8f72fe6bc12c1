// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/scarce_disk.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "testing/demo/stage_fixture.h"

namespace platter {
namespace {

class ScarceDiskTest : public StageFixture, public testing::WithParamInterface<const DiskKind*> {
 protected:
  void SetUp() override {
    StageFixture::SetUp();
    Open();
    const auto at = stage_->machine().LocationOf<VirtioMmioLocation>("scsi0");
    ASSERT_TRUE(at.ok()) << at.status();
    auto adapter = std::make_unique<GuestScsiAdapter>(
        stage_->bus(), VirtioMmioDriver::Place{.base = at->mmio_base, .line = at->irq},
        options_.patience);
    ASSERT_TRUE(adapter->Probe().ok());
    stage_->set_scsi0(std::move(adapter));
  }
  DiskAnswer WriteNow(ScarceDisk& disk, uint64_t offset) {
    EXPECT_TRUE(
        disk.driver().StartWrite({.offset = offset, .data = std::vector<uint8_t>(65536)}).ok());
    std::optional<DiskAnswer> answer;
    EXPECT_TRUE(
        stage_->WaitFor([&] { return (answer = disk.driver().PollWrite()).has_value(); }, "it")
            .ok());
    return answer.value_or(DiskAnswer{});
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, ScarceDiskTest, testing::Values(&kVirtioDisk, &kScsiDisk),
                         [](const auto& test) { return std::string(test.param->id); });

TEST_P(ScarceDiskTest, FillsUpAndGetsRoomAgain) {
  auto disk = ScarceDisk::Plug(*stage_, *GetParam(), "report");
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_EQ((*disk)->driver().capacity_bytes(), ScarceSpace::kDiskBytes);
  ASSERT_TRUE((*disk)->Fill().ok());
  EXPECT_FALSE(WriteNow(**disk, GetParam()->first_offset).good);
  ASSERT_TRUE((*disk)->MakeRoom(ScarceSpace::Room::kDelete).ok());
  EXPECT_TRUE(WriteNow(**disk, GetParam()->first_offset).good);
  ASSERT_TRUE(stage_->events().Take<BlockIoErrorEvent>().has_value());
  EXPECT_EQ(MessageOf((*disk)->Unplug()), "");
  EXPECT_EQ(stage_->machine().FindDevice(GetParam()->id), nullptr);
}

TEST_P(ScarceDiskTest, APolicyThatIsNoneIsRefused) {
  EXPECT_FALSE(ScarceDisk::Plug(*stage_, *GetParam(), "nonsense").ok());
}

}  // namespace
}  // namespace platter
