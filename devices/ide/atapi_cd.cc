// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/atapi_cd.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "devices/ide/atapi_identify.h"

namespace platter {
namespace {

constexpr size_t kInquiryRevisionBytes = 4;

ScsiCdOptions UnitOptions(const AtapiCdOptions& options) {
  return {.id = options.id,
          .serial = options.serial,
          .version = options.ver.substr(0, kInquiryRevisionBytes),
          .wwn = options.wwn,
          .interface = MmcInterface::kAtapi,
          .rerror = options.rerror,
          .retry = options.retry};
}

}  // namespace

absl::StatusOr<std::unique_ptr<AtapiCd>> AtapiCd::Create(const AtapiCdOptions& options,
                                                         IdePort& port, BlockDeviceView& backend,
                                                         AioContext& control) {
  const AtapiCdOptions resolved = ResolveAtapiCdOptions(options);
  PLATTER_RETURN_IF_ERROR(CheckAtapiCdOptions(resolved));
  auto unit = ScsiCd::CreateUnattached(UnitOptions(resolved), backend, control);
  if (!unit.ok()) return unit.status();
  const Setup setup = {
      .id = resolved.id, .port = port, .backend = backend, .control = control, .context = control};
  auto drive = std::unique_ptr<AtapiCd>(new AtapiCd(setup, resolved, *std::move(unit)));
  PLATTER_RETURN_IF_ERROR(drive->Attach());
  return drive;
}

AtapiCd::AtapiCd(Setup setup, const AtapiCdOptions& options, std::unique_ptr<ScsiCd> unit)
    : IdeDrive(std::move(setup)), options_(options), unit_(std::move(unit)) {}

absl::Status AtapiCd::Attach() {
  PLATTER_RETURN_IF_ERROR(Connect(unit_->attachment(), unit_->callbacks()));
  unit_->OnAttached();
  lane_.emplace(*unit_, channel());
  lane_->IgnoreControlByte();
  return absl::OkStatus();
}

void AtapiCd::OnReset(IdeReset kind) {
  step_ = Step::kIdle;
  if (power_ == Power::kSleep) power_ = Power::kActive;
  // 8.11: a diagnostic ends the command and shows the signature, no more.
  if (kind == IdeReset::kDiagnostic) return;
  sense_ = {};
  if (kind != IdeReset::kPower) return unit_->Reset(SenseCode::kPowerOnOrReset);
  power_ = Power::kActive;
  modes_ = {};
  // No lock stays behind; but a tray that goes with its drive has not moved.
  if (leaving()) return unit_->Reset(SenseCode::kPowerOnOrReset);
  unit_->ResetMachine();
}

// --- Answers. ---

void AtapiCd::Succeed() {
  step_ = Step::kIdle;
  port().Finish(file_, {});
}

void AtapiCd::Abort() {
  step_ = Step::kIdle;
  port().Finish(file_, {.status = ata::kStatusGood | ata::kStatusErr, .error = ata::kErrorAbrt});
}

// --- ATA commands. ---

void AtapiCd::OnCommand(const TaskFile& file) {
  file_ = file;
  const AtapiCommand* command = FindAtapiCommand(file.command);
  // 8.50: asleep, a drive waits for a reset.
  if (command == nullptr || power_ == Power::kSleep) return Abort();
  switch (command->action) {
    case AtapiAction::kPacket:
      return AskForPacket();
    case AtapiAction::kIdentifyPacket:
      return IdentifyPacket();
    case AtapiAction::kSignature:
      return AbortWithSignature();
    case AtapiAction::kSetFeatures:
      return SetFeatures();
    case AtapiAction::kCheckPower:
      // 8.7: 0: standby, FFh: active or idle.
      file_.count.current = power_ == Power::kStandby ? 0x00 : 0xff;
      return Succeed();
    case AtapiAction::kStandby:
      power_ = Power::kStandby;
      return Succeed();
    case AtapiAction::kIdle:
      power_ = Power::kActive;
      return Succeed();
    case AtapiAction::kSleep:
      power_ = Power::kSleep;
      return Succeed();
    case AtapiAction::kNothing:
      return Succeed();
  }
}

void AtapiCd::IdentifyPacket() {
  const auto words = MakeAtapiIdentify(options_, modes_, port().unit());
  std::copy(words.begin(), words.end(), buffer_.begin());
  step_ = Step::kIdle;
  port().DataIn(std::span(buffer_).first(words.size()), IdePort::Block::kLast);
}

// 8.15, 8.34: this is how a driver that takes it for a disk learns what it is.
void AtapiCd::AbortWithSignature() {
  file_.count.current = kPacketSignature.count;
  file_.lba_low.current = kPacketSignature.lba_low;
  file_.lba_mid.current = kPacketSignature.lba_mid;
  file_.lba_high.current = kPacketSignature.lba_high;
  Abort();
}

void AtapiCd::SetFeatures() {
  switch (file_.features.current) {
    case ata::kFeatureTransferMode:
      return SelectTransferMode(file_.count.current, modes_) ? Succeed() : Abort();
    case ata::kFeatureKeepOverReset:
      return Succeed();
    default:
      return Abort();
  }
}

}  // namespace platter
