// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/virtio_scsi_fixture.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/scsi/scsi_tray.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_direct_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"

namespace platter {
namespace {

constexpr uint64_t kWindow = 0x0a000000;
constexpr uint32_t kLine = 1;
constexpr uint32_t kFirstVector = 8;
constexpr uint32_t kDepth = 16;
constexpr guest::ScsiLun kLun = guest::ScsiLunOf(0, 0);
constexpr uint8_t kUnitAttention = 6;

enum class Transport : uint8_t { kMmio, kDirect };
enum class Kind : uint8_t { kDisk, kRemovableDisk, kCd };

// A guest as real ones are: a command that meets a unit attention is sent again, an event is looked
// into with a command of its own.
class VirtioScsiFixture final : public DeviceFixture, private ScsiListener {
 public:
  VirtioScsiFixture(Kind kind, Transport transport) : kind_(kind), transport_(transport) {}
  ~VirtioScsiFixture() override {
    if (adapter_ != nullptr) Destroy();
  }

  DeviceTraits traits() const override {
    const bool cd = kind_ == Kind::kCd;
    return {.removable = has_tray(),
            .tray = has_tray(),
            .lock = has_tray(),
            .writable = !cd,
            .polled = has_tray(),
            .block_bytes = block_size(),
            .max_in_flight = kDepth,
            .tells_capacity = !cd};
  }

  absl::Status Create(const Setup& setup) override {
    auto unit = MakeUnit(setup);
    if (!unit.ok()) return unit.status();
    unit_ = unit->get();
    auto adapter = VirtioScsi::Create({.id = setup.id}, setup.control);
    if (!adapter.ok()) return adapter.status();
    adapter_ = *std::move(adapter);
    PLATTER_RETURN_IF_ERROR(adapter_->AddUnit({}, *std::move(unit)));
    bus_ = &setup.bus;
    if (transport_ == Transport::kMmio) {
      mmio_ = std::make_unique<MmioTransport>(*adapter_, bus_->memory(), bus_->Line(kLine));
      bus_driver_ = std::make_unique<VirtioMmioDriver>(
          *bus_, VirtioMmioDriver::Place{.base = kWindow, .line = kLine});
      return bus_->mmio().Map(kWindow, kMmioTransportBytes, *mmio_);
    }
    direct_ = std::make_unique<DirectTransport>(*adapter_, bus_->Vectors(kFirstVector));
    bus_driver_ = std::make_unique<VirtioDirectDriver>(*bus_, *adapter_, *direct_, kFirstVector);
    return absl::OkStatus();
  }

  Device& device() override { return *adapter_; }

  void Destroy() override {
    driver_.reset();
    bus_driver_.reset();
    if (mmio_ != nullptr) bus_->mmio().Unmap(kWindow);
    unit_ = nullptr;
    adapter_.reset();
    mmio_.reset();
    direct_.reset();
  }

  absl::Status Probe(GuestIoListener& listener) override {
    listener_ = &listener;
    return ProbeAgain();
  }

  absl::Status Start(const GuestIo& io) override {
    ios_[io.token] = io;
    return Submit(io);
  }

  void Poll() override {
    driver_->HandleInterrupts();
    for (const guest::ScsiEvent& event : driver_->TakeEvents()) {
      const bool other_length = event.event.get() == guest::kScsiParamChange;
      const bool tray = has_tray() && !other_length;
      if (tray) other_medium_ = true;
      LookIntoIt(tray ? Look::kTray : Look::kCapacity);
    }
  }

  void ForgetAll() override { driver_->Abandon(); }
  bool Gone() override { return bus_driver_->Gone(); }
  uint64_t Faults() override { return driver_->ring_faults(); }

  uint64_t Capacity() override {
    // A drive tells its guest of no other length; a disk does, but not of another medium's.
    if (kind_ == Kind::kCd || std::exchange(other_medium_, false)) ReadCapacity();
    return capacity_;
  }
  uint64_t CapacityChanges() override { return capacity_changes_; }
  uint64_t MediumChanges() override { return medium_changes_; }

  uint64_t EjectRequests() override { return eject_requests_; }
  bool TrayOpen() override {
    if (!has_tray()) return false;
    // A disk has no other way to say so.
    if (kind_ == Kind::kRemovableDisk) return Run({0, 0, 0, 0, 0, 0}, 0).IsSense(2, 0x3a02);
    // MECHANISM STATUS: DOOR OPEN.
    const std::vector<uint8_t> cdb = {0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0};
    return (Run(cdb, 8).Number(1, 1) & 0x10) != 0;
  }
  bool Locked() override {
    if (!has_tray()) return false;
    // What locks a disk, it can't see again.
    if (kind_ == Kind::kRemovableDisk) return unit_->tray()->locked();
    // MODE SENSE(10) of page 2Ah: LOCK STATE, behind the header.
    const std::vector<uint8_t> cdb = {0x5a, 0x08, 0x2a, 0, 0, 0, 0, 0, 64, 0};
    return (Run(cdb, 64).Number(8 + 6, 1) & 0x02) != 0;
  }
  bool GuestLock() override { return PreventAllow(1); }
  bool GuestUnlock() override { return PreventAllow(0); }
  bool GuestOpenTray() override { return StartStop(2); }
  bool GuestCloseTray() override { return StartStop(3); }

