// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ide_state.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

constexpr TaskFile kFile = {.features = {1, 2},
                            .count = {3, 4},
                            .lba_low = {5, 6},
                            .lba_mid = {7, 8},
                            .lba_high = {9, 255},
                            .device = 0xe0,
                            .command = 0x25};

TEST(IdeState, ATaskFileComesBack) {
  state::IdeTaskFile saved;
  SaveTaskFile(kFile, saved);
  TaskFile back;
  ASSERT_TRUE(RestoreTaskFile(saved, back));
  EXPECT_EQ(back, kFile);
}

TEST(IdeState, ATaskFileOfAnotherShapeIsNone) {
  TaskFile back;
  EXPECT_FALSE(RestoreTaskFile({}, back));
  const auto refuses = [&back](auto change) {
    state::IdeTaskFile saved;
    SaveTaskFile(kFile, saved);
    change(saved);
    return !RestoreTaskFile(saved, back);
  };
  EXPECT_TRUE(refuses([](auto& saved) { saved.set_current("1234"); }));
  EXPECT_TRUE(refuses([](auto& saved) { saved.set_previous("123456"); }));
  EXPECT_TRUE(refuses([](auto& saved) { saved.set_device(256); }));
  EXPECT_TRUE(refuses([](auto& saved) { saved.set_command(UINT32_MAX); }));
  EXPECT_EQ(back, TaskFile{});
}

TEST(IdeState, ModesComeBackWhenThereAreSuch) {
  const AtaTransferModes modes = {.multiword = 2, .ultra = kAtaNoMode};
  state::AtaTransferModes saved;
  SaveModes(modes, saved);
  AtaTransferModes back;
  ASSERT_TRUE(RestoreModes(saved, back));
  EXPECT_EQ(back, modes);
  saved.set_multiword(kAtaMaxMultiwordMode + 1);
  EXPECT_FALSE(RestoreModes(saved, back));
  saved.set_multiword(0);
  saved.set_ultra(256);
  EXPECT_FALSE(RestoreModes(saved, back));
  EXPECT_EQ(back, modes);
}

}  // namespace
}  // namespace platter
