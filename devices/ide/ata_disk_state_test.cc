// SPDX-License-Identifier: Apache-2.0
//
// An ATA disk's saved state: at every step of every protocol the disk goes on elsewhere and the
// guest notices nothing; and what is no state of a disk is refused.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ata_disk_fixture.h"
#include "devices/ide/ata_spec.h"
#include "devices/ide/ide_save_fixture.h"
#include "devices/ide/ide_state.pb.h"
#include "testing/guest/ide_spec.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kSectors = 256;

std::unique_ptr<MovingHost> MakeHost(InProcessBus& bus, AioContext& control, AioContext& io) {
  auto host = std::make_unique<IdeHost>(kSectors * kSectorSize, bus);
  auto disk = AtaDisk::Create({.id = "hd0", .serial = "S1"}, host->channel.port(0), host->backend,
                              control, io);
  EXPECT_TRUE(disk.ok()) << disk.status();
  host->drive = *std::move(disk);
  return host;
}

std::vector<uint8_t> Pattern(size_t bytes) {
  std::vector<uint8_t> data(bytes);
  for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<uint8_t>(i * 31 + i / 256);
  return data;
}

void Read(SaveGuest& guest, IdeWay way, uint64_t lba, size_t sectors) {
  std::vector<uint8_t> data(sectors * kSectorSize);
  Note(guest, guest.drivers().ide().Read(way, lba, data));
  guest.Note(data);
}
void Write(SaveGuest& guest, IdeWay way, uint64_t lba, size_t sectors) {
  Note(guest, guest.drivers().ide().Write(way, lba, Pattern(sectors * kSectorSize)));
}
// 5 sectors in blocks of 2.
void Multiple(SaveGuest& guest, bool write) {
  guest.Before([&] { guest.drivers().ide().SetMultiple(2); });
  constexpr uint32_t kBytes = 5 * kSectorSize;
  IdeCommand command = guest.drivers().ide().Transfer(IdeWay::kMultiple, write, 30, kBytes);
  command.buffer = guest.drivers().ide().scratch();
  command.block = 2 * kSectorSize;
  if (write) guest.bus().Write(command.buffer, Pattern(kBytes));
  Note(guest, guest.drivers().ide().Run(command));
  guest.NoteMemory(command.buffer, kBytes);
}
void Identify(SaveGuest& guest) {
  const auto identity = guest.drivers().ide().Identify();
  if (!identity.ok()) return guest.Note("no identity");
  guest.Note(std::vector<uint8_t>(reinterpret_cast<const uint8_t*>(identity->words.data()),
                                  reinterpret_cast<const uint8_t*>(identity->words.data() + 256)));
}
void Command(SaveGuest& guest, const IdeCommand& command) {
  Note(guest, guest.drivers().ide().Run(command));
}

