// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/bus_master.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

using Effect = BusMaster::Effect;

uint32_t Table(const BusMaster& engine) {
  uint32_t table = 0;
  for (unsigned i = 0; i < 4; ++i) table |= uint32_t{engine.Read(kBmRegTable + i)} << (8 * i);
  return table;
}
void Arm(BusMaster& engine) {
  EXPECT_EQ(engine.Write(kBmRegCommand, kBmCommandStart), Effect::kArmed);
}

TEST(BusMasterTest, NewRegistersAreZero) {
  const BusMaster engine;
  for (unsigned offset = 0; offset < 16; ++offset) EXPECT_EQ(engine.Read(offset), 0) << offset;
  EXPECT_FALSE(engine.armed());
}

TEST(BusMasterTest, TheTableIsAlignedTo4Bytes) {
  BusMaster engine;
  for (unsigned i = 0; i < 4; ++i) {
    EXPECT_EQ(engine.Write(kBmRegTable + i, 0xff), Effect::kNone);
  }
  EXPECT_EQ(Table(engine), 0xfffffffcu);
  Arm(engine);
  EXPECT_EQ(engine.Begin(), 0xfffffffcu);
}

TEST(BusMasterTest, ErrorAndInterruptAreClearedByOnesAndDriveBitsAreTheGuests) {
  BusMaster engine;
  engine.OnInterrupt();
  Arm(engine);
  engine.Begin();
  engine.End(DmaEnd::kNoMemory);
  EXPECT_EQ(engine.Read(kBmRegStatus), kBmStatusError | kBmStatusInterrupt);
  engine.Write(kBmRegStatus, kBmStatusDrivesCapable);
  EXPECT_EQ(engine.Read(kBmRegStatus),
            kBmStatusError | kBmStatusInterrupt | kBmStatusDrivesCapable);
  engine.Write(kBmRegStatus, kBmStatusInterrupt);
  EXPECT_EQ(engine.Read(kBmRegStatus), kBmStatusError);
  engine.Write(kBmRegStatus, 0xff);
  EXPECT_EQ(engine.Read(kBmRegStatus), kBmStatusDrivesCapable) << "Active can't be written";
}

// R-IDE-06, R-IDE-07: what Start and the end of a transfer make of Active and Error.
TEST(BusMasterTest, R_IDE_06_TruthTable) {
  struct Row {
    DmaEnd end;
    uint8_t status;
  };
  for (const Row& row : {Row{DmaEnd::kExact, 0}, Row{DmaEnd::kTableLonger, kBmStatusActive},
                         Row{DmaEnd::kTableShort, 0}, Row{DmaEnd::kNoMemory, kBmStatusError}}) {
    BusMaster engine;
    Arm(engine);
    EXPECT_EQ(engine.Read(kBmRegStatus), kBmStatusActive);
    engine.Begin();
    EXPECT_EQ(engine.Read(kBmRegStatus), kBmStatusActive);
    engine.End(row.end);
    EXPECT_EQ(engine.Read(kBmRegStatus), row.status);
    EXPECT_EQ(engine.Read(kBmRegCommand), kBmCommandStart) << "the guest's bit stays";
    // One start, one transfer.
    EXPECT_FALSE(engine.armed());
    EXPECT_EQ(engine.Write(kBmRegCommand, kBmCommandStart), Effect::kNone);
    EXPECT_FALSE(engine.armed());
    EXPECT_EQ(engine.Write(kBmRegCommand, 0), Effect::kNone);
    EXPECT_EQ(engine.Read(kBmRegStatus) & kBmStatusActive, 0);
    Arm(engine);
    EXPECT_TRUE(engine.armed());
  }
}

TEST(BusMasterTest, StoppedBeforeTheDriveAskedNothingBegins) {
  BusMaster engine;
  Arm(engine);
  EXPECT_EQ(engine.Write(kBmRegCommand, 0), Effect::kDisarmed);
  EXPECT_FALSE(engine.armed());
  EXPECT_EQ(engine.Read(kBmRegStatus), 0);
}

TEST(BusMasterTest, StoppedAmidATransferActiveStaysUntilItIsThrough) {
  BusMaster engine;
  Arm(engine);
  engine.Begin();
  EXPECT_EQ(engine.Write(kBmRegCommand, 0), Effect::kNone);
  EXPECT_EQ(engine.Read(kBmRegCommand), 0);
  EXPECT_EQ(engine.Read(kBmRegStatus), kBmStatusActive);
  EXPECT_EQ(engine.Write(kBmRegCommand, kBmCommandStart), Effect::kNone);
  EXPECT_FALSE(engine.armed()) << "not while data moves";
  engine.End(DmaEnd::kTableLonger);
  EXPECT_EQ(engine.Read(kBmRegStatus), 0);
  Arm(engine);
}

TEST(BusMasterTest, TheDirectionStaysWhileActive) {
  BusMaster engine;
  engine.Write(kBmRegCommand, kBmCommandToMemory);
  EXPECT_EQ(engine.Read(kBmRegCommand), kBmCommandToMemory);
  engine.Write(kBmRegCommand, kBmCommandStart | kBmCommandToMemory);
  engine.Write(kBmRegCommand, kBmCommandStart);
  EXPECT_EQ(engine.Read(kBmRegCommand), kBmCommandStart | kBmCommandToMemory);
}

TEST(BusMasterTest, AResetOfTheDriveDisarmsAndForgetsTheTransfer) {
  BusMaster engine;
  Arm(engine);
  engine.OnDriveReset();
  EXPECT_FALSE(engine.armed());
  EXPECT_EQ(engine.Read(kBmRegStatus), 0);
  Arm(engine);
  engine.Begin();
  engine.OnDriveReset();
  engine.End(DmaEnd::kNoMemory);
  EXPECT_EQ(engine.Read(kBmRegStatus), 0);
  Arm(engine);
}

TEST(BusMasterTest, ResetMakesItNew) {
  BusMaster engine;
  engine.Write(kBmRegTable, 0xf0);
  engine.Write(kBmRegStatus, kBmStatusDrivesCapable);
  engine.Write(kBmRegCommand, kBmCommandToMemory | kBmCommandStart);
  engine.OnInterrupt();
  engine.Reset();
  for (unsigned offset = 0; offset < kBusMasterBytes; ++offset) EXPECT_EQ(engine.Read(offset), 0);
}

}  // namespace
}  // namespace platter
