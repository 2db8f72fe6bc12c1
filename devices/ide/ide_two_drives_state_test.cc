// SPDX-License-Identifier: Apache-2.0
//
// The two drives of a channel, moved together before every step of a guest that uses both: what the
// channel has for them both (who is selected, the interrupt line, the bus master) goes along.

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "devices/ide/ata_disk.h"
#include "devices/ide/ata_spec.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "devices/ide/ide_save_fixture.h"
#include "testing/guest/ide_spec.h"

namespace platter {
namespace {

constexpr uint64_t kSectors = 256;
constexpr uint32_t kBlock = AtapiDriver::kBlock;
constexpr uint64_t kBlocks = 64;

// Both drives as one device: all that is asked of it is asked of one and then of the other.
class Pair final : public Device {
 public:
  Pair(std::unique_ptr<Device> disk, std::unique_ptr<Device> cd, FakeBlockDevice& disc)
      : disk_(std::move(disk)), cd_(std::move(cd)), disc_(disc) {}
  const std::string& id() const override { return disk_->id(); }
  const char* model() const override { return "pair"; }
  void Reset(DeviceDone done) override { Both(&Device::Reset, std::move(done)); }
  void Pause(DeviceDone done) override { Both(&Device::Pause, std::move(done)); }
  void Unplug(DeviceDone done) override {
    disc_.Release();
    Both(&Device::Unplug, std::move(done));
  }
  void Resume() override {
    disk_->Resume();
    cd_->Resume();
    disc_.Release();
  }
  // The length of the disk's, the disk's, the drive's.
  void SaveState(StateSaved done) override {
    disk_->SaveState([this, done = std::move(done)](auto disk) mutable {
      if (!disk.ok()) return std::move(done)(std::move(disk));
      cd_->SaveState([disk = *std::move(disk), done = std::move(done)](auto cd) mutable {
        if (!cd.ok()) return std::move(done)(std::move(cd));
        const auto bytes = static_cast<uint32_t>(disk.size());
        std::string both(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
        std::move(done)(both + disk + *cd);
      });
    });
  }
  void RestoreState(std::string state, StateRestored done) override {
    disc_.hold = true;
    uint32_t bytes;
    std::memcpy(&bytes, state.data(), sizeof(bytes));
    std::string cd = state.substr(sizeof(bytes) + bytes);
    disk_->RestoreState(
        state.substr(sizeof(bytes), bytes),
        [this, cd = std::move(cd), done = std::move(done)](absl::Status restored) mutable {
          if (!restored.ok()) return std::move(done)(std::move(restored));
          cd_->RestoreState(std::move(cd), std::move(done));
        });
  }

 private:
  void Both(void (Device::*function)(DeviceDone), DeviceDone done) {
    (disk_.get()->*function)([this, function, done = std::move(done)]() mutable {
      (cd_.get()->*function)(std::move(done));
    });
  }

  std::unique_ptr<Device> disk_;
  std::unique_ptr<Device> cd_;
  FakeBlockDevice& disc_;
};

class PairHost final : public MovingHost {
 public:
  PairHost(InProcessBus& bus, AioContext& control, AioContext& io)
      : MovingHost(kSectors * kSectorSize, bus.Line(IdeDriver::Place{}.line)),
        channel({.memory = bus.memory(), .line = line}) {
    for (size_t i = 0; i < disc.data.size(); ++i) disc.data[i] = static_cast<uint8_t>(i / 2048 + i);
    auto disk =
        AtaDisk::Create({.id = "hd0", .serial = "S1"}, channel.port(0), backend, control, io);
    auto cd = AtapiCd::Create({.id = "cd0", .serial = "S2"}, channel.port(1), disc, control);
    EXPECT_TRUE(disk.ok() && cd.ok());
    pair = std::make_unique<Pair>(*std::move(disk), *std::move(cd), disc);
  }
  Device& device() override { return *pair; }
  void PlugIn(InProcessBus& bus) override { MapChannel(bus, channel); }
  void PullOut(InProcessBus& bus) override { UnmapChannel(bus); }

