// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/naive_device.h"

#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"

namespace platter {
namespace {

TEST(NaiveDeviceTest, WalksAChainWrittenByHand) {
  MemoryBus bus(Mapping::kHidden);
  RawRing ring = *RawRing::Create(bus, 8);
  ring.SetDescriptor(5, {.address = MemoryBus::kBase, .length = 16, .flags = 1, .next = 2});
  ring.SetDescriptor(2, {.address = MemoryBus::kBase + 16, .length = 1, .flags = 2, .next = 7});
  ring.MakeAvailable(5);
  NaiveDevice device(bus, ring.layout());
  NaiveDevice::Chain chain;
  ASSERT_TRUE(device.Pop(chain));
  EXPECT_EQ(chain.head, 5);
  ASSERT_EQ(chain.readable.size(), 1u);
  EXPECT_EQ(chain.readable[0].bytes, 16u);
  ASSERT_EQ(chain.writable.size(), 1u);
  EXPECT_EQ(chain.writable[0].address, MemoryBus::kBase + 16);
  EXPECT_FALSE(device.Pop(chain)) << "there is no second one";

  device.Push(5, 1);
  EXPECT_EQ(ring.UsedIndex(), 1);
  EXPECT_EQ(ring.UsedEntry(0).id, 5u);
  EXPECT_EQ(ring.UsedEntry(0).bytes, 1u);
}

TEST(NaiveDeviceTest, ABrokenChainBreaksItForGood) {
  MemoryBus bus(Mapping::kHidden);
  RawRing ring = *RawRing::Create(bus, 8);
  ring.SetDescriptor(0, {.address = MemoryBus::kBase, .length = 16, .flags = 1, .next = 0});
  ring.SetDescriptor(1, {.address = MemoryBus::kBase, .length = 16});
  ring.MakeAvailable(0);
  ring.MakeAvailable(1);
  NaiveDevice device(bus, ring.layout());
  NaiveDevice::Chain chain;
  EXPECT_FALSE(device.Pop(chain));
  EXPECT_TRUE(device.broken());
  EXPECT_FALSE(device.Pop(chain));
}

}  // namespace
}  // namespace platter
