// SPDX-License-Identifier: Apache-2.0
//
// A virtio-blk device's saved state: at every step of its driver's life the device goes on
// elsewhere, and the guest notices nothing.

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
#include "devices/testing/moving_guest_fixture.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0xa000000;
constexpr uint32_t kLine = 1;

class BlkHost final : public MovingHost {
 public:
  BlkHost(InProcessBus& bus, AioContext& control, AioContext& io, const VirtioRingOptions& ring)
      : MovingHost(128 * kKiB, bus.Line(kLine)) {
    auto made = VirtioBlk::Create(
        {.id = "vd0", .serial = "S1", .num_queues = 2, .ring = ring, .iothreads = {&io}}, backend,
        control);
    EXPECT_TRUE(made.ok()) << made.status();
    blk = *std::move(made);
    transport = std::make_unique<MmioTransport>(*blk, bus.memory(), line);
  }
  ~BlkHost() override { blk.reset(); }
  Device& device() override { return *blk; }
  void PlugIn(InProcessBus& bus) override {
    EXPECT_TRUE(bus.mmio().Map(kBase, kMmioTransportBytes, *transport).ok());
  }
  void PullOut(InProcessBus& bus) override { bus.mmio().Unmap(kBase); }

  std::unique_ptr<VirtioBlk> blk;
  std::unique_ptr<MmioTransport> transport;
};

template <VirtioRingOptions kRing>
std::unique_ptr<MovingHost> MakeHost(InProcessBus& bus, AioContext& control, AioContext& io) {
  return std::make_unique<BlkHost>(bus, control, io, kRing);
}

struct BlkDrivers {
  explicit BlkDrivers(GuestBus& bus)
      : mmio(bus, {.base = kBase, .line = kLine}), blk(bus, mmio, {.queues = 2}) {}
  std::string Faults() { return blk.ring_faults() == 0 ? "none" : absl::StrCat(blk.ring_faults()); }
  VirtioMmioDriver mmio;
  VirtioBlkDriver blk;
};
using Guest = MovingGuest<BlkDrivers>;

void Note(Guest& guest, const absl::Status& status) {
  guest.Note(status.ok() ? "OK" : MessageOf(status));
}
void Note(Guest& guest, const absl::StatusOr<uint8_t>& answer) {
  answer.ok() ? guest.Note(absl::StrCat("status ", *answer)) : Note(guest, answer.status());
}
void Probe(Guest& guest) {
  guest.Before([&] { Note(guest, guest.drivers().blk.Probe()); });
}
std::vector<uint8_t> Pattern(size_t bytes) {
  std::vector<uint8_t> data(bytes);
  for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<uint8_t>(i * 31 + i / 256);
  return data;
}
void Read(Guest& guest, uint64_t sector, size_t sectors) {
  std::vector<uint8_t> data(sectors * 512);
  Note(guest, guest.drivers().blk.Read(sector, data));
  guest.Note(data);
}

void Life(Guest& guest) {
  VirtioBlkDriver& blk = guest.drivers().blk;
  Note(guest, blk.Probe());
  guest.Note(absl::StrCat(blk.info().capacity_sectors, " sectors, ", blk.queue_count(), " queues"));
  Read(guest, 3, 2);
  Note(guest, blk.Reset());
  Note(guest, blk.Probe());
  Read(guest, 5, 1);
}
void Transfers(Guest& guest) {
  Probe(guest);
  VirtioBlkDriver& blk = guest.drivers().blk;
  Note(guest, blk.Write(9, Pattern(1536)));
  Read(guest, 8, 5);
  Note(guest, blk.Flush());
  Note(guest, blk.Discard(20, 4));
  Note(guest, blk.WriteZeroes(30, 2, VirtioBlkDriver::Unmap::kYes));
  const auto id = blk.GetId();
  guest.Note(id.ok() ? *id : MessageOf(id.status()));
  Read(guest, 1u << 20, 1);
}
void Settings(Guest& guest) {
  Probe(guest);
  VirtioBlkDriver& blk = guest.drivers().blk;
  blk.SetWriteBack(false);
  guest.Note(blk.WriteBack() ? "write-back" : "write-through");
  guest.backend().Resize(64 * kKiB);
  blk.WaitUntil([&] { return blk.config_changes() != 0; }, std::chrono::seconds(1));
  guest.Note(absl::StrCat(blk.info().capacity_sectors, " sectors, ", blk.config_changes()));
}

