// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsiFixture: a virtio-scsi adapter on MMIO with a disk at target 0 LUN 0 over a fake
// backend, in a simulated world, with a guest's driver. For the tests of this folder.
//
// Ownership: as members say. Threading: one thread.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_FIXTURE_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "base/status.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"

namespace platter {

class VirtioScsiFixture {
 public:
  static constexpr uint64_t kBase = 0xa000000;
  static constexpr uint64_t kDiskBytes = kMiB;

  explicit VirtioScsiFixture(const InProcessBus::Options& bus_options = {})
      : control(world.NewContext("control")), bus(control, bus_options) {
    std::iota(backend.data.begin(), backend.data.end(), uint8_t{0});
  }
  ~VirtioScsiFixture() {
    if (adapter != nullptr) Unplug();
  }

  // Makes the adapter on its bus, without units.
  void MakeAdapter(VirtioScsiOptions options = {}) {
    if (options.id.empty()) options.id = "scsi0";
    auto made = VirtioScsi::Create(options, control);
    ASSERT_TRUE(made.ok()) << MessageOf(made.status());
    adapter = std::move(*made);
    transport = std::make_unique<MmioTransport>(*adapter, bus.memory(), bus.Line(1));
    ASSERT_TRUE(bus.mmio().Map(kBase, kMmioTransportBytes, *transport).ok());
  }
  void AddDisk(const ScsiAddress& address, FakeBlockDevice& over, const std::string& id) {
    auto disk = ScsiDisk::Create({.id = id}, over);
    ASSERT_TRUE(disk.ok()) << MessageOf(disk.status());
    ASSERT_TRUE(adapter->AddUnit(address, *std::move(disk)).ok());
  }
  void AddCd(const ScsiAddress& address, FakeBlockDevice& over, const std::string& id) {
    auto drive = ScsiCd::Create({.id = id}, over, control);
    ASSERT_TRUE(drive.ok()) << MessageOf(drive.status());
    ASSERT_TRUE(adapter->AddUnit(address, *std::move(drive)).ok());
  }
  void MakeDriver(const VirtioScsiDriver::Options& options = {}) {
    driver = std::make_unique<VirtioScsiDriver>(bus, mmio, options);
    Probe();
  }
  void Probe() {
    const absl::Status status = driver->Probe();
    ASSERT_TRUE(status.ok()) << MessageOf(status);
  }
  // All of it, and the first attention taken away.
  void MakeAll(VirtioScsiOptions options = {}, const VirtioScsiDriver::Options& with = {}) {
    MakeAdapter(std::move(options));
    AddDisk({.target = 0, .lun = 0}, backend, "disk0");
    MakeDriver(with);
    ASSERT_TRUE(disk().ClearAttentions()->good());
  }
  ScsiInitiator& disk() {
    if (initiator == nullptr) {
      unit = std::make_unique<VirtioScsiUnit>(*driver, guest::ScsiLunOf(0, 0));
      initiator = std::make_unique<ScsiInitiator>(*unit);
    }
    return *initiator;
  }
  ScsiAnswer Execute(const guest::ScsiLun& lun, std::vector<uint8_t> cdb, size_t in_bytes = 0) {
    return *driver->Execute(0, lun, cdb, {}, in_bytes);
  }
  // Starts a READ(10) of a block, whose completion comes to `listener`.
  void StartRead(uint64_t token, uint64_t tag, const guest::ScsiLun& lun = guest::ScsiLunOf(0, 0),
                 uint16_t queue = 0) {
    const GuestSegment data = {*bus.Allocate(512, 512), 512};
    const std::vector<uint8_t> cdb = ScsiRead10(static_cast<uint32_t>(token), 1);
    ASSERT_TRUE(driver->Submit(
        queue, {.lun = lun, .tag = tag, .cdb = cdb, .in = std::span(&data, 1)}, token));
    driver->Kick(queue);
  }

  // Runs a function of Device that ends with a DeviceDone.
  void RunDevice(void (Device::*function)(DeviceDone)) {
    bool done = false;
    (adapter.get()->*function)([&] { done = true; });
    EXPECT_FALSE(done) << "done ran inside the call";
    world.RunUntil([&] { return done; });
  }
  void Unplug() {
    backend.Release();
    RunDevice(&Device::Unplug);
    initiator.reset();
    unit.reset();
    driver.reset();
    bus.mmio().Unmap(kBase);
    adapter.reset();
    transport.reset();
  }

  SimulatedWorld world{1};
  AioContext& control;
  InProcessBus bus;
  FakeBlockDevice backend{kDiskBytes};
  FakeBlockDevice other{kDiskBytes};  // For a second unit.
  std::unique_ptr<VirtioScsi> adapter;
  std::unique_ptr<MmioTransport> transport;
  VirtioMmioDriver mmio{bus, {.base = kBase, .line = 1}};
  std::unique_ptr<VirtioScsiDriver> driver;
  std::unique_ptr<VirtioScsiUnit> unit;
  std::unique_ptr<ScsiInitiator> initiator;
};

// Keeps what came back.
class ScsiRecorder final : public ScsiListener {
 public:
  struct Done {
    uint64_t token;
    uint8_t response;
    friend bool operator==(const Done&, const Done&) = default;
  };
  // Functions have their token above this.
  static constexpr uint64_t kFunction = 1000;

  void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) override {
    done.push_back({token, answer.response});
  }
  void OnScsiFunctionDone(uint64_t token, uint8_t response) override {
    done.push_back({token, response});
  }
  std::vector<Done> done;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_FIXTURE_H_
