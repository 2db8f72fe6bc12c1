// SPDX-License-Identifier: Apache-2.0
//
// A virtio-scsi adapter's saved state, with a disk and a CD-ROM drive behind it: at every step of
// its driver's life it goes on elsewhere, and the guest notices nothing.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/testing/moving_guest_fixture.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0xa000000;
constexpr uint32_t kLine = 1;

// The medium of the guest is the disk's; the drive has a disc of its own, always the same.
class ScsiHost final : public MovingHost {
 public:
  ScsiHost(InProcessBus& bus, AioContext& control, AioContext& io)
      : MovingHost(64 * kKiB, bus.Line(kLine)) {
    adapter = *VirtioScsi::Create({.id = "scsi0", .num_queues = 2, .iothreads = {&io}}, control);
    transport = std::make_unique<MmioTransport>(*adapter, bus.memory(), line);
    EXPECT_TRUE(
        adapter->AddUnit({.target = 0, .lun = 0}, *ScsiDisk::Create({.id = "sd0"}, backend)).ok());
    EXPECT_TRUE(
        adapter->AddUnit({.target = 1, .lun = 0}, *ScsiCd::Create({.id = "cd0"}, disc, control))
            .ok());
  }
  ~ScsiHost() override { adapter.reset(); }
  Device& device() override { return *adapter; }
  void PlugIn(InProcessBus& bus) override {
    EXPECT_TRUE(bus.mmio().Map(kBase, kMmioTransportBytes, *transport).ok());
  }
  void PullOut(InProcessBus& bus) override { bus.mmio().Unmap(kBase); }

  FakeBlockDevice disc{64 * kKiB};
  std::unique_ptr<VirtioScsi> adapter;
  std::unique_ptr<MmioTransport> transport;
};

std::unique_ptr<MovingHost> MakeHost(InProcessBus& bus, AioContext& control, AioContext& io) {
  return std::make_unique<ScsiHost>(bus, control, io);
}

struct ScsiDrivers {
  explicit ScsiDrivers(GuestBus& bus)
      : mmio(bus, {.base = kBase, .line = kLine}), scsi(bus, mmio, {.queues = 2}) {}
  std::string Faults() {
    return scsi.ring_faults() == 0 ? "none" : absl::StrCat(scsi.ring_faults());
  }
  VirtioMmioDriver mmio;
  VirtioScsiDriver scsi;
};
using Guest = MovingGuest<ScsiDrivers>;

const guest::ScsiLun kDisk = guest::ScsiLunOf(0, 0);
const guest::ScsiLun kCd = guest::ScsiLunOf(1, 0);

void Run(Guest& guest, const guest::ScsiLun& lun, const std::vector<uint8_t>& cdb,
         size_t in_bytes = 0, const std::vector<uint8_t>& out = {}) {
  const auto answer = guest.drivers().scsi.Execute(0, lun, cdb, out, in_bytes);
  if (!answer.ok()) return guest.Note(MessageOf(answer.status()));
  guest.Note(absl::StrCat("response ", answer->transport, " status ", answer->status));
  guest.Note(answer->sense);
  guest.Note(answer->data);
}
void Probe(Guest& guest) {
  guest.Before([&] {
    EXPECT_TRUE(guest.drivers().scsi.Probe().ok());
    for (int i = 0; i < 3; ++i) Run(guest, kDisk, {0, 0, 0, 0, 0, 0});
    for (int i = 0; i < 3; ++i) Run(guest, kCd, {0, 0, 0, 0, 0, 0});
  });
}

