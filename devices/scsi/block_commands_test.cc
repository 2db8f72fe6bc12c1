// SPDX-License-Identifier: Apache-2.0
//
// READ, WRITE and SYNCHRONIZE CACHE of the SCSI disk.

#include "devices/scsi/block_commands.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr Sense kOutOfRange = IllegalRequest(SenseCode::kLbaOutOfRange);

class BlockCommandsTest : public testing::Test, protected ScsiFixture {
 protected:
  BlockCommandsTest() { Start(); }
};

TEST_F(BlockCommandsTest, AllLengthsReadAndWrite) {
  const auto data = Pattern(1024, 1);
  struct Pair {
    std::initializer_list<uint8_t> write, read;
  };
  for (const Pair& pair :
       {Pair{{0x0a, 0, 0, 9, 2, 0}, {0x08, 0, 0, 9, 2, 0}},
        Pair{{0x2a, 0, 0, 0, 0, 9, 0, 0, 2, 0}, {0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0}},
        Pair{{0xaa, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0}, {0xa8, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0}},
        Pair{{0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0},
             {0x88, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0}}}) {
    std::fill(backend.data.begin(), backend.data.end(), 0);
    const ScsiResult written = Execute(pair.write, data);
    ASSERT_TRUE(written.good());
    EXPECT_EQ(written.transferred, 1024u);
    EXPECT_TRUE(MediumHas(9 * 512, data));
    const ScsiResult read = Execute(pair.read, {}, 1024);
    ASSERT_TRUE(read.good());
    EXPECT_EQ(read.data, data);
  }
}

TEST_F(BlockCommandsTest, ShortTransfersLeaveTheRestOfTheBuffer) {
  const ScsiResult read = Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 2048);
  ASSERT_TRUE(read.good());
  EXPECT_EQ(read.transferred, 512u);
  EXPECT_EQ(read.data[512], 0xee);
  EXPECT_TRUE(Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0}, {}, 512).overrun);
  EXPECT_TRUE(Execute({0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0}, Pattern(512, 0)).overrun);
  EXPECT_EQ(backend.asked.size(), 1u);
}

TEST_F(BlockCommandsTest, RangesAreCheckedWhole) {
  EXPECT_TRUE(Execute({0x28, 0, 0, 0, 7, 0xff, 0, 0, 1, 0}, {}, 512).good());  // The last.
  EXPECT_TRUE(Execute({0x28, 0, 0, 0, 8, 0, 0, 0, 0, 0}).good());              // None, at the end.
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 8, 1, 0, 0, 0, 0}).sense, kOutOfRange);
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 7, 0xff, 0, 0, 2, 0}, {}, 1024).sense, kOutOfRange);
  EXPECT_EQ(Execute({0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}).sense, kOutOfRange);
  EXPECT_EQ(Execute({0x8a, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2, 0, 0},
                    Pattern(1024, 0))
                .sense,
            kOutOfRange);
  // R-BLK-05 in SCSI: a byte offset that does not fit 64 bits.
  EXPECT_EQ(Execute({0x88, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, {}, 512).sense,
            kOutOfRange);
  EXPECT_GT(backend.invalid, 0u);
}

