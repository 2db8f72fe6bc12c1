// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/virtio_scsi_config.h"

#include "gtest/gtest.h"

#include "devices/virtio/virtio_spec.h"

namespace platter {
namespace {

TEST(VirtioScsiConfigTest, WhatANewDeviceSays) {
  const VirtioScsiConfig config = MakeVirtioScsiConfig({.num_queues = 3, .queue_size = 64});
  EXPECT_EQ(config.num_queues.get(), 3u);
  EXPECT_EQ(config.seg_max.get(), 62u);
  EXPECT_EQ(config.max_sectors.get(), 65535u);
  EXPECT_EQ(config.cmd_per_lun.get(), 64u);
  EXPECT_EQ(config.event_info_size.get(), 16u);
  EXPECT_EQ(config.sense_size.get(), 96u);
  EXPECT_EQ(config.cdb_size.get(), 32u);
  EXPECT_EQ(config.max_channel.get(), 0u);
  EXPECT_EQ(config.max_target.get(), 255u);
  EXPECT_EQ(config.max_lun.get(), 16383u);
  EXPECT_EQ(MakeVirtioScsiConfig({.queue_size = 64, .seg_max = 30}).seg_max.get(), 30u);
}

TEST(VirtioScsiConfigTest, FeaturesThatAreThereAreOfferedAndNoOthers) {
  EXPECT_EQ(VirtioScsiFeatures({.ring = {.queue_reset = false}}),
            kVirtioFVersion1 | kVirtioFIndirectDesc | kVirtioFEventIdx | kVirtioScsiFHotplug |
                kVirtioScsiFChange);
}

}  // namespace
}  // namespace platter