void Life(Guest& guest) {
  VirtioScsiDriver& scsi = guest.drivers().scsi;
  guest.Note(scsi.Probe().ok() ? "there" : "not there");
  // Attentions of each unit, told once.
  for (int i = 0; i < 2; ++i) {
    Run(guest, kDisk, {0, 0, 0, 0, 0, 0});
    Run(guest, kCd, {0, 0, 0, 0, 0, 0});
  }
  Run(guest, kDisk, ScsiRead10(3, 2), 1024);
  guest.Note(scsi.Reset().ok() ? "reset" : "not reset");
}
void Transfers(Guest& guest) {
  Probe(guest);
  Run(guest, kDisk, ScsiWrite10(9, 2), 0, std::vector<uint8_t>(1024, 0x5a));
  Run(guest, kDisk, ScsiRead10(8, 4), 2048);
  Run(guest, kDisk, {0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  // WRITE SAME(16) of 40 blocks, VERIFY(10) with byte check, an UNMAP of two ranges.
  Run(guest, kDisk, {0x93, 0, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 40, 0, 0}, 0,
      std::vector<uint8_t>(512, 0x11));
  Run(guest, kDisk, {0x2f, 2, 0, 0, 0, 30, 0, 0, 1, 0}, 0, std::vector<uint8_t>(512, 0x11));
  std::vector<uint8_t> unmap(40);
  unmap[1] = 38;
  unmap[3] = 32;
  unmap[15] = 50;
  unmap[19] = 3;
  unmap[31] = 60;
  unmap[35] = 4;
  Run(guest, kDisk, {0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0}, 0, unmap);
  Run(guest, kDisk, ScsiRead10(0x7fffffff, 1), 512);
  Run(guest, kCd, ScsiRead10(2, 2), 4096);
}
// Reservation, lock, changed parameters.
void Settings(Guest& guest) {
  Probe(guest);
  Run(guest, kDisk, {0x16, 0, 0, 0, 0, 0});
  // MODE SELECT(6): no write cache.
  std::vector<uint8_t> list = {0, 0, 0, 0, 0x08, 0x12};
  list.resize(4 + 20);
  Run(guest, kDisk, {0x15, 0x10, 0, 0, static_cast<uint8_t>(list.size()), 0}, 0, list);
  Run(guest, kDisk, {0x1a, 0, 0x08, 0, 64, 0}, 64);
  Run(guest, kCd, {0x1e, 0, 0, 0, 1, 0});
  Run(guest, kCd, {0x1b, 0, 0, 0, 2, 0});
  Run(guest, kCd, {0x1e, 0, 0, 0, 0, 0});
  Run(guest, kCd, {0x1b, 0, 0, 0, 2, 0});
  Run(guest, kCd, {0x1b, 0, 0, 0, 3, 0});
  for (int i = 0; i < 2; ++i) Run(guest, kCd, {0, 0, 0, 0, 0, 0});
}

class Answers final : public ScsiListener {
 public:
  void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) override {
    responses_[token] = absl::StrCat("response ", answer.response, " status ", answer.status);
    ++count;
  }
  void Note(Guest& guest) {
    for (const std::string& response : responses_) guest.Note(response);
  }
  size_t count = 0;

 private:
  std::array<std::string, 6> responses_;
};

void ManyAtOnce(Guest& guest) {
  Probe(guest);
  VirtioScsiDriver& scsi = guest.drivers().scsi;
  Answers answers;
  scsi.set_listener(&answers);
  const uint64_t memory = *guest.bus().Allocate(6 * 512, 512);
  std::vector<GuestSegment> segments;
  for (uint64_t i = 0; i < 6; ++i) segments.push_back({memory + i * 512, 512});
  for (uint64_t i = 0; i < 6; ++i) {
    const auto lba = static_cast<uint32_t>(i * 7);
    const bool write = i % 3 != 0;
    const std::vector<uint8_t> cdb = write ? ScsiWrite10(lba, 1) : ScsiRead10(lba, 1);
    const std::span data(&segments[i], 1);
    ScsiQueueCommand command = {.lun = kDisk, .tag = i, .cdb = cdb};
    (write ? command.out : command.in) = data;
    EXPECT_TRUE(scsi.Submit(static_cast<uint16_t>(i % 2), command, i));
    scsi.Kick(static_cast<uint16_t>(i % 2));
  }
  scsi.WaitUntil([&] { return answers.count == 6; }, std::chrono::seconds(5));
  answers.Note(guest);
  scsi.set_listener(nullptr);
  guest.NoteMemory(memory, 6 * 512);
}
// A command that was admitted before there was an attention is done, and the next one is told.
void KeptBeforeAnAttention(Guest& guest) {
  Probe(guest);
  VirtioScsiDriver& scsi = guest.drivers().scsi;
  Answers answers;
  const GuestSegment data = {*guest.bus().Allocate(512, 512), 512};
  guest.Before([&] {
    scsi.set_listener(&answers);
    guest.backend().hold = true;
    const std::vector<uint8_t> cdb = ScsiRead10(3, 1);
    EXPECT_TRUE(scsi.Submit(0, {.lun = kDisk, .cdb = cdb, .in = std::span(&data, 1)}, 0));
    scsi.Kick(0);
    guest.Settle();
    guest.backend().Resize(32 * kKiB);
    guest.Settle();
  });
  for (int i = 0; i < 4; ++i) guest.drivers().mmio.status();
  guest.backend().hold = false;
  guest.backend().Release();
  scsi.WaitUntil([&] { return answers.count == 1; }, std::chrono::seconds(5));
  answers.Note(guest);
  scsi.set_listener(nullptr);
  guest.NoteMemory(data.address, 512);
  for (int i = 0; i < 2; ++i) Run(guest, kDisk, {0, 0, 0, 0, 0, 0});
}
// Functions of task management, and events.
void Tasks(Guest& guest) {
  Probe(guest);
  VirtioScsiDriver& scsi = guest.drivers().scsi;
  guest.backend().Resize(32 * kKiB);
  guest.Settle();
  for (const guest::ScsiFunction function :
       {guest::ScsiFunction::kQueryTaskSet, guest::ScsiFunction::kAbortTaskSet,
        guest::ScsiFunction::kUnitReset}) {
    const auto response = scsi.Function(function, kDisk);
    guest.Note(response.ok() ? absl::StrCat("function ", *response) : MessageOf(response.status()));
  }
  for (int i = 0; i < 3; ++i) Run(guest, kDisk, {0, 0, 0, 0, 0, 0});
  scsi.WaitUntil([] { return false; }, std::chrono::milliseconds(10));
  for (const guest::ScsiEvent& event : scsi.TakeEvents()) {
    guest.Note(absl::StrCat("event ", event.event.get(), " reason ", event.reason.get()));
  }
}

constexpr MovingItem<ScsiDrivers> kItems[] = {
    {"Life", Life},         {"Transfers", Transfers},
    {"Settings", Settings}, {"ManyAtOnce", ManyAtOnce},
    {"Tasks", Tasks},       {"KeptBeforeAnAttention", KeptBeforeAnAttention},
};

class VirtioScsiState : public testing::TestWithParam<MovingItem<ScsiDrivers>> {};

TEST_P(VirtioScsiState, C_12_GoesOnElsewhereAtEveryStep) { CheckEveryStep(MakeHost, GetParam()); }

INSTANTIATE_TEST_SUITE_P(Items, VirtioScsiState, testing::ValuesIn(kItems),
                         [](const auto& item) { return std::string(item.param.name); });

}  // namespace
}  // namespace platter
