// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_disk.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "devices/scsi/block_commands.h"
#include "devices/scsi/inquiry.h"
#include "devices/scsi/scsi_disk_commands.h"
#include "devices/scsi/scsi_tray.h"

namespace platter {

namespace {

ScsiIdentity IdentityOf(const ScsiDiskOptions& options) {
  ScsiIdentity identity;
  identity.type = ScsiDeviceType::kDisk;
  if (!options.vendor.empty()) identity.vendor = options.vendor;
  if (!options.product.empty()) identity.product = options.product;
  if (!options.version.empty()) identity.revision = options.version;
  identity.serial = options.serial;
  identity.device_id = options.device_id.empty() ? options.id : options.device_id;
  identity.wwn = options.wwn;
  return identity;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScsiDisk>> ScsiDisk::Create(ScsiDiskOptions options,
                                                           BlockDeviceView& backend) {
  return Build(std::move(options), backend, nullptr);
}

absl::StatusOr<std::unique_ptr<ScsiDisk>> ScsiDisk::CreateRemovable(ScsiDiskOptions options,
                                                                    BlockDeviceView& backend,
                                                                    AioContext& control) {
  return Build(std::move(options), backend, &control);
}

absl::StatusOr<std::unique_ptr<ScsiDisk>> ScsiDisk::Build(ScsiDiskOptions options,
                                                          BlockDeviceView& backend,
                                                          AioContext* control) {
  options = ResolveScsiDiskOptions(std::move(options), backend.probe_block_sizes());
  PLATTER_RETURN_IF_ERROR(CheckScsiDiskOptions(options));
  ScsiIdentity identity = IdentityOf(options);
  identity.removable = control != nullptr;
  std::unique_ptr<ScsiDisk> disk(new ScsiDisk(std::move(options), std::move(identity), backend));
  if (control != nullptr) disk->AddTray(*control, UnitAttention(SenseCode::kMediumNotPresent));
  PLATTER_RETURN_IF_ERROR(disk->Attach());
  return disk;
}

ScsiDisk::ScsiDisk(ScsiDiskOptions options, ScsiIdentity identity, BlockDeviceView& backend)
    : ScsiUnit(std::move(identity), backend, options.logical_block_size),
      options_(std::move(options)) {}

ScsiDisk::~ScsiDisk() {
  if (attached_) backend().Detach();
}

absl::Status ScsiDisk::Attach() {
  DeviceAttachment attachment;
  attachment.device_id = options_.id;
  attachment.guest_block_size = block_size();
  attachment.read_error = options_.rerror;
  attachment.write_error = options_.werror;
  attachment.retry = options_.retry;
  attachment.share_writes = options_.share_rw;
  // The next medium may be one that can be written.
  attachment.needs_write = tray() != nullptr || !backend().is_read_only();
  BlockDevOps ops;
  if (tray() != nullptr) ops = tray()->Callbacks();
  ops.resize = [this] {
    // SBC-3, 4.6: the initiator has to read the capacity again.
    attentions().Establish(SenseCode::kCapacityDataChanged);
    TellNews(ScsiNews::kCapacity);
  };
  PLATTER_RETURN_IF_ERROR(backend().Attach(attachment, std::move(ops)));
  attached_ = true;
  if (tray() != nullptr) tray()->OnAttached();
  default_write_cache_ = backend().write_cache_enabled();
  attentions().Establish(SenseCode::kPowerOnOrReset);
  return absl::OkStatus();
}

void ScsiDisk::Reset(SenseCode why) {
  // A reset flushes nothing, so it turns no cache off.
  if (default_write_cache_ && why != SenseCode::kNexusLoss) {
    backend().set_write_cache_enabled(true);
  }
  ScsiUnit::Reset(why);
}

const ScsiCommandTable& ScsiDisk::commands() const {
  return tray() == nullptr ? ScsiDiskCommands() : ScsiRemovableDiskCommands();
}

uint8_t ScsiDisk::physical_exponent() const {
  return static_cast<uint8_t>(
      std::countr_zero(options_.physical_block_size / options_.logical_block_size));
}

bool ScsiDisk::can_unmap() const {
  // What an empty drive will be able to, its next medium decides: the option is all there is to
  // say.
  return *options_.discard_granularity != 0 &&
         (backend().can_discard() || !backend().is_inserted());
}

Sense ScsiDisk::Readiness() const {
  if (tray() != nullptr) [[unlikely]]
    return ReadinessOfRemovable();
  return backend().is_inserted() ? Sense{} : NotReady(SenseCode::kMediumNotPresent);
}

Sense ScsiDisk::ReadinessOfRemovable() const {
  const Sense readiness = tray()->Readiness();
  if (!readiness.ok()) return readiness;
  // Of a fixed disk the backend sees to it. A guest that saw the whole blocks only would lose what
  // is behind them, when it copies the medium.
  return backend().length() % block_size() == 0 ? Sense{}
                                                : NotReady(SenseCode::kIncompatibleMedium);
}

std::span<const VpdPage> ScsiDisk::vpd_pages() const {
  static constexpr VpdPage kPages[] = {
      VpdPage::kSupportedPages,
      VpdPage::kUnitSerialNumber,
      VpdPage::kDeviceIdentification,
      VpdPage::kBlockLimits,
      VpdPage::kBlockDeviceCharacteristics,
      VpdPage::kLogicalBlockProvisioning,
  };
  return kPages;
}

size_t ScsiDisk::WriteBlockLimits(std::span<uint8_t> out) const {
  struct BlockLimits {  // SBC-3, table 148, behind the header.
    uint8_t wsnz = 1;   // A WRITE SAME of 0 blocks is refused.
    uint8_t max_compare_and_write = 0;
    Be16 optimal_granularity;
    Be32 max_transfer;
    Be32 optimal_transfer;
    Be32 max_prefetch;
    Be32 max_unmap_blocks;
    Be32 max_unmap_descriptors;
    Be32 unmap_granularity;
    Be32 unmap_alignment;
    Be64 max_write_same;
    uint8_t reserved[20] = {};
  } limits;
  static_assert(sizeof(limits) == 60);
  const uint32_t size = block_size();
  limits.optimal_granularity = static_cast<uint16_t>(options_.min_io_size / size);
  limits.optimal_transfer = options_.opt_io_size / size;
  if (can_unmap()) {
    limits.max_unmap_blocks = UINT32_MAX;
    limits.max_unmap_descriptors = kMaxUnmapDescriptors;
    limits.unmap_granularity = *options_.discard_granularity / size;
  }
  limits.max_write_same = kMaxWriteSameBytes / size;
  std::memcpy(&out[kVpdHeaderBytes], &limits, sizeof(limits));
  return sizeof(limits);
}

size_t ScsiDisk::WriteVpdPage(VpdPage page, std::span<uint8_t> out) const {
  constexpr size_t kCharacteristicsBytes = 60;
  constexpr size_t kProvisioningBytes = 4;
  switch (page) {
    case VpdPage::kBlockLimits:
      return FinishVpdPage(identity(), page, WriteBlockLimits(out), out);
    case VpdPage::kBlockDeviceCharacteristics: {
      const Be16 rate = options_.rotation_rate;
      std::memcpy(&out[kVpdHeaderBytes], &rate, sizeof(rate));
      return FinishVpdPage(identity(), page, kCharacteristicsBytes, out);
    }
    case VpdPage::kLogicalBlockProvisioning:
      // SBC-3, table 157: LBPU, LBPWS and LBPWS10; thinly provisioned.
      out[kVpdHeaderBytes + 1] = can_unmap() ? 0xe0 : 0;
      out[kVpdHeaderBytes + 2] = can_unmap() ? 2 : 0;
      return FinishVpdPage(identity(), page, kProvisioningBytes, out);
    default:
      return WriteCommonVpdPage(*this, page, out);
  }
}

std::span<const ModePage> ScsiDisk::mode_pages() const {
  static constexpr ModePage kPages[] = {ModePage::kReadWriteErrorRecovery, ModePage::kCaching,
                                        ModePage::kControl};
  return kPages;
}

namespace {

// Bits of the pages (SPC-4, 7.5.10; SBC-3, 6.4.5).
constexpr uint8_t kWce = 1 << 2;     // Caching, byte 2.
constexpr uint8_t kDSense = 1 << 2;  // Control, byte 2.
constexpr uint8_t kAwre = 0x80;      // Error recovery, byte 2.

size_t WritePageHeader(ModePage page, size_t bytes, std::span<uint8_t> out) {
  out[0] = static_cast<uint8_t>(page);
  out[1] = static_cast<uint8_t>(bytes - 2);
  return bytes;
}

}  // namespace

size_t ScsiDisk::WriteModePage(ModePage page, PageControl control, std::span<uint8_t> out) const {
  const bool changeable = control == PageControl::kChangeable;
  const bool is_default = control == PageControl::kDefault;
  switch (page) {
    case ModePage::kReadWriteErrorRecovery:
      out[2] = changeable ? 0 : kAwre;
      return WritePageHeader(page, 12, out);
    case ModePage::kCaching: {
      const bool on = is_default ? default_write_cache_ : backend().write_cache_enabled();
      out[2] = changeable || on ? kWce : 0;
      return WritePageHeader(page, 20, out);
    }
    case ModePage::kControl: {
      const bool on = !is_default && sense_format() == SenseFormat::kDescriptor;
      out[2] = changeable || on ? kDSense : 0;
      // QUEUE ALGORITHM MODIFIER 1: commands may be reordered.
      if (!changeable) out[3] = 0x10;
      return WritePageHeader(page, 12, out);
    }
    default:
      return 0;
  }
}

uint8_t ScsiDisk::mode_device_parameter() const {
  // SBC-3, table 131: WP, and DPOFUA: FUA bits are obeyed.
  constexpr uint8_t kWriteProtected = 0x80;
  constexpr uint8_t kDpoFua = 0x10;
  return backend().is_read_only() ? kWriteProtected | kDpoFua : kDpoFua;
}

void ScsiDisk::SelectModePage(ModePage page, std::span<const uint8_t> data) {
  if (page == ModePage::kCaching) backend().set_write_cache_enabled((data[2] & kWce) != 0);
  if (page == ModePage::kControl) set_descriptor_sense((data[2] & kDSense) != 0);
}

}  // namespace platter
