// SPDX-License-Identifier: Apache-2.0
//
// What a packet command costs an ATAPI drive once it is warm: no allocation by DMA or PIO, and no
// lock but the channel's, which is taken for each register access and each answer, and is off here.

#include <array>
#include <memory>
#include <span>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/mutex.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"
#include "testing/alloc_counter/alloc_counter.h"

namespace platter {
namespace {

using Packet = std::array<uint8_t, kAtapiPacketBytes>;

class AtapiCdCostTest : public testing::Test {
 protected:
  static constexpr uint32_t kPieces = 32;
  static constexpr uint32_t kPieceBytes = 1024;
  static constexpr uint32_t kTable = 0x100;
  static constexpr uint8_t kBlocks = kPieces * kPieceBytes / kCdBlockBytes;
  static constexpr uint32_t kLimit = 4096;

  class Line final : public InterruptLine {
   public:
    void Set(LineLevel) override {}
  };

  AtapiCdCostTest() {
    backend_.record = false;
    drive_ = *AtapiCd::Create({.id = "cd0"}, channel_.port(0), backend_, control_);
    // Scattered, so that no two regions become one piece.
    for (uint32_t i = 0; i < kPieces; ++i) {
      uint8_t* prd = bytes_->data() + kTable + size_t{8} * i;
      const uint32_t address = 0x1000 + 2 * kPieceBytes * i;
      for (int j = 0; j < 4; ++j) prd[j] = static_cast<uint8_t>(address >> (8 * j));
      prd[5] = kPieceBytes >> 8;
      prd[7] = i + 1 == kPieces ? 0x80 : 0;
    }
    Send({}, 0);  // The attention of a new drive.
    channel_.command_block().ReadRegister(ata::kRegStatus, 1);
  }
  ~AtapiCdCostTest() override {
    bool done = false;
    drive_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
  }

  void Turn() {
    while (control_.RunReady()) continue;
  }
  void Set(unsigned offset, uint8_t value) {
    channel_.command_block().WriteRegister(offset, 1, value);
  }
  void Send(const Packet& packet, uint8_t features) {
    Set(ata::kRegFeatures, features);
    Set(ata::kRegLbaMid, 0);
    Set(ata::kRegLbaHigh, kLimit >> 8);
    Set(ata::kRegCommand, ata::kPacket);
    Turn();
    channel_.WriteData(packet);
    Turn();
  }
  void ExpectDone() {
    ASSERT_EQ(channel_.command_block().ReadRegister(ata::kRegStatus, 1), ata::kStatusGood);
  }
  void Dma(const Packet& packet) {
    channel_.bus_master().WriteRegister(kBmRegTable, 4, kTable);
    Send(packet, kAtapiFeatureDma);
    channel_.bus_master().WriteRegister(kBmRegCommand, 1, kBmCommandStart);
    Turn();
    channel_.bus_master().WriteRegister(kBmRegCommand, 1, 0);
    ExpectDone();
  }
  void Pio(const Packet& packet, uint32_t bytes) {
    Send(packet, 0);
    for (uint32_t done = 0; done < bytes; done += kLimit) {
      channel_.ReadData(block_);
      Turn();
    }
    ExpectDone();
  }
  // All ones would be refused; zeroes are taken.
  void PioOut(const Packet& packet, uint32_t bytes) {
    block_.fill(0);
    Send(packet, 0);
    channel_.WriteData(std::span(block_).first(bytes));
    Turn();
    ExpectDone();
  }
  void Run(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      Dma({0x28, 0, 0, 0, 0, 3, 0, 0, kBlocks});
      Dma({0x12, 0, 0, 0, 36});
      // More than the drive's buffer has.
      Pio({0xa8, 0, 0, 0, 0, 3, 0, 0, 0, 40}, 40 * kCdBlockBytes);
      Pio({0x43, 0, 0, 0, 0, 0, 0, 0, 20}, 20);
      Pio({}, 0);
      PioOut({0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28}, 28);
      bytes_->at(0x1000) = 0x04;  // The defaults, whatever follows.
      Dma({0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28});
    }
  }
  std::shared_ptr<const GuestMemory> Memory() {
    return *GuestMemory::Create({{.address = 0, .size = bytes_->size(), .host = bytes_->data()}},
                                nullptr);
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  std::unique_ptr<std::array<uint8_t, 131072>> bytes_ =
      std::make_unique<std::array<uint8_t, 131072>>();
  std::array<uint8_t, kLimit> block_{};
  Line line_;
  FakeBlockDevice backend_{kMiB};
  IdeChannel channel_{{.memory = Memory(), .line = line_, .serialise = Serialiser::Mode::kOff}};
  std::unique_ptr<AtapiCd> drive_;
};

TEST_F(AtapiCdCostTest, NoAllocationAndNoLockOnceWarm) {
  ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
  const int rounds = AllocationsAreCounted() ? 2000 : 100;  // Asking allocates.
  Run(10);
  const AllocationWindow window;
  const uint64_t locks = Mutex::TotalAcquisitions();
  Run(rounds);
  EXPECT_EQ(window.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
}

}  // namespace
}  // namespace platter
