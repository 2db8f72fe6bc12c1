// SPDX-License-Identifier: Apache-2.0
//
// VirtioBlk: the virtio block device (virtio 1.3, 5.2): read, write, flush, discard, write zeroes,
// get-id, several queues, in one or several AioContexts.
//
//   auto blk = VirtioBlk::Create({.id = "disk0"}, backend, control);     // control context
//   MmioTransport transport(**blk, memory, line);
//
// Ownership: the device owns its channels. Backend, contexts and transport outlive it; destroy it
//   after Unplug has finished (or when nothing was ever started), in the control context, when no
//   register access is running.
// Threading: see VirtioDevice.
// Units: sizes in bytes; on the wire, sectors of 512 bytes.
// Errors: Create: INVALID_ARGUMENT naming device and property, or what the backend's Attach said.
//   To the driver: OK, IOERR or UNSUPP (5.2.6).

#ifndef PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_H_
#define PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/bus/serialiser.h"
#include "devices/virtio/virtio_blk_config.h"
#include "devices/virtio/virtio_blk_lane.h"
#include "devices/virtio/virtio_blk_options.h"
#include "devices/virtio/virtio_device.h"

namespace platter {

// Counters of what the device itself decided; read them when its contexts are quiet.
struct VirtioBlkStats {
  uint64_t requests = 0;    // Taken from the rings.
  uint64_t interrupts = 0;  // Used buffer notifications sent.
  uint64_t batches = 0;     // Times that requests were taken, one or more at once.
};

class VirtioBlk final : public VirtioDevice {
 public:
  static absl::StatusOr<std::unique_ptr<VirtioBlk>> Create(const VirtioBlkOptions& options,
                                                           BlockDeviceView& backend,
                                                           AioContext& control);
  ~VirtioBlk() override;

  const char* model() const override { return "virtio-blk"; }
  uint32_t virtio_id() const override { return kVirtioIdBlock; }

  VirtioBlkStats stats() const;

 private:
  VirtioBlk(const VirtioBlkOptions& options, BlockDeviceView& backend, AioContext& control);

  absl::Status Attach();
  void OpenLane(VirtioQueue& queue);
  void OnResize();

  // VirtioDevice.
  std::span<const uint8_t> Config() override;
  void OnConfigWrite(uint64_t offset, std::span<const uint8_t> data) override;
  void OnDriverOk() override;
  void OnResetBegins() override;
  void OnReset() override;
  void OnUnplug(DeviceDone done) override;
  QueueWork OnQueueWork(VirtioQueue& queue) override;
  void OnQueueStopping(VirtioQueue& queue, QueueStop kind) override;
  std::vector<uint16_t> OnQueueSave(VirtioQueue& queue) override;
  void OnQueueRestore(VirtioQueue& queue, uint16_t head) override;
  // Saved state (virtio_blk_state.cc).
  std::string SaveType() override;
  const char* CheckType(const std::string& state) override;
  void RestoreType(const std::string& state) override;

  const VirtioBlkOptions options_;  // Resolved.
  BlockDeviceView& backend_;
  bool attached_ = false;
  VirtioBlkConfig config_;  // Under the serialiser.
  VirtioBlkShared shared_;

  std::vector<std::unique_ptr<VirtioBlkLane>> lanes_;  // One per context.
  std::vector<VirtioBlkQueueState*> queues_;           // By index.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_VIRTIO_BLK_H_
