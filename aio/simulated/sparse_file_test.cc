// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/sparse_file.h"

#include <linux/falloc.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

class SparseFileTest : public testing::Test {
 protected:
  std::string ReadBack(uint64_t offset, uint64_t bytes) {
    std::string text(bytes, '?');
    text.resize(file_.Read(offset, text.data(), bytes));
    return text;
  }
  int64_t Write(uint64_t offset, const std::string& text) {
    return file_.Write(offset, text.data(), text.size());
  }

  SpaceBudget budget_;
  SparseFile file_{budget_};
  SimulatedRandom random_{1};
};

TEST_F(SparseFileTest, ReadsBackAcrossChunksAndShortAtTheEnd) {
  const std::string text(10'000, 'a');
  EXPECT_EQ(Write(4'000, text), 10'000);
  EXPECT_EQ(file_.size(), 14'000u);
  EXPECT_EQ(ReadBack(0, 4'000), std::string(4'000, '\0'));
  EXPECT_EQ(ReadBack(4'000, 20'000), text);
  EXPECT_EQ(ReadBack(14'000, 1), "");
  EXPECT_EQ(budget_.used, 4u * 4096);
}

TEST_F(SparseFileTest, CrashForgetsWhatIsNotSynced) {
  Write(0, "old");
  file_.Sync();
  Write(0, "new");
  Write(5'000, "tail");
  EXPECT_EQ(ReadBack(0, 3), "new");
  file_.Crash(CrashMode::kForget, random_);
  EXPECT_EQ(file_.size(), 3u);
  EXPECT_EQ(ReadBack(0, 10), "old");
}

TEST_F(SparseFileTest, CrashKeepsWhatIsSynced) {
  Write(0, "one");
  Write(512, "two");
  file_.SyncRange(512, 3);
  file_.Crash(CrashMode::kForget, random_);
  EXPECT_EQ(ReadBack(512, 3), "two");
  EXPECT_EQ(ReadBack(0, 3), std::string(3, '\0'));
}

TEST_F(SparseFileTest, TearingKeepsSomeSectorsWholeAndLosesOthers) {
  constexpr uint64_t kSectors = 256;
  Write(0, std::string(kSectors * 512, 'o'));
  file_.Sync();
  Write(0, std::string(kSectors * 512, 'n'));
  file_.Crash(CrashMode::kTear, random_);
  int kept = 0;
  for (uint64_t sector = 0; sector < kSectors; ++sector) {
    const std::string text = ReadBack(sector * 512, 512);
    ASSERT_EQ(text, std::string(512, text[0])) << sector;
    kept += text[0] == 'n';
  }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 256);
}

TEST_F(SparseFileTest, HolesGiveSpaceBackAndCrashRestoresThem) {
  Write(0, std::string(8192, 'x'));
  file_.Sync();
  EXPECT_EQ(file_.Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  EXPECT_EQ(budget_.used, 4096u);
  EXPECT_EQ(ReadBack(0, 4096), std::string(4096, '\0'));
  file_.Crash(CrashMode::kForget, random_);
  EXPECT_EQ(ReadBack(0, 4096), std::string(4096, 'x'));
  EXPECT_EQ(budget_.used, 8192u);
  EXPECT_EQ(file_.Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 200), 0);
  EXPECT_EQ(budget_.used, 8192u);  // Only whole chunks.
  file_.Sync();
  EXPECT_EQ(ReadBack(99, 3), std::string("x\0\0", 3));
}

TEST_F(SparseFileTest, ADiscardZeroesSomeSectorsOfTheRangeAndNothingElse) {
  constexpr uint64_t kSectors = 256;
  Write(0, std::string((kSectors + 2) * 512, 'x'));
  file_.Sync();
  // Parts of sectors at both ends stay.
  file_.Discard(100, kSectors * 512 + 512, random_);
  EXPECT_EQ(ReadBack(0, 512), std::string(512, 'x'));
  EXPECT_EQ(ReadBack((kSectors + 1) * 512, 512), std::string(512, 'x'));
  int zeroed = 0;
  for (uint64_t sector = 1; sector <= kSectors; ++sector) {
    const std::string text = ReadBack(sector * 512, 512);
    ASSERT_EQ(text, std::string(512, text[0])) << sector;
    zeroed += text[0] == '\0';
  }
  EXPECT_GT(zeroed, 0);
  EXPECT_LT(zeroed, 256);
  // It is as volatile as a write.
  file_.Crash(CrashMode::kForget, random_);
  EXPECT_EQ(ReadBack(0, (kSectors + 2) * 512), std::string((kSectors + 2) * 512, 'x'));
}

TEST_F(SparseFileTest, NoSpaceIsShortThenAnErrorAndCanBeRaised) {
  budget_.capacity = 8192;
  EXPECT_EQ(Write(0, std::string(10'000, 'x')), 8192);
  EXPECT_EQ(Write(8192, "y"), -ENOSPC);
  EXPECT_EQ(Write(0, "again"), 5);  // What is allocated stays writable.
  EXPECT_EQ(file_.Allocate(0, 0, 12'288), -ENOSPC);
  budget_.capacity = 12'288;
  EXPECT_EQ(Write(8192, "y"), 1);
}

TEST_F(SparseFileTest, AllocateModes) {
  EXPECT_EQ(file_.Allocate(0, 0, 5'000), 0);
  EXPECT_EQ(file_.size(), 5'000u);
  EXPECT_EQ(file_.Allocate(FALLOC_FL_KEEP_SIZE, 0, 10'000), 0);
  EXPECT_EQ(file_.size(), 5'000u);
  EXPECT_EQ(file_.allocated(), 12'288u);
  EXPECT_EQ(file_.Allocate(FALLOC_FL_ZERO_RANGE, 0, 20'000), 0);
  EXPECT_EQ(file_.size(), 20'000u);
  EXPECT_EQ(file_.Allocate(FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -EOPNOTSUPP);
  EXPECT_EQ(file_.Allocate(0, 0, 0), -EINVAL);
  EXPECT_EQ(file_.Allocate(0, UINT64_MAX, 2), -EFBIG);
}

TEST_F(SparseFileTest, TruncateZeroesWhatItCutsOff) {
  Write(0, std::string(8192, 'x'));
  EXPECT_EQ(file_.Truncate(100), 0);
  EXPECT_EQ(file_.Truncate(200), 0);
  EXPECT_EQ(ReadBack(99, 3), std::string("x\0\0", 3));
  EXPECT_EQ(file_.Truncate(UINT64_MAX), -EFBIG);
}

}  // namespace
}  // namespace platter
