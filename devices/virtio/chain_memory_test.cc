// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/chain_memory.h"

#include <cerrno>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

class ChainMemoryTest : public testing::Test {
 protected:
  ChainMemoryTest() {
    std::iota(bytes.begin(), bytes.end(), uint8_t{0});
    memory = *GuestMemory::Create({{.address = 0x1000, .size = 128, .host = bytes.data()},
                                   {.address = 0x1080, .size = 64, .host = bytes.data() + 192}},
                                  nullptr);
    cursor = MemoryCursor(*memory);
  }

  std::vector<uint8_t> bytes = std::vector<uint8_t>(256);
  std::shared_ptr<const GuestMemory> memory;
  MemoryCursor cursor;
  // 10 bytes, 5 bytes across the regions' border, 20 bytes.
  const std::vector<ChainBuffer> chain = {{0x1000, 10}, {0x107e, 5}, {0x1010, 20}};
};

TEST_F(ChainMemoryTest, BytesByTheirOffsetWhereverTheCutsAre) {
  std::vector<uint8_t> all(35);
  ASSERT_TRUE(ReadChain(cursor, {.buffers = chain, .skip = 0, .bytes = 35}, all));
  for (uint64_t skip = 0; skip <= 35; ++skip) {
    for (uint64_t length = 0; skip + length <= 35; ++length) {
      std::vector<uint8_t> part(length);
      const ChainRange range = {.buffers = chain, .skip = skip, .bytes = length};
      ASSERT_TRUE(ReadChain(cursor, range, part));
      ASSERT_TRUE(std::equal(part.begin(), part.end(), all.begin() + static_cast<int>(skip)));
      ASSERT_TRUE(ChainIsMemory(cursor, range, DmaAccess::kDeviceWrites));
      iovec pieces[4];
      const int count = MapChain(cursor, range, DmaAccess::kDeviceReads, pieces, 4);
      ASSERT_GE(count, 0);
      std::vector<uint8_t> mapped;
      for (int i = 0; i < count; ++i) {
        const auto* at = static_cast<const uint8_t*>(pieces[i].iov_base);
        mapped.insert(mapped.end(), at, at + pieces[i].iov_len);
      }
      ASSERT_EQ(mapped, part);
    }
  }
  EXPECT_EQ(all[10], 126);
  EXPECT_EQ(all[12], 192);  // The other region.
}

TEST_F(ChainMemoryTest, TheFrontHoweverItIsCut) {
  for (const size_t length : {1, 10, 11, 14, 35}) {
    std::vector<uint8_t> front(length);
    std::vector<uint8_t> all(length);
    ASSERT_TRUE(ReadFront(cursor, chain, front));
    ASSERT_TRUE(ReadChain(cursor, {.buffers = chain, .skip = 0, .bytes = length}, all));
    EXPECT_EQ(front, all);
  }
  std::vector<uint8_t> more(36);
  EXPECT_FALSE(ReadFront(cursor, chain, more));
  EXPECT_FALSE(ReadFront(cursor, {}, more));
}

TEST_F(ChainMemoryTest, WritesTheSamePlaces) {
  const std::vector<uint8_t> data = {1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(WriteChain(cursor, {.buffers = chain, .skip = 9, .bytes = 6}, data));
  EXPECT_EQ(bytes[9], 1);
  EXPECT_EQ(bytes[126], 2);
  EXPECT_EQ(bytes[127], 3);
  EXPECT_EQ(bytes[192], 4);
  EXPECT_EQ(bytes[194], 6);
}

TEST_F(ChainMemoryTest, NothingBeyondTheBuffers) {
  std::vector<uint8_t> data(36);
  const ChainRange range = {.buffers = chain, .skip = 0, .bytes = 36};
  EXPECT_FALSE(ReadChain(cursor, range, data));
  EXPECT_FALSE(ChainIsMemory(cursor, range, DmaAccess::kDeviceReads));
  iovec pieces[8];
  EXPECT_EQ(MapChain(cursor, range, DmaAccess::kDeviceReads, pieces, 8), -EINVAL);
  EXPECT_EQ(MapChain(cursor, {.buffers = chain, .skip = 0, .bytes = 35}, DmaAccess::kDeviceReads,
                     pieces, 3),
            -E2BIG);
}

TEST_F(ChainMemoryTest, HolesAndWrapsAreErrors) {
  iovec piece;
  for (const ChainBuffer& buffer :
       {ChainBuffer{0x5000, 8}, ChainBuffer{0x10bc, 8}, ChainBuffer{~uint64_t{0} - 3, 8}}) {
    const ChainRange range = {.buffers = {&buffer, 1}, .skip = 0, .bytes = 8};
    std::vector<uint8_t> data(8);
    EXPECT_FALSE(ReadChain(cursor, range, data));
    EXPECT_FALSE(WriteChain(cursor, range, data));
    EXPECT_FALSE(ChainIsMemory(cursor, range, DmaAccess::kDeviceReads));
    EXPECT_EQ(MapChain(cursor, range, DmaAccess::kDeviceReads, &piece, 1), -EFAULT);
  }
}

}  // namespace
}  // namespace platter
