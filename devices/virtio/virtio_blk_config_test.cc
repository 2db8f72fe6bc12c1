// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_blk_config.h"

#include "gtest/gtest.h"

#include "devices/testing/fake_block_device.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {
namespace {

VirtioBlkOptions Resolved(VirtioBlkOptions options) {
  return ResolveVirtioBlkOptions(std::move(options), {}, true);
}

TEST(VirtioBlkConfig, FeaturesFollowOptionsAndBackend) {
  FakeBlockDevice backend(kMiB);
  const uint64_t all = VirtioBlkFeatures(Resolved({.num_queues = 2}), backend);
  // 5.2.3 and 6, as numbers: what a driver's author reads in the standard.
  EXPECT_EQ(all, uint64_t{1} << 40 | uint64_t{1} << 32 | 1 << 29 | 1 << 28 | 1 << 2 | 1 << 6 |
                     1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14);
  EXPECT_EQ(all & ~VirtioBlkFeatures(Resolved({}), backend), kVirtioBlkFMq);
  EXPECT_EQ(all & ~VirtioBlkFeatures(Resolved({.discard = false, .num_queues = 2}), backend),
            kVirtioBlkFDiscard);
  EXPECT_EQ(
      all & ~VirtioBlkFeatures(Resolved({.discard_granularity = 0, .num_queues = 2}), backend),
      kVirtioBlkFDiscard);
  EXPECT_EQ(all & ~VirtioBlkFeatures(Resolved({.write_zeroes = false, .num_queues = 2}), backend),
            kVirtioBlkFWriteZeroes);
  backend.discards = false;
  EXPECT_EQ(all & ~VirtioBlkFeatures(Resolved({.num_queues = 2}), backend), kVirtioBlkFDiscard);
  backend.discards = true;
  backend.read_only = true;
  EXPECT_EQ(all ^ VirtioBlkFeatures(Resolved({.num_queues = 2}), backend),
            kVirtioBlkFDiscard | kVirtioBlkFWriteZeroes | kVirtioBlkFRo);
}

TEST(VirtioBlkConfig, EveryFieldInItsUnits) {
  FakeBlockDevice backend(kMiB + 511);
  const VirtioBlkConfig config = MakeVirtioBlkConfig(Resolved({.logical_block_size = 4096,
                                                               .physical_block_size = 65536,
                                                               .min_io_size = 8192,
                                                               .opt_io_size = 1 << 20,
                                                               .discard_granularity = 65536,
                                                               .num_queues = 5,
                                                               .queue_size = 128}),
                                                     backend);
  EXPECT_EQ(config.capacity.get(), 2048u);  // Sectors of 512, whole ones.
  EXPECT_EQ(config.size_max.get(), 0u);
  EXPECT_EQ(config.seg_max.get(), 126u);  // What fits the queue.
  EXPECT_EQ(config.blk_size.get(), 4096u);
  EXPECT_EQ(config.physical_block_exp, 4);
  EXPECT_EQ(config.alignment_offset, 0);
  EXPECT_EQ(config.min_io_size.get(), 2u);
  EXPECT_EQ(config.opt_io_size.get(), 256u);
  EXPECT_EQ(config.writeback, 1);
  EXPECT_EQ(config.num_queues.get(), 5u);
  EXPECT_EQ(config.max_discard_sectors.get() % 8, 0u);
  EXPECT_LE(config.max_discard_sectors.get(), kVirtioBlkMaxSegmentSectors);
  EXPECT_EQ(config.max_discard_seg.get(), kVirtioBlkMaxSegments);
  EXPECT_EQ(config.discard_sector_alignment.get(), 128u);
  EXPECT_EQ(config.max_write_zeroes_seg.get(), kVirtioBlkMaxSegments);
  EXPECT_EQ(config.write_zeroes_may_unmap, 1);
  EXPECT_EQ(config.unused0, 0);
}

TEST(VirtioBlkConfig, ALargerQueueNeedNotMeanLargerRequests) {
  FakeBlockDevice backend(kMiB);
  const auto seg_max = [&](VirtioBlkOptions options) {
    return MakeVirtioBlkConfig(Resolved(std::move(options)), backend).seg_max.get();
  };
  EXPECT_EQ(seg_max({.queue_size = 1024}), 1022u);
  EXPECT_EQ(seg_max({.queue_size = 1024, .seg_max = 126}), 126u);
}

TEST(VirtioBlkConfig, WhatIsNotOfferedIsZero) {
  FakeBlockDevice backend(kMiB);
  backend.read_only = true;
  backend.write_cache = false;
  const VirtioBlkConfig config = MakeVirtioBlkConfig(Resolved({}), backend);
  EXPECT_EQ(config.writeback, 0);
  EXPECT_EQ(config.num_queues.get(), 0u);
  EXPECT_EQ(config.max_discard_sectors.get(), 0u);
  EXPECT_EQ(config.max_discard_seg.get(), 0u);
  EXPECT_EQ(config.discard_sector_alignment.get(), 0u);
  EXPECT_EQ(config.max_write_zeroes_sectors.get(), 0u);
  EXPECT_EQ(config.write_zeroes_may_unmap, 0);
}

}  // namespace
}  // namespace platter