 private:
  // Tokens of the fixture's own commands.
  static constexpr uint64_t kLook = uint64_t{1} << 62;

  // What an event is looked into for.
  enum class Look : uint8_t { kTray = 1 << 0, kCapacity = 1 << 1 };

  bool has_tray() const { return kind_ != Kind::kDisk; }
  uint32_t block_size() const { return kind_ == Kind::kCd ? 2048 : 512; }

  absl::StatusOr<std::unique_ptr<ScsiUnit>> MakeUnit(const Setup& setup) const {
    if (kind_ == Kind::kCd) {
      auto drive = ScsiCd::Create({.id = setup.id, .rerror = setup.read_error}, setup.backend,
                                  setup.control);
      if (!drive.ok()) return drive.status();
      return *std::move(drive);
    }
    const ScsiDiskOptions options = {
        .id = setup.id, .rerror = setup.read_error, .werror = setup.write_error};
    auto disk = kind_ == Kind::kDisk
                    ? ScsiDisk::Create(options, setup.backend)
                    : ScsiDisk::CreateRemovable(options, setup.backend, setup.control);
    if (!disk.ok()) return disk.status();
    return *std::move(disk);
  }

  absl::Status ProbeAgain() {
    if (driver_ == nullptr) {
      driver_ =
          std::make_unique<VirtioScsiDriver>(*bus_, *bus_driver_, VirtioScsiDriver::Options());
      driver_->set_listener(this);
      look_ = *bus_->Allocate(64, 64);
    }
    looking_ = 0;
    PLATTER_RETURN_IF_ERROR(driver_->Probe());
    VirtioScsiUnit unit(*driver_, kLun);
    const auto ready = ScsiInitiator(unit).ClearAttentions();
    if (!ready.ok()) return ready.status();
    if (has_tray()) {
      PLATTER_RETURN_IF_ERROR(
          driver_
              ->Notification(guest::kScsiNotificationSubscribe, kLun, guest::kScsiNotifyMediaChange)
              .status());
    }
    ReadCapacity();
    return absl::OkStatus();
  }

