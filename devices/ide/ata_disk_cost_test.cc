// SPDX-License-Identifier: Apache-2.0
//
// What a command costs an ATA disk once it is warm: no allocation by DMA or PIO, and no lock but
// the channel's, which is taken for each register access and each answer, and is off here.

#include <array>
#include <memory>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/mutex.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"
#include "testing/alloc_counter/alloc_counter.h"

namespace platter {
namespace {

class AtaDiskCostTest : public testing::Test {
 protected:
  static constexpr uint32_t kPieces = 32;
  static constexpr uint32_t kPieceBytes = 512;
  static constexpr uint32_t kTable = 0x100;

  class Line final : public InterruptLine {
   public:
    void Set(LineLevel) override {}
  };

  AtaDiskCostTest() {
    backend_.record = false;
    disk_ = *AtaDisk::Create({.id = "hd0"}, channel_.port(0), backend_, control_, control_);
    // Scattered, so that no two regions become one piece.
    for (uint32_t i = 0; i < kPieces; ++i) {
      uint8_t* prd = bytes_->data() + kTable + size_t{8} * i;
      const uint32_t address = 0x1000 + 2 * kPieceBytes * i;
      prd[0] = static_cast<uint8_t>(address);
      prd[1] = static_cast<uint8_t>(address >> 8);
      prd[5] = kPieceBytes >> 8;
      prd[7] = i + 1 == kPieces ? 0x80 : 0;
    }
  }
  ~AtaDiskCostTest() override {
    bool done = false;
    disk_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
  }

  void Turn() {
    while (control_.RunReady()) continue;
  }
  void Set(unsigned offset, uint8_t value) {
    channel_.command_block().WriteRegister(offset, 1, value);
  }
  void Command(uint8_t code, uint8_t sectors) {
    Set(ata::kRegDevice, ata::kDeviceLba);
    Set(ata::kRegCount, sectors);
    Set(ata::kRegLbaLow, 1);
    Set(ata::kRegLbaMid, 0);
    Set(ata::kRegLbaHigh, 0);
    Set(ata::kRegCommand, code);
  }
  void ExpectDone() {
    ASSERT_EQ(channel_.command_block().ReadRegister(ata::kRegStatus, 1), ata::kStatusGood);
  }
  void Dma(uint8_t code) {
    channel_.bus_master().WriteRegister(kBmRegTable, 4, kTable);
    Command(code, kPieces);
    channel_.bus_master().WriteRegister(kBmRegCommand, 1, kBmCommandStart);
    Turn();
    channel_.bus_master().WriteRegister(kBmRegCommand, 1, 0);
    ExpectDone();
  }
  void Pio(uint8_t code) {
    Command(code, 4);
    for (int block = 0; block < 4; ++block) {
      Turn();
      if (code == ata::kReadSectors) {
        channel_.ReadData(sector_);
      } else {
        channel_.WriteData(sector_);
      }
    }
    Turn();
    ExpectDone();
  }
  void Run(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      Dma(ata::kReadDma);
      Dma(ata::kWriteDma);
      Pio(ata::kReadSectors);
      Pio(ata::kWriteSectors);
      Command(ata::kFlushCache, 0);
      Turn();
      ExpectDone();
    }
  }
  std::shared_ptr<const GuestMemory> Memory() {
    return *GuestMemory::Create({{.address = 0, .size = bytes_->size(), .host = bytes_->data()}},
                                nullptr);
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  std::unique_ptr<std::array<uint8_t, 65536>> bytes_ =
      std::make_unique<std::array<uint8_t, 65536>>();
  std::array<uint8_t, 512> sector_{};
  Line line_;
  FakeBlockDevice backend_{kMiB};
  IdeChannel channel_{{.memory = Memory(), .line = line_, .serialise = Serialiser::Mode::kOff}};
  std::unique_ptr<AtaDisk> disk_;
};

TEST_F(AtaDiskCostTest, NoAllocationAndNoLockOnceWarm) {
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
