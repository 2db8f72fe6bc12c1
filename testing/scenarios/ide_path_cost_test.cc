// SPDX-License-Identifier: Apache-2.0
//
// What a DMA command costs on its way ATA disk, or ATAPI drive -> backend -> driver, in allocations
// and locks: none, on any thread, once warm. Transfers of 1 to 32 regions; of the disk reads,
// writes and flushes. The channel's lock, which is taken for each register access and each answer,
// is off: its owner promises one thread.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "base/mutex.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/scenarios/path_machine.h"

namespace platter {
namespace {

constexpr uint32_t kMaxRegions = 32;
constexpr uint32_t kRegionBytes = 2048;
constexpr auto kPatience = std::chrono::seconds(120);

class IdePathCost : public testing::TestWithParam<CostPath> {
 protected:
  class Line final : public InterruptLine {
   public:
    void Set(LineLevel) override {}
  };

  void SetUp() override {
    absl::Status status = host_.Start(GetParam(), /*io_threads=*/0);
    ASSERT_TRUE(status.ok()) << status;
    status = BlockOn(host_.context(), host_.machine().BackendAdd("b0", "d0", {}));
    ASSERT_TRUE(status.ok()) << status;
    backend_ = host_.machine().backends().Find("b0");
    ASSERT_NE(backend_, nullptr);
    channel_ = std::make_unique<IdeChannel>(IdeChannel::Setup{
        .memory = host_.bus().memory(), .line = line_, .serialise = Serialiser::Mode::kOff});
    table_ = *host_.bus().Allocate(uint64_t{kMaxRegions} * kPrdBytes, 4096);
    // Scattered, so that no two regions become one piece.
    data_ = *host_.bus().Allocate(uint64_t{kMaxRegions} * 2 * kRegionBytes, 4096);
    limit_ = clock_.Now() + kPatience;
  }
  void TearDown() override {
    backend_.reset();
    host_.Shutdown();  // Unplugs the drive, before its channel goes.
  }
  void Adopt(std::unique_ptr<Device> drive) {
    const absl::Status adopted = host_.machine().AdoptDevice(std::move(drive), backend_);
    ASSERT_TRUE(adopted.ok()) << adopted;
  }

  uint8_t AlternateStatus() {
    return static_cast<uint8_t>(channel_->control_block().ReadRegister(0, 1));
  }
  void Set(unsigned offset, uint8_t value) {
    channel_->command_block().WriteRegister(offset, 1, value);
  }
  // Until the drive neither works nor waits for data; or until it waits for them.
  void RunWhile(uint8_t bits) {
    do {
      host_.context().RunReady();
    } while ((AlternateStatus() & bits) != 0 && clock_.Now() < limit_);
  }
  void RunUntilDataAreDue() {
    while ((AlternateStatus() & ata::kStatusDrq) == 0 && clock_.Now() < limit_) {
      host_.context().RunReady();
    }
  }
  void Finish() {
    RunWhile(ata::kStatusBsy | ata::kStatusDrq);
    failed_ += channel_->command_block().ReadRegister(ata::kRegStatus, 1) != ata::kStatusGood;
  }
  void BuildTable(uint32_t regions) {
    for (uint32_t i = 0; i < regions; ++i) {
      const uint64_t address = data_ + uint64_t{i} * 2 * kRegionBytes;
      std::array<uint8_t, kPrdBytes> prd{};
      for (unsigned j = 0; j < 4; ++j) prd[j] = static_cast<uint8_t>(address >> (8 * j));
      prd[5] = kRegionBytes >> 8;
      prd[7] = i + 1 == regions ? 0x80 : 0;
      host_.bus().Write(table_ + uint64_t{i} * kPrdBytes, prd);
    }
    channel_->bus_master().WriteRegister(kBmRegTable, 4, static_cast<uint32_t>(table_));
  }
  void RunBusMaster() {
    channel_->bus_master().WriteRegister(kBmRegCommand, 1, kBmCommandStart);
    Finish();
    channel_->bus_master().WriteRegister(kBmRegCommand, 1, 0);
  }

  // --- The disk. ---

