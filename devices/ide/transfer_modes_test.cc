// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/transfer_modes.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

// All 256 values: those that are offered, what they set, and that the others set nothing.
TEST(TransferModesTest, EveryValue) {
  for (int value = 0; value < 256; ++value) {
    SCOPED_TRACE(value);
    AtaTransferModes modes;
    const bool taken = SelectTransferMode(static_cast<uint8_t>(value), modes);
    const bool pio = value <= 0x01 || (value >= 0x08 && value <= 0x0c);
    const bool multiword = value >= 0x20 && value <= 0x22;
    const bool ultra = value >= 0x40 && value <= 0x45;
    EXPECT_EQ(taken, pio || multiword || ultra);
    AtaTransferModes expected;
    if (multiword) expected = {.multiword = static_cast<uint8_t>(value & 7), .ultra = kAtaNoMode};
    if (ultra) expected = {.multiword = kAtaNoMode, .ultra = static_cast<uint8_t>(value & 7)};
    EXPECT_EQ(modes, expected);
  }
}

}  // namespace
}  // namespace platter
