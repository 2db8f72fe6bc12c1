// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsiDriver: a guest's driver of a virtio SCSI host device (virtio 1.3, 5.6), on any
// transport: it discovers, negotiates, runs request, control and event queues, waits for
// interrupts, and keeps the events that come. VirtioScsiUnit is one of its logical units, for a
// ScsiInitiator.
//
//   VirtioScsiDriver host(bus, transport, {});
//   RETURN_IF_ERROR(host.Probe());
//   VirtioScsiUnit unit(host, guest::ScsiLunOf(0, 0));
//   ScsiInitiator(unit).Read10(0, 1, 512);           // Waits.
//   host.Submit(0, command, 7);   // Does not: then Kick and, when it suits, HandleInterrupts.
//
// Ownership: bus, transport and listener outlive it. Threading: as the bus. Units: bytes.
// Errors: DEADLINE_EXCEEDED when the device does not answer within Options::timeout, UNAVAILABLE
//   when it is gone, else what the device did. What the device answers is a value, not an error.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_SCSI_DRIVER_H_
#define PLATTER_TESTING_GUEST_VIRTIO_SCSI_DRIVER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "testing/guest/guest_bus.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_ring.h"
#include "testing/guest/virtio_scsi_queue.h"
#include "testing/guest/virtio_scsi_spec.h"
#include "testing/guest/virtio_transport_driver.h"

namespace platter {

class ScsiListener {
 public:
  // An asynchronous command is done; kScsiNotWritten when a reset took it away.
  virtual void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) = 0;
  // The same of a task management function.
  virtual void OnScsiFunctionDone(uint64_t token, uint8_t response) {
    static_cast<void>(token);
    static_cast<void>(response);
  }

 protected:
  ~ScsiListener() = default;
};

class VirtioScsiDriver {
 public:
  struct Options {
    uint16_t queues = 1;        // Of requests, at most; the device may have fewer.
    uint16_t queue_size = 128;  // At most.
    uint16_t indirect_entries = 34;
    uint16_t event_buffers = 8;     // At most queue_size.
    uint64_t refused_features = 0;  // Not accepted even when offered.
    Duration timeout = std::chrono::seconds(10);
  };

  VirtioScsiDriver(GuestBus& bus, VirtioTransportDriver& transport, const Options& options)
      : bus_(bus), transport_(transport), options_(options) {}
  ~VirtioScsiDriver();
  VirtioScsiDriver(const VirtioScsiDriver&) = delete;
  VirtioScsiDriver& operator=(const VirtioScsiDriver&) = delete;

  // Resets, negotiates and starts the queues. Again after a reset: the queues are new then.
  absl::Status Probe();
  // Resets the device and waits for it; what was in flight completes with kScsiNotWritten.
  absl::Status Reset();
  // Its two halves, for tests that look in between.
  void BeginReset() { transport_.BeginReset(); }
  absl::Status FinishReset();
  // The device is gone or was reset by the host: what was in flight completes with kScsiNotWritten
  // and the queues are no more.
  void Abandon();

  const guest::ScsiConfigLayout& config() const { return config_; }
  bool Has(uint64_t feature) const { return (features_ & feature) != 0; }
  uint16_t queue_count() const { return static_cast<uint16_t>(queues_.size()); }
  // For who submits and reaps by himself.
  VirtioScsiQueue& queue(uint16_t index) { return *queues_[index]; }
  VirtioTransportDriver& transport() { return transport_; }
  GuestBus& bus() { return bus_; }

  // --- Waiting. ---

  absl::StatusOr<ScsiAnswer> Execute(uint16_t queue, const guest::ScsiLun& lun,
                                     std::span<const uint8_t> cdb, std::span<const uint8_t> out,
                                     size_t in_bytes);
  // The response byte.
  absl::StatusOr<uint8_t> Function(guest::ScsiFunction function, const guest::ScsiLun& lun,
                                   uint64_t tag = 0);
  // Asynchronous notification: `type` is kScsiNotificationQuery or -Subscribe. `bytes`: of the
  // request, for those that are too short.
  absl::StatusOr<guest::ScsiNotificationAnswer> Notification(
      uint32_t type, const guest::ScsiLun& lun, uint32_t events,
      uint32_t bytes = sizeof(guest::ScsiNotification));