  // A command that is waited for. A driver that was reset beneath it begins anew.
  ScsiAnswer Run(const std::vector<uint8_t>& cdb, size_t in_bytes) {
    if (driver_->queue_count() == 0 && !ProbeAgain().ok()) return {};
    ScsiAnswer answer;
    do {
      auto executed = driver_->Execute(0, kLun, cdb, {}, in_bytes);
      if (!executed.ok()) {
        answer.transport = guest::kScsiNotWritten;
        return answer;
      }
      answer = *std::move(executed);
    } while (answer.key() == kUnitAttention);
    return answer;
  }
  bool PreventAllow(uint8_t prevent) {
    return has_tray() && Run({0x1e, 0, 0, 0, prevent, 0}, 0).good();
  }
  bool StartStop(uint8_t what) { return has_tray() && Run({0x1b, 0, 0, 0, what, 0}, 0).good(); }
  void ReadCapacity() {
    const ScsiAnswer answer = Run({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8);
    capacity_ = answer.good() ? (answer.Number(0, 4) + 1) * answer.Number(4, 4) : 0;
  }

  absl::Status Submit(const GuestIo& io) {
    // A LBA of 32 bits; what is beyond is beyond the end in any case.
    const auto lba =
        static_cast<uint32_t>(std::min<uint64_t>(io.offset / block_size(), UINT32_MAX - 1));
    const auto blocks = static_cast<uint16_t>(io.buffer.bytes / block_size());
    const std::vector<uint8_t> cdb = io.op == GuestOp::kRead    ? ScsiRead10(lba, blocks)
                                     : io.op == GuestOp::kWrite ? ScsiWrite10(lba, blocks)
                                                                : ScsiSynchronizeCache10();
    ScsiQueueCommand command = {.lun = kLun, .tag = io.token, .cdb = cdb};
    if (io.op == GuestOp::kRead) command.in = std::span(&io.buffer, 1);
    if (io.op == GuestOp::kWrite) command.out = std::span(&io.buffer, 1);
    if (!driver_->Submit(0, command, io.token)) {
      return absl::ResourceExhaustedError("the queue is full");
    }
    driver_->Kick(0);
    return absl::OkStatus();
  }

  // After an event: READ CAPACITY of a disk, GET EVENT STATUS NOTIFICATION of a tray; one after the
  // other.
  void LookIntoIt(Look what) {
    const bool idle = looking_ == 0;
    looking_ |= static_cast<uint8_t>(what);
    if (idle) LookAgain();
  }
  bool LooksForTray() const { return (looking_ & static_cast<uint8_t>(Look::kTray)) != 0; }
  void LookAgain() {
    const GuestSegment buffer = {look_, 8};
    const std::vector<uint8_t> cdb = LooksForTray()
                                         ? std::vector<uint8_t>{0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0}
                                         : std::vector<uint8_t>{0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    if (driver_->Submit(0, {.lun = kLun, .tag = kLook, .cdb = cdb, .in = std::span(&buffer, 1)},
                        kLook)) {
      driver_->Kick(0);
    }
  }
  void Looked(Look what) {
    looking_ &= static_cast<uint8_t>(~static_cast<uint8_t>(what));
    if (looking_ != 0) LookAgain();
  }
  void OnLooked(const ScsiQueueAnswer& answer) {
    if (answer.response != guest::kScsiOk) {
      looking_ = 0;
      return;
    }
    if (answer.status != 0) return LookAgain();  // An attention.
    uint8_t data[8];
    bus_->Read(look_, data);
    if (!LooksForTray()) {
      const uint32_t last = data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3];
      capacity_ = (uint64_t{last} + 1) * block_size();
      ++capacity_changes_;
      return Looked(Look::kCapacity);
    }
    const uint8_t code = data[4] & 0xf;  // MMC-6, 6.6.3.5.
    if (code == 1) ++eject_requests_;
    if (code == 3) ++medium_changes_;
    // Until there is nothing more to tell.
    return code == 0 ? Looked(Look::kTray) : LookAgain();
  }

  void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) override {
    if (token == kLook) return OnLooked(answer);
    const GuestIo io = ios_[token];
    ios_.erase(token);
    if (answer.response == guest::kScsiOk && answer.status != 0 && answer.sense.size() > 2 &&
        (answer.sense[2] & 0xf) == kUnitAttention) {
      if (Start(io).ok()) return;
    }
    GuestOutcome outcome = GuestOutcome::kFailed;
    if (answer.response == guest::kScsiOk && answer.status == 0) outcome = GuestOutcome::kOk;
    if (answer.response == guest::kScsiNotWritten) outcome = GuestOutcome::kTakenAway;
    listener_->OnGuestIo(token, outcome);
  }

  const Kind kind_;
  const Transport transport_;
  InProcessBus* bus_ = nullptr;
  GuestIoListener* listener_ = nullptr;
  std::unique_ptr<VirtioScsi> adapter_;
  ScsiUnit* unit_ = nullptr;  // The adapter's.
  std::unique_ptr<MmioTransport> mmio_;
  std::unique_ptr<DirectTransport> direct_;
  std::unique_ptr<VirtioTransportDriver> bus_driver_;
  std::unique_ptr<VirtioScsiDriver> driver_;
  std::map<uint64_t, GuestIo> ios_;  // On their way.
  uint64_t look_ = 0;                // What LookIntoIt reads.
  uint8_t looking_ = 0;              // Of Look: for what.
  bool other_medium_ = false;        // Perhaps; its capacity is to be read.
  uint64_t capacity_ = 0;
  uint64_t capacity_changes_ = 0;
  uint64_t medium_changes_ = 0;
  uint64_t eject_requests_ = 0;
};

}  // namespace

std::unique_ptr<DeviceFixture> MakeVirtioScsiDiskMmioFixture() {
  return std::make_unique<VirtioScsiFixture>(Kind::kDisk, Transport::kMmio);
}
std::unique_ptr<DeviceFixture> MakeVirtioScsiDiskDirectFixture() {
  return std::make_unique<VirtioScsiFixture>(Kind::kDisk, Transport::kDirect);
}
std::unique_ptr<DeviceFixture> MakeVirtioScsiRemovableDiskMmioFixture() {
  return std::make_unique<VirtioScsiFixture>(Kind::kRemovableDisk, Transport::kMmio);
}
std::unique_ptr<DeviceFixture> MakeVirtioScsiRemovableDiskDirectFixture() {
  return std::make_unique<VirtioScsiFixture>(Kind::kRemovableDisk, Transport::kDirect);
}
std::unique_ptr<DeviceFixture> MakeVirtioScsiCdMmioFixture() {
  return std::make_unique<VirtioScsiFixture>(Kind::kCd, Transport::kMmio);
}
std::unique_ptr<DeviceFixture> MakeVirtioScsiCdDirectFixture() {
  return std::make_unique<VirtioScsiFixture>(Kind::kCd, Transport::kDirect);
}

}  // namespace platter
