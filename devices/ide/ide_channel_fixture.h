// SPDX-License-Identifier: Apache-2.0
//
// Where the tests of channel and ports begin: a channel, drives that do what the test says, a line
// that is looked at.

#ifndef PLATTER_DEVICES_IDE_IDE_CHANNEL_FIXTURE_H_
#define PLATTER_DEVICES_IDE_IDE_CHANNEL_FIXTURE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/check.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/ide/ata_spec.h"
#include "devices/ide/ide_channel.h"

namespace platter {

class TestIdeDevice final : public IdeDevice {
 public:
  explicit TestIdeDevice(std::string name, bool packet = false)
      : name_(std::move(name)), packet_(packet) {}

  void OnWork() override { ++works; }
  const std::string& name() const override { return name_; }
  IdeSignature signature() const override { return packet_ ? kPacketSignature : kAtaSignature; }
  bool takes_device_reset() const override { return packet_; }

  int works = 0;

 private:
  const std::string name_;
  const bool packet_;
};

class IdeChannelTest : public testing::Test {
 protected:
  class Line final : public InterruptLine {
   public:
    void Set(LineLevel level) override {
      high = level == LineLevel::kHigh;
      if (high) ++rises;
    }
    bool high = false;
    int rises = 0;
  };

  static std::shared_ptr<const GuestMemory> Memory(std::vector<uint8_t>& bytes) {
    auto memory =
        GuestMemory::Create({{.address = 0, .size = bytes.size(), .host = bytes.data()}}, nullptr);
    PLATTER_CHECK(memory.ok());
    return *memory;
  }

  ~IdeChannelTest() override {
    channel_.port(0).Detach();
    channel_.port(1).Detach();
  }

  void Attach(TestIdeDevice& device, unsigned unit) {
    ASSERT_TRUE(channel_.port(unit).Attach(device).ok());
  }
  uint8_t Get(unsigned offset) {
    return static_cast<uint8_t>(channel_.command_block().ReadRegister(offset, 1));
  }
  void Set(unsigned offset, uint8_t value) {
    channel_.command_block().WriteRegister(offset, 1, value);
  }
  uint8_t Alternate() { return static_cast<uint8_t>(channel_.control_block().ReadRegister(0, 1)); }
  void SetControl(uint8_t value) { channel_.control_block().WriteRegister(0, 1, value); }
  uint8_t GetBm(unsigned offset) {
    return static_cast<uint8_t>(channel_.bus_master().ReadRegister(offset, 1));
  }
  void SetBm(unsigned offset, uint8_t value) {
    channel_.bus_master().WriteRegister(offset, 1, value);
  }
  void Select(unsigned unit) { Set(ata::kRegDevice, unit == 0 ? 0 : ata::kDeviceDev); }
  void Command(uint8_t code) { Set(ata::kRegCommand, code); }
  // Writes a command and takes it.
  void Begin(uint8_t code, unsigned unit = 0) {
    Command(code);
    EXPECT_EQ(channel_.port(unit).Take().event, IdeEvent::kCommand);
  }
  void ExpectSignature(const IdeSignature& signature) {
    EXPECT_EQ(Get(ata::kRegCount), signature.count);
    EXPECT_EQ(Get(ata::kRegLbaLow), signature.lba_low);
    EXPECT_EQ(Get(ata::kRegLbaMid), signature.lba_mid);
    EXPECT_EQ(Get(ata::kRegLbaHigh), signature.lba_high);
    EXPECT_EQ(Get(ata::kRegError), ata::kDiagnosticPassed);
    EXPECT_EQ(Alternate(), signature.status);
  }

  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(65536);
  Line line_;
  IdeChannel channel_{{.memory = Memory(bytes_), .line = line_}};
  TestIdeDevice disk_{"disk"};
  TestIdeDevice slave_{"slave"};
  TestIdeDevice packet_{"packet", true};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_IDE_CHANNEL_FIXTURE_H_