class Answers final : public BlkListener {
 public:
  explicit Answers(Guest& guest) : guest_(guest) {}
  void OnBlkDone(uint64_t token, uint8_t status) override {
    statuses_[token] = status;
    ++count;
  }
  void Note() {
    for (size_t i = 0; i < statuses_.size(); ++i) {
      guest_.Note(absl::StrCat("request ", i, ": ", statuses_[i]));
    }
  }
  size_t count = 0;

 private:
  Guest& guest_;
  std::array<uint8_t, 6> statuses_{};
};

// Several requests under way on both queues.
void ManyAtOnce(Guest& guest) {
  Probe(guest);
  VirtioBlkDriver& blk = guest.drivers().blk;
  Answers answers(guest);
  blk.set_listener(&answers);
  const uint64_t memory = *guest.bus().Allocate(6 * 512, 512);
  guest.bus().Write(memory, Pattern(6 * 512));
  std::vector<GuestSegment> segments;
  for (uint64_t i = 0; i < 6; ++i) segments.push_back({memory + i * 512, 512});
  for (uint64_t i = 0; i < 6; ++i) {
    const bool write = i % 3 != 0;
    EXPECT_TRUE(blk.Submit(static_cast<uint16_t>(i % 2),
                           {.type = write ? guest::kBlkOut : guest::kBlkIn,
                            .sector = i * 7,
                            .data = {&segments[i], 1}},
                           i));
    blk.Kick(static_cast<uint16_t>(i % 2));
  }
  blk.WaitUntil([&] { return answers.count == 6; }, std::chrono::seconds(5));
  answers.Note();
  blk.set_listener(nullptr);
  guest.NoteMemory(memory, 6 * 512);
}
// A queue that is reset by itself, and set up anew with another size.
void QueueReset(Guest& guest) {
  Probe(guest);
  VirtioBlkDriver& blk = guest.drivers().blk;
  Read(guest, 4, 1);
  Note(guest, blk.ResetQueue(0, 32));
  Read(guest, 6, 1);
}
// Data that is in no memory.
void BadAddress(Guest& guest) {
  Probe(guest);
  const GuestSegment beyond = {uint64_t{1} << 60, 512};
  Note(guest,
       guest.drivers().blk.Execute(0, {.type = guest::kBlkIn, .sector = 0, .data = {&beyond, 1}}));
  Read(guest, 2, 1);
}

constexpr MovingItem<BlkDrivers> kItems[] = {
    {"Life", Life},
    {"Transfers", Transfers},
    {"Settings", Settings},
    {"ManyAtOnce", ManyAtOnce},
    {"QueueReset", QueueReset},
    {"BadAddress", BadAddress},
};

class VirtioBlkState : public testing::TestWithParam<MovingItem<BlkDrivers>> {};

TEST_P(VirtioBlkState, C_12_GoesOnElsewhereAtEveryStep) {
  CheckEveryStep(MakeHost<VirtioRingOptions{}>, GetParam());
}
TEST_P(VirtioBlkState, C_12_OnPackedRings) {
  CheckEveryStep(MakeHost<VirtioRingOptions{.packed = true}>, GetParam());
}
TEST_P(VirtioBlkState, C_12_OnPackedRingsUsedInOrder) {
  CheckEveryStep(MakeHost<VirtioRingOptions{.packed = true, .in_order = true}>, GetParam());
}
TEST_P(VirtioBlkState, C_12_OnSplitRingsUsedInOrder) {
  CheckEveryStep(MakeHost<VirtioRingOptions{.in_order = true}>, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Items, VirtioBlkState, testing::ValuesIn(kItems),
                         [](const auto& item) { return std::string(item.param.name); });

}  // namespace
}  // namespace platter