void Settings(SaveGuest& guest) {
  Command(guest, {.code = ata::kSetFeatures, .features = ata::kFeatureDisableWriteCache});
  Command(guest, {.code = ata::kSetFeatures, .features = ata::kFeatureTransferMode, .count = 0x21});
  Command(guest, {.code = ata::kSetFeatures, .features = ata::kFeatureDisableLookAhead});
  Command(guest, {.code = ata::kInitializeDeviceParameters, .count = 32, .device = 0x47});
  Note(guest, guest.drivers().ide().SetMultiple(8));
  Identify(guest);
}
void Power(SaveGuest& guest) {
  Command(guest, {.code = ata::kStandbyImmediate});
  Command(guest, {.code = ata::kCheckPowerMode});
  Command(guest, {.code = ata::kSleep});
  Command(guest, {.code = ata::kCheckPowerMode});
  guest.Note(guest.drivers().ide().SoftReset() ? "reset" : "busy for ever");
  Command(guest, {.code = ata::kCheckPowerMode});
}
void Trim(SaveGuest& guest) {
  constexpr std::array<IdeDriver::Range, 4> kRanges = {
      {{.lba = 3, .sectors = 2}, {.lba = 0, .sectors = 0}, {.lba = 40, .sectors = 9}, {200, 1}}};
  Note(guest, guest.drivers().ide().Trim(kRanges));
}
void Verify(SaveGuest& guest) {
  Command(guest, {.code = ata::kReadVerifyExt, .form = IdeForm::k48, .count = 40, .lba = 5});
}
void OutOfRange(SaveGuest& guest) {
  Command(guest, {.code = ata::kReadVerifyExt, .form = IdeForm::k48, .count = 4, .lba = kSectors});
}
void Smart(SaveGuest& guest) {
  Command(guest, {.code = ata::kSmart,
                  .protocol = IdeProtocol::kPioIn,
                  .features = ata::kSmartReadData,
                  .lba = uint64_t{ata::kSmartKeyHigh} << 16 | uint64_t{ata::kSmartKeyMid} << 8,
                  .buffer = guest.drivers().ide().scratch(),
                  .bytes = kSectorSize});
  guest.NoteMemory(guest.drivers().ide().scratch(), kSectorSize);
}
// A command that a reset ends.
void ResetUnderWay(SaveGuest& guest) {
  guest.backend().hold = true;
  IdeCommand command = guest.drivers().ide().Transfer(IdeWay::kPio, false, 9, 2 * kSectorSize);
  command.buffer = guest.drivers().ide().scratch();
  guest.drivers().ide().Start(command);
  guest.drivers().ide().Forget();
  guest.Note(guest.drivers().ide().SoftReset() ? "reset" : "busy for ever");
  guest.backend().hold = false;
  Read(guest, IdeWay::kPio, 9, 2);
}
// The bus master is started before, and long after, the command.
void LateBusMaster(SaveGuest& guest) {
  IdeDriver& ide = guest.drivers().ide();
  IdeCommand command = ide.Transfer(IdeWay::kDma, false, 17, 3 * kSectorSize);
  command.buffer = ide.scratch();
  ide.BuildTable(command.buffer, command.bytes);
  ide.PrepareBm(command.protocol);
  ide.Set(guest::kIdeDevice, guest::kIdeLbaBit);
  for (const uint8_t high : {1, 0}) {
    ide.Set(guest::kIdeCount, high != 0 ? 0 : 3);
    ide.Set(guest::kIdeLbaLow, high != 0 ? 0 : 17);
    ide.Set(guest::kIdeLbaMid, 0);
    ide.Set(guest::kIdeLbaHigh, 0);
  }
  ide.Set(guest::kIdeCommand, guest::kIdeReadDmaExt);
  guest.bus().RunFor(std::chrono::milliseconds(1));
  guest.Note(absl::StrCat("waits: ", ide.AlternateStatus(), " ", ide.GetBm(guest::kBmStatus)));
  ide.SetBm(guest::kBmCommand, guest::kBmStart | guest::kBmToMemory);
  guest.Settle();
  ide.PollFor([&] { return (ide.AlternateStatus() & guest::kIdeBusy) == 0; }, IdeDriver::kTimeout);
  guest.Note(absl::StrCat("done: ", ide.GetBm(guest::kBmStatus), " ", ide.Get(guest::kIdeStatus)));
  ide.SetBm(guest::kBmCommand, 0);
  guest.NoteMemory(command.buffer, command.bytes);
}

