// SPDX-License-Identifier: Apache-2.0
//
// VirtioScsi: the virtio SCSI host adapter (virtio 1.3, 5.6): targets with logical units behind
// request queues in one or several AioContexts, a control queue and an event queue. Units come and
// go while it runs.
//
//   auto adapter = VirtioScsi::Create({.id = "scsi0"}, control);        // control context
//   (*adapter)->AddUnit({.target = 0, .lun = 0}, *ScsiDisk::Create({.id = "disk0"}, backend));
//   MmioTransport transport(**adapter, memory, line);
//
// Ownership: the adapter owns its units and their channels. Backends, contexts and transport
// outlive
//   it; destroy it after Unplug has finished (or when nothing was ever started), in the control
//   context, when no register access is running.
// Threading: see VirtioDevice; what concerns units: control context.
// Units: see ScsiUnit. Errors: Create: INVALID_ARGUMENT naming device and property. To the driver:
//   responses (5.6.6), and the units' status and sense.

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "devices/scsi/scsi_unit.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio_scsi/control_queue.h"
#include "devices/virtio_scsi/event_queue.h"
#include "devices/virtio_scsi/scsi_address.h"
#include "devices/virtio_scsi/virtio_scsi_config.h"
#include "devices/virtio_scsi/virtio_scsi_lane.h"
#include "devices/virtio_scsi/virtio_scsi_options.h"

namespace platter {

// Counters of what the adapter itself decided; read them when its contexts are quiet.
struct VirtioScsiStats {
  uint64_t requests = 0;    // Taken from the request queues.
  uint64_t interrupts = 0;  // Used buffer notifications sent for them.
};

class VirtioScsi final : public VirtioDevice, private VirtioScsiControlHost {
 public:
  static absl::StatusOr<std::unique_ptr<VirtioScsi>> Create(const VirtioScsiOptions& options,
                                                            AioContext& control);
  ~VirtioScsi() override;

  const char* model() const override { return "virtio-scsi"; }
  uint32_t virtio_id() const override { return kVirtioIdScsi; }

  // Commands find it soon; a driver that runs is told. ALREADY_EXISTS naming the place when that is
  // taken (also by a unit that is leaving); INVALID_ARGUMENT for a LUN beyond 16383.
  absl::Status AddUnit(const ScsiAddress& address, std::unique_ptr<ScsiUnit> scsi);
  // Surprise removal: commands find it no more, what it has is cancelled and answered, then it is
  // destroyed, and `done` runs in the control context. NOT_FOUND, and no `done`, when there is none
  // or it is leaving already.
  absl::Status RemoveUnit(const ScsiAddress& address, DeviceDone done);

  VirtioScsiStats stats() const;

 private:
  struct Unit {
    ScsiAddress address;
    std::unique_ptr<ScsiUnit> scsi;
    std::vector<std::unique_ptr<VirtioScsiUnitLane>> lanes;  // As lanes_.
    uint32_t subscribed = 0;                                 // Notifications that the driver wants.
    bool leaving = false;
    std::vector<DeviceDone> waiters;  // Until it is gone.
  };

  VirtioScsi(const VirtioScsiOptions& options, AioContext& control);
  void OpenLane(VirtioQueue& queue);

  // --- Units. ---
  Unit* Find(const ScsiAddress& address);  // nullptr also when it is leaving.
  std::string PlaceOf(const ScsiAddress& address) const;
  void Insert(Unit& unit);
  void Leave(Unit& unit);
  void Gone(Unit& unit);
  void OnNews(Unit& unit, ScsiNews news);
  void TellOthers(const ScsiAddress& address);
  // Serialised by itself; nothing unless the driver accepted `feature`.
  void PostEvent(uint64_t feature, uint32_t event, const ScsiAddress& address, uint32_t reason);
  // Runs `work` in each lane's context; `done` in the control context when each has called
  // `arrive`.
  using LaneWork = std::function<void(size_t lane, DeviceDone arrive)>;
  void ForEachLane(const LaneWork& work, DeviceDone done);

  // VirtioDevice.
  std::span<const uint8_t> Config() override;
  void OnConfigWrite(uint64_t offset, std::span<const uint8_t> data) override;
  void OnDriverOk() override;
  void OnResetBegins() override;
  void OnReset() override;
  void OnMachineReset() override;
  void OnUnplug(DeviceDone done) override;
  QueueWork OnQueueWork(VirtioQueue& queue) override;
  void OnQueueStopping(VirtioQueue& queue, QueueStop kind) override;
  std::vector<uint16_t> OnQueueSave(VirtioQueue& queue) override;
  void OnQueueRestore(VirtioQueue& queue, uint16_t head) override;
  // Saved state (virtio_scsi_state.cc).
  std::string SaveType() override;
  const char* CheckType(const std::string& state) override;
  void RestoreType(const std::string& state) override;
  void SetSizes(uint32_t sense, uint32_t cdb);

  // VirtioScsiControlHost.
  bool HasTarget(uint8_t target) override;
  bool HasUnit(const ScsiAddress& address) override { return Find(address) != nullptr; }
  void CancelTasks(const ScsiTaskFilter& filter, VirtioScsiResponse response,
                   DeviceDone done) override;
  void LookForTasks(const ScsiTaskFilter& filter,
                    absl::AnyInvocable<void(bool found) &&> done) override;
  void ResetUnits(const ScsiTaskFilter& filter, SenseCode why) override;
  uint32_t NotificationsOf(const ScsiAddress& address) override;
  void Subscribe(const ScsiAddress& address, uint32_t notifications) override;

  const VirtioScsiOptions options_;
  VirtioScsiConfig config_;  // Under the serialiser.
  VirtioScsiShared shared_;
  bool ever_started_ = false;  // Under the serialiser: lanes may be at work.

  std::vector<std::unique_ptr<VirtioScsiLane>> lanes_;  // One per context of request queues.
  std::vector<VirtioScsiQueueState*> queues_;           // Of requests, in order.
  VirtioScsiControlQueue control_queue_;
  VirtioScsiEventQueue event_queue_;

  // Control context.
  ScsiUnitTable<Unit> table_;
  std::vector<std::unique_ptr<Unit>> units_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_H_
