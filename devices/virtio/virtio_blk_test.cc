// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_blk.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"

namespace platter {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;

class VirtioBlkTest : public testing::Test, public BlkFixture {};

TEST_F(VirtioBlkTest, ReadsAndWritesWhatTheBackendHas) {
  MakeAll();
  std::vector<uint8_t> data(8192);
  EXPECT_EQ(*driver->Read(3, data), guest::kBlkOk);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), backend.data.begin() + 3 * 512));
  std::fill(data.begin(), data.end(), uint8_t{0x5a});
  EXPECT_EQ(*driver->Write(100, data), guest::kBlkOk);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), backend.data.begin() + 100 * 512));
  EXPECT_EQ(backend.data[100 * 512 - 1], 0xff);
  EXPECT_EQ(*driver->Flush(), guest::kBlkOk);
  EXPECT_EQ(backend.asked.back().op, IoOp::kFlush);
  EXPECT_EQ(driver->ring_faults(), 0u);
}

TEST_F(VirtioBlkTest, AMediumThatIsNotMadeOfItsBlocksIsRefused) {
  for (const auto& [bytes, block] : {std::pair{1000u, 512u}, {512u * 9, 4096u}}) {
    backend.announced_length = bytes;
    const auto refused =
        VirtioBlk::Create({.id = "disk0", .logical_block_size = block}, backend, control);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(std::string(refused.status().message()),
                AllOf(HasSubstr("'disk0'"), HasSubstr(std::to_string(bytes)),
                      HasSubstr("logical_block_size " + std::to_string(block))));
    EXPECT_FALSE(backend.attached);
  }
}

TEST_F(VirtioBlkTest, TellsItsCapacityAndLimits) {
  MakeAll({.serial = "SN-1",
           .logical_block_size = 1024,
           .physical_block_size = 4096,
           .min_io_size = 4096,
           .opt_io_size = 65536,
           .num_queues = 3,
           .queue_size = 64});
  const BlkDeviceInfo& info = driver->info();
  EXPECT_EQ(info.capacity_sectors, kFixtureDiskBytes / 512);
  EXPECT_FALSE(info.read_only);
  EXPECT_EQ(info.block_size, 1024u);
  EXPECT_EQ(info.physical_block_size, 4096u);
  EXPECT_EQ(info.min_io_bytes, 4096u);
  EXPECT_EQ(info.opt_io_bytes, 65536u);
  EXPECT_EQ(info.max_segments, 62u);
  EXPECT_EQ(info.max_discard_ranges, kVirtioBlkMaxSegments);
  EXPECT_EQ(backend.attachment.guest_block_size, 1024u);
  EXPECT_EQ(*driver->GetId(), "SN-1");
}

}  // namespace
}  // namespace platter
