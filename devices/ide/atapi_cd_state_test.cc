// SPDX-License-Identifier: Apache-2.0
//
// An ATAPI drive's saved state: at every step of every protocol, its tray and what it has yet to
// tell included, the drive goes on elsewhere and the guest notices nothing; and what is no state of
// a drive is refused.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/atapi_cd_fixture.h"
#include "devices/ide/ide_save_fixture.h"
#include "devices/ide/ide_state.pb.h"
#include "testing/guest/ide_spec.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint32_t kBlock = AtapiDriver::kBlock;
constexpr uint64_t kBlocks = 64;
constexpr uint32_t kRoom = 48 * kBlock;  // More than the drive reads at a time.

std::unique_ptr<MovingHost> MakeHost(InProcessBus& bus, AioContext& control, AioContext& /*io*/) {
  auto host = std::make_unique<IdeHost>(kBlocks * kBlock, bus);
  auto drive =
      AtapiCd::Create({.id = "cd0", .serial = "S1"}, host->channel.port(0), host->backend, control);
  EXPECT_TRUE(drive.ok()) << drive.status();
  host->drive = *std::move(drive);
  return host;
}

void Ready(SaveGuest& guest) {
  for (int i = 0; i < 3; ++i) Note(guest, guest.drivers().atapi.TestUnitReady());
}
// No news any more.
void ClearNews(SaveGuest& guest) {
  guest.Before([&] { guest.drivers().atapi.ClearNews(); });
}
// Into memory of its own, so that it may be long.
void Run(SaveGuest& guest, const AtapiPacket& packet, IdeWay way, uint32_t bytes,
         uint16_t limit = 0xfffe) {
  const uint64_t buffer = *guest.bus().Allocate(kRoom, 4096);
  Note(guest,
       guest.drivers().atapi.Run(
           {.packet = packet, .way = way, .buffer = buffer, .bytes = bytes, .limit = limit}));
  guest.NoteMemory(buffer, bytes);
  guest.bus().Free(buffer);
}

void Identify(SaveGuest& guest) {
  const auto identity = guest.drivers().atapi.IdentifyPacket();
  guest.Note(identity.ok() ? identity->model + identity->serial : "no identity");
}
void Attention(SaveGuest& guest) {
  Note(guest, guest.drivers().atapi.Run({}));  // Its sense is not asked for yet.
  Note(guest, guest.drivers().atapi.Execute(AtapiDriver::MakeRequestSense(), 18));
  Ready(guest);
}
void PioRead(SaveGuest& guest) {
  ClearNews(guest);
  Run(guest, AtapiDriver::MakeRead10(3, 36), IdeWay::kPio, 36 * kBlock, 30000);
}
void DmaRead(SaveGuest& guest) {
  ClearNews(guest);
  Run(guest, AtapiDriver::MakeRead12(5, 40), IdeWay::kDma, 40 * kBlock);
}
void RawRead(SaveGuest& guest) {
  ClearNews(guest);
  AtapiPacket packet = {0xbe, 0, 0, 0, 0, 9, 0, 0, 3, 0xf8};
  Run(guest, packet, IdeWay::kPio, 3 * 2352, 3000);
}
void Replies(SaveGuest& guest) {
  ClearNews(guest);
  Note(guest, guest.drivers().atapi.Toc());
  Run(guest, {0x12, 0, 0, 0, 36}, IdeWay::kPio, 36, 20);
  Run(guest, AtapiDriver::MakeReadCapacity(), IdeWay::kDma, 8);
}
// Taken and refused, so that it shows which bytes the drive got.
void DataOut(SaveGuest& guest) {
  ClearNews(guest);
  std::vector<uint8_t> list(28);
  list[0] = 2;    // Exact.
  list[11] = 63;  // The last block.
  list[14] = 11080 >> 8;
  list[15] = 11080 & 0xff;
  list[18] = 1000 >> 8;
  for (const uint8_t time : {1000 & 0xff, 7}) {
    list[19] = time;
    for (const IdeWay way : {IdeWay::kPio, IdeWay::kDma}) {
      Note(guest, guest.drivers().atapi.Send(AtapiDriver::MakeSetStreaming(), list, way, 12));
    }
  }
}
void BadRead(SaveGuest& guest) {
  ClearNews(guest);
  std::vector<uint8_t> data(kBlock);
  Note(guest, guest.drivers().atapi.Read10(IdeWay::kPio, kBlocks, data));
  Note(guest, guest.drivers().atapi.Read10(IdeWay::kDma, kBlocks, data));
  Note(guest, guest.drivers().atapi.Execute({0xff}));
}
void Event(SaveGuest& guest) {
  const auto event = guest.drivers().atapi.GetEventStatus();
  guest.Note(event ? absl::StrCat("event ", event->code, " open ", event->tray_open, " medium ",
                                  event->medium)
                   : "no event");
}
// The whole life of a disc.
void Tray(SaveGuest& guest) {
  ClearNews(guest);
  Note(guest, guest.drivers().atapi.PreventAllow(AtapiLock::kLocked));
  Note(guest, guest.drivers().atapi.StartStop(AtapiTray::kOpen));
  guest.backend().ops.eject_request(Force::kNo);
  Event(guest);
  Note(guest, guest.drivers().atapi.PreventAllow(AtapiLock::kUnlocked));
  Note(guest, guest.drivers().atapi.StartStop(AtapiTray::kOpen));
  Event(guest);
  Note(guest, guest.drivers().atapi.TestUnitReady());
  Note(guest, guest.drivers().atapi.StartStop(AtapiTray::kClose));
  Ready(guest);
}
void MediumChange(SaveGuest& guest) {
  ClearNews(guest);
  const auto change = [&](MediumMove move) {
    guest.backend().ops.change_media(move);
    guest.Settle();
  };
  change(MediumMove::kEject);
  change(MediumMove::kLoad);
  Event(guest);
  Event(guest);
  Ready(guest);
  change(MediumMove::kEject);
  Ready(guest);
}
void Settings(SaveGuest& guest) {
  ClearNews(guest);
  Note(guest,
       guest.drivers().ide().Run(
           {.code = ata::kSetFeatures, .features = ata::kFeatureTransferMode, .count = 0x22}));
  Note(guest, guest.drivers().ide().Run({.code = ata::kStandbyImmediate}));
  Note(guest, guest.drivers().ide().Run({.code = ata::kCheckPowerMode}));
  Identify(guest);
}
void ResetUnderWay(SaveGuest& guest) {
  ClearNews(guest);
  guest.backend().hold = true;
  guest.drivers().atapi.Start({.packet = AtapiDriver::MakeRead10(1, 2),
                               .buffer = guest.drivers().ide().scratch(),
                               .bytes = 2 * kBlock});
  for (int i = 0; i < 4 && !guest.drivers().atapi.Poll(); ++i) {
    guest.bus().RunFor(std::chrono::milliseconds(1));
  }
  guest.drivers().atapi.Forget();
  guest.Note(guest.drivers().atapi.DeviceReset() ? "reset" : "busy for ever");
  guest.backend().hold = false;
  Ready(guest);
}

