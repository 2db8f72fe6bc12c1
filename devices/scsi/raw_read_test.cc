// SPDX-License-Identifier: Apache-2.0

#include "devices/scsi/raw_read.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/cd_sector.h"
#include "devices/scsi/mmc_disc.h"
#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

// READ CD of whole sectors.
std::vector<uint8_t> ReadCdRaw(uint32_t lba, uint32_t count) {
  const auto byte = [](uint32_t value, int shift) { return static_cast<uint8_t>(value >> shift); };
  return {0xbe,
          0,
          byte(lba, 24),
          byte(lba, 16),
          byte(lba, 8),
          byte(lba, 0),
          byte(count, 16),
          byte(count, 8),
          byte(count, 0),
          0xf8,
          0,
          0};
}

class RawReadTest : public testing::Test, protected ScsiFixture {
 protected:
  RawReadTest() {
    backend.data = Pattern(backend.data.size(), 3);  // 512 blocks.
    StartCd();
  }
  ScsiResult Read(uint32_t lba, uint32_t count, size_t room) {
    Task task({}, {}, room);
    task.cdb = Cdb(ReadCdRaw(lba, count));
    return Execute(task);
  }
  std::vector<uint8_t> Whole(uint32_t lba, uint32_t count) {
    std::vector<uint8_t> sectors;
    for (uint32_t i = 0; i < count; ++i) {
      std::array<uint8_t, kCdRawBytes> sector{};
      std::memcpy(&sector[16], &backend.data[(lba + i) * size_t{2048}], 2048);
      CompleteCdSector(lba + i, sector);
      sectors.insert(sectors.end(), sector.begin(), sector.end());
    }
    return sectors;
  }
};

TEST_F(RawReadTest, SectorsAreWhole) {
  const ScsiResult one = Read(5, 1, 2352);
  EXPECT_TRUE(one.good());
  EXPECT_EQ(one.transferred, 2352u);
  EXPECT_EQ(one.data, Whole(5, 1));
}

TEST_F(RawReadTest, MoreThanAPieceAtATime) {
  for (const uint32_t count : {63u, 64u, 65u, 200u, 512u}) {
    const ScsiResult read = Read(0, count, count * size_t{2352});
    EXPECT_TRUE(read.good());
    EXPECT_EQ(read.transferred, count * uint64_t{2352});
    EXPECT_EQ(read.data, Whole(0, count)) << count;
  }
}

// rerror=ignore: a read that failed counts as one that did not. What others left in the memory that
// the sectors are made in stays theirs.
TEST_F(RawReadTest, AnIgnoredErrorTellsNothingOfOthers) {
  void* const others = context.buffers().Allocate(kCdRawBytes);
  std::memset(others, 0x5a, kCdRawBytes);
  context.buffers().Free(others, kCdRawBytes);
  backend.skip_next_transfer = true;
  const ScsiResult read = Read(5, 1, kCdRawBytes);
  ASSERT_TRUE(read.good());
  EXPECT_EQ(std::count(read.data.begin() + 16, read.data.begin() + 16 + 2048, 0), 2048);
}

TEST_F(RawReadTest, AShortBufferIsAnOverrunAndNothingIsRead) {
  backend.asked.clear();
  EXPECT_TRUE(Read(5, 2, 2 * 2352 - 1).overrun);
  EXPECT_TRUE(backend.asked.empty());
}

TEST_F(RawReadTest, BeyondTheEndNothingIsRead) {
  backend.asked.clear();
  EXPECT_EQ(Read(511, 2, 2 * 2352).sense, IllegalRequest(SenseCode::kLbaOutOfRange));
  EXPECT_TRUE(backend.asked.empty());
}

TEST_F(RawReadTest, AnErrorOfThePiecesIsTheCommands) {
  backend.next_error = -EIO;
  const ScsiResult failed = Read(0, 100, 100 * size_t{2352});
  EXPECT_EQ(failed.status, ScsiStatus::kCheckCondition);
  EXPECT_EQ(failed.sense.key, SenseKey::kMediumError);
  EXPECT_EQ(Read(0, 100, 100 * size_t{2352}).data, Whole(0, 100));
}

TEST_F(RawReadTest, ADvdHasNoSuchSectors) {
  EXPECT_TRUE(HasRawSectors(512));
  backend.announced_length = uint64_t{4} << 30;
  EXPECT_FALSE(HasRawSectors(backend.announced_length / 2048));
  EXPECT_EQ(Read(5, 1, 2352).sense, IllegalRequest(SenseCode::kIllegalModeForTrack));
}

}  // namespace
}  // namespace platter
