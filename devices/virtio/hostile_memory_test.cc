// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/hostile_memory.h"

#include <utility>

#include "gtest/gtest.h"

namespace platter {
namespace {

using Part = HostileMemory::Part;

class HostileMemoryTest : public testing::Test, public HostileMemoryWatcher {
 protected:
  void OnDeviceRead(uint64_t address, std::span<const uint8_t> bytes) override {
    reads.push_back({address, bytes.size()});
  }
  void OnDeviceWrite(uint64_t address, std::span<const uint8_t> bytes) override {
    writes.push_back({address, bytes.size()});
  }
  static uint8_t Read(const GuestMemory& map, uint64_t address) {
    uint8_t byte = 0;
    EXPECT_TRUE(map.Read(address, {&byte, 1}));
    return byte;
  }

  std::vector<std::pair<uint64_t, size_t>> reads;
  std::vector<std::pair<uint64_t, size_t>> writes;
  HostileMemory memory{*this};
};

TEST_F(HostileMemoryTest, HiddenPartsHaveNoHostAddress) {
  const auto map = memory.Map(HostileMemory::Bit(Part::kTables));
  for (Part part : {Part::kRings, Part::kTables, Part::kHeaders, Part::kData, Part::kDevice}) {
    const bool hidden = part == Part::kTables || part == Part::kDevice;
    const uint64_t at = HostileMemory::Begin(part);
    EXPECT_EQ(map->TryMap(at, HostileMemory::Bytes(part), DmaAccess::kDeviceWrites) == nullptr,
              hidden);
    memory.Poke(at, uint8_t{7});
    EXPECT_EQ(Read(*map, at), 7);
  }
  EXPECT_EQ(reads.size(), 2u);
  const uint8_t byte = 9;
  ASSERT_TRUE(map->Write(HostileMemory::Begin(Part::kTables), {&byte, 1}));
  EXPECT_EQ(writes.size(), 1u);
  EXPECT_EQ(memory.Peek<uint8_t>(HostileMemory::Begin(Part::kTables)), 9);
}

TEST_F(HostileMemoryTest, ChangesAfterEachReadUntilCleared) {
  const auto map = memory.Map(0);
  const uint64_t at = HostileMemory::Begin(Part::kDevice);
  memory.ChangeOnRead(at, 1, 3);
  EXPECT_EQ(Read(*map, at), 0);
  EXPECT_EQ(Read(*map, at), 3);
  EXPECT_EQ(Read(*map, at), 18);
  EXPECT_EQ(Read(*map, at + 1), 0);
  EXPECT_EQ(Read(*map, at + 1), 0);
  memory.Clear();
  EXPECT_EQ(Read(*map, at), 0);
  EXPECT_EQ(Read(*map, at), 0);
}

TEST_F(HostileMemoryTest, ChangesComeToAnEnd) {
  const auto map = memory.Map(0);
  const uint64_t at = HostileMemory::Begin(Part::kDevice);
  memory.ChangeOnRead(at, 1, 1);
  Read(*map, at + 1);  // Changes nothing, and counts nothing.
  for (uint32_t i = 0; i < HostileMemory::kChanges; ++i) Read(*map, at);
  const uint8_t last = Read(*map, at);
  EXPECT_EQ(Read(*map, at), last);
}

TEST_F(HostileMemoryTest, NothingIsWrittenToTheGuard) {
  const auto map = memory.Map(0);
  const uint8_t bytes[2] = {};
  EXPECT_FALSE(map->Write(HostileMemory::kGuard - 1, bytes));
  EXPECT_TRUE(memory.GuardIsIntact());
  *map->TryMap(HostileMemory::kGuard, 1, DmaAccess::kDeviceReads) = 0;
  EXPECT_FALSE(memory.GuardIsIntact());
}

}  // namespace
}  // namespace platter
