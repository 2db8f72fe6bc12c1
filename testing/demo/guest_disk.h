// SPDX-License-Identifier: Apache-2.0
//
// GuestDisk: a virtio disk as the demonstration's guest uses it: many requests in flight, answers
// as statuses that say which request failed and how.
//
// Ownership: the bus outlives it. Threading: as the bus. Units: bytes, multiples of 512.
// Errors: what the device answered, or that it did not within `patience`.

#ifndef PLATTER_TESTING_DEMO_GUEST_DISK_H_
#define PLATTER_TESTING_DEMO_GUEST_DISK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {

// "OK", "I/O error", ... of virtio 1.3, 5.2.6.
std::string BlkStatusName(uint8_t status);

// Bytes of the disk from `offset` on.
struct DiskPiece {
  uint64_t offset = 0;
  std::vector<uint8_t> data;
};

class GuestDisk final : private BlkListener {
 public:
  GuestDisk(GuestBus& bus, VirtioMmioDriver::Place place, Duration patience);
  GuestDisk(const GuestDisk&) = delete;
  GuestDisk& operator=(const GuestDisk&) = delete;

  absl::Status Probe() { return driver_.Probe(); }
  VirtioBlkDriver& driver() { return driver_; }
  VirtioMmioDriver& transport() { return transport_; }
  uint64_t capacity_bytes() const { return driver_.info().capacity_sectors * 512; }

  // All pieces, as many in flight as the queue takes.
  absl::Status Read(std::vector<DiskPiece>& pieces);
  absl::Status Write(const std::vector<DiskPiece>& pieces);
  absl::Status Flush();

  // One write, without waiting; one at a time.
  absl::Status StartWrite(const DiskPiece& piece);
  // Looks at interrupts; the answer to StartWrite's write when it is there.
  std::optional<uint8_t> PollWrite();

 private:
  // A request in flight has a buffer in guest memory until it is answered.
  struct Request {
    uint64_t buffer = 0;
    std::optional<uint8_t> answer;
  };

  void OnBlkDone(uint64_t token, uint8_t status) override;
  absl::Status Submit(uint32_t type, const DiskPiece& piece, size_t index);
  // Copies the answer of a read and gives the buffer back.
  absl::Status Finish(size_t index, std::string_view what, DiskPiece* read_into,
                      const DiskPiece& piece);
  absl::Status RunAll(uint32_t type, const std::vector<DiskPiece>& pieces,
                      std::vector<DiskPiece>* read_into);

  GuestBus& bus_;
  VirtioMmioDriver transport_;
  VirtioBlkDriver driver_;
  const Duration patience_;
  std::vector<Request> requests_;
  size_t answered_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_GUEST_DISK_H_