  void AtaCommand(uint8_t code, uint32_t sectors, uint32_t lba) {
    Set(ata::kRegDevice, ata::kDeviceLba);
    Set(ata::kRegCount, static_cast<uint8_t>(sectors));
    Set(ata::kRegLbaLow, static_cast<uint8_t>(lba));
    Set(ata::kRegLbaMid, static_cast<uint8_t>(lba >> 8));
    Set(ata::kRegLbaHigh, static_cast<uint8_t>(lba >> 16));
    Set(ata::kRegCommand, code);
  }
  void RunAta(uint32_t rounds) {
    for (uint32_t i = 0; i < rounds; ++i) {
      const uint32_t regions = i % kMaxRegions + 1;
      const uint32_t sectors = regions * kRegionBytes / 512;
      const auto lba = static_cast<uint32_t>(
          uint64_t{i} * 37 % (kPathDiskBytes / 512 - kMaxRegions * kRegionBytes / 512));
      BuildTable(regions);
      for (const uint8_t code : {ata::kReadDma, ata::kWriteDma}) {
        AtaCommand(code, sectors, lba);
        RunBusMaster();
      }
      if (i % 17 != 16) continue;
      AtaCommand(ata::kFlushCache, 0, 0);
      Finish();
    }
  }

  // --- The packet drive. ---

  void Packet(const std::array<uint8_t, kAtapiPacketBytes>& packet) {
    Set(ata::kRegFeatures, kAtapiFeatureDma);
    Set(ata::kRegLbaMid, 0);
    Set(ata::kRegLbaHigh, 0x80);
    Set(ata::kRegCommand, ata::kPacket);
    RunUntilDataAreDue();
    channel_->WriteData(packet);
  }
  void RunAtapi(uint32_t rounds) {
    for (uint32_t i = 0; i < rounds; ++i) {
      const uint32_t regions = i % kMaxRegions + 1;
      const auto lba =
          static_cast<uint32_t>(uint64_t{i} * 37 % (kPathDiskBytes / kCdBlockBytes - kMaxRegions));
      BuildTable(regions);
      Packet({0x28, 0, 0, 0, static_cast<uint8_t>(lba >> 8), static_cast<uint8_t>(lba), 0, 0,
              static_cast<uint8_t>(regions)});
      RunBusMaster();
    }
  }

  // `run` of so many rounds, once warm.
  template <typename Run>
  void ExpectFree(Run run) {
    ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
    const uint32_t rounds = kBuiltWithSanitizer ? 200 : 2'000;
    run(rounds / 4);  // Warm: pools have grown, pages are there.
    failed_ = 0;      // A new drive's attention.
    const AllocationWindow allocations;
    const uint64_t locks = Mutex::TotalAcquisitions();
    run(rounds);
    EXPECT_EQ(allocations.count(), 0u);
    EXPECT_EQ(Mutex::TotalAcquisitions() - locks, 0u);
    EXPECT_EQ(failed_, 0u);
    EXPECT_LT(clock_.Now(), limit_) << "commands did not complete in time";
  }

  static constexpr uint32_t kPrdBytes = 8;

  MonotonicClock clock_;
  Line line_;
  PathMachine host_;
  BlockBackendRef backend_;
  std::unique_ptr<IdeChannel> channel_;
  uint64_t table_ = 0;
  uint64_t data_ = 0;
  uint64_t failed_ = 0;
  Instant limit_;
};

TEST_P(IdePathCost, NoAllocationAndNoLockOfAnAtaDisk) {
  Adopt(*AtaDisk::Create({.id = "hd0"}, channel_->port(0), *backend_, host_.context(),
                         host_.context()));
  ExpectFree([this](uint32_t rounds) { RunAta(rounds); });
}

TEST_P(IdePathCost, NoAllocationAndNoLockOfAnAtapiDrive) {
  Adopt(*AtapiCd::Create({.id = "cd0"}, channel_->port(0), *backend_, host_.context()));
  ExpectFree([this](uint32_t rounds) { RunAtapi(rounds); });
}

INSTANTIATE_TEST_SUITE_P(Paths, IdePathCost, testing::ValuesIn(CostPaths()), NameOfPath);

}  // namespace
}  // namespace platter
