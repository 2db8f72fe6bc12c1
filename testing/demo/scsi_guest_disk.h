// SPDX-License-Identifier: Apache-2.0
//
// ScsiGuestDisk: a SCSI disk behind a virtio SCSI adapter as the demonstration's guest uses it.
// GuestScsiAdapter: the guest's driver of such an adapter, with its transport.
//
// Several disks share an adapter, and one of them has reads or writes in flight at a time.
//
// Ownership: bus and adapter outlive the disk. Threading: as the bus. Units: bytes; blocks of 512.
// Errors: as guest_disk.h; a disk with other blocks is refused by Probe.

#ifndef PLATTER_TESTING_DEMO_SCSI_GUEST_DISK_H_
#define PLATTER_TESTING_DEMO_SCSI_GUEST_DISK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "testing/demo/guest_disk.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"

namespace platter {

class GuestScsiAdapter {
 public:
  GuestScsiAdapter(GuestBus& bus, VirtioMmioDriver::Place place, Duration patience)
      : transport_(bus, place), driver_(bus, transport_, {.timeout = patience}) {}

  absl::Status Probe() { return driver_.Probe(); }
  VirtioScsiDriver& driver() { return driver_; }

 private:
  VirtioMmioDriver transport_;
  VirtioScsiDriver driver_;
};

// The answer of a command that has to be good; else an error with its sense, naming `what`.
absl::StatusOr<ScsiAnswer> ExpectGood(absl::StatusOr<ScsiAnswer> answer, const char* what);

class ScsiGuestDisk final : public GuestDisk, private ScsiListener {
 public:
  ScsiGuestDisk(VirtioScsiDriver& driver, const guest::ScsiLun& lun, Duration patience);
  ~ScsiGuestDisk() override { driver_.set_listener(nullptr); }

  // Takes the attentions away and asks for the capacity; again after it has changed.
  absl::Status Probe();
  ScsiInitiator& initiator() { return initiator_; }
  VirtioScsiDriver& driver() { return driver_; }
  const guest::ScsiLun& lun() const { return unit_.lun(); }

  uint64_t capacity_bytes() const override { return capacity_; }
  absl::Status Flush() override;

 private:
  bool Submit(Direction direction, const DiskPiece& piece, uint64_t buffer, size_t index) override;
  void Kick() override { driver_.Kick(0); }
  void HandleInterrupts() override { driver_.HandleInterrupts(); }
  void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) override;

  VirtioScsiDriver& driver_;
  VirtioScsiUnit unit_;
  ScsiInitiator initiator_;
  uint64_t capacity_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_SCSI_GUEST_DISK_H_
