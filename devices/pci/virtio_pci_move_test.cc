// SPDX-License-Identifier: Apache-2.0
//
// A virtio-blk device on PCI is taken to another host at every step of its driver's life, from its
// discovery in configuration space on: the guest notices nothing.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/bus/message_sink.h"
#include "devices/pci/virtio_pci_fixture.h"
#include "devices/testing/moving_guest_fixture.h"

namespace platter {
namespace {

// The controller is the machine's; a host that is gone reaches it no more.
class CutOffSink final : public MessageSink {
 public:
  CutOffSink(InProcessBus& bus, MovingHost::Line& line)
      : messages_(bus.Vectors(0), bus.options().vectors), line_(line) {}
  void Send(uint64_t address, uint32_t data) override {
    if (line_.open) messages_.Send(address, data);
  }

 private:
  MessageVectors messages_;
  MovingHost::Line& line_;
};

class PciHost final : public MovingHost {
 public:
  PciHost(InProcessBus& bus, AioContext& control, AioContext& io)
      : MovingHost(128 * kKiB, bus.Line(VirtioPciSlot::kLine)), sink(bus, line) {
    blk = *VirtioBlk::Create({.id = "vd0", .num_queues = 2, .iothreads = {&io}}, backend, control);
    transport = std::make_unique<VirtioPciTransport>(*blk, bus.memory(), line, sink,
                                                     VirtioPciTransport::Options());
  }
  ~PciHost() override { blk.reset(); }
  Device& device() override { return *blk; }
  void PlugIn(InProcessBus& bus) override {
    pci = VirtioPciSlot::MakeBus(bus);
    EXPECT_TRUE(pci->Add(VirtioPciSlot::kDevice, *transport).ok());
  }
  void PullOut(InProcessBus&) override { pci.reset(); }

  CutOffSink sink;
  std::unique_ptr<VirtioPciTransport> transport;
  std::unique_ptr<VirtioBlk> blk;
  std::unique_ptr<PciBus> pci;
};

std::unique_ptr<MovingHost> MakeHost(InProcessBus& bus, AioContext& control, AioContext& io) {
  return std::make_unique<PciHost>(bus, control, io);
}

// The register behind port 0xCF8 is the machine's to take along, so this one does without.
template <VirtioPciDriver::Interrupts kInterrupts>
struct Drivers {
  explicit Drivers(GuestBus& bus)
      : pci(bus, VirtioPciSlot::PlaceFor(
                     {.interrupts = kInterrupts, .access = PciConfigSpace::Access::kEcam})),
        blk(bus, pci, {.queues = 2}) {}
  std::string Faults() { return blk.ring_faults() == 0 ? "none" : absl::StrCat(blk.ring_faults()); }
  VirtioPciDriver pci;
  VirtioBlkDriver blk;
};
using MessageDrivers = Drivers<VirtioPciDriver::Interrupts::kMsix>;
using LineDrivers = Drivers<VirtioPciDriver::Interrupts::kLine>;

template <typename D>
void Probe(MovingGuest<D>& guest) {
  const absl::Status status = guest.drivers().blk.Probe();
  guest.Note(status.ok() ? "OK" : MessageOf(status));
}

template <typename D>
void WriteAndRead(MovingGuest<D>& guest) {
  guest.Before([&] { Probe(guest); });
  std::vector<uint8_t> data(3 * 512);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 31 + i / 256);
  guest.Note(absl::StrCat(*guest.drivers().blk.Write(5, data)));
  std::vector<uint8_t> back(data.size());
  guest.Note(absl::StrCat(*guest.drivers().blk.Read(5, back), " ", back == data));
  guest.Note(absl::StrCat(*guest.drivers().blk.Flush()));
}

template <typename D>
void ResetAndResize(MovingGuest<D>& guest) {
  guest.Before([&] { Probe(guest); });
  guest.Note(MessageOf(guest.drivers().blk.Reset()));
  Probe(guest);
  guest.Note(absl::StrCat("capacity ", guest.drivers().blk.info().capacity_sectors));
}

TEST(VirtioPciMoveTest, ProbeWithMessages) {
  CheckEveryStep<MessageDrivers>(MakeHost, {"Probe", Probe<MessageDrivers>});
}
TEST(VirtioPciMoveTest, ProbeWithTheLine) {
  CheckEveryStep<LineDrivers>(MakeHost, {"Probe", Probe<LineDrivers>});
}
TEST(VirtioPciMoveTest, RequestsWithMessages) {
  CheckEveryStep<MessageDrivers>(MakeHost, {"WriteAndRead", WriteAndRead<MessageDrivers>});
}
TEST(VirtioPciMoveTest, RequestsWithTheLine) {
  CheckEveryStep<LineDrivers>(MakeHost, {"WriteAndRead", WriteAndRead<LineDrivers>});
}
TEST(VirtioPciMoveTest, AReset) {
  CheckEveryStep<MessageDrivers>(MakeHost, {"Reset", ResetAndResize<MessageDrivers>});
}

}  // namespace
}  // namespace platter
