// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_commands.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

#include "devices/ide/ata_spec.h"

namespace platter {
namespace {

TEST(AtaCommandsTest, EveryRowIsFoundByItsCodeAndNothingElseIs) {
  std::set<uint8_t> codes;
  for (const AtaCommand& command : AtaCommands()) {
    EXPECT_EQ(FindAtaCommand(command.code), &command) << command.name;
    codes.insert(command.code);
    EXPECT_NE(std::string(command.name), "");
    EXPECT_NE(std::string(command.clause), "");
  }
  EXPECT_EQ(codes.size(), AtaCommands().size());
  for (int code = 0; code < 256; ++code) {
    const auto byte = static_cast<uint8_t>(code);
    EXPECT_EQ(FindAtaCommand(byte) != nullptr, codes.contains(byte)) << code;
  }
}

TEST(AtaCommandsTest, WhatADiskMustAbortHasNoRow) {
  for (const uint8_t code : {ata::kNop, ata::kDeviceReset, ata::kPacket, ata::kIdentifyPacketDevice,
                             ata::kExecuteDeviceDiagnostic}) {
    EXPECT_EQ(FindAtaCommand(code), nullptr) << int{code};
  }
}

// 6.20: commands with EXT in their names have 48-bit addresses, and FUA is forced.
TEST(AtaCommandsTest, NamesSayAddressingAndDurability) {
  for (const AtaCommand& command : AtaCommands()) {
    const std::string name = command.name;
    const bool ext =
        name.find("EXT") != std::string::npos || command.code == ata::kDataSetManagement;
    EXPECT_EQ(command.addressing == AtaAddressing::k48, ext) << name;
    EXPECT_EQ(command.durability == AtaDurability::kForced, name.find("FUA") != std::string::npos)
        << name;
    const bool dma =
        name.find("DMA") != std::string::npos || command.code == ata::kDataSetManagement;
    EXPECT_EQ(command.protocol == AtaProtocol::kDmaIn || command.protocol == AtaProtocol::kDmaOut,
              dma)
        << name;
  }
}

}  // namespace
}  // namespace platter
