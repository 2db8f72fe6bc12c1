// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_cd.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/id.h"
#include "base/status.h"
#include "devices/scsi/inquiry.h"
#include "devices/scsi/scsi_cd_commands.h"
#include "devices/scsi/scsi_tray.h"

namespace platter {

namespace {

ScsiIdentity IdentityOf(const ScsiCdOptions& options) {
  ScsiIdentity identity;
  identity.type = ScsiDeviceType::kCdRom;
  identity.removable = true;
  if (!options.vendor.empty()) identity.vendor = options.vendor;
  identity.product = options.product.empty() ? "DVD-ROM" : options.product;
  if (!options.version.empty()) identity.revision = options.version;
  identity.serial = options.serial;
  identity.device_id = options.id;
  identity.wwn = options.wwn;
  return identity;
}

absl::Status CheckText(const ScsiCdOptions& options, const char* name, const std::string& text,
                       size_t limit) {
  if (text.size() <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("scsi-cd device '", options.id, "': ", name, " '",
                                                 text, "' is longer than ", limit, " bytes"));
}

absl::Status CheckOptions(const ScsiCdOptions& options) {
  PLATTER_RETURN_IF_ERROR(CheckId("device", options.id));
  PLATTER_RETURN_IF_ERROR(CheckText(options, "serial", options.serial, 36));
  PLATTER_RETURN_IF_ERROR(CheckText(options, "vendor", options.vendor, 8));
  PLATTER_RETURN_IF_ERROR(CheckText(options, "product", options.product, 16));
  return CheckText(options, "ver", options.version, 4);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScsiCd>> ScsiCd::Create(ScsiCdOptions options,
                                                       BlockDeviceView& backend,
                                                       AioContext& control) {
  auto drive = CreateUnattached(std::move(options), backend, control);
  if (drive.ok()) PLATTER_RETURN_IF_ERROR((*drive)->Attach());
  return drive;
}

absl::StatusOr<std::unique_ptr<ScsiCd>> ScsiCd::CreateUnattached(ScsiCdOptions options,
                                                                 BlockDeviceView& backend,
                                                                 AioContext& control) {
  PLATTER_RETURN_IF_ERROR(CheckOptions(options));
  ScsiIdentity identity = IdentityOf(options);
  return std::unique_ptr<ScsiCd>(
      new ScsiCd(std::move(options), std::move(identity), backend, control));
}

ScsiCd::ScsiCd(ScsiCdOptions options, ScsiIdentity identity, BlockDeviceView& backend,
               AioContext& control)
    : ScsiUnit(std::move(identity), backend, kCdBlockBytes), options_(std::move(options)) {
  // SCSI initiators are told of a removal as of any change; ATAPI drivers expect a drive that is
  // not ready.
  AddTray(control, options_.interface == MmcInterface::kScsi
                       ? UnitAttention(SenseCode::kMediumNotPresent)
                       : NotReady(SenseCode::kMediumNotPresent));
}

ScsiCd::~ScsiCd() {
  if (attached_) backend().Detach();
}

absl::Status ScsiCd::Attach() {
  PLATTER_RETURN_IF_ERROR(backend().Attach(attachment(), callbacks()));
  attached_ = true;
  OnAttached();
  return absl::OkStatus();
}

DeviceAttachment ScsiCd::attachment() const {
  DeviceAttachment attachment;
  attachment.device_id = options_.id;
  attachment.guest_block_size = kCdBlockBytes;
  attachment.read_error = options_.rerror;
  attachment.retry = options_.retry;
  attachment.needs_write = false;
  return attachment;
}

BlockDevOps ScsiCd::callbacks() { return tray()->Callbacks(); }

void ScsiCd::OnAttached() {
  tray()->OnAttached();
  attentions().Establish(SenseCode::kPowerOnOrReset);
}

Sense ScsiCd::Readiness() const { return tray()->Readiness(); }

// --- What it says of itself. ---

const ScsiCommandTable& ScsiCd::commands() const { return ScsiCdCommands(); }

std::span<const VpdPage> ScsiCd::vpd_pages() const {
  static constexpr VpdPage kPages[] = {VpdPage::kSupportedPages, VpdPage::kUnitSerialNumber,
                                       VpdPage::kDeviceIdentification};
  return kPages;
}

size_t ScsiCd::WriteVpdPage(VpdPage page, std::span<uint8_t> out) const {
  return WriteCommonVpdPage(*this, page, out);
}

std::span<const ModePage> ScsiCd::mode_pages() const {
  static constexpr ModePage kPages[] = {ModePage::kReadWriteErrorRecovery,
                                        ModePage::kCdAudioControl, ModePage::kPowerCondition,
                                        ModePage::kTimeoutAndProtect, ModePage::kCdCapabilities};
  return kPages;
}

namespace {

// MMC-3, 5.5.10 (gone since MMC-4, and still what drivers read): what the drive can do.
size_t WriteCapabilities(bool locked, bool changeable, std::span<uint8_t> out) {
  constexpr size_t kBytes = 22;
  constexpr uint16_t kSpeed = 50 * 176;  // In 1000 bytes a second.
  constexpr uint16_t kBufferKib = 512;
  out[0] = static_cast<uint8_t>(ModePage::kCdCapabilities);
  out[1] = kBytes - 2;
  if (changeable) return kBytes;  // Nothing is.
  // A CD-ROM, which has no bit, or a DVD-ROM is what every disc here is, as the profiles say; no
  // CD-R (bit 0), CD-RW (1), method 2 (2), DVD-R (4) or DVD-RAM (5). Their data sectors are mode 1.
  out[2] = 0x08;
  out[4] = 0x40;  // Multisession: READ TOC tells of sessions; no mode 2 (bits 4 and 5), no audio.
  // A tray; ejects; no Prevent Jumper (0 if there were one); locks, and whether it is locked.
  out[6] = static_cast<uint8_t>(0x20 | 0x08 | 0x04 | 0x01 | (locked ? 0x02 : 0));
  const Be16 speed = kSpeed;
  const Be16 buffer = kBufferKib;
  std::memcpy(&out[8], &speed, sizeof(speed));
  std::memcpy(&out[12], &buffer, sizeof(buffer));
  std::memcpy(&out[14], &speed, sizeof(speed));
  return kBytes;
}

}  // namespace

size_t ScsiCd::WriteModePage(ModePage page, PageControl control, std::span<uint8_t> out) const {
  const bool changeable = control == PageControl::kChangeable;
  switch (page) {
    case ModePage::kReadWriteErrorRecovery:
      out[0] = static_cast<uint8_t>(page);
      out[1] = 10;
      if (!changeable) out[3] = 5;  // Read retries.
      return 12;
    case ModePage::kCdAudioControl:
      out[0] = static_cast<uint8_t>(page);
      out[1] = 14;
      if (!changeable) {
        out[2] = 4;  // IMMED.
        out[8] = out[10] = 1;
        out[9] = out[11] = 0xff;
      }
      return 16;
    case ModePage::kPowerCondition:
      // Without timers: it stays active.
      out[0] = static_cast<uint8_t>(page);
      out[1] = 10;
      return 12;
    case ModePage::kTimeoutAndProtect:
      // MMC-6, 7: no time-out is on, and none in seconds is promised to either group of commands.
      out[0] = static_cast<uint8_t>(page);
      out[1] = 8;
      return 10;
    case ModePage::kCdCapabilities:
      return WriteCapabilities(control == PageControl::kCurrent && tray()->locked(), changeable,
                               out);
    default:
      return 0;
  }
}

void ScsiCd::SelectModePage(ModePage, std::span<const uint8_t>) {}  // Nothing is changeable.

}  // namespace platter