constexpr SaveItem kItems[] = {
    {"Identify", Identify}, {"Attention", Attention},       {"PioRead", PioRead},
    {"DmaRead", DmaRead},   {"RawRead", RawRead},           {"Replies", Replies},
    {"DataOut", DataOut},   {"BadRead", BadRead},           {"Tray", Tray},
    {"Settings", Settings}, {"MediumChange", MediumChange}, {"ResetUnderWay", ResetUnderWay},
};

class AtapiCdSave : public testing::TestWithParam<SaveItem> {};

// C-12, C-13.
TEST_P(AtapiCdSave, C_12_GoesOnElsewhereAtEveryStep) { CheckEveryStep(MakeHost, GetParam()); }

INSTANTIATE_TEST_SUITE_P(Items, AtapiCdSave, testing::ValuesIn(kItems),
                         [](const auto& item) { return std::string(item.param.name); });

// --- What is no state. ---

class AtapiCdRestore : public AtapiCdTest {
 protected:
  using State = state::AtapiCd;
  using Port = state::IdePort;

  void SetUp() override { Await(&Device::Pause); }

  std::string Save() {
    absl::StatusOr<std::string> state;
    bool done = false;
    drive_->SaveState([&](auto saved) {
      state = std::move(saved);
      done = true;
    });
    world_.RunUntil([&] { return done; });
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or("");
  }
  State SavedState() {
    State state;
    EXPECT_TRUE(state.ParseFromString(Save()));
    return state;
  }
  absl::Status Restore(const State& state) { return RestoreBytes(state.SerializeAsString()); }
  absl::Status RestoreBytes(std::string state) {
    std::optional<absl::Status> status;
    drive_->RestoreState(std::move(state), [&](absl::Status got) { status = std::move(got); });
    world_.RunUntil([&] { return status.has_value(); });
    return *status;
  }
  // A drive that offers 4096 of 6000 bytes, and has 2 blocks yet to read.
  State Offering() {
    State state = SavedState();
    state.mutable_port()->set_phase(Port::DATA_DONE);
    state.set_step(State::DATA);
    state.set_packet(std::string(12, '\0'));
    state.set_cdb(std::string(12, '\0'));
    state.set_limit(4096);
    state.set_buffer(std::string(6000, 'x'));
    state.set_offered(4096);
    state.set_to_read_blocks(2);
    state.set_sector_bytes(2048);
    state.set_to_move(6000 - 4096 + 4096);
    return state;
  }
  // Refused by name, and nothing has changed.
  void ExpectRefused(const State& state, const std::string& why) {
    const std::string before = Save();
    const absl::Status status = Restore(state);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_NE(MessageOf(status).find("device 'cd0'"), std::string::npos) << status;
    EXPECT_NE(MessageOf(status).find(why), std::string::npos) << status;
    EXPECT_EQ(Save(), before);
  }
};

