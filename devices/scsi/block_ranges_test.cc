// SPDX-License-Identifier: Apache-2.0
//
// Commands of several block requests: VERIFY, UNMAP, WRITE SAME.

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/block_commands.h"
#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr Sense kOutOfRange = IllegalRequest(SenseCode::kLbaOutOfRange);

class BlockRangesTest : public testing::Test, protected ScsiFixture {
 protected:
  BlockRangesTest() { Start(); }
};

TEST_F(BlockRangesTest, VerifyReadsAndCompares) {
  const auto data = Pattern(4 * 512, 5);
  std::copy(data.begin(), data.end(), backend.data.begin());
  EXPECT_TRUE(Execute({0x2f, 0, 0, 0, 0, 0, 0, 0, 4, 0}).good());
  EXPECT_TRUE(Execute({0x2f, 2, 0, 0, 0, 0, 0, 0, 4, 0}, data).good());
  auto wrong = data;
  wrong.back() ^= 1;
  EXPECT_EQ(Execute({0x2f, 2, 0, 0, 0, 0, 0, 0, 4, 0}, wrong).sense,
            (Sense{.key = SenseKey::kMiscompare, .code = SenseCode::kMiscompareDuringVerify}));
  EXPECT_TRUE(Execute({0x2f, 2, 0, 0, 0, 0, 0, 0, 4, 0}, Pattern(512, 5)).overrun);
  EXPECT_EQ(Execute({0x2f, 4, 0, 0, 0, 0, 0, 0, 4, 0}, data).sense,
            IllegalRequest(SenseCode::kInvalidFieldInCdb));
}

TEST_F(BlockRangesTest, VerifyComparesOneBlockWithMany) {
  const auto block = Pattern(512, 9);
  for (size_t i = 0; i < 2048; ++i) {
    std::copy(block.begin(), block.end(), backend.data.begin() + static_cast<long>(i * 512));
  }
  // More than one piece.
  EXPECT_TRUE(Execute({0x2f, 6, 0, 0, 0, 0, 0, 8, 0, 0}, block).good());
  backend.data[2000 * 512 + 17] ^= 1;
  EXPECT_EQ(Execute({0x2f, 6, 0, 0, 0, 0, 0, 8, 0, 0}, block).sense.key, SenseKey::kMiscompare);
}

TEST_F(BlockRangesTest, WriteAndVerify) {
  const auto data = Pattern(1024, 2);
  EXPECT_TRUE(Execute({0x2e, 2, 0, 0, 0, 0, 0, 0, 2, 0}, data).good());
  EXPECT_TRUE(MediumHas(0, data));
  ASSERT_EQ(backend.asked.size(), 2u);
  EXPECT_EQ(backend.asked[0].flags, IoFlags::kFua);
  backend.skip_next_transfer = true;  // A write that is lost.
  EXPECT_EQ(Execute({0x2e, 2, 0, 0, 0, 9, 0, 0, 2, 0}, data).sense.key, SenseKey::kMiscompare);
}

