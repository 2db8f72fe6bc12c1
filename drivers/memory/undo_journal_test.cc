// SPDX-License-Identifier: Apache-2.0
#include "drivers/memory/undo_journal.h"

#include <cstring>

#include "gtest/gtest.h"

namespace platter {
namespace {

class UndoJournalTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(memory_.Resize(64 * 1024).ok()); }
  void Write(uint64_t offset, uint64_t bytes, int value) {
    journal_.BeforeChange(offset, bytes);
    memory_.Take(offset, bytes);
    std::memset(memory_.data() + offset, value, bytes);
  }
  int At(uint64_t offset) { return memory_.data()[offset]; }

  SparseMemory memory_;
  UndoJournal journal_{memory_};
};

TEST_F(UndoJournalTest, UndoGoesBackToTheLastCommit) {
  Write(0, 5000, 1);
  journal_.CommitAll();
  Write(4000, 5000, 2);
  Write(4000, 10, 3);
  journal_.Undo(std::nullopt);
  EXPECT_EQ(At(4000), 1);
  EXPECT_EQ(At(4999), 1);
  EXPECT_EQ(At(5000), 0);
  EXPECT_EQ(At(8999), 0);
  EXPECT_TRUE(journal_.empty());
}

TEST_F(UndoJournalTest, CommitOfARangeKeepsThatRange) {
  Write(0, 3 * 4096, 1);
  journal_.Commit(4000, 200);
  journal_.Undo(std::nullopt);
  EXPECT_EQ(At(3999), 0);
  EXPECT_EQ(At(4000), 1);
  EXPECT_EQ(At(4199), 1);
  EXPECT_EQ(At(4200), 0);
}

TEST_F(UndoJournalTest, WhatWasFreedComesBackAndIsCounted) {
  Write(0, 4096, 1);
  journal_.CommitAll();
  journal_.BeforeChange(0, 4096);
  memory_.Free(0, 4096);
  journal_.Undo(std::nullopt);
  EXPECT_EQ(At(100), 1);
  EXPECT_TRUE(memory_.IsTaken(0));
}

TEST_F(UndoJournalTest, WhatWasNotTakenIsFreed) {
  Write(0, 4096, 1);
  journal_.CommitAll();
  Write(4000, 4096, 2);
  journal_.BeforeChange(16384, 4096);  // And the write of it found no room.
  EXPECT_EQ(memory_.taken_bytes(), 8192u);
  journal_.Undo(std::nullopt);
  EXPECT_EQ(memory_.taken_bytes(), 4096u);
  EXPECT_TRUE(memory_.IsTaken(0));
  EXPECT_EQ(At(4096), 0);
}

TEST_F(UndoJournalTest, ACommittedRangeKeepsItsPageOrItsAbsence) {
  Write(0, 2 * 4096, 1);
  journal_.Commit(4096, 512);
  journal_.Undo(std::nullopt);
  EXPECT_EQ(memory_.taken_bytes(), 4096u);
  EXPECT_TRUE(memory_.IsTaken(4096));
  journal_.BeforeChange(4096, 4096);
  memory_.Free(4096, 4096);
  journal_.Commit(4096, 4096);
  journal_.Undo(std::nullopt);
  EXPECT_EQ(memory_.taken_bytes(), 0u);
}

TEST_F(UndoJournalTest, ATornPageIsFreedWhenNoSectorOfItIsKept) {
  int freed = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Write(0, 64 * 1024, 1);
    journal_.Undo(seed);
    for (uint64_t page = 0; page < 64 * 1024; page += 4096) {
      int kept = 0;
      for (uint64_t at = page; at < page + 4096; at += UndoJournal::kSectorBytes) kept += At(at);
      EXPECT_EQ(memory_.IsTaken(page), kept > 0);
      freed += kept > 0 ? 0 : 1;
    }
    memory_.Free(0, 64 * 1024);
    EXPECT_EQ(memory_.taken_bytes(), 0u);
  }
  EXPECT_GT(freed, 0);
}

TEST_F(UndoJournalTest, TornUndoesSomeSectorsAndTheSeedSaysWhich) {
  int kept[2] = {};
  for (int round = 0; round < 2; ++round) {
    Write(0, 64 * 1024, 1);
    journal_.Undo(7);
    for (uint64_t at = 0; at < 64 * 1024; at += UndoJournal::kSectorBytes) {
      EXPECT_EQ(At(at), At(at + UndoJournal::kSectorBytes - 1));
      kept[round] += At(at);
    }
    Write(0, 64 * 1024, 0);
    journal_.CommitAll();
  }
  EXPECT_EQ(kept[0], kept[1]);
  EXPECT_GT(kept[0], 20);
  EXPECT_LT(kept[0], 108);
}

}  // namespace
}  // namespace platter
