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

}  // namespace
}  // namespace platter
