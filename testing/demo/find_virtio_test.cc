// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/find_virtio.h"

#include "gtest/gtest.h"

#include "testing/demo/stage_fixture.h"

namespace platter {
namespace {

using FindVirtioTest = StageFixture;

TEST_F(FindVirtioTest, FindsWhatHasTheId) {
  Open();
  const auto disks = FindVirtioDevices(stage_->bus(), guest::kBlkDeviceId);
  ASSERT_EQ(disks.size(), 1u);
  EXPECT_EQ(disks[0].base, stage_->machine().LocationOf<VirtioMmioLocation>("vda")->mmio_base);
  const auto adapters = FindVirtioDevices(stage_->bus(), guest::kScsiDeviceId);
  ASSERT_EQ(adapters.size(), 1u);
  EXPECT_EQ(adapters[0].line, stage_->machine().LocationOf<VirtioMmioLocation>("scsi0")->irq);
}

TEST_F(FindVirtioTest, NothingIsNotFound) {
  Open();
  EXPECT_TRUE(FindVirtioDevices(stage_->bus(), 1).empty());
}

}  // namespace
}  // namespace platter
