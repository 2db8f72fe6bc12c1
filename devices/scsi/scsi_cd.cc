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
  PLATTER_RETURN_IF_ERROR(CheckOptions(options));
  ScsiIdentity identity = IdentityOf(options);
  std::unique_ptr<ScsiCd> drive(
      new ScsiCd(std::move(options), std::move(identity), backend, control));
  PLATTER_RETURN_IF_ERROR(drive->Attach());
  return drive;
}

ScsiCd::ScsiCd(ScsiCdOptions options, ScsiIdentity identity, BlockDeviceView& backend,
               AioContext& control)
    : ScsiUnit(std::move(identity), backend, kCdBlockBytes),
      options_(std::move(options)),
      control_(control) {}

ScsiCd::~ScsiCd() {
  if (attached_) backend().Detach();
}

absl::Status ScsiCd::Attach() {
  DeviceAttachment attachment;
  attachment.device_id = options_.id;
  attachment.guest_block_size = kCdBlockBytes;
  attachment.read_error = options_.rerror;
  attachment.needs_write = false;
  BlockDevOps ops;
  ops.change_media = [this](MediumMove move) {
    if (move == MediumMove::kEject) {
      tray_.TryOpen(Force::kNo);
    } else {
      LookAtMedium();
      tray_.Apply(TrayEvent::kHostClose);
    }
    PublishState();
    TellNews();
  };
  ops.eject_request = [this](Force force) {
    tray_.RequestEject(force);
    if (force == Force::kYes) backend().LockMedium(false);
    PublishState();
    TellNews();
  };
  ops.is_tray_open = [this] { return tray_.open(); };
  ops.is_medium_locked = [this] { return tray_.locked(); };
  PLATTER_RETURN_IF_ERROR(backend().Attach(attachment, std::move(ops)));
  attached_ = true;
  tray_.Restore({.medium = backend().is_inserted()});
  PublishState();
  attentions().Establish(SenseCode::kPowerOnOrReset);
  return absl::OkStatus();
}

// --- The tray. ---

void ScsiCd::LookAtMedium() { tray_.SetMedium(backend().is_inserted()); }

void ScsiCd::PublishState() {
  ready_.store(tray_.ready(), std::memory_order_release);
  open_.store(tray_.open(), std::memory_order_release);
  reports_.store(tray_.report() != TrayReport::kNone, std::memory_order_release);
}

TrayOutcome ScsiCd::MoveTray(MediumMove move) {
  if (move == MediumMove::kLoad) LookAtMedium();
  const TrayOutcome outcome =
      tray_.Apply(move == MediumMove::kEject ? TrayEvent::kGuestOpen : TrayEvent::kGuestClose);
  PublishState();
  if (outcome == TrayOutcome::kOpened || outcome == TrayOutcome::kClosed) {
    backend().TrayMoved(move);
  }
  return outcome;
}

void ScsiCd::Lock(bool locked) {
  tray_.Apply(locked ? TrayEvent::kGuestLock : TrayEvent::kGuestUnlock);
  backend().LockMedium(locked);
}

TrayNotice ScsiCd::TakeNotice() {
  const TrayNotice notice = tray_.notice();
  if (notice != TrayNotice::kNone) tray_.Apply(TrayEvent::kNotified);
  return notice;
}

void ScsiCd::Reset(SenseCode why) {
  tray_.Apply(TrayEvent::kDeviceReset);
  backend().LockMedium(false);
  ScsiUnit::Reset(why);
}

void ScsiCd::ResetMachine() {
  const TrayOutcome outcome = tray_.Apply(TrayEvent::kMachineReset);
  LookAtMedium();
  tray_.Apply(TrayEvent::kMachineReset);  // A medium put in while open is no news to a new guest.
  PublishState();
  backend().LockMedium(false);
  if (outcome == TrayOutcome::kClosed) backend().TrayMoved(MediumMove::kLoad);
  ScsiUnit::Reset(SenseCode::kPowerOnOrReset);
}

// --- Admission. ---

bool ScsiCd::GoesToControl(const ScsiCommand& command) const {
  if ((command.flags & kInControl) != 0) return true;
  return (command.flags & kIgnoresAttention) == 0 && reports_.load(std::memory_order_acquire);
}

std::optional<Sense> ScsiCd::AdmitInControl(const ScsiCommand& command) {
  if ((command.flags & kIgnoresAttention) != 0) return std::nullopt;
  const TrayReport report = tray_.report();
  if (report == TrayReport::kNone) return std::nullopt;
  tray_.Apply(TrayEvent::kReported);
  PublishState();
  if (report == TrayReport::kArrived) return UnitAttention(SenseCode::kMediumMayHaveChanged);
  // SCSI initiators are told of the removal as of any change; ATAPI drivers expect a drive that is
  // not ready.
  return options_.interface == MmcInterface::kScsi ? UnitAttention(SenseCode::kMediumNotPresent)
                                                   : NotReady(SenseCode::kMediumNotPresent);
}

Sense ScsiCd::Readiness() const {
  // The host can take the root away without a word to the drive.
  if (ready_.load(std::memory_order_acquire) && backend().is_inserted()) return {};
  return NotReady(open_.load(std::memory_order_acquire) ? SenseCode::kMediumNotPresentTrayOpen
                                                        : SenseCode::kMediumNotPresentTrayClosed);
}

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
                                        ModePage::kCdAudioControl, ModePage::kCdCapabilities};
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
  out[2] = 0x3b;                  // Reads CD-R, CD-RW, method 2, DVD-ROM, DVD-R.
  out[4] = 0x70;                  // Mode 2 form 1 and 2, multisession.
  // A tray; ejects; locks, and whether it is locked.
  out[6] = static_cast<uint8_t>(0x29 | (locked ? 0x02 : 0));
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
    case ModePage::kCdCapabilities:
      return WriteCapabilities(control == PageControl::kCurrent && tray_.locked(), changeable, out);
    default:
      return 0;
  }
}

void ScsiCd::SelectModePage(ModePage, std::span<const uint8_t>) {}  // Nothing is changeable.

}  // namespace platter