constexpr SaveItem kItems[] = {
    {"Identify", Identify},
    {"PioRead", [](SaveGuest& guest) { Read(guest, IdeWay::kPio, 7, 3); }},
    {"PioWrite", [](SaveGuest& guest) { Write(guest, IdeWay::kPio, 11, 3); }},
    {"MultipleRead", [](SaveGuest& guest) { Multiple(guest, false); }},
    {"MultipleWrite", [](SaveGuest& guest) { Multiple(guest, true); }},
    {"DmaRead", [](SaveGuest& guest) { Read(guest, IdeWay::kDma, 100, 17); }},
    {"DmaWrite", [](SaveGuest& guest) { Write(guest, IdeWay::kDma, 130, 17); }},
    {"LateBusMaster", LateBusMaster},
    {"Flush", [](SaveGuest& guest) { Note(guest, guest.drivers().ide().Flush()); }},
    {"Verify", Verify},
    {"OutOfRange", OutOfRange},
    {"Trim", Trim},
    {"Smart", Smart},
    {"Settings", Settings},
    {"Power", Power},
    {"ResetUnderWay", ResetUnderWay},
};

class AtaDiskSave : public testing::TestWithParam<SaveItem> {};

// C-12.
TEST_P(AtaDiskSave, C_12_GoesOnElsewhereAtEveryStep) { CheckEveryStep(MakeHost, GetParam()); }

INSTANTIATE_TEST_SUITE_P(Items, AtaDiskSave, testing::ValuesIn(kItems),
                         [](const auto& item) { return std::string(item.param.name); });

// --- What is no state. ---

class AtaDiskRestore : public AtaDiskTest {
 protected:
  void SetUp() override { Await(&Device::Pause); }

  std::string Save() {
    absl::StatusOr<std::string> state;
    bool done = false;
    disk_->SaveState([&](auto saved) {
      state = std::move(saved);
      done = true;
    });
    world_.RunUntil([&] { return done; });
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or("");
  }
  absl::Status Restore(std::string state) {
    std::optional<absl::Status> status;
    disk_->RestoreState(std::move(state), [&](absl::Status got) { status = std::move(got); });
    world_.RunUntil([&] { return status.has_value(); });
    return *status;
  }
  // A command of 3 sectors by PIO whose first is at `step`.
  state::AtaDisk Reading(state::AtaDisk::Step step, state::IdePort::Phase phase) {
    state::AtaDisk state;
    state.ParseFromString(Save());
    state.mutable_port()->set_phase(phase);
    state.mutable_command()->set_command(ata::kReadSectorsExt);
    state.mutable_command()->set_current(std::string("\0\3\4\0\0", 5));
    state.set_buffer(std::string(size_t{kAtaMaxMultiple} * kSectorSize, '\0'));
    state.set_step(step);
    state.set_lba(4);
    state.set_left(3);
    state.set_block(1);
    return state;
  }
  // Refused by name, and nothing has changed.
  void ExpectRefused(const state::AtaDisk& state, const std::string& why) {
    const std::string before = Save();
    const absl::Status status = Restore(state.SerializeAsString());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_NE(MessageOf(status).find("device 'hd0'"), std::string::npos) << status;
    EXPECT_NE(MessageOf(status).find(why), std::string::npos) << status;
    EXPECT_EQ(Save(), before);
  }
};

TEST_F(AtaDiskRestore, C_21_OnlyAPausedDisk) {
  const std::string state = Save();
  disk_->Resume();
  Settle();
  std::optional<absl::Status> saved;
  disk_->SaveState([&](const auto& got) { saved = got.status(); });
  world_.RunUntil([&] { return saved.has_value(); });
  EXPECT_EQ(saved->code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Restore(state).code(), absl::StatusCode::kFailedPrecondition);
  ExpectWorks();
}

TEST_F(AtaDiskRestore, WhatIsNoMessageOrOfAnotherVersion) {
  EXPECT_EQ(Restore("\xff\xff\xff").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Restore("").code(), absl::StatusCode::kInvalidArgument);
  state::AtaDisk state;
  state.ParseFromString(Save());
  state.set_version(2);
  ExpectRefused(state, "version 2; version 1 can be restored");
}

