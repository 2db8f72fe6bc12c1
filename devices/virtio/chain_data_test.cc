// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/chain_data.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

using Result = ChainDataMapper::Result;

// Memory without a host address.
class Hidden final : public GuestMemoryAccessor {
 public:
  void Read(uint64_t offset, std::span<uint8_t> out) override {
    std::copy_n(bytes.begin() + static_cast<long>(offset), out.size(), out.begin());
  }
  void Write(uint64_t offset, std::span<const uint8_t> data) override {
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<long>(offset));
  }
  std::vector<uint8_t> bytes = std::vector<uint8_t>(8 << 20, 0x77);
};

class Log final : public DirtyLog {
 public:
  void MarkDirty(uint64_t address, uint64_t bytes) override { marked.emplace_back(address, bytes); }
  std::vector<std::pair<uint64_t, uint64_t>> marked;
};

class ChainDataTest : public testing::Test {
 protected:
  static constexpr uint64_t kPlain = 0x1000;
  static constexpr uint64_t kHidden = 0x10000000;

  ChainDataTest() {
    std::iota(plain.begin(), plain.end(), uint8_t{0});
    Use(nullptr);
  }
  void Use(DirtyLog* log) {
    memory = *GuestMemory::Create(
        {{.address = kPlain, .size = plain.size(), .host = plain.data()},
         {.address = kHidden, .size = hidden.bytes.size(), .accessor = &hidden}},
        log);
    cursor = MemoryCursor(*memory);
  }
  Result Map(std::span<const ChainBuffer> buffers, uint64_t skip, uint64_t bytes,
             DmaAccess access) {
    return mapper.Map(cursor, {.buffers = buffers, .skip = skip, .bytes = bytes}, access, data);
  }

  std::vector<uint8_t> plain = std::vector<uint8_t>(256);
  Hidden hidden;
  std::shared_ptr<const GuestMemory> memory;
  MemoryCursor cursor;
  BufferPool pool;
  ChainDataMapper mapper{pool};
  ChainData data;
};

TEST_F(ChainDataTest, PiecesLieInTheGuestsMemory) {
  const std::vector<ChainBuffer> chain = {{kPlain, 100}, {kPlain + 120, 10}, {kPlain + 140, 10}};
  ASSERT_EQ(Map(chain, 105, 10, DmaAccess::kDeviceWrites), Result::kMapped);
  ASSERT_EQ(data.pieces().size(), 2u);
  EXPECT_EQ(data.pieces()[0].iov_base, plain.data() + 125);
  EXPECT_EQ(data.pieces()[0].iov_len, 5u);
  EXPECT_EQ(data.pieces()[1].iov_len, 5u);
  EXPECT_EQ(data.bytes(), 10u);
  EXPECT_FALSE(mapper.Release(data));
  ASSERT_EQ(Map(chain, 3, 0, DmaAccess::kDeviceWrites), Result::kMapped);
  EXPECT_TRUE(data.pieces().empty());
  EXPECT_FALSE(mapper.Release(data));
}

TEST_F(ChainDataTest, ManyPiecesComeFromThePool) {
  std::vector<ChainBuffer> chain;
  for (uint32_t i = 0; i < 20; ++i) chain.push_back({kPlain + 2 * i, 1});
  ASSERT_EQ(Map(chain, 0, 20, DmaAccess::kDeviceReads), Result::kMapped);
  ASSERT_EQ(data.pieces().size(), 20u);
  EXPECT_EQ(*static_cast<uint8_t*>(data.pieces()[19].iov_base), 38);
  EXPECT_EQ(mapper.bounce_bytes(), 0u);
  mapper.Release(data);
}

TEST_F(ChainDataTest, MemoryWithoutAnAddressIsBounced) {
  const std::vector<ChainBuffer> chain = {{kPlain, 4}, {kHidden + 8, 8}};
  ASSERT_EQ(Map(chain, 2, 6, DmaAccess::kDeviceReads), Result::kMapped);
  const std::vector<uint8_t> read = {2, 3, 0x77, 0x77, 0x77, 0x77};
  ASSERT_EQ(data.pieces().size(), 1u);
  EXPECT_TRUE(
      std::equal(read.begin(), read.end(), static_cast<uint8_t*>(data.pieces()[0].iov_base)));
  EXPECT_EQ(mapper.bounce_bytes(), 6u);
  EXPECT_FALSE(mapper.Release(data)) << "nobody waits";
  EXPECT_EQ(mapper.bounce_bytes(), 0u);

  ASSERT_EQ(Map(chain, 2, 6, DmaAccess::kDeviceWrites), Result::kMapped);
  auto* bounce = static_cast<uint8_t*>(data.pieces()[0].iov_base);
  EXPECT_TRUE(std::all_of(bounce, bounce + 6, [](uint8_t byte) { return byte == 0; }));
  std::fill_n(bounce, 6, 0x55);
  mapper.Finish(cursor, data, 3);
  EXPECT_EQ(plain[2], 0x55);
  EXPECT_EQ(plain[3], 0x55);
  EXPECT_EQ(hidden.bytes[8], 0x55);
  EXPECT_EQ(hidden.bytes[9], 0x77) << "beyond what was written";
  mapper.Release(data);
}

