// SPDX-License-Identifier: Apache-2.0
//
// GuestDisk: a disk as the demonstration's guest uses it, whatever bus it is on: many requests in
// flight, answers that say which request failed and how. virtio_guest_disk.h and
// scsi_guest_disk.h are the two kinds.
//
// Ownership: the bus outlives it. Threading: as the bus. Units: bytes, multiples of 512.
// Errors: what the device answered, or that it did not within `patience`.

#ifndef PLATTER_TESTING_DEMO_GUEST_DISK_H_
#define PLATTER_TESTING_DEMO_GUEST_DISK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "testing/guest/guest_bus.h"

namespace platter {

// Bytes of the disk from `offset` on.
struct DiskPiece {
  uint64_t offset = 0;
  std::vector<uint8_t> data;
};

// What the device said to a request: its own words in `text` ("OK", "I/O error").
struct DiskAnswer {
  bool good = false;
  std::string text = {};
};

class GuestDisk {
 public:
  virtual ~GuestDisk() = default;
  GuestDisk(const GuestDisk&) = delete;
  GuestDisk& operator=(const GuestDisk&) = delete;

  virtual uint64_t capacity_bytes() const = 0;

  // All pieces, as many in flight as the queue takes.
  absl::Status Read(std::vector<DiskPiece>& pieces);
  absl::Status Write(const std::vector<DiskPiece>& pieces);
  virtual absl::Status Flush() = 0;

  // One write, without waiting; one at a time.
  absl::Status StartWrite(const DiskPiece& piece);
  // Looks at interrupts; the answer to StartWrite's write when it is there.
  std::optional<DiskAnswer> PollWrite();

 protected:
  enum class Direction : uint8_t { kRead, kWrite };

  GuestDisk(GuestBus& bus, Duration patience) : bus_(bus), patience_(patience) {}

  // Queues a request for `piece` with its data at `buffer`; false when there is no room for it.
  // OnAnswer(index) follows, from HandleInterrupts.
  virtual bool Submit(Direction direction, const DiskPiece& piece, uint64_t buffer,
                      size_t index) = 0;
  virtual void Kick() = 0;
  virtual void HandleInterrupts() = 0;
  void OnAnswer(size_t index, DiskAnswer answer);
  Duration patience() const { return patience_; }

 private:
  // A request in flight has a buffer in guest memory until it is answered.
  struct Request {
    uint64_t buffer = 0;
    std::optional<DiskAnswer> answer;
  };

  absl::Status Begin(Direction direction, const DiskPiece& piece, size_t index);
  // Copies the answer of a read and gives the buffer back.
  absl::Status Finish(size_t index, std::string_view what, DiskPiece* read_into,
                      const DiskPiece& piece);
  absl::Status RunAll(Direction direction, const std::vector<DiskPiece>& pieces,
                      std::vector<DiskPiece>* read_into);

  GuestBus& bus_;
  const Duration patience_;
  std::vector<Request> requests_;
  size_t answered_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_GUEST_DISK_H_
