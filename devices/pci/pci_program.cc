// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/pci_program.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"

namespace platter {

namespace {

constexpr uint64_t kRingBytes = 4096;

uint64_t Take(std::span<const uint8_t>& bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count && !bytes.empty(); ++i) {
    value |= uint64_t{bytes.front()} << (8 * i);
    bytes = bytes.subspan(1);
  }
  return value;
}

// Values that mean something more often than others.
uint64_t TakeValue(std::span<const uint8_t>& bytes) {
  const uint64_t kind = Take(bytes, 1);
  if (kind < 96) return kind % 32;
  if (kind < 128) return ~uint64_t{0};
  return Take(bytes, kind < 192 ? 2 : 8);
}

}  // namespace

PciProgram::PciProgram() {
  backend.record = false;
  MakeDevice({.num_queues = 2, .queue_size = 16}, {.access = PciConfigSpace::Access::kEcam});
  ring_ = *bus.Allocate(kRingBytes, 4096);
  low_bar_ = pci->common();
  msix_bar_ = pci->config().bar(2);
  msix_at_ = pci->config().FindCapability(0x11, 0);
  uint8_t at = 0;
  while ((at = pci->config().FindCapability(0x09, at)) != 0) window_at_ = at;  // The last one.
}

// --- Actions. ---

void PciProgram::AccessConfig(std::span<const uint8_t>& bytes) {
  const uint64_t how = Take(bytes, 1);
  auto offset = static_cast<uint32_t>(Take(bytes, 1));
  if (how % 8 == 1) offset = 4 + offset % 4;
  if (how % 8 == 2) offset = msix_at_ + 2;
  const unsigned width = 1u << (how / 8 % 4);
  const bool ecam = (how & 0x40) != 0 || width == 8;
  const uint64_t value = TakeValue(bytes);
  const uint64_t ecam_at =
      VirtioPciSlot::kEcam + VirtioPciSlot::kDevice * uint64_t{0x8000} + offset;
  const RegisterSpace space = ecam ? RegisterSpace::kMmio : RegisterSpace::kPort;
  if (!ecam) bus.WriteRegister32(RegisterSpace::kPort, 0xcf8, 0x80001800 | (offset & 0xfc));
  const uint64_t address = ecam ? ecam_at : 0xcfc + offset % 4;
  if ((how & 0x80) != 0) bus.WriteRegister(space, address, width, value);
  bus.ReadRegister(space, address, width);
}

void PciProgram::AccessBar(std::span<const uint8_t>& bytes) {
  const uint64_t how = Take(bytes, 1);
  const unsigned width = 1u << (how % 4);
  uint64_t offset = Take(bytes, 1);
  switch (how / 4 % 8) {
    case 0:
      offset = 0x1000 + offset % 4;
      break;
    case 1:
      offset += 0x2000;
      break;
    case 2:
      offset += 0x3000;
      break;
    case 3:
      offset = offset * 257 % 0x4000;
      break;
    default:
      offset %= 0x48;
      break;
  }
  uint64_t address = low_bar_ + offset;
  if ((how & 0x40) != 0) address = msix_bar_ + (offset >= 0x1000 ? 2048 : 0) + offset % 64;
  const uint64_t value = TakeValue(bytes);
  if ((how & 0x80) != 0) bus.WriteRegister(RegisterSpace::kMmio, address, width, value);
  bus.ReadRegister(RegisterSpace::kMmio, address, width);
}

void PciProgram::AccessWindow(std::span<const uint8_t>& bytes) {
  PciConfigSpace& space = pci->config();
  const uint64_t how = Take(bytes, 1);
  space.Write(window_at_ + 4, 1, how % 16 == 1 ? static_cast<uint32_t>(Take(bytes, 1)) : 0);
  space.Write(window_at_ + 8, 4, static_cast<uint32_t>(Take(bytes, 2)));
  space.Write(window_at_ + 12, 4, static_cast<uint32_t>(how / 16));
  if ((how & 1) != 0) space.Write(window_at_ + 16, 4, static_cast<uint32_t>(TakeValue(bytes)));
  space.Read(window_at_ + 16 + static_cast<uint32_t>(how % 4), 1);
}

