// SPDX-License-Identifier: Apache-2.0
//
// VirtioGuestDisk: a virtio block device on MMIO as the demonstration's guest uses it.
//
// Ownership, threading, units, errors: as guest_disk.h.

#ifndef PLATTER_TESTING_DEMO_VIRTIO_GUEST_DISK_H_
#define PLATTER_TESTING_DEMO_VIRTIO_GUEST_DISK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

#include "testing/demo/guest_disk.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {

// "OK", "I/O error", ... of virtio 1.3, 5.2.6.
std::string BlkStatusName(uint8_t status);

class VirtioGuestDisk final : public GuestDisk, private BlkListener {
 public:
  VirtioGuestDisk(GuestBus& bus, VirtioMmioDriver::Place place, Duration patience);

  absl::Status Probe() { return driver_.Probe(); }
  VirtioBlkDriver& driver() { return driver_; }

  uint64_t capacity_bytes() const override { return driver_.info().capacity_sectors * 512; }
  absl::Status Flush() override;

 private:
  bool Submit(Direction direction, const DiskPiece& piece, uint64_t buffer, size_t index) override;
  void Kick() override { driver_.Kick(0); }
  void HandleInterrupts() override { driver_.HandleInterrupts(); }
  void OnBlkDone(uint64_t token, uint8_t status) override;

  VirtioMmioDriver transport_;
  VirtioBlkDriver driver_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_VIRTIO_GUEST_DISK_H_
