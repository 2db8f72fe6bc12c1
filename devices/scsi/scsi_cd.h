// SPDX-License-Identifier: Apache-2.0
//
// ScsiCd: a CD and DVD-ROM drive with a tray as a logical unit (MMC-6), for SCSI adapters and, with
// another interface in its features, for ATAPI.
//
// Ownership: backend and control context outlive it; lanes go first. Threading: Create, the
// destructor and the tray (ScsiTray) in the control context; otherwise as ScsiUnit. Units: blocks
// of 2048 bytes. Errors: Create names the property.

#ifndef PLATTER_DEVICES_SCSI_SCSI_CD_H_
#define PLATTER_DEVICES_SCSI_SCSI_CD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "devices/scsi/mmc_disc.h"
#include "devices/scsi/scsi_unit.h"

namespace platter {

struct ScsiCdOptions {
  std::string id = {};
  std::string serial = {};   // At most 36 bytes.
  std::string vendor = {};   // At most 8; empty: "PLATTER".
  std::string product = {};  // At most 16; empty: "DVD-ROM".
  std::string version = {};  // At most 4.
  uint64_t wwn = 0;
  MmcInterface interface = MmcInterface::kScsi;
  OnError rerror = OnError::kAuto;
  std::optional<RetryPolicy> retry = {};  // Nothing: as the backend is set.
};

class ScsiCd final : public ScsiUnit {
 public:
  static absl::StatusOr<std::unique_ptr<ScsiCd>> Create(ScsiCdOptions options,
                                                        BlockDeviceView& backend,
                                                        AioContext& control);
  // The same without attaching to the backend: for a drive of another bus, which attaches with
  // attachment() and callbacks() itself and then says OnAttached.
  static absl::StatusOr<std::unique_ptr<ScsiCd>> CreateUnattached(ScsiCdOptions options,
                                                                  BlockDeviceView& backend,
                                                                  AioContext& control);
  ~ScsiCd() override;

  DeviceAttachment attachment() const;
  // They call the unit: for as long as it is there.
  BlockDevOps callbacks();
  // Looks at the medium for the first time.
  void OnAttached();

  const ScsiCdOptions& options() const { return options_; }

  // ScsiUnit.
  const ScsiCommandTable& commands() const override;
  Sense Readiness() const override;
  size_t WriteVpdPage(VpdPage page, std::span<uint8_t> out) const override;
  std::span<const VpdPage> vpd_pages() const override;
  size_t WriteModePage(ModePage page, PageControl control, std::span<uint8_t> out) const override;
  std::span<const ModePage> mode_pages() const override;
  uint8_t mode_device_parameter() const override { return 0; }
  void SelectModePage(ModePage page, std::span<const uint8_t> data) override;

 private:
  ScsiCd(ScsiCdOptions options, ScsiIdentity identity, BlockDeviceView& backend,
         AioContext& control);
  absl::Status Attach();

  const ScsiCdOptions options_;
  bool attached_ = false;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_CD_H_