// What a driver does next, so that programs come beyond the first registers.
void PciProgram::DriveForward(std::span<const uint8_t>& bytes) {
  const auto now = static_cast<uint32_t>(Status());
  if ((now & kVirtioStatusFeaturesOk) == 0) {
    static_cast<void>(pci->AcceptFeatures(pci->DeviceFeatures() & ~(Take(bytes, 1) << 28)).ok());
    return;
  }
  if ((now & kVirtioStatusDriverOk) == 0) {
    const auto queue = static_cast<uint16_t>(Take(bytes, 1) % 3);
    const uint64_t base = ring_ + Take(bytes, 1) % 4 * 16;
    const RingLayout layout = {
        .size = 16, .descriptors = base, .driver = base + 0x400, .device = base + 0x800};
    static_cast<void>(pci->StartQueue(queue, layout).ok());
    if (Take(bytes, 1) % 2 == 0) pci->DriverOk();
    return;
  }
  std::vector<uint8_t> noise;
  const uint64_t at = Take(bytes, 2) % (kRingBytes - 16);
  for (int i = 0; i < 8; ++i) noise.push_back(static_cast<uint8_t>(Take(bytes, 1)));
  bus.Write(ring_ + at, noise);
}

void PciProgram::SaveAndRestore() {
  SerialiserLock lock(device->serialiser());
  VirtioTransportState& state = *slot->transport.saved_state();
  const std::string saved = state.Save();
  const bool agreed = (slot->transport.status() & kVirtioStatusFeaturesOk) != 0;
  const bool ready = (slot->transport.status() & kVirtioStatusDriverOk) != 0;
  PLATTER_CHECK(state.Check(saved, agreed, ready) == nullptr);
  state.Restore(saved);
  PLATTER_CHECK(state.Save() == saved);
}

void PciProgram::Step(std::span<const uint8_t>& bytes) {
  switch (Take(bytes, 1) % 16) {
    case 0:
      world.RunUntilIdle();
      break;
    case 1:
      SaveAndRestore();
      break;
    case 2:
      slot->transport.InterruptQueue(static_cast<uint16_t>(Take(bytes, 1) % 2));
      break;
    case 3:
      slot->transport.InterruptConfig();
      break;
    case 4:
      pci->config().PlaceBars(VirtioPciSlot::kLowWindow.base);
      pci->config().Write(0x04, 2, 6);
      break;
    case 5:
    case 6:
      AccessWindow(bytes);
      break;
    case 7:
    case 8:
    case 9:
      DriveForward(bytes);
      break;
    case 10:
    case 11:
      AccessConfig(bytes);
      break;
    default:
      AccessBar(bytes);
      break;
  }
}

// --- What must hold. ---

void PciProgram::CheckInvariants() {
  PciConfigSpace& space = pci->config();
  PLATTER_CHECK(space.Read(0x00, 4) == 0x10421af4);
  const bool msix = (space.Read(msix_at_ + 2, 2) & 0x8000) != 0;
  const bool disabled = (space.Read(0x04, 2) & 0x0400) != 0;
  const bool asserted = (space.Read(0x06, 2) & 8) != 0;
  PLATTER_CHECK(bus.Interrupt(VirtioPciSlot::kLine).high == (asserted && !disabled && !msix));
  VirtioPciTransport& transport = slot->transport;
  const uint64_t queue = transport.ReadBar(0, 0x16, 2);
  const uint64_t size = transport.ReadBar(0, 0x18, 2);
  PLATTER_CHECK(queue < 2 ? size != 0 && size <= 16 && (size & (size - 1)) == 0 : size == 0);
  for (const uint64_t at : {0x10, 0x1a}) {
    const uint64_t vector = transport.ReadBar(0, at, 2);
    PLATTER_CHECK(vector < 3 || vector == 0xffff);
  }
}

void PciProgram::CheckWorks() {
  backend.Release();
  RunDevice(&Device::Reset);
  CheckInvariants();
  // Whatever was set, the machine begins anew.
  VirtioBlkDriver fresh(bus, *pci, {});
  const absl::Status probed = fresh.Probe();
  PLATTER_CHECK(probed.ok());
  std::vector<uint8_t> data(512);
  const auto answer = fresh.Read(1, data);
  PLATTER_CHECK(answer.ok() && *answer == guest::kBlkOk);
  PLATTER_CHECK(fresh.Reset().ok());
  RunDevice(&Device::Reset);
  pci->config().PlaceBars(VirtioPciSlot::kLowWindow.base);
  pci->config().Write(0x04, 2, 6);
}

void PciProgram::Run(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    Step(bytes);
    CheckInvariants();
  }
  CheckWorks();
}

}  // namespace platter
