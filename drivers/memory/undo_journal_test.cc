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