// What an adapter's residual is told from.
TEST_F(BlockRangesTest, WhatIsTakenOfTheDataIsWhatTheCommandUses) {
  const std::vector<uint8_t> zeroes(4096);
  std::fill(backend.data.begin(), backend.data.end(), uint8_t{0});
  const auto taken = [&](std::initializer_list<uint8_t> cdb) {
    const ScsiResult result = Execute(cdb, zeroes);
    EXPECT_TRUE(result.good());
    return result.transferred;
  };
  EXPECT_EQ(taken({0x2f, 0, 0, 0, 0, 0, 0, 0, 3, 0}), 0u) << "VERIFY without comparison";
  EXPECT_EQ(taken({0x2f, 2, 0, 0, 0, 0, 0, 0, 3, 0}), 1536u);
  EXPECT_EQ(taken({0x2f, 6, 0, 0, 0, 0, 0, 0, 3, 0}), 512u) << "of one block";
  EXPECT_EQ(taken({0x2e, 0, 0, 0, 0, 0, 0, 0, 2, 0}), 1024u) << "WRITE AND VERIFY";
  EXPECT_EQ(taken({0x42, 0, 0, 0, 0, 0, 0, 0, 8, 0}), 8u) << "UNMAP of no range";
  EXPECT_EQ(taken({0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 0u);
  EXPECT_EQ(taken({0x41, 0, 0, 0, 0, 0, 0, 0, 2, 0}), 512u) << "WRITE SAME";
  EXPECT_EQ(taken({0x93, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0}), 0u) << "without data";
}

TEST_F(BlockRangesTest, UnmapTakesItsListInOrder) {
  std::vector<uint8_t> list(8 + 3 * 16);
  list[1] = 6 + 3 * 16;
  list[3] = 3 * 16;
  list[8 + 7] = 4;   // Block 4,
  list[8 + 11] = 2;  // 2 of them;
  list[24 + 7] = 9;  // none from 9 on;
  list[40 + 7] = 1;
  list[40 + 11] = 1;
  EXPECT_TRUE(Execute({0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0}, list).good());
  EXPECT_EQ(backend.asked,
            (std::vector<FakeBlockDevice::Asked>{{IoOp::kDiscard, 4 * 512, 1024, IoFlags::kNone},
                                                 {IoOp::kDiscard, 512, 512, IoFlags::kNone}}));
}

TEST_F(BlockRangesTest, UnmapChecksAllOfItsListFirst) {
  std::vector<uint8_t> list(8 + 2 * 16);
  list[3] = 2 * 16;
  list[8 + 11] = 1;
  list[24 + 6] = 8;  // Block 2048.
  list[24 + 11] = 1;
  EXPECT_EQ(Execute({0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0}, list).sense, kOutOfRange);
  EXPECT_TRUE(backend.asked.empty());
  EXPECT_EQ(Execute({0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0}, list).sense,
            IllegalRequest(SenseCode::kParameterListLengthError));
  EXPECT_EQ(Execute({0x42, 1, 0, 0, 0, 0, 0, 0, 40, 0}, list).sense,
            IllegalRequest(SenseCode::kInvalidFieldInCdb));
  EXPECT_TRUE(Execute({0x42, 0, 0, 0, 0, 0, 0, 0, 41, 0}, list).overrun);
  EXPECT_TRUE(Execute({0x42}).good());
  std::vector<uint8_t> many(8 + 256 * 16);
  many[2] = 0x10;
  EXPECT_EQ(Execute({0x42, 0, 0, 0, 0, 0, 0, 0x10, 8, 0}, many).sense,
            IllegalRequest(SenseCode::kInvalidFieldInParameterList));
}

// What the pages say that the disk has not, it has not.
TEST_F(BlockRangesTest, ADiskThatCannotUnmapDoesNot) {
  for (const bool by_option : {true, false}) {
    Stop();
    backend.discards = by_option;
    ScsiDiskOptions options;
    if (by_option) options.discard_granularity = 0;
    Start(options);
    backend.asked.clear();
    std::vector<uint8_t> list(24);
    list[3] = 16;
    list[19] = 1;
    EXPECT_EQ(Execute({0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}, list).sense,
              IllegalRequest(SenseCode::kInvalidOpcode));
    EXPECT_EQ(Execute({0x41, 8, 0, 0, 0, 0, 0, 0, 1, 0}, Pattern(512, 1)).sense,
              IllegalRequest(SenseCode::kInvalidFieldInCdb));
    EXPECT_EQ(Execute({0x93, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}).sense,
              IllegalRequest(SenseCode::kInvalidFieldInCdb));
    EXPECT_TRUE(backend.asked.empty());
    EXPECT_EQ(Execute({0xa3, 0x0c, 1, 0x42, 0, 0, 0, 0, 0, 255, 0, 0}, {}, 255).data[1], 1);
    const ScsiResult all = Execute({0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0}, {}, 512);
    EXPECT_EQ(all.Number(0, 4), 8 * (disk->commands().rows().size() - 1));
    EXPECT_TRUE(Execute({0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Pattern(512, 1)).good());
  }
}

TEST_F(BlockRangesTest, WriteSameRepeatsABlock) {
  const auto block = Pattern(512, 8);
  EXPECT_TRUE(Execute({0x41, 0, 0, 0, 0, 1, 0, 4, 0, 0}, block).good());  // 1024: several pieces.
  for (size_t i = 1; i <= 1024; ++i) ASSERT_TRUE(MediumHas(i * 512, block)) << i;
  EXPECT_EQ(backend.data[0], 0);
  EXPECT_EQ(backend.data[1025 * 512], 0);
  EXPECT_GT(backend.asked.size(), 1u);
}

TEST_F(BlockRangesTest, WriteSameOfZeroesIsAskedAsSuch) {
  EXPECT_TRUE(Execute({0x41, 0, 0, 0, 0, 1, 0, 0, 8, 0}, std::vector<uint8_t>(512)).good());
  EXPECT_TRUE(
      Execute({0x93, 0x08, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0}, std::vector<uint8_t>(512))
          .good());
  EXPECT_TRUE(Execute({0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0}).good());  // NDOB.
  EXPECT_EQ(backend.asked, (std::vector<FakeBlockDevice::Asked>{
                               {IoOp::kWriteZeroes, 512, 4096, IoFlags::kNone},
                               {IoOp::kWriteZeroes, 512, 4096, IoFlags::kMayUnmap},
                               {IoOp::kWriteZeroes, 512, 4096, IoFlags::kNone}}));
}

TEST_F(BlockRangesTest, WriteSameHasLimits) {
  backend.announced_length = uint64_t{1} << 40;
  const std::vector<uint8_t> block(512);
  const Sense expected = IllegalRequest(SenseCode::kInvalidFieldInCdb);
  EXPECT_EQ(Execute({0x41, 0, 0, 0, 0, 1, 0, 0, 0, 0}, block).sense, expected);  // WSNZ.
  EXPECT_EQ(Execute({0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0}, block).sense, expected);
  EXPECT_EQ(Execute({0x93, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, block).sense, expected);
  EXPECT_TRUE(Execute({0x41, 0, 0, 0, 0, 1, 0, 0, 1, 0}).overrun);
}

TEST_F(BlockRangesTest, AnErrorInTheMiddleEndsACommandOfManySteps) {
  const auto block = Pattern(512, 8);
  backend.hold = true;
  Task task({0x41, 0, 0, 0, 0, 1, 0, 4, 0, 0}, block, 0);
  EXPECT_EQ(lane->Execute(task, 0), Execution::kGoesOn);
  lane->channel().CancelAll();
  context.RunUntil([&] { return task.completions > 0; });
  EXPECT_EQ(backend.asked.size(), 1u);
  EXPECT_EQ(context.buffers().outstanding(), 0u);
}

}  // namespace
}  // namespace platter