TEST_F(AtapiCdRestore, UnitAndSettingsOutOfRange) {
  const auto refused = [this](auto change, const char* why) {
    State state = SavedState();
    change(state);
    ExpectRefused(state, why);
  };
  refused([](State& s) { s.set_version(0); }, "version 0");
  refused([](State& s) { s.set_power(3); }, "its settings");
  refused([](State& s) { s.mutable_sense()->set_key(16); }, "its settings");
  refused([](State& s) { s.mutable_sense()->set_code(65536); }, "its settings");
  refused([](State& s) { s.mutable_port()->set_status(0x88); }, "its registers");
  refused([](State& s) { s.mutable_unit()->clear_tray(); }, "it has no tray");
  refused([](State& s) { s.mutable_unit()->mutable_tray()->set_report(3); }, "no report 3");
  refused([](State& s) { s.mutable_unit()->set_reserved_by(16); }, "there is no initiator 16");
  refused([](State& s) { s.mutable_unit()->add_attentions()->set_nexus(16); }, "initiator 16");
  refused([](State& s) { s.mutable_unit()->add_attentions()->set_code(1); }, "unit attention 1");
}

TEST_F(AtapiCdRestore, ACommandThatNoDriveIsAt) {
  const auto refused = [this](auto change, const char* why) {
    State state = Offering();
    change(state);
    ExpectRefused(state, why);
  };
  refused([](State& s) { s.set_step(State::Step(9)); }, "the step");
  refused([](State& s) { s.set_step(State::EXECUTE); }, "the step");
  refused([](State& s) { s.mutable_port()->set_phase(Port::WORKING); }, "the step");
  refused([](State& s) { s.set_packet("short"); }, "its packet");
  refused([](State& s) { s.set_cdb(std::string(13, 'x')); }, "its packet");
  refused([](State& s) { s.set_limit(65536); }, "its byte count limit");
  refused([](State& s) { s.set_limit(0); }, "its byte count limit");
  refused([](State& s) { s.set_sector_bytes(0); }, "the range that it has yet to read");
  refused([](State& s) { s.set_sector_bytes(1); }, "the range that it has yet to read");
  refused([](State& s) { s.set_to_read_blocks(UINT64_MAX); }, "the range that it has yet to read");
  refused([](State& s) { s.set_to_read_lba(UINT64_MAX); }, "the range that it has yet to read");
  refused([](State& s) { s.set_offered(6001); }, "what it has offered");
  refused([](State& s) { s.set_to_move(UINT64_MAX); }, "what is left to move");
  refused([](State& s) { s.set_buffer(std::string(AtapiCd::kBufferBytes + 1, 'x')); },
          "its buffer");
  EXPECT_TRUE(Restore(Offering()).ok());
}

TEST_F(AtapiCdRestore, APartOfAReadThatTheBufferDoesNotHold) {
  State state = Offering();
  state.mutable_port()->set_phase(Port::WORKING);
  state.set_step(State::EXECUTE);
  state.clear_buffer();
  state.clear_offered();
  const AtapiPacket packet = AtapiDriver::MakeRead12(0, 33);
  state.set_cdb(packet.data(), packet.size());
  state.set_to_move(33 * kBlock + 4096);
  ExpectRefused(state, "the part that it reads");
}

TEST_F(AtapiCdRestore, DmaThatNoCommandAskedFor) {
  State state = Offering();
  state.mutable_port()->set_phase(Port::DMA_WAIT);
  state.set_step(State::REPLY_WAIT);
  ExpectRefused(state, "its way to the guest");
  state.set_step(State::READ_WAIT);
  state.set_by_dma(true);
  state.set_to_read_blocks(0);
  ExpectRefused(state, "the range that it has yet to read");
}