TEST_F(AtaDiskRestore, RegistersAndSettingsOutOfRange) {
  const auto refused = [this](auto change, const char* why) {
    state::AtaDisk state;
    state.ParseFromString(Save());
    change(state);
    ExpectRefused(state, why);
  };
  constexpr const char* kRegisters = "its registers";
  refused([](auto& s) { s.mutable_port()->set_phase(state::IdePort::Phase(99)); }, kRegisters);
  refused([](auto& s) { s.mutable_port()->set_status(ata::kStatusBsy); }, kRegisters);
  refused([](auto& s) { s.mutable_port()->set_error(256); }, kRegisters);
  refused([](auto& s) { s.mutable_port()->set_reset(4); }, kRegisters);
  refused([](auto& s) { s.mutable_port()->mutable_window()->set_bytes(1); }, kRegisters);
  refused([](auto& s) { s.mutable_port()->mutable_registers()->set_current("1"); }, kRegisters);
  refused([](auto& s) { s.mutable_channel()->set_control(0x100); }, kRegisters);
  refused([](auto& s) { s.mutable_channel()->mutable_bus_master()->set_table(3); }, kRegisters);
  refused([](auto& s) { s.mutable_command()->set_device(256); }, kRegisters);
  constexpr const char* kSettings = "its settings";
  refused([](auto& s) { s.set_heads(17); }, kSettings);
  refused([](auto& s) { s.set_heads(0); }, kSettings);
  refused([](auto& s) { s.set_cylinders(65536); }, kSettings);
  refused([](auto& s) { s.set_sectors(256); }, kSettings);
  refused([](auto& s) { s.set_multiple(3); }, kSettings);
  refused([](auto& s) { s.set_multiple(32); }, kSettings);
  refused([](auto& s) { s.mutable_modes()->set_ultra(6); }, kSettings);
  refused([](auto& s) { s.set_power(3); }, kSettings);
  Await(&Device::Reset);
  disk_->Resume();
  ExpectWorks();
}

TEST_F(AtaDiskRestore, ACommandThatNoDiskIsAt) {
  using State = state::AtaDisk;
  using Port = state::IdePort;
  const auto refused = [this](const State& state, const char* why) { ExpectRefused(state, why); };
  refused(Reading(State::READ, Port::IDLE), "the step");
  refused(Reading(State::READ, Port::DATA_DONE), "the step");
  refused(Reading(State::Step(99), Port::WORKING), "the step");
  refused(Reading(State::IDLE, Port::WORKING), "the step");
  refused(Reading(State::WRITE, Port::WORKING), "its command");
  refused(Reading(State::TRIM, Port::WORKING), "its command");
  refused(Reading(State::DMA, Port::WORKING), "its registers");
  refused(Reading(State::DMA_WAIT, Port::DMA_WAIT), "its command");
  const auto changed = [&](auto change, const char* why) {
    State state = Reading(State::READ, Port::WORKING);
    change(state);
    refused(state, why);
  };
  changed([](State& s) { s.set_left(0); }, "its range");
  changed([](State& s) { s.set_lba(kSectors * 1024); }, "its range");
  changed([](State& s) { s.set_lba(UINT64_MAX); }, "its range");
  changed([](State& s) { s.set_block(0); }, "its data block");
  changed([](State& s) { s.set_block(17); }, "its data block");
  changed([](State& s) { s.set_buffer("short"); }, "its buffer");
  changed([](State& s) { s.clear_buffer(); }, "its buffer");
  changed([](State& s) { s.set_left(2); }, "its range");
  changed([](State& s) { s.set_left(4096); }, "its range");
  changed([](State& s) { s.set_block(2); }, "its data block");
  changed([](State& s) { s.mutable_command()->set_command(0xff); }, "its command");
}