  FakeBlockDevice disc{kBlocks * kBlock};
  IdeChannel channel;
  std::unique_ptr<Pair> pair;
};

std::unique_ptr<MovingHost> MakeHost(InProcessBus& bus, AioContext& control, AioContext& io) {
  return std::make_unique<PairHost>(bus, control, io);
}

struct PairDrivers {
  explicit PairDrivers(GuestBus& bus) : disk(bus, {}), cd(bus, {.unit = 1}) {}
  std::string Faults() {
    if (disk.faults() + cd.ide().faults() + cd.faults() == 0) return "none";
    return absl::StrCat(disk.faults(), ", ", cd.ide().faults(), " and ", cd.faults());
  }
  IdeDriver disk;
  AtapiDriver cd;
};
using PairGuest = MovingGuest<PairDrivers>;

void ReadDisk(PairGuest& guest, IdeWay way, uint64_t lba) {
  std::vector<uint8_t> data(size_t{3} * kSectorSize);
  Note(guest, guest.drivers().disk.Read(way, lba, data));
  guest.Note(data);
}
void ReadDisc(PairGuest& guest, IdeWay way, uint32_t block) {
  std::vector<uint8_t> data(size_t{2} * kBlock);
  Note(guest, guest.drivers().cd.Read10(way, block, data));
  guest.Note(data);
}
void InTurns(PairGuest& guest) {
  guest.Before([&] { guest.drivers().cd.ClearNews(); });
  ReadDisk(guest, IdeWay::kPio, 3);
  ReadDisc(guest, IdeWay::kPio, 5);
  ReadDisk(guest, IdeWay::kDma, 9);
  ReadDisc(guest, IdeWay::kDma, 7);
  const std::vector<uint8_t> data(size_t{2} * kSectorSize, 0x3c);
  Note(guest, guest.drivers().disk.Write(IdeWay::kDma, 20, data));
  ReadDisc(guest, IdeWay::kPio, 11);
}
// What one drive has to tell waits while the other is used.
void NewsBesideTransfers(PairGuest& guest) {
  Note(guest, guest.drivers().cd.Run({}));
  ReadDisk(guest, IdeWay::kPio, 30);
  Note(guest, guest.drivers().cd.Execute(AtapiDriver::MakeRequestSense(), 18));
  ReadDisk(guest, IdeWay::kDma, 40);
  Note(guest, guest.drivers().cd.TestUnitReady());
}
void ResetOfBoth(PairGuest& guest) {
  guest.Before([&] { guest.drivers().cd.ClearNews(); });
  guest.backend().hold = true;
  IdeDriver& disk = guest.drivers().disk;
  IdeCommand command = disk.Transfer(IdeWay::kPio, false, 9, 2 * kSectorSize);
  command.buffer = disk.scratch();
  disk.Start(command);
  disk.Forget();
  guest.Note(disk.SoftReset() ? "reset" : "busy for ever");
  // Each drive is ready by itself (README.md): as operating systems do, the guest looks at both.
  IdeDriver& cd = guest.drivers().cd.ide();
  cd.Set(guest::kIdeDevice, guest::kIdeDeviceOne);
  guest.Note(
      cd.PollFor([&] { return (cd.AlternateStatus() & guest::kIdeBusy) == 0; }, IdeDriver::kTimeout)
          ? "both"
          : "one is busy for ever");
  guest.backend().hold = false;
  ReadDisc(guest, IdeWay::kDma, 13);
  ReadDisk(guest, IdeWay::kPio, 9);
}

using PairItem = MovingItem<PairDrivers>;
constexpr PairItem kItems[] = {
    {"InTurns", InTurns},
    {"NewsBesideTransfers", NewsBesideTransfers},
    {"ResetOfBoth", ResetOfBoth},
};

class IdeTwoDrivesSave : public testing::TestWithParam<PairItem> {};

TEST_P(IdeTwoDrivesSave, C_12_GoOnElsewhereAtEveryStep) { CheckEveryStep(MakeHost, GetParam()); }

INSTANTIATE_TEST_SUITE_P(Items, IdeTwoDrivesSave, testing::ValuesIn(kItems),
                         [](const auto& item) { return std::string(item.param.name); });

}  // namespace
}  // namespace platter