// A drive that has asked for 16 of 28 bytes, and has got them.
TEST_F(AtapiCdRestore, DataThatNoCommandTakes) {
  State good = SavedState();
  good.mutable_port()->set_phase(Port::DATA_DONE);
  good.set_step(State::DATA_OUT);
  const AtapiPacket packet = AtapiDriver::MakeSetStreaming();
  good.set_packet(packet.data(), packet.size());
  good.set_cdb(packet.data(), packet.size());
  good.set_limit(16);
  good.set_buffer(std::string(28, '\0'));
  good.set_offered(16);
  good.set_to_move(12);
  const auto refused = [&](auto change, const char* why) {
    State state = good;
    change(state);
    ExpectRefused(state, why);
  };
  refused([](State& s) { s.set_cdb(std::string(12, '\0')); }, "its packet");
  refused([](State& s) { (*s.mutable_cdb())[10] = 29; }, "its packet");
  refused([](State& s) { s.set_by_dma(true); }, "its way to the guest");
  refused([](State& s) { s.set_to_read_blocks(1); }, "the range that it has yet to read");
  refused([](State& s) { s.set_buffer(std::string(27, 'x')); }, "its buffer");
  refused([](State& s) { s.clear_buffer(); }, "its buffer");
  refused([](State& s) { s.set_offered(29); }, "what it has asked for");
  refused([](State& s) { s.set_offered(0); }, "what it has asked for");
  refused([](State& s) { s.set_to_move(13); }, "what is left to move");
  refused([](State& s) { s.set_to_move(UINT64_MAX); }, "what is left to move");
  refused([](State& s) { s.set_limit(1); }, "its byte count limit");
  refused([](State& s) { s.mutable_port()->set_phase(Port::WORKING); }, "the step");
  refused([](State& s) { s.mutable_port()->set_phase(Port::DMA_WAIT); }, "the step");
  const auto window = [](State& s, bool to_guest, uint32_t begin, uint32_t bytes) {
    s.mutable_port()->set_phase(Port::DATA);
    s.mutable_port()->mutable_window()->set_to_guest(to_guest);
    s.mutable_port()->mutable_window()->set_begin(begin);
    s.mutable_port()->mutable_window()->set_bytes(bytes);
  };
  refused([&](State& s) { window(s, true, 8, 8); }, "the step");
  refused([&](State& s) { window(s, false, 8, 20); }, "its data block");
  // By DMA nothing has come yet.
  const auto waits = [](State& s) {
    s.mutable_port()->set_phase(Port::DMA_WAIT);
    s.set_step(State::DATA_OUT_WAIT);
    s.set_by_dma(true);
    s.clear_buffer();
    s.set_offered(0);
    s.set_to_move(28);
  };
  refused([&](State& s) { waits(s), s.set_by_dma(false); }, "its way to the guest");
  refused([&](State& s) { waits(s), s.set_buffer(std::string(28, 'x')); }, "its buffer");
  refused([&](State& s) { waits(s), s.set_offered(28); }, "what it has asked for");
  refused([&](State& s) { waits(s), s.set_to_move(27); }, "what is left to move");
  refused([&](State& s) { waits(s), s.set_cdb(std::string(12, '\0')); }, "its packet");
  State state = good;
  waits(state);
  EXPECT_TRUE(Restore(state).ok());
  state = good;
  window(state, false, 8, 8);
  EXPECT_TRUE(Restore(state).ok());
  EXPECT_TRUE(Restore(good).ok());
}

// A disc that the saved drive did not have is one that has come since.
TEST_F(AtapiCdRestore, AnotherMediumThanWasThereIsAChange) {
  State state = SavedState();
  backend_.inserted = false;
  ASSERT_TRUE(Restore(state).ok());
  drive_->Resume();
  EXPECT_EQ(driver().TestUnitReady().sense, kGone);
  EXPECT_EQ(driver().TestUnitReady().sense, kEmpty);
}

// Whatever the stream says, the drive is there afterwards: it refuses, or goes on from there and
// comes back by a reset.
TEST_F(AtapiCdRestore, R_IDE_15_AnyStreamIsRefusedOrGoneOnFrom) {
  Random random(20261126);
  uint32_t taken = 0;
  for (int i = 0; i < 400; ++i) {
    std::string state = Save();
    for (uint64_t changes = 1 + random.Below(3); changes != 0; --changes) {
      state[random.Below(state.size())] = static_cast<char>(random.Below(256));
    }
    if (!RestoreBytes(state).ok()) continue;
    ++taken;
    drive_->Resume();
    Settle();
    for (unsigned reg = 0; reg < ata::kCommandBlockBytes; ++reg) ide().Get(reg);
    ide().SetBm(guest::kBmCommand, guest::kBmStart);
    Settle();
    ASSERT_TRUE(ide().SoftReset()) << "after stream " << i;
    Await(&Device::Pause);
  }
  EXPECT_GT(taken, 20u);
}

}  // namespace
}  // namespace platter
