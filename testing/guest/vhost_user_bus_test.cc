// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/vhost_user_bus.h"

#include <unistd.h>

#include <array>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(VhostUserBusTest, MemoryIsThatOfTheDescriptors) {
  VhostUserBus bus({.regions = {{kMiB, 64 * kKiB}, {kMiB + 64 * kKiB, 64 * kKiB}}});
  const auto table = bus.table();
  const auto descriptors = bus.descriptors();
  ASSERT_EQ(table.size(), 2u);
  ASSERT_EQ(descriptors.size(), 2u);
  EXPECT_EQ(table[1].guest_address, kMiB + 64 * kKiB);
  EXPECT_EQ(table[1].user_address, VhostUserBus::kUserBase + kMiB + 64 * kKiB);
  const std::array<uint8_t, 2> data = {7, 8};
  ASSERT_TRUE(bus.Write(table[1].guest_address + 3, data));
  std::array<uint8_t, 2> seen = {};
  ASSERT_EQ(pread(descriptors[1], seen.data(), seen.size(), 3), 2);
  EXPECT_EQ(seen, data);
  EXPECT_TRUE(bus.Read(table[1].guest_address + 3, seen));
  // No access is of two regions, nor of none.
  EXPECT_EQ(bus.TryMap(table[1].guest_address - 1, 2), nullptr);
  EXPECT_FALSE(bus.Read(0, seen));
  EXPECT_FALSE(bus.Write(2 * kMiB, data));
}

TEST(VhostUserBusTest, WaitingTurnsTheBackEnd) {
  int turns = 0;
  VhostUserBus bus({.turn = [&turns] { ++turns; }});
  EXPECT_TRUE(bus.WaitFor([&] { return turns == 3; }, std::chrono::seconds(10)));
  EXPECT_FALSE(bus.WaitFor([] { return false; }, std::chrono::milliseconds(1)));
}

TEST(VhostUserBusTest, AllocationsAreZeroedAndComeBack) {
  VhostUserBus bus({});
  const uint64_t address = *bus.Allocate(4096, 4096);
  const std::array<uint8_t, 1> data = {1};
  ASSERT_TRUE(bus.Write(address, data));
  bus.Free(address);
  std::array<uint8_t, 1> seen = {9};
  ASSERT_TRUE(bus.Read(*bus.Allocate(4096, 4096), seen));
  EXPECT_EQ(seen[0], 0);
}

}  // namespace
}  // namespace platter
