// SPDX-License-Identifier: Apache-2.0
//
// Every operation code in every state of the drive has a defined answer.

#include "devices/scsi/scsi_cd_commands.h"

#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

class ScsiCdCommandsTest : public testing::Test, protected ScsiFixture {};

TEST_F(ScsiCdCommandsTest, EveryOpcodeInEveryState) {
  StartCd();
  for (int state = 0; state < 8; ++state) {
    for (int opcode = 0; opcode < 256; ++opcode) {
      for (uint8_t byte : {0x00, 0x01, 0x02, 0x10, 0x40, 0xff}) {
        for (size_t room : {0, 4, 255, 4096}) {
          // The state again: some commands change it.
          backend.inserted = (state & 1) != 0;
          drive->ResetMachine();
          drive->attentions().Clear();
          if ((state & 2) != 0) drive->tray()->Move(MediumMove::kEject);
          if ((state & 4) != 0) drive->tray()->Lock(true);
          const auto code = static_cast<uint8_t>(opcode);
          const ScsiResult result =
              Execute({code, byte, byte, 0, byte, 0, 0, 0, byte, byte, 0, 0, 0, 0, 0, 0}, {}, room);
          EXPECT_LE(result.transferred, room);
          EXPECT_EQ(result.status == ScsiStatus::kCheckCondition, !result.sense.ok());
          if (ScsiCdCommands().FirstOf(code) == nullptr) {
            EXPECT_EQ(result.sense, IllegalRequest(SenseCode::kInvalidOpcode));
          }
        }
      }
      drive->Release(0);
    }
  }
}

}  // namespace
}  // namespace platter
