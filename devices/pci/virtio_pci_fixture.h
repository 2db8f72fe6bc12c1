// SPDX-License-Identifier: Apache-2.0
//
// PciBlkFixture: a virtio-blk device on PCI over a fake backend, in a simulated world, with a
// guest's driver. For the tests of this folder.
//
// Ownership: as members say. Threading: one thread.

#ifndef PLATTER_DEVICES_PCI_VIRTIO_PCI_FIXTURE_H_
#define PLATTER_DEVICES_PCI_VIRTIO_PCI_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "base/status.h"
#include "devices/pci/virtio_pci_spec.h"
#include "devices/pci/virtio_pci_transport.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_spec.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_pci_driver.h"
#include "testing/guest/virtio_pci_slot_fixture.h"

namespace platter {

class PciBlkFixture {
 public:
  static constexpr uint32_t kAck = kVirtioStatusAcknowledge;
  static constexpr uint32_t kDriver = kAck | kVirtioStatusDriver;
  static constexpr uint32_t kAgreed = kDriver | kVirtioStatusFeaturesOk;
  static constexpr uint32_t kReady = kAgreed | kVirtioStatusDriverOk;

  PciBlkFixture()
      : control(world.NewContext("control")),
        bus(control, {.regions = {{0x40000000, 2 * kMiB}}, .vectors = 2048}) {
    std::iota(backend.data.begin(), backend.data.end(), uint8_t{0});
  }
  ~PciBlkFixture() {
    if (device != nullptr) Unplug();
  }

  // Makes the device on its bus, and lets the transport's driver find it.
  void MakeDevice(VirtioBlkOptions options = {}, const VirtioPciSlot::Options& with = {}) {
    options.id = "disk0";
    auto made = VirtioBlk::Create(options, backend, control);
    ASSERT_TRUE(made.ok()) << MessageOf(made.status());
    device = std::move(*made);
    slot = std::make_unique<VirtioPciSlot>(bus, *device, with);
    pci = std::make_unique<VirtioPciDriver>(bus, slot->place());
    Discover();
  }
  void Discover() {
    const absl::Status found = pci->Discover(guest::kBlkDeviceId);
    ASSERT_TRUE(found.ok()) << MessageOf(found);
  }
  // And the block driver, with its queues running.
  void MakeDriver(const VirtioBlkDriver::Options& options = {}) {
    driver = std::make_unique<VirtioBlkDriver>(bus, *pci, options);
    const absl::Status status = driver->Probe();
    ASSERT_TRUE(status.ok()) << MessageOf(status);
  }
  void MakeAll(VirtioBlkOptions options = {}, const VirtioPciSlot::Options& with = {}) {
    MakeDevice(std::move(options), with);
    MakeDriver();
  }
  void CheckReads() {
    std::vector<uint8_t> data(512);
    const auto answer = driver->Read(1, data);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(*answer, guest::kBlkOk);
    EXPECT_TRUE(std::equal(data.begin(), data.end(), backend.data.begin() + 512));
  }

  // --- Registers by the names of the device's side. ---

  uint64_t Get(VirtioPciField at, unsigned width) {
    return pci->GetCommon(static_cast<uint64_t>(at), width);
  }
  void Put(VirtioPciField at, unsigned width, uint64_t value) {
    pci->SetCommon(static_cast<uint64_t>(at), width, value);
  }
  void PutStatus(uint32_t value) { Put(VirtioPciField::kDeviceStatus, 1, value); }
  uint64_t Status() { return Get(VirtioPciField::kDeviceStatus, 1); }
  void ResetByDriver() {
    pci->BeginReset();
    world.RunUntilIdle();
    ASSERT_TRUE(pci->ResetDone());
  }
  void AgreeToAll() { ASSERT_TRUE(pci->AcceptFeatures(pci->DeviceFeatures()).ok()); }

  // Runs a function of Device that ends with a DeviceDone.
  void RunDevice(void (Device::*function)(DeviceDone)) {
    bool done = false;
    (device.get()->*function)([&] { done = true; });
    EXPECT_FALSE(done) << "done ran inside the call";
    world.RunUntil([&] { return done; });
  }
  void Unplug() {
    backend.Release();
    RunDevice(&Device::Unplug);
    driver.reset();
    pci.reset();
    device.reset();
    slot.reset();
  }

  SimulatedWorld world{1};
  AioContext& control;
  InProcessBus bus;
  FakeBlockDevice backend{kMiB};
  std::unique_ptr<VirtioPciSlot> slot;
  std::unique_ptr<VirtioBlk> device;
  std::unique_ptr<VirtioPciDriver> pci;
  std::unique_ptr<VirtioBlkDriver> driver;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_VIRTIO_PCI_FIXTURE_H_
