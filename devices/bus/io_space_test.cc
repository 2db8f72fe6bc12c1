// SPDX-License-Identifier: Apache-2.0
#include "devices/bus/io_space.h"

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

class RecordingBlock final : public RegisterBlock {
 public:
  uint64_t ReadRegister(uint64_t at, unsigned bytes) override {
    offset = at;
    width = bytes;
    return value;
  }
  void WriteRegister(uint64_t at, unsigned bytes, uint64_t written) override {
    offset = at;
    width = bytes;
    value = written;
  }
  uint64_t offset = 0;
  unsigned width = 0;
  uint64_t value = 0;
};

TEST(IoSpace, LeadsToTheBlockAtItsOffset) {
  IoSpace space;
  RecordingBlock block;
  ASSERT_TRUE(space.Map(0x1000, 0x200, block).ok());
  space.Write(0x11fc, 4, 0x1122334455667788);
  EXPECT_EQ(block.offset, 0x1fcu);
  EXPECT_EQ(block.width, 4u);
  EXPECT_EQ(block.value, 0x55667788u);
  block.value = ~uint64_t{0};
  EXPECT_EQ(space.Read(0x1000, 1), 0xffu);
  EXPECT_EQ(space.Read(0x1000, 2), 0xffffu);
  EXPECT_EQ(space.Read(0x1000, 8), ~uint64_t{0});
}

TEST(IoSpace, NothingThereReadsAllOnesAndIgnoresWrites) {
  IoSpace space;
  RecordingBlock block;
  ASSERT_TRUE(space.Map(0x1000, 0x200, block).ok());
  for (uint64_t address : {uint64_t{0}, uint64_t{0xfff}, uint64_t{0x1200}, ~uint64_t{0}}) {
    EXPECT_EQ(space.Read(address, 1), 0xffu);
    space.Write(address, 1, 1);
  }
  // Half in the block is not in the block.
  EXPECT_EQ(space.Read(0x11fe, 4), 0xffffffffu);
  space.Write(0x11fe, 4, 1);
  // Neither is an access of a width that no bus has.
  EXPECT_EQ(space.Read(0x1000, 3), ~uint64_t{0});
  EXPECT_EQ(space.Read(0x1000, 0), ~uint64_t{0});
  EXPECT_EQ(block.width, 0u);
}

TEST(IoSpace, OverlapIsRefusedByName) {
  IoSpace space;
  RecordingBlock block;
  ASSERT_TRUE(space.Map(0x1000, 0x200, block).ok());
  for (uint64_t base : {0xf00, 0x1000, 0x1100, 0x11ff}) {
    const absl::Status status = space.Map(base, 0x200, block);
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << base;
    EXPECT_NE(MessageOf(status).find("overlaps [0x1000, +0x200)"), std::string::npos);
  }
  EXPECT_TRUE(space.Map(0x1200, 1, block).ok());
  EXPECT_TRUE(space.Map(0xfff, 1, block).ok());
  space.Unmap(0x1000);
  EXPECT_TRUE(space.Map(0x1000, 0x200, block).ok());
  EXPECT_FALSE(space.Map(0x5000, 0, block).ok());
  EXPECT_FALSE(space.Map(~uint64_t{0}, 2, block).ok());
  EXPECT_TRUE(space.Map(~uint64_t{0}, 1, block).ok());
}

}  // namespace
}  // namespace platter
