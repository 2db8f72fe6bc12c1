// SPDX-License-Identifier: Apache-2.0
#include "devices/bus/memory_cursor.h"

#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(MemoryCursor, AgreesWithTheMapWhateverItRemembers) {
  std::vector<uint8_t> a(64);
  std::vector<uint8_t> b(64);
  std::vector<uint8_t> rom(64);
  const auto memory =
      *GuestMemory::Create({{.address = 64, .size = 64, .host = a.data()},
                            {.address = 128, .size = 64, .host = b.data()},
                            {.address = 192, .size = 64, .host = rom.data(), .read_only = true}},
                           nullptr);
  MemoryCursor cursor(*memory);
  // Every order of remembered region and question: twice over all ranges that can differ.
  for (int round = 0; round < 2; ++round) {
    for (uint64_t address = 0; address < 300; ++address) {
      for (uint64_t bytes : {1, 2, 63, 64, 65, 128}) {
        for (DmaAccess access : {DmaAccess::kDeviceReads, DmaAccess::kDeviceWrites}) {
          ASSERT_EQ(cursor.TryMap(address, bytes, access), memory->TryMap(address, bytes, access))
              << address << "+" << bytes;
        }
      }
    }
  }
  EXPECT_EQ(cursor.TryMap(~uint64_t{0}, ~uint64_t{0}, DmaAccess::kDeviceReads), nullptr);
}

}  // namespace
}  // namespace platter
