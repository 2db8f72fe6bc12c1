// SPDX-License-Identifier: Apache-2.0
//
// BlkFixture: a virtio-blk device on MMIO over a fake backend, in a simulated world, with a guest's
// driver. For the tests of this folder.
//
// Ownership: as members say. Threading: one thread.

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_FIXTURE_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {

inline constexpr uint64_t kFixtureBase = 0xa000000;
inline constexpr uint64_t kFixtureDiskBytes = kMiB;

class BlkFixture {
 public:
  explicit BlkFixture(uint64_t seed = 1, const InProcessBus::Options& bus_options = {})
      : world(seed), control(world.NewContext("control")), bus(control, bus_options) {
    std::iota(backend.data.begin(), backend.data.end(), uint8_t{0});
  }
  ~BlkFixture() {
    if (device != nullptr) Unplug();
  }

  // Makes the device on its bus.
  void MakeDevice(VirtioBlkOptions options = {}) {
    if (options.id.empty()) options.id = "disk0";
    auto made = VirtioBlk::Create(options, backend, control);
    ASSERT_TRUE(made.ok()) << MessageOf(made.status());
    device = std::move(*made);
    transport = std::make_unique<MmioTransport>(*device, bus.memory(), bus.Line(1));
    ASSERT_TRUE(bus.mmio().Map(kFixtureBase, kMmioTransportBytes, *transport).ok());
  }
  // And the guest's driver, with its queues running.
  void MakeDriver(const VirtioBlkDriver::Options& options = {}) {
    driver = std::make_unique<VirtioBlkDriver>(bus, mmio, options);
    const absl::Status status = driver->Probe();
    ASSERT_TRUE(status.ok()) << MessageOf(status);
  }
  void MakeAll(VirtioBlkOptions options = {}, const VirtioBlkDriver::Options& with = {}) {
    MakeDevice(std::move(options));
    MakeDriver(with);
  }

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
    bus.mmio().Unmap(kFixtureBase);
    device.reset();
    transport.reset();
  }

  SimulatedWorld world;
  AioContext& control;
  InProcessBus bus;
  FakeBlockDevice backend{kFixtureDiskBytes};
  std::unique_ptr<VirtioBlk> device;
  std::unique_ptr<MmioTransport> transport;
  VirtioMmioDriver mmio{bus, {.base = kFixtureBase, .line = 1}};
  std::unique_ptr<VirtioBlkDriver> driver;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_FIXTURE_H_
