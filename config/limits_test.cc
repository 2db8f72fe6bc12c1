// SPDX-License-Identifier: Apache-2.0

#include "config/limits.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"

namespace platter {
namespace {

template <typename Message>
std::string Number(const char* field, uint64_t magnitude, bool negative = false) {
  return NumberProblem(Message::descriptor()->FindFieldByName(field), {magnitude, negative});
}

template <typename Message>
std::string Text(const char* field, std::string_view text) {
  return StringProblem(Message::descriptor()->FindFieldByName(field), text);
}

using Disk = config::VirtioBlkOptions;
using Blkdebug = config::BlkdebugDriverOptions;

TEST(NumberProblem, BothEndsOfTheRangeAreIn) {
  EXPECT_EQ(Number<Disk>("num_queues", 1), "");
  EXPECT_EQ(Number<Disk>("num_queues", 1024), "");
  EXPECT_EQ(Number<Disk>("num_queues", 0), "must be between 1 and 1024");
  EXPECT_EQ(Number<Disk>("num_queues", 1025), "must be between 1 and 1024");
  EXPECT_EQ(Number<Disk>("num_queues", 1, true), "must be between 1 and 1024");
}

TEST(NumberProblem, TypeAndUnitBoundWhatHasNoRange) {
  EXPECT_EQ(Number<Disk>("opt_io_size", 0xFFFFFFFF), "");
  EXPECT_EQ(Number<Disk>("opt_io_size", 0x100000000), "must be between 0 and 4294967295");
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(Number<config::RawDriverOptions>("offset", kMax), "");
  EXPECT_NE(Number<config::RawDriverOptions>("offset", kMax + 1), "");
  EXPECT_EQ(Number<config::BlkdebugInjectError>("x_count", std::numeric_limits<uint64_t>::max()),
            "");
}

TEST(NumberProblem, PowersOfTwoAndZero) {
  EXPECT_EQ(Number<Disk>("logical_block_size", 4096), "");
  EXPECT_EQ(Number<Disk>("logical_block_size", 4097), "must be a power of two");
  EXPECT_EQ(Number<Disk>("logical_block_size", 0), "must be between 512 and 2M");
  EXPECT_EQ(Number<Blkdebug>("align", 0), "");
  EXPECT_EQ(Number<Blkdebug>("align", 3), "must be 0 or a power of two");
  EXPECT_EQ(Number<Blkdebug>("align", uint64_t{1} << 31), "must be 0 or between 0 and 1G");
}

TEST(StringProblem, LengthFormatAndBytes) {
  EXPECT_EQ(Text<Disk>("serial", ""), "");
  EXPECT_EQ(Text<Disk>("serial", std::string(20, 'x')), "");
  EXPECT_EQ(Text<Disk>("serial", std::string(21, 'x')), "must not be longer than 20 bytes");
  EXPECT_EQ(Text<Disk>("serial", std::string_view("\0", 1)), "must not hold a NUL byte");
  EXPECT_EQ(Text<Disk>("serial", "\xC0\x80"), "must be valid UTF-8");
  EXPECT_EQ(Text<config::FileDriverOptions>("filename", ""), "must not be empty");
  for (const char* good : {"a", "Z", "disk0", "a.b-c_d"}) EXPECT_EQ(Text<Disk>("drive", good), "");
  for (const char* bad : {"", "0", "-a", ".a", "_a", "a b", "a/b", "#a", "\xC3\xA9"}) {
    EXPECT_NE(Text<Disk>("drive", bad), "") << bad;
  }
}

TEST(OneOf, ReadsAsASentence) {
  EXPECT_EQ(OneOf(config::OnOffAuto_descriptor()), "auto, on or off");
  EXPECT_EQ(OneOf(config::Discard_descriptor()), "ignore or unmap");
}

}  // namespace
}  // namespace platter
