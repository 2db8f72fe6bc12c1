// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/virtio_blk_fixture.h"

#include <utility>

#include "base/arith.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_direct_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {
namespace {

constexpr uint64_t kWindow = 0x0a000000;
constexpr uint32_t kLine = 1;
constexpr uint32_t kFirstVector = 8;
constexpr uint32_t kDepth = 16;

enum class Transport : uint8_t { kMmio, kDirect };

class VirtioBlkFixture final : public DeviceFixture, private BlkListener {
 public:
  explicit VirtioBlkFixture(Transport transport) : transport_(transport) {}
  ~VirtioBlkFixture() override {
    if (device_ != nullptr) Destroy();
  }

  DeviceTraits traits() const override { return {.max_in_flight = kDepth}; }

  absl::Status Create(const Setup& setup) override {
    VirtioBlkOptions options;
    options.id = setup.id;
    options.rerror = setup.read_error;
    options.werror = setup.write_error;
    auto device = VirtioBlk::Create(options, setup.backend, setup.control);
    if (!device.ok()) return device.status();
    device_ = *std::move(device);
    bus_ = &setup.bus;
    if (transport_ == Transport::kMmio) {
      mmio_ = std::make_unique<MmioTransport>(*device_, bus_->memory(), bus_->Line(kLine));
      bus_driver_ = std::make_unique<VirtioMmioDriver>(
          *bus_, VirtioMmioDriver::Place{.base = kWindow, .line = kLine});
      return bus_->mmio().Map(kWindow, kMmioTransportBytes, *mmio_);
    }
    direct_ = std::make_unique<DirectTransport>(*device_, bus_->Vectors(kFirstVector));
    bus_driver_ = std::make_unique<VirtioDirectDriver>(*bus_, *device_, *direct_, kFirstVector);
    return absl::OkStatus();
  }

  Device& device() override { return *device_; }

  void Destroy() override {
    disk_.reset();
    bus_driver_.reset();
    if (mmio_ != nullptr) bus_->mmio().Unmap(kWindow);
    device_.reset();
    mmio_.reset();
    direct_.reset();
  }

  absl::Status Probe(GuestIoListener& listener) override {
    listener_ = &listener;
    if (disk_ == nullptr) {
      disk_ = std::make_unique<VirtioBlkDriver>(*bus_, *bus_driver_, VirtioBlkDriver::Options());
      disk_->set_listener(this);
    }
    return disk_->Probe();
  }

  absl::Status Start(const GuestIo& io) override {
    BlkCommand command;
    command.type = io.op == GuestOp::kRead    ? guest::kBlkIn
                   : io.op == GuestOp::kWrite ? guest::kBlkOut
                                              : guest::kBlkFlush;
    command.sector = io.offset / kSectorSize;
    if (io.op != GuestOp::kFlush) command.data = std::span(&io.buffer, 1);
    if (!disk_->Submit(0, command, io.token)) {
      return absl::ResourceExhaustedError("the queue is full");
    }
    disk_->Kick(0);
    return absl::OkStatus();
  }

  void Poll() override { disk_->HandleInterrupts(); }

  void ForgetAll() override { disk_->Abandon(); }

  bool Gone() override { return bus_driver_->Gone(); }
  uint64_t Faults() override { return disk_->ring_faults(); }
  uint64_t Capacity() override { return disk_->info().capacity_sectors * kSectorSize; }
  uint64_t CapacityChanges() override { return disk_->config_changes(); }

 private:
  void OnBlkDone(uint64_t token, uint8_t status) override {
    listener_->OnGuestIo(token, status == guest::kBlkOk           ? GuestOutcome::kOk
                                : status == guest::kBlkNotWritten ? GuestOutcome::kTakenAway
                                                                  : GuestOutcome::kFailed);
  }

  const Transport transport_;
  InProcessBus* bus_ = nullptr;
  GuestIoListener* listener_ = nullptr;
  std::unique_ptr<VirtioBlk> device_;
  std::unique_ptr<MmioTransport> mmio_;
  std::unique_ptr<DirectTransport> direct_;
  std::unique_ptr<VirtioTransportDriver> bus_driver_;
  std::unique_ptr<VirtioBlkDriver> disk_;
};

}  // namespace

std::unique_ptr<DeviceFixture> MakeVirtioBlkMmioFixture() {
  return std::make_unique<VirtioBlkFixture>(Transport::kMmio);
}

std::unique_ptr<DeviceFixture> MakeVirtioBlkDirectFixture() {
  return std::make_unique<VirtioBlkFixture>(Transport::kDirect);
}

}  // namespace platter