TEST_F(AtaDiskRestore, ADataBlockOutsideOfTheBuffer) {
  using Port = state::IdePort;
  const auto refused = [this](uint32_t begin, uint32_t bytes) {
    state::AtaDisk state = Reading(state::AtaDisk::READ_DATA, Port::DATA);
    state.mutable_port()->mutable_window()->set_to_guest(true);
    state.mutable_port()->mutable_window()->set_begin(begin);
    state.mutable_port()->mutable_window()->set_bytes(bytes);
    ExpectRefused(state, "its registers");
  };
  constexpr uint32_t kBuffer = kAtaMaxMultiple * kSectorSize;
  refused(0, 0);
  refused(0, kBuffer + 1);
  refused(kBuffer, 1);
  refused(1, kBuffer);
  refused(UINT32_MAX, 1);
  refused(1, UINT32_MAX);
}

TEST_F(AtaDiskRestore, ADataBlockThatIsNotWhereItsCommandHasIt) {
  const auto refused = [this](uint32_t begin, uint32_t bytes) {
    state::AtaDisk state = Reading(state::AtaDisk::READ_DATA, state::IdePort::DATA);
    state.mutable_port()->mutable_window()->set_to_guest(true);
    state.mutable_port()->mutable_window()->set_begin(begin);
    state.mutable_port()->mutable_window()->set_bytes(bytes);
    ExpectRefused(state, "its data block");
  };
  refused(0, 511);
  refused(0, 1024);
  refused(4096, 512);
  state::AtaDisk state = Reading(state::AtaDisk::READ_DATA, state::IdePort::DATA);
  state.mutable_port()->mutable_window()->set_to_guest(true);
  state.mutable_port()->mutable_window()->set_begin(100);
  state.mutable_port()->mutable_window()->set_bytes(412);
  EXPECT_TRUE(Restore(state.SerializeAsString()).ok());
}

TEST_F(AtaDiskRestore, ATrimListThatIsNotOnTheDisk) {
  using State = state::AtaDisk;
  const auto trimming = [this] {
    State state = Reading(State::TRIM, state::IdePort::WORKING);
    state.mutable_command()->set_command(ata::kDataSetManagement);
    state.set_left(1);
    state.set_trim_entries(64);
    state.set_trim_next(1);
    state.set_buffer(std::string(size_t{kAtaMaxMultiple} * kSectorSize, '\0'));
    return state;
  };
  const auto changed = [&](auto change, const char* why) {
    State state = trimming();
    change(state);
    ExpectRefused(state, why);
  };
  changed([](State& s) { s.set_left(9); }, "the length of its TRIM list");
  changed([](State& s) { s.set_trim_entries(65); }, "its place in the TRIM list");
  changed([](State& s) { s.set_trim_next(0); }, "its place in the TRIM list");
  changed([](State& s) { s.set_trim_next(65); }, "its place in the TRIM list");
  changed([](State& s) { s.clear_buffer(); }, "its place in the TRIM list");
  changed([](State& s) { (*s.mutable_buffer())[5] = 1, (*s.mutable_buffer())[6] = 1; },
          "a range of its TRIM list");
  EXPECT_TRUE(Restore(trimming().SerializeAsString()).ok());
}

// Whatever the stream says, the drive is there afterwards: it refuses, or goes on from there and
// comes back by a reset.
TEST_F(AtaDiskRestore, R_IDE_15_AnyStreamIsRefusedOrGoneOnFrom) {
  Random random(20261126);
  uint32_t taken = 0;
  for (int i = 0; i < 400; ++i) {
    std::string state = Save();
    for (uint64_t changes = 1 + random.Below(3); changes != 0; --changes) {
      state[random.Below(state.size())] = static_cast<char>(random.Below(256));
    }
    if (!Restore(state).ok()) continue;
    ++taken;
    disk_->Resume();
    Settle();
    for (unsigned reg = 0; reg < ata::kCommandBlockBytes; ++reg) driver().Get(reg);
    driver().SetBm(guest::kBmCommand, guest::kBmStart);
    Settle();
    ASSERT_TRUE(driver().SoftReset()) << "after stream " << i;
    Await(&Device::Pause);
  }
  EXPECT_GT(taken, 20u);
}

}  // namespace
}  // namespace platter
