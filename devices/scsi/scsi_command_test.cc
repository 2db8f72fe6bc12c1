// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_command.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(ScsiCommandTableTest, FindsByCodeAndAction) {
  static constexpr ScsiCommand kRows[] = {
      {.opcode = ScsiOpcode::kRead10, .name = "read"},
      {.opcode = ScsiOpcode::kServiceActionIn16, .action = 1, .name = "one"},
      {.opcode = ScsiOpcode::kServiceActionIn16, .action = 2, .name = "two"},
  };
  const ScsiCommandTable table(kRows);
  EXPECT_EQ(table.Find(0x28, 7), &kRows[0]);
  EXPECT_EQ(table.Find(0x9e, 1), &kRows[1]);
  EXPECT_EQ(table.Find(0x9e, 2), &kRows[2]);
  EXPECT_EQ(table.Find(0x9e, 3), nullptr);
  EXPECT_EQ(table.Find(0x00, 0), nullptr);
  EXPECT_EQ(table.FirstOf(0x9e), &kRows[1]);
  EXPECT_EQ(table.FirstOf(0xff), nullptr);
}

}  // namespace
}  // namespace platter
