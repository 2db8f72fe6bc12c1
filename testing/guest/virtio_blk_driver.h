// SPDX-License-Identifier: Apache-2.0
//
// VirtioBlkDriver: a guest's driver of a virtio block device (virtio 1.3, 5.2), on any transport:
// it discovers, negotiates, reads the configuration, runs queues, waits for interrupts and follows
// configuration changes, as the driver of a real guest does.
//
//   VirtioMmioDriver transport(bus, {.base = 0xa000000, .line = 1});
//   VirtioBlkDriver disk(bus, transport, {});
//   RETURN_IF_ERROR(disk.Probe());
//   disk.Write(0, data);              // Waits. kBlkOk, kBlkIoError, kBlkUnsupported or an error.
//   disk.Submit(queue, command, 7);   // Does not: then Kick and, when it suits, HandleInterrupts.
//
// Ownership: bus, transport and listener outlive it. Threading: as the bus.
// Units: sectors of 512 bytes, lengths in bytes.
// Errors: DEADLINE_EXCEEDED when the device does not answer within Options::timeout, UNAVAILABLE
//   when it is gone, else what the device did. What the device answers is a value, not an error.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_BLK_DRIVER_H_
#define PLATTER_TESTING_GUEST_VIRTIO_BLK_DRIVER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_blk_queue.h"
#include "testing/guest/virtio_transport_driver.h"

namespace platter {

// What a block driver told its guest's block layer.
struct BlkDeviceInfo {
  uint64_t capacity_sectors = 0;
  bool read_only = false;
  uint32_t block_size = 512;
  uint32_t physical_block_size = 512;
  uint32_t min_io_bytes = 0;
  uint32_t opt_io_bytes = 0;
  uint32_t max_segments = 1;
  uint16_t queues = 1;
  uint32_t max_discard_sectors = 0;
  uint32_t max_discard_ranges = 0;
  uint32_t max_zeroes_sectors = 0;
  uint32_t max_zeroes_ranges = 0;
};

class BlkListener {
 public:
  // An asynchronous request is done; kBlkNotWritten when a reset took it away.
  virtual void OnBlkDone(uint64_t token, uint8_t status) = 0;

 protected:
  ~BlkListener() = default;
};

class VirtioBlkDriver {
 public:
  struct Options {
    uint16_t queues = 1;        // At most; the device may have fewer.
    uint16_t queue_size = 128;  // At most.
    uint16_t indirect_entries = 34;
    uint64_t refused_features = 0;  // Not accepted even when offered.
    Duration timeout = std::chrono::seconds(10);
  };

  VirtioBlkDriver(GuestBus& bus, VirtioTransportDriver& transport, const Options& options)
      : bus_(bus), transport_(transport), options_(options) {}

  // Resets, negotiates and starts the queues. Again after a reset: the queues are new then.
  absl::Status Probe();
  // Resets the device and waits for it; what was in flight completes with kBlkNotWritten.
  absl::Status Reset();
  // Its two halves, for tests that look in between.
  void BeginReset() { transport_.BeginReset(); }
  absl::Status FinishReset();
  // Resets one queue alone (2.6.1) and starts it again with another ring, of `size` entries at
  // most. What it had in flight completes first.
  absl::Status ResetQueue(uint16_t index, uint16_t size);
  // The device is gone or was reset by the host: what was in flight completes with kBlkNotWritten
  // and the queues are no more.
  void Abandon();

  const BlkDeviceInfo& info() const { return info_; }
  uint64_t features() const { return features_; }
  bool Has(uint64_t feature) const { return (features_ & feature) != 0; }
  uint16_t queue_count() const { return static_cast<uint16_t>(queues_.size()); }
  VirtioBlkQueue& queue(uint16_t index) { return *queues_[index]; }
  VirtioTransportDriver& transport() { return transport_; }

  // --- Waiting. Length is a multiple of 512; as many requests as the device's limits ask for. ---

  absl::StatusOr<uint8_t> Read(uint64_t sector, std::span<uint8_t> data);
  absl::StatusOr<uint8_t> Write(uint64_t sector, std::span<const uint8_t> data);
  absl::StatusOr<uint8_t> Flush();
  absl::StatusOr<uint8_t> Discard(uint64_t sector, uint32_t sectors);
  enum class Unmap : uint8_t { kNo, kYes };
  absl::StatusOr<uint8_t> WriteZeroes(uint64_t sector, uint32_t sectors, Unmap unmap);
  absl::StatusOr<std::string> GetId();
  // Any command, on any queue.
  absl::StatusOr<uint8_t> Execute(uint16_t queue, const BlkCommand& command);
  // The cache mode of CONFIG_WCE.
  void SetWriteBack(bool on);
  bool WriteBack();

  // --- Not waiting. ---

  void set_listener(BlkListener* listener) { listener_ = listener; }
  // False when the queue is full. `token` is below 2^63.
  bool Submit(uint16_t queue, const BlkCommand& command, uint64_t token);
  void Kick(uint16_t queue);
  // Looks whether interrupts came, and does what they ask for.
  void HandleInterrupts();
  // HandleInterrupts until `done`; false after `timeout`.
  bool WaitUntil(absl::FunctionRef<bool()> done, Duration timeout);
  uint32_t in_flight() const;

  // Configuration change interrupts so far; info() is up to date with each.
  uint64_t config_changes() const { return config_changes_; }
  // What the device did wrong on the rings, all queues and lives.
  uint64_t ring_faults() const;

 private:
  // Tokens of requests that this driver waits for itself.
  static constexpr uint64_t kOwn = uint64_t{1} << 63;

  absl::Status StartQueues();
  absl::StatusOr<std::unique_ptr<VirtioBlkQueue>> StartQueue(uint16_t index, uint32_t at_most);
  void Abandon(VirtioBlkQueue& queue);
  void ReadInfo();
  void ReapAll();
  void Done(uint64_t token, uint8_t status);
  absl::StatusOr<uint8_t> Transfer(uint32_t type, uint64_t sector, uint8_t* in, const uint8_t* out,
                                   uint64_t bytes);

  GuestBus& bus_;
  VirtioTransportDriver& transport_;
  const Options options_;
  BlkListener* listener_ = nullptr;
  uint64_t features_ = 0;
  BlkDeviceInfo info_;
  std::vector<std::unique_ptr<VirtioBlkQueue>> queues_;
  uint64_t config_changes_ = 0;
  uint64_t past_faults_ = 0;

  struct Own {
    uint64_t id = 0;
    bool done = false;
    uint8_t status = guest::kBlkNotWritten;
  };
  Own own_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_BLK_DRIVER_H_
