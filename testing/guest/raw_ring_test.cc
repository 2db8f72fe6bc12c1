// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/raw_ring.h"

#include <span>

#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

class RawRingTest : public testing::TestWithParam<Mapping> {
 protected:
  uint16_t At(uint64_t address) {
    Le16 value;
    EXPECT_TRUE(bus_.Read(address, std::span(reinterpret_cast<uint8_t*>(&value), 2)));
    return value.get();
  }

  MemoryBus bus_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Memory, RawRingTest, testing::Values(Mapping::kMapped, Mapping::kHidden));

// Offsets of virtio 1.3, 2.7.6 and 2.7.8, by hand.
TEST_P(RawRingTest, FieldsAreWhereTheStandardPutsThem) {
  RawRing ring = *RawRing::Create(bus_, 8);
  ring.SetAvailFlags(0x1111);
  ring.SetAvailIndex(0x2222);
  ring.SetAvailEntry(7, 0x3333);
  ring.SetUsedEvent(0x4444);
  EXPECT_EQ(At(ring.layout().driver + 0), 0x1111);
  EXPECT_EQ(At(ring.layout().driver + 2), 0x2222);
  EXPECT_EQ(At(ring.layout().driver + 4 + 14), 0x3333);
  EXPECT_EQ(At(ring.layout().driver + 4 + 16), 0x4444);
  EXPECT_EQ(ring.AvailIndex(), 0x2222);

  const Le16 event = 0x5555;
  bus_.Write(ring.layout().device + 4 + 64, std::span(reinterpret_cast<const uint8_t*>(&event), 2));
  EXPECT_EQ(ring.AvailEvent(), 0x5555);
}

TEST_P(RawRingTest, AnyIndexMayBeWritten) {
  RawRing ring = *RawRing::Create(bus_, 8);
  ring.SetDescriptor(8, {.address = 1, .length = 2, .flags = 0xffff, .next = 9});
  EXPECT_EQ(At(ring.layout().descriptors + 8 * 16 + 12), 0xffff);
  ring.SetAvailIndex(UINT16_MAX);
  ring.MakeAvailable(4242);
  EXPECT_EQ(ring.AvailIndex(), 0) << "16 bits, and round";
  EXPECT_EQ(At(ring.layout().driver + 4 + 2 * 7), 4242);
}

TEST_P(RawRingTest, MemoryThatIsNotThereIsNoError) {
  RawRing ring(bus_, {.size = 8, .descriptors = 8, .driver = 1 << 30, .device = UINT64_MAX - 3});
  ring.SetDescriptor(0, {});
  ring.MakeAvailable(0);
  EXPECT_EQ(ring.UsedIndex(), 0);
  EXPECT_EQ(ring.UsedEntry(3).id, 0u);
}

}  // namespace
}  // namespace platter
