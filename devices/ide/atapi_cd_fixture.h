// SPDX-License-Identifier: Apache-2.0
//
// Where the tests of ATAPI drives begin: a drive on a channel of a machine under virtual time, its
// guest's driver, and a backend that holds and fails requests.

#ifndef PLATTER_DEVICES_IDE_ATAPI_CD_FIXTURE_H_
#define PLATTER_DEVICES_IDE_ATAPI_CD_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/ide/ata_spec.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"
#include "testing/guest/atapi_driver.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

class AtapiCdTest : public testing::Test {
 protected:
  static constexpr uint32_t kBlock = 2048;
  static constexpr uint64_t kBlocks = 512;
  static constexpr IdeDriver::Place kPlace = {};
  using Asked = FakeBlockDevice::Asked;

  static constexpr AtapiSense kReset = {.key = 6, .code = 0x2900};
  static constexpr AtapiSense kGone = {.key = 2, .code = 0x3a00};
  static constexpr AtapiSense kChanged = {.key = 6, .code = 0x2800};
  static constexpr AtapiSense kEmpty = {.key = 2, .code = 0x3a01};
  static constexpr AtapiSense kOpen = {.key = 2, .code = 0x3a02};
  static constexpr AtapiSense kLocked = {.key = 5, .code = 0x5302};
  static constexpr AtapiSense kOutOfRange = {.key = 5, .code = 0x2100};
  static constexpr AtapiSense kBadOpcode = {.key = 5, .code = 0x2000};
  static constexpr AtapiSense kNoSense = {};

  AtapiCdTest() {
    for (uint64_t i = 0; i < backend_.data.size(); ++i) backend_.data[i] = ByteAt(i);
    IoSpace& ports = bus_.ports();
    EXPECT_TRUE(ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_.command_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.control, ata::kControlBlockBytes, channel_.control_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.bus_master, kBusMasterBytes, channel_.bus_master()).ok());
    driver_.emplace(bus_, kPlace);
    MakeDrive({.id = "cd0", .serial = "SERIAL-1"});
    EXPECT_TRUE(driver_->ClearNews());
    backend_.asked.clear();
  }
  ~AtapiCdTest() override {
    backend_.Release();
    Unplug();
    driver_.reset();
    world_.RunUntilIdle();
  }

  static uint8_t ByteAt(uint64_t i) { return static_cast<uint8_t>(i / 2048 * 7 + i / 256 + i); }
  static std::vector<uint8_t> DataAt(uint64_t lba, uint64_t blocks) {
    std::vector<uint8_t> data(blocks * kBlock);
    for (uint64_t i = 0; i < data.size(); ++i) data[i] = ByteAt(lba * kBlock + i);
    return data;
  }

  void MakeDrive(const AtapiCdOptions& options, unsigned unit = 0) {
    auto drive = AtapiCd::Create(options, channel_.port(unit), backend_, control_);
    ASSERT_TRUE(drive.ok()) << drive.status();
    drive_ = *std::move(drive);
  }
  void Unplug() {
    if (drive_ == nullptr) return;
    Await(&Device::Unplug);
    drive_.reset();
  }
  void Await(void (Device::*operation)(DeviceDone)) {
    bool done = false;
    (drive_.get()->*operation)([&] { done = true; });
    EXPECT_FALSE(done) << "never from inside the call";
    ASSERT_TRUE(bus_.WaitFor([&] { return done; }, IdeDriver::kTimeout));
  }
  void Settle() { bus_.RunFor(std::chrono::seconds(1)); }

  AtapiDriver& driver() { return *driver_; }
  IdeDriver& ide() { return driver_->ide(); }
  // A command without data that is not a packet.
  IdeAnswer Ata(const IdeCommand& command) {
    const auto answer = ide().Run(command);
    EXPECT_TRUE(answer.has_value()) << "no answer to command " << int{command.code};
    return answer.value_or(IdeAnswer{});
  }
  // A packet command; nothing asks for the sense afterwards.
  PacketAnswer Packet(const AtapiPacket& packet, uint32_t bytes = 0, IdeWay way = IdeWay::kPio,
                      uint16_t limit = 0xfffe) {
    const auto answer = driver().Run(
        {.packet = packet, .way = way, .buffer = ide().scratch(), .bytes = bytes, .limit = limit});
    EXPECT_TRUE(answer.has_value()) << "no answer to packet " << int{packet[0]};
    return answer.value_or(PacketAnswer{});
  }
  std::vector<uint8_t> Scratch(uint32_t bytes) {
    std::vector<uint8_t> data(bytes);
    EXPECT_TRUE(bus_.Read(ide().scratch(), data));
    return data;
  }
  // CHECK CONDITION with this sense, which is there to be asked for.
  void ExpectCheck(const PacketAnswer& answer, const AtapiSense& sense) {
    EXPECT_EQ(answer.status, ata::kStatusGood | ata::kStatusErr);
    EXPECT_EQ(answer.key(), sense.key);
    EXPECT_EQ(answer.reason, guest::kPacketReasonStatus);
    EXPECT_EQ(driver().RequestSense(), sense);
  }
  // The ATA way to refuse: no sense.
  void ExpectAbort(const PacketAnswer& answer) {
    EXPECT_EQ(answer.status, ata::kStatusGood | ata::kStatusErr);
    EXPECT_EQ(answer.error, ata::kErrorAbrt);
    EXPECT_TRUE(answer.blocks.empty());
  }
  void ExpectGood(const PacketAnswer& answer) {
    EXPECT_EQ(answer.status, ata::kStatusGood);
    EXPECT_EQ(answer.error, 0);
    EXPECT_EQ(answer.reason, guest::kPacketReasonStatus);
  }
  // The drive answers as always, both ways.
  void ExpectWorks() {
    EXPECT_TRUE(driver().ClearNews());
    for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
      std::vector<uint8_t> data(size_t{3} * kBlock);
      EXPECT_TRUE(driver().Read10(way, 7, data).ok());
      EXPECT_EQ(data, DataAt(7, 3));
    }
    EXPECT_EQ(driver().faults(), 0u);
  }

  SimulatedWorld world_{7};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{kBlocks * kBlock};
  IdeChannel channel_{{.memory = bus_.memory(), .line = bus_.Line(kPlace.line)}};
  std::unique_ptr<AtapiCd> drive_;
  std::optional<AtapiDriver> driver_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATAPI_CD_FIXTURE_H_
