// SPDX-License-Identifier: Apache-2.0
//
// QtestBus and QemuMachine, with QEMU.
#include "testing/peers/qtest_bus.h"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "testing/peers/qemu_machine.h"

namespace platter {
namespace {

using std::chrono_literals::operator""s;

class QtestBusTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPeer({kQemuSystem}); !why.empty()) GTEST_SKIP() << why;
    auto machine = QemuMachine::Start({"-device", "ide-cd,id=cd0,bus=ide.0"});
    ASSERT_TRUE(machine.ok()) << machine.status();
    machine_ = *std::move(machine);
  }
  QtestBus& bus() { return machine_->bus(); }

  std::unique_ptr<QemuMachine> machine_;
};

TEST_F(QtestBusTest, MemoryIsAllocatedZeroedAndKept) {
  const auto address = bus().Allocate(4096, 4096);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(*address % 4096, 0u);
  std::array<uint8_t, 4> data = {1, 2, 3, 4};
  ASSERT_TRUE(bus().Read(*address + 7, data));
  EXPECT_EQ(data, (std::array<uint8_t, 4>{}));
  data = {0xff, 0, 0x80, 9};
  ASSERT_TRUE(bus().Write(*address + 7, data));
  EXPECT_EQ(bus().ReadRegister(RegisterSpace::kMmio, *address + 7, 2), 0xffu);
  std::array<uint8_t, 4> again = {};
  ASSERT_TRUE(bus().Read(*address + 7, again));
  EXPECT_EQ(again, data);
  EXPECT_TRUE(bus().health().ok()) << bus().health();
}

TEST_F(QtestBusTest, PortsOfEveryWidth) {
  // Configuration space of the host bridge: Intel 440FX.
  bus().WriteRegister(RegisterSpace::kPort, 0xcf8, 4, 0x80000000);
  EXPECT_EQ(bus().ReadRegister(RegisterSpace::kPort, 0xcfc, 4), 0x12378086u);
  EXPECT_EQ(bus().ReadRegister(RegisterSpace::kPort, 0xcfe, 2), 0x1237u);
  EXPECT_EQ(bus().ReadRegister(RegisterSpace::kPort, 0xcfc, 1), 0x86u);
}

TEST_F(QtestBusTest, InterruptsAreCounted) {
  EXPECT_EQ(bus().Interrupt(14).raised, 0u);
  // A packet drive raises its line when it aborts a command: IDENTIFY DEVICE.
  bus().WriteRegister(RegisterSpace::kPort, 0x1f6, 1, 0xa0);
  bus().WriteRegister(RegisterSpace::kPort, 0x1f7, 1, 0xec);
  EXPECT_TRUE(bus().WaitFor([&] { return bus().Interrupt(14).high; }, 10s));
  EXPECT_EQ(bus().Interrupt(14).raised, 1u);
  EXPECT_NE(bus().ReadRegister(RegisterSpace::kPort, 0x1f7, 1) & 1, 0u);
  EXPECT_TRUE(bus().WaitFor([&] { return !bus().Interrupt(14).high; }, 10s));
  EXPECT_EQ(bus().Interrupt(15).raised, 0u);
}

TEST_F(QtestBusTest, TheHostAnswersToo) {
  const auto blocks = machine_->Qmp(R"({"execute": "query-block"})");
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_NE(blocks->find("\"cd0\""), std::string::npos) << *blocks;
  const auto unknown = machine_->Qmp(R"({"execute": "eject", "arguments": {"id": "cd9"}})");
  EXPECT_NE(unknown.status().message().find("cd9"), std::string::npos) << unknown.status();
  ASSERT_TRUE(
      machine_->Qmp(R"({"execute": "blockdev-open-tray", "arguments": {"id": "cd0"}})").ok());
  const auto moved = machine_->NextEvent("DEVICE_TRAY_MOVED", 10s);
  ASSERT_TRUE(moved.ok()) << moved.status();
  ASSERT_TRUE(moved->has_value());
  EXPECT_NE((*moved)->find("\"tray-open\":true"), std::string::npos) << **moved;
}

TEST_F(QtestBusTest, AMachineThatEndsIsNoticed) {
  ASSERT_TRUE(machine_->Qmp(R"({"execute": "quit"})").ok());
  EXPECT_FALSE(bus().WaitFor([] { return false; }, 10s));
  EXPECT_FALSE(bus().health().ok());
  EXPECT_EQ(bus().ReadRegister(RegisterSpace::kPort, 0x1f7, 1), 0xffu);
}

TEST(QemuMachineTest, WhatQemuRefusesIsSaid) {
  if (const std::string why = WhyNoPeer({kQemuSystem}); !why.empty()) GTEST_SKIP() << why;
  const auto machine = QemuMachine::Start({"-device", "no-such-device"});
  EXPECT_NE(machine.status().message().find("no-such-device"), std::string::npos)
      << machine.status();
}

}  // namespace
}  // namespace platter
