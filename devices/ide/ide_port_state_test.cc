// SPDX-License-Identifier: Apache-2.0
//
// The registers of a drive and its channel in a saved state. The states of whole drives, at every
// step, are in ata_disk_state_test.cc and atapi_cd_state_test.cc.

#include <array>
#include <cstdint>

#include "gtest/gtest.h"

#include "devices/ide/ide_channel_fixture.h"
#include "devices/ide/ide_state.pb.h"

namespace platter {
namespace {

class IdePortStateTest : public IdeChannelTest {
 protected:
  ~IdePortStateTest() override {
    other_.port(0).Detach();
    other_.port(1).Detach();
  }
  void Save() { channel_.port(1).Save(buffer_, channel_state_, port_state_); }
  void Restore() {
    ASSERT_TRUE(other_.port(1).Attach(slave_).ok());
    ASSERT_TRUE(other_.port(1).CanRestore(channel_state_, port_state_, buffer_.size(), false));
    other_.port(1).Restore(port_state_, buffer_, IdePort::Block::kLast, channel_state_);
  }
  uint8_t GetOther(unsigned offset) {
    return static_cast<uint8_t>(other_.command_block().ReadRegister(offset, 1));
  }

  std::array<uint8_t, 512> buffer_{};
  state::IdeChannel channel_state_;
  state::IdePort port_state_;
  Line other_line_;
  IdeChannel other_{{.memory = Memory(bytes_), .line = other_line_}};
};

TEST_F(IdePortStateTest, ABlockOfDataGoesOnInItsMiddle) {
  Attach(packet_, 1);
  Select(1);
  Begin(ata::kIdentifyPacketDevice, 1);
  for (size_t i = 0; i < buffer_.size(); ++i) buffer_[i] = static_cast<uint8_t>(i);
  channel_.port(1).DataIn(buffer_, IdePort::Block::kLast);
  channel_.command_block().ReadRegister(ata::kRegData, 4);
  Save();
  Restore();

  EXPECT_TRUE(other_line_.high) << "the interrupt is still pending";
  EXPECT_EQ(other_.bus_master().ReadRegister(kBmRegStatus, 1), GetBm(kBmRegStatus));
  EXPECT_EQ(other_.command_block().ReadRegister(ata::kRegData, 4), 0x07060504u);
  for (size_t i = 8; i < buffer_.size(); i += 4) {
    EXPECT_EQ(GetOther(ata::kRegStatus) & ata::kStatusDrq, ata::kStatusDrq);
    other_.command_block().ReadRegister(ata::kRegData, 4);
  }
  EXPECT_EQ(GetOther(ata::kRegStatus), ata::kStatusGood);
}

TEST_F(IdePortStateTest, ACommandThatNobodyHasTakenIsThereToTake) {
  Attach(slave_, 1);
  Select(1);
  Set(ata::kRegCount, 7);
  Set(ata::kRegCount, 9);
  Command(ata::kFlushCache);
  Save();
  channel_.port(1).Detach();
  Restore();
  EXPECT_EQ(GetOther(ata::kRegStatus), ata::kStatusBsy);
  const IdeWork work = other_.port(1).Take();
  EXPECT_EQ(work.event, IdeEvent::kCommand);
  EXPECT_EQ(work.task_file.command, ata::kFlushCache);
  EXPECT_EQ(work.task_file.count.current, 9);
  EXPECT_EQ(work.task_file.count.previous, 7);
}

TEST_F(IdePortStateTest, ResetsAndTheBusMasterGoAlong) {
  Attach(slave_, 1);
  SetBm(kBmRegTable + 1, 0x12);
  SetBm(kBmRegCommand, kBmCommandStart | kBmCommandToMemory);
  SetControl(ata::kControlSrst | ata::kControlNien);
  Save();
  channel_.port(1).Detach();
  Restore();
  EXPECT_EQ(other_.port(1).Take().event, IdeEvent::kReset);
  EXPECT_EQ(other_.bus_master().ReadRegister(kBmRegTable, 4), 0x1200u);
  EXPECT_EQ(other_.bus_master().ReadRegister(kBmRegCommand, 1),
            uint64_t{kBmCommandStart | kBmCommandToMemory});
  other_.command_block().WriteRegister(ata::kRegDevice, 1, ata::kDeviceDev);
  other_.port(1).ResetDone(IdeReset::kSoftware);
  EXPECT_EQ(other_.control_block().ReadRegister(0, 1), ata::kStatusBsy) << "SRST is held";
  other_.control_block().WriteRegister(0, 1, 0);
  EXPECT_EQ(other_.control_block().ReadRegister(0, 1), ata::kStatusGood);
}

TEST_F(IdePortStateTest, WhatNoChannelCanBeAt) {
  Attach(slave_, 1);
  Save();
  const auto can = [this](auto change, bool moves_dma = false) {
    state::IdeChannel channel = channel_state_;
    state::IdePort port = port_state_;
    change(channel, port);
    return channel_.port(1).CanRestore(channel, port, buffer_.size(), moves_dma);
  };
  EXPECT_TRUE(can([](auto&, auto&) {}));
  EXPECT_FALSE(can([](auto&, auto& port) { port.set_phase(state::IdePort::RESET_HELD); }));
  EXPECT_TRUE(can([](auto& channel, auto& port) {
    channel.set_control(ata::kControlSrst);
    port.set_phase(state::IdePort::RESET_HELD);
  }));
  const auto moves = [](bool second) {
    return [second](auto& channel, auto&) {
      channel.mutable_bus_master()->set_state(state::IdeBusMaster::MOVING);
      channel.set_moves_for_second(second);
    };
  };
  EXPECT_FALSE(can(moves(true))) << "for this drive, which is at nothing of the kind";
  EXPECT_TRUE(can(moves(true), /*moves_dma=*/true));
  EXPECT_FALSE(can(moves(false))) << "for a drive that is not there";
  EXPECT_FALSE(can([](auto&, auto&) {}, /*moves_dma=*/true)) << "the engine stands still";
  Attach(disk_, 0);
  EXPECT_TRUE(can(moves(false)));
}

}  // namespace
}  // namespace platter