TEST_F(BlockCommandsTest, FuaAndProtection) {
  EXPECT_TRUE(Execute({0x2a, 0x08, 0, 0, 0, 0, 0, 0, 1, 0}, Pattern(512, 3)).good());
  EXPECT_EQ(backend.asked.back().flags, IoFlags::kFua);
  EXPECT_TRUE(Execute({0x0a, 0x08, 0, 0, 1, 0}, Pattern(512, 3)).sense ==
              kOutOfRange);  // LBA bits.
  EXPECT_EQ(Execute({0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 512).sense,
            IllegalRequest(SenseCode::kInvalidFieldInCdb));
}

TEST_F(BlockCommandsTest, AReadOnlyMediumIsNotWritten) {
  backend.read_only = true;
  const Sense expected = {.key = SenseKey::kDataProtect, .code = SenseCode::kWriteProtected};
  EXPECT_EQ(Execute({0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Pattern(512, 3)).sense, expected);
  EXPECT_EQ(Execute({0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Pattern(512, 3)).sense, expected);
  EXPECT_EQ(Execute({0x42, 0, 0, 0, 0, 0, 0, 0, 8, 0}, std::vector<uint8_t>(8)).sense, expected);
  EXPECT_TRUE(backend.asked.empty());
}

TEST_F(BlockCommandsTest, ErrorsBecomeSense) {
  backend.next_error = -EIO;
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 512).sense.code,
            SenseCode::kUnrecoveredReadError);
  backend.next_error = -ENOSPC;
  EXPECT_EQ(Execute({0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Pattern(512, 3)).sense.code,
            SenseCode::kSpaceAllocationFailed);
  backend.next_error = -EIO;
  EXPECT_EQ(Execute({0x35}).status, ScsiStatus::kCheckCondition);
}

TEST_F(BlockCommandsTest, CacheIsFlushed) {
  EXPECT_TRUE(Execute({0x35, 0, 0, 0, 0, 1, 0, 0, 1, 0}).good());
  EXPECT_EQ(backend.asked.back().op, IoOp::kFlush);
  EXPECT_TRUE(Execute({0x91}).good());
  EXPECT_EQ(Execute({0x35, 0, 0xff, 0, 0, 0, 0, 0, 1, 0}).sense, kOutOfRange);
}

TEST_F(BlockCommandsTest, WhatWouldStopFlushesFirst) {
  const auto flushes = [this](uint8_t byte4) {
    backend.asked.clear();
    EXPECT_TRUE(Execute({0x1b, 0, 0, 0, byte4, 0}).good());
    return !backend.asked.empty() && backend.asked.back().op == IoOp::kFlush;
  };
  constexpr uint8_t kStart = 1;
  constexpr uint8_t kNoFlush = 4;
  constexpr uint8_t kStandby = 3 << 4;
  EXPECT_TRUE(flushes(0));
  EXPECT_TRUE(flushes(kStandby));
  EXPECT_FALSE(flushes(kStart));
  EXPECT_FALSE(flushes(kNoFlush));
  EXPECT_FALSE(flushes(kStandby | kNoFlush));
  backend.asked.clear();
  const Sense bad_field = IllegalRequest(SenseCode::kInvalidFieldInCdb);
  for (const int condition : {4, 5, 6, 8, 9, 0xc, 0xd, 0xe, 0xf}) {
    EXPECT_EQ(Execute({0x1b, 0, 0, 0, static_cast<uint8_t>(condition << 4), 0}).sense, bad_field);
  }
  EXPECT_EQ(Execute({0x1b, 0, 0, 0, 2, 0}).sense, bad_field) << "nothing comes out";
  EXPECT_TRUE(backend.asked.empty());
  backend.next_error = -EIO;
  EXPECT_EQ(Execute({0x1b, 0, 0, 0, 0, 0}).status, ScsiStatus::kCheckCondition);
}

TEST_F(BlockCommandsTest, ACancelledTaskIsAborted) {
  backend.hold = true;
  Task task({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 512);
  EXPECT_EQ(lane->Execute(task, 0), Execution::kGoesOn);
  lane->channel().Cancel(task);
  context.RunUntil([&] { return task.completions > 0; });
  EXPECT_EQ(task.status, ScsiStatus::kTaskAborted);
  EXPECT_EQ(task.completions, 1);
}

class BigBlocksTest : public testing::Test, protected ScsiFixture {};

TEST_F(BigBlocksTest, FourKibibytes) {
  Start({.logical_block_size = 4096});
  const auto data = Pattern(8192, 4);
  EXPECT_TRUE(Execute({0x2a, 0, 0, 0, 0, 3, 0, 0, 2, 0}, data).good());
  EXPECT_EQ(backend.asked.back().offset, 3u * 4096);
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 0, 3, 0, 0, 2, 0}, {}, 8192).data, data);
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 1, 0, 0, 0, 1, 0}, {}, 4096).sense, kOutOfRange);
}

}  // namespace
}  // namespace platter