TEST_F(ChainDataTest, NoMemoryAndTooMuchAreRefused) {
  const std::vector<ChainBuffer> hole = {{kPlain + 250, 10}};
  EXPECT_EQ(Map(hole, 0, 10, DmaAccess::kDeviceWrites), Result::kRefused);
  const std::vector<ChainBuffer> large = {{kHidden, 8 << 20}};
  EXPECT_EQ(Map(large, 0, BufferPool::kMaxSize + 1, DmaAccess::kDeviceWrites), Result::kRefused);
  EXPECT_EQ(mapper.bounce_bytes(), 0u);
}

TEST_F(ChainDataTest, WhatWaitsIsToldWhenMemoryComesBack) {
  const std::vector<ChainBuffer> large = {{kHidden, 8 << 20}};
  std::vector<std::unique_ptr<ChainData>> held;
  for (uint64_t sum = 0; sum < ChainDataMapper::kMaxBounceBytes; sum += BufferPool::kMaxSize) {
    held.push_back(std::make_unique<ChainData>());
    ASSERT_EQ(mapper.Map(cursor, {.buffers = large, .skip = 0, .bytes = BufferPool::kMaxSize},
                         DmaAccess::kDeviceWrites, *held.back()),
              Result::kMapped);
  }
  EXPECT_EQ(Map(large, 0, 1, DmaAccess::kDeviceWrites), Result::kWaits);
  mapper.Await();
  const std::vector<ChainBuffer> small = {{kPlain, 1}};
  ASSERT_EQ(Map(small, 0, 1, DmaAccess::kDeviceWrites), Result::kMapped);
  EXPECT_FALSE(mapper.Release(data)) << "that gave no bounce buffer back";
  EXPECT_TRUE(mapper.Release(*held[0]));
  EXPECT_FALSE(mapper.Release(*held[1]));
  mapper.Undo(*held[2]);
  mapper.Release(*held[3]);
  EXPECT_EQ(mapper.bounce_bytes(), 0u);
}

TEST_F(ChainDataTest, TheDirtyLogHasWhatWasWritten) {
  Log log;
  Use(&log);
  const std::vector<ChainBuffer> chain = {{kPlain, 4}, {kPlain + 8, 4}};
  ASSERT_EQ(Map(chain, 0, 8, DmaAccess::kDeviceWrites), Result::kMapped);
  mapper.Finish(cursor, data, 6);
  EXPECT_EQ(log.marked, (std::vector<std::pair<uint64_t, uint64_t>>{{kPlain, 4}, {kPlain + 8, 2}}));
  mapper.Release(data);
}

// A disk's transfer that failed may have changed all of it.
TEST_F(ChainDataTest, TheDirtyLogHasAllOfATransferThatFailed) {
  Log log;
  Use(&log);
  const std::vector<ChainBuffer> chain = {{kPlain, 4}, {kPlain + 8, 4}};
  ASSERT_EQ(Map(chain, 1, 7, DmaAccess::kDeviceWrites), Result::kMapped);
  mapper.FinishFailed(cursor, data);
  EXPECT_EQ(log.marked,
            (std::vector<std::pair<uint64_t, uint64_t>>{{kPlain + 1, 3}, {kPlain + 8, 4}}));
  mapper.Release(data);
  // A bounce buffer is not the guest's memory.
  const std::vector<ChainBuffer> bounced = {{kHidden, 16}};
  ASSERT_EQ(Map(bounced, 0, 16, DmaAccess::kDeviceWrites), Result::kMapped);
  mapper.FinishFailed(cursor, data);
  EXPECT_EQ(log.marked.size(), 2u);
  mapper.Release(data);
}

}  // namespace
}  // namespace platter