  // --- Not waiting. ---

  void set_listener(ScsiListener* listener) { listener_ = listener; }
  // False when the queue is full. `token` is below 2^63.
  bool Submit(uint16_t queue, const ScsiQueueCommand& command, uint64_t token);
  void Kick(uint16_t queue);
  bool StartFunction(guest::ScsiFunction function, const guest::ScsiLun& lun, uint64_t tag,
                     uint64_t token);
  // Looks whether interrupts came, and does what they ask for.
  void HandleInterrupts();
  // HandleInterrupts until `done`; false after `timeout`.
  bool WaitUntil(absl::FunctionRef<bool()> done, Duration timeout);

  // Events that came since the last call, oldest first. Buffers go back to the device here, so a
  // driver that does not look runs out of them.
  std::vector<guest::ScsiEvent> TakeEvents();

  // What the device did wrong on the rings, all queues and lives.
  uint64_t ring_faults() const;

 private:
  // Tokens of requests that this driver waits for itself.
  static constexpr uint64_t kOwn = uint64_t{1} << 63;
  static constexpr uint16_t kControlSlots = 8;
  // In guest memory: request, then response.
  static constexpr uint64_t kControlResponse = 32;
  static constexpr uint64_t kControlSlotBytes = 64;

  struct ControlSlot {
    uint64_t token = 0;
    bool in_flight = false;
    bool is_function = false;
  };
  struct Own {
    uint64_t id = 0;
    bool done = false;
    ScsiAnswer answer;
    guest::ScsiNotificationAnswer control{};
  };

  absl::StatusOr<std::unique_ptr<VirtioRing>> StartRing(uint16_t queue);
  absl::Status StartQueues();
  VirtioRing::Options RingOptions(uint16_t queue);
  void Notify(uint16_t queue, const VirtioRing& ring);
  void ReapAll();
  void ReapControl();
  void ReapEvents();
  void GiveEventBuffer(uint32_t index);
  bool StartControl(std::span<const uint8_t> request, uint32_t response_bytes, bool is_function,
                    uint64_t token);
  guest::ScsiNotificationAnswer ControlAnswer(uint32_t slot);
  void ControlDone(uint32_t slot, const guest::ScsiNotificationAnswer& answer);
  void Done(uint64_t token, const ScsiQueueAnswer& answer);
  absl::Status WaitForOwn(const char* what);
  uint64_t BeginOwn();

  GuestBus& bus_;
  VirtioTransportDriver& transport_;
  const Options options_;
  ScsiListener* listener_ = nullptr;
  uint64_t features_ = 0;
  guest::ScsiConfigLayout config_{};
  std::vector<std::unique_ptr<VirtioScsiQueue>> queues_;
  std::unique_ptr<VirtioRing> control_;
  std::unique_ptr<VirtioRing> event_ring_;
  uint64_t control_memory_ = 0;
  uint64_t event_memory_ = 0;
  std::vector<ControlSlot> slots_;
  std::vector<guest::ScsiEvent> events_;
  std::vector<uint32_t> used_buffers_;
  uint64_t past_faults_ = 0;
  Own own_;
};

class VirtioScsiUnit final : public ScsiTransport {
 public:
  VirtioScsiUnit(VirtioScsiDriver& driver, const guest::ScsiLun& lun, uint16_t queue = 0)
      : driver_(driver), lun_(lun), queue_(queue) {}

  const guest::ScsiLun& lun() const { return lun_; }

  absl::StatusOr<ScsiAnswer> Execute(std::span<const uint8_t> cdb, std::span<const uint8_t> out,
                                     size_t in_bytes) override {
    return driver_.Execute(queue_, lun_, cdb, out, in_bytes);
  }

 private:
  VirtioScsiDriver& driver_;
  const guest::ScsiLun lun_;
  const uint16_t queue_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VIRTIO_SCSI_DRIVER_H_
