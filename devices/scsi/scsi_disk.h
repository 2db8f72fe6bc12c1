// SPDX-License-Identifier: Apache-2.0
//
// ScsiDisk: a disk as a logical unit (SBC-3), with logical blocks of 512 bytes or 4 KiB (or any
// power of two), that any adapter can have. A fixed one, or one whose medium can be locked, ejected
// and changed, as those of magneto-optical and ZIP drives; its tray is that of a CD drive.
//
// Ownership: backend and control context outlive it; lanes go first. Threading: Create,
// CreateRemovable, the destructor and the tray (ScsiTray) in the control context; otherwise as
// ScsiUnit. Units: bytes. Errors: Create and CreateRemovable name the property.

#ifndef PLATTER_DEVICES_SCSI_SCSI_DISK_H_
#define PLATTER_DEVICES_SCSI_SCSI_DISK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "devices/scsi/scsi_unit.h"

namespace platter {

struct ScsiDiskOptions {
  std::string id = {};
  std::string serial = {};   // At most 36 bytes.
  std::string vendor = {};   // At most 8; empty: "PLATTER".
  std::string product = {};  // At most 16; empty: "DISK".
  std::string version = {};  // At most 4.
  std::string device_id = {};
  uint64_t wwn = 0;

  // 0: what the backend says of its medium, or 512.
  uint32_t logical_block_size = 0;   // A power of two, 512 ... 2 MiB.
  uint32_t physical_block_size = 0;  // A power of two, logical_block_size ... 2 MiB.
  uint32_t min_io_size = 0;          // 0: not reported; a multiple of logical_block_size.
  uint32_t opt_io_size = 0;
  std::optional<uint32_t> discard_granularity = {};  // 0: no UNMAP.
  uint16_t rotation_rate = 1;  // 0: not reported, 1: no rotation, else per minute (SBC-3, 6.5.3).

  bool share_rw = false;
  OnError rerror = OnError::kAuto;
  OnError werror = OnError::kAuto;
  std::optional<RetryPolicy> retry = {};  // Nothing: as the backend is set.
};

// The options with what was left open filled in from the backend's medium.
ScsiDiskOptions ResolveScsiDiskOptions(ScsiDiskOptions options, const BackendBlockSizes& probed);
// Of resolved options. INVALID_ARGUMENT "scsi-disk device 'ID': PROPERTY ...".
absl::Status CheckScsiDiskOptions(const ScsiDiskOptions& options);

class ScsiDisk final : public ScsiUnit {
 public:
  // Attaches to the backend. INVALID_ARGUMENT naming what is wrong, or what Attach said.
  static absl::StatusOr<std::unique_ptr<ScsiDisk>> Create(ScsiDiskOptions options,
                                                          BlockDeviceView& backend);
  // The same for a disk with removable media, empty or not. Blocks keep their size whatever medium
  // comes; one that is not made of whole blocks is not ready (2/30/00).
  static absl::StatusOr<std::unique_ptr<ScsiDisk>> CreateRemovable(ScsiDiskOptions options,
                                                                   BlockDeviceView& backend,
                                                                   AioContext& control);
  ~ScsiDisk() override;

  const ScsiDiskOptions& options() const { return options_; }

  // ScsiUnit.
  void Reset(SenseCode why) override;
  const ScsiCommandTable& commands() const override;
  uint8_t physical_exponent() const override;
  bool can_unmap() const override;
  Sense Readiness() const override;
  size_t WriteVpdPage(VpdPage page, std::span<uint8_t> out) const override;
  std::span<const VpdPage> vpd_pages() const override;
  size_t WriteModePage(ModePage page, PageControl control, std::span<uint8_t> out) const override;
  std::span<const ModePage> mode_pages() const override;
  uint8_t mode_device_parameter() const override;
  void SelectModePage(ModePage page, std::span<const uint8_t> data) override;

 private:
  // `control`: of a tray; nullptr: a fixed disk.
  static absl::StatusOr<std::unique_ptr<ScsiDisk>> Build(ScsiDiskOptions options,
                                                         BlockDeviceView& backend,
                                                         AioContext* control);
  ScsiDisk(ScsiDiskOptions options, ScsiIdentity identity, BlockDeviceView& backend);
  absl::Status Attach();
  Sense ReadinessOfRemovable() const;
  size_t WriteBlockLimits(std::span<uint8_t> out) const;

  const ScsiDiskOptions options_;
  bool attached_ = false;
  bool default_write_cache_ = true;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_DISK_H_
