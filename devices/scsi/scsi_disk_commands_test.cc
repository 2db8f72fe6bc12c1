// SPDX-License-Identifier: Apache-2.0
//
// The command table of the disk, code by code.

#include "devices/scsi/scsi_disk_commands.h"

#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

class ScsiDiskCommandsTest : public testing::Test, protected ScsiFixture {};

TEST_F(ScsiDiskCommandsTest, EveryOpcodeHasADefinedAnswer) {
  Start();
  for (int opcode = 0; opcode < 256; ++opcode) {
    for (int action = 0; action < 32; ++action) {
      for (size_t room : {0, 1, 8, 255, 600}) {
        const auto code = static_cast<uint8_t>(opcode);
        const ScsiResult result =
            Execute({code, static_cast<uint8_t>(action), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0},
                    std::vector<uint8_t>(room), room);
        EXPECT_LE(result.transferred, room);
        EXPECT_EQ(result.status == ScsiStatus::kCheckCondition, !result.sense.ok());
        if (disk->commands().FirstOf(code) == nullptr) {
          EXPECT_EQ(result.sense, IllegalRequest(SenseCode::kInvalidOpcode));
        }
      }
    }
    disk->Release(0);
  }
}

TEST_F(ScsiDiskCommandsTest, EveryOpcodeOfARemovableDiskInEveryState) {
  StartRemovable();
  for (int state = 0; state < 8; ++state) {
    for (int opcode = 0; opcode < 256; ++opcode) {
      for (uint8_t byte : {0x00, 0x01, 0x02, 0x10, 0xff}) {
        for (size_t room : {0, 8, 600}) {
          // The state again: some commands change it.
          backend.inserted = (state & 1) != 0;
          disk->ResetMachine();
          disk->attentions().Clear();
          if ((state & 2) != 0) disk->tray()->Move(MediumMove::kEject);
          if ((state & 4) != 0) disk->tray()->Lock(true);
          const auto code = static_cast<uint8_t>(opcode);
          const ScsiResult result =
              Execute({code, byte, byte, 0, byte, 0, 0, 0, byte, byte, 0, 0, 0, 1, 0, 0},
                      std::vector<uint8_t>(room), room);
          EXPECT_LE(result.transferred, room);
          EXPECT_EQ(result.status == ScsiStatus::kCheckCondition, !result.sense.ok());
          if (disk->commands().FirstOf(code) == nullptr) {
            EXPECT_EQ(result.sense, IllegalRequest(SenseCode::kInvalidOpcode));
          }
        }
      }
      disk->Release(0);
    }
  }
}

// With an attention pending, reserved by another initiator, read-only, unable to unmap.
TEST_F(ScsiDiskCommandsTest, EveryOpcodeOfAFixedDiskInEveryState) {
  constexpr uint8_t kOther = 1;
  for (int state = 0; state < 16; ++state) {
    backend.read_only = (state & 1) != 0;
    backend.discards = (state & 2) == 0;
    const bool reserved = (state & 4) != 0;
    const bool attention = (state & 8) != 0;
    Stop();
    Start();
    for (int opcode = 0; opcode < 256; ++opcode) {
      const auto code = static_cast<uint8_t>(opcode);
      if (reserved) {
        ASSERT_TRUE(disk->Reserve(kOther));
      }
      disk->attentions().Clear();
      if (attention) disk->attentions().Establish(SenseCode::kModeParametersChanged);
      backend.asked.clear();
      const ScsiResult result = Execute({code, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0},
                                        std::vector<uint8_t>(600), 600);
      const ScsiCommand* const row = disk->FindCommand(code, 0);
      const uint8_t flags = row == nullptr ? 0 : row->flags;
      SCOPED_TRACE(opcode + 1000 * state);
      if (attention && (flags & kIgnoresAttention) == 0) {
        EXPECT_EQ(result.sense, UnitAttention(SenseCode::kModeParametersChanged));
      } else if (reserved && (flags & kIgnoresReservation) == 0) {
        EXPECT_EQ(result.status, ScsiStatus::kReservationConflict);
      } else if (row == nullptr) {
        EXPECT_EQ(result.sense.key, SenseKey::kIllegalRequest);
      }
      for (const FakeBlockDevice::Asked& asked : backend.asked) {
        EXPECT_FALSE(backend.read_only && asked.op != IoOp::kRead && asked.op != IoOp::kFlush);
        EXPECT_FALSE(!backend.discards && asked.op == IoOp::kDiscard);
      }
      disk->Release(kOther);
      disk->Release(0);
    }
  }
}

TEST_F(ScsiDiskCommandsTest, ARemovableDiskHasAllCommandsOfAFixedOneAndThoseOfATray) {
  for (const ScsiCommand& row : ScsiDiskCommands().rows()) {
    const ScsiCommand* const found =
        ScsiRemovableDiskCommands().Find(static_cast<uint8_t>(row.opcode), row.action);
    ASSERT_NE(found, nullptr) << row.name;
    EXPECT_EQ(found->execute == row.execute, row.opcode != ScsiOpcode::kStartStopUnit) << row.name;
  }
  for (const uint8_t code : {0x1e, 0x4a}) {
    EXPECT_EQ(ScsiDiskCommands().FirstOf(code), nullptr);
    ASSERT_NE(ScsiRemovableDiskCommands().FirstOf(code), nullptr);
  }
}

}  // namespace
}  // namespace platter
