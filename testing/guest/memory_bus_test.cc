// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/memory_bus.h"

#include <array>
#include <chrono>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

using namespace std::chrono_literals;

TEST(MemoryBus, ReadsWhatWasWritten) {
  MemoryBus bus(Mapping::kMapped);
  const uint64_t address = *bus.Allocate(8, 8);
  const std::array<uint8_t, 4> data = {1, 2, 3, 4};
  EXPECT_TRUE(bus.Write(address + 2, data));
  std::array<uint8_t, 8> found = {};
  EXPECT_TRUE(bus.Read(address, found));
  EXPECT_EQ(found, (std::array<uint8_t, 8>{0, 0, 1, 2, 3, 4, 0, 0}));
}

TEST(MemoryBus, AllocatesZeroedMemoryAlsoTheSecondTime) {
  MemoryBus bus(Mapping::kMapped, 4096);
  const uint64_t address = *bus.Allocate(4096, 4096);
  EXPECT_EQ(bus.free_bytes(), 0u);
  EXPECT_FALSE(bus.Allocate(1, 1).ok());
  EXPECT_TRUE(bus.Write(address, std::vector<uint8_t>(4096, 0xAA)));
  bus.Free(address);
  const uint64_t again = *bus.Allocate(4096, 4096);
  std::vector<uint8_t> found(4096, 1);
  EXPECT_TRUE(bus.Read(again, found));
  EXPECT_EQ(found, std::vector<uint8_t>(4096, 0));
}

TEST(MemoryBus, WhatIsNoMemoryIsRefused) {
  MemoryBus bus(Mapping::kMapped, 4096);
  std::array<uint8_t, 2> two = {};
  EXPECT_FALSE(bus.Read(0, two));
  EXPECT_FALSE(bus.Read(MemoryBus::kBase - 1, two));
  EXPECT_FALSE(bus.Write(MemoryBus::kBase + 4095, two));
  EXPECT_FALSE(bus.Write(UINT64_MAX, two));
  EXPECT_EQ(bus.TryMap(MemoryBus::kBase + 4095, 2), nullptr);
  EXPECT_TRUE(bus.Read(MemoryBus::kBase + 4094, two));
}

TEST(MemoryBus, HiddenMemoryIsThereButNotMapped) {
  MemoryBus mapped(Mapping::kMapped);
  MemoryBus hidden(Mapping::kHidden);
  uint8_t* pointer = mapped.TryMap(MemoryBus::kBase, 16);
  ASSERT_NE(pointer, nullptr);
  *pointer = 7;
  std::array<uint8_t, 1> found = {};
  EXPECT_TRUE(mapped.Read(MemoryBus::kBase, found));
  EXPECT_EQ(found[0], 7);
  EXPECT_EQ(hidden.TryMap(MemoryBus::kBase, 16), nullptr);
  EXPECT_TRUE(hidden.Read(MemoryBus::kBase, found));
}

TEST(MemoryBus, TimePassesWhereSomebodyWaits) {
  MemoryBus bus(Mapping::kMapped);
  EXPECT_TRUE(bus.WaitFor([] { return true; }, 5s));
  EXPECT_EQ(bus.Now(), Instant());
  EXPECT_FALSE(bus.WaitFor([] { return false; }, 5s));
  EXPECT_EQ(bus.Now(), Instant(5s));
  bus.RunFor(2s);
  EXPECT_EQ(bus.Now(), Instant(7s));
  int looks = 0;
  EXPECT_TRUE(bus.PollFor([&] { return ++looks == 6; }, 1s, 10s));
  EXPECT_EQ(bus.Now(), Instant(10s)) << "two looks a second here, before and after";
  EXPECT_FALSE(bus.PollFor([] { return false; }, 1s, 4s));
  EXPECT_EQ(bus.Now(), Instant(14s));
}

// As behind a target that has gone.
TEST(MemoryBus, HasNoRegistersAndNoInterrupts) {
  MemoryBus bus(Mapping::kMapped);
  EXPECT_EQ(bus.ReadRegister(RegisterSpace::kMmio, 0, 8), UINT64_MAX);
  EXPECT_EQ(bus.ReadRegister32(RegisterSpace::kPort, 0), UINT32_MAX);
  EXPECT_EQ(bus.Interrupt(1).raised, 0u);
  EXPECT_TRUE(bus.health().ok());
}

}  // namespace
}  // namespace platter
