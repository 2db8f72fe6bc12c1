// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_disk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "devices/ide/ata_smart.h"

namespace platter {
namespace {

// The guest sees whole sectors: the rest of a medium that isn't made of them would be lost to it.
absl::Status CheckMedium(const AtaDiskOptions& options, const BlockDeviceView& backend) {
  if (!backend.is_inserted()) {
    return absl::InvalidArgumentError(
        absl::StrCat("ATA disk '", options.id, "': its drive has no medium"));
  }
  if (backend.length() % kSectorSize != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("ATA disk '", options.id, "': its medium has ", backend.length(),
                     " bytes, which is not a multiple of ", kSectorSize));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AtaDisk>> AtaDisk::Create(const AtaDiskOptions& options,
                                                         IdePort& port, BlockDeviceView& backend,
                                                         AioContext& control, AioContext& context) {
  const AtaDiskOptions resolved =
      ResolveAtaDiskOptions(options, backend.probe_block_sizes(), backend.write_cache_enabled());
  PLATTER_RETURN_IF_ERROR(CheckAtaDiskOptions(resolved));
  PLATTER_RETURN_IF_ERROR(CheckMedium(resolved, backend));
  const Setup setup = {
      .id = resolved.id, .port = port, .backend = backend, .control = control, .context = context};
  auto disk = std::unique_ptr<AtaDisk>(new AtaDisk(setup, resolved));
  PLATTER_RETURN_IF_ERROR(disk->Attach());
  return disk;
}

AtaDisk::AtaDisk(Setup setup, const AtaDiskOptions& options)
    : IdeDrive(std::move(setup)), options_(options) {}

absl::Status AtaDisk::Attach() {
  const DeviceAttachment attachment = {.device_id = options_.id,
                                       .guest_block_size = kSectorSize,
                                       .read_error = options_.rerror,
                                       .write_error = options_.werror,
                                       .retry = options_.retry,
                                       .share_writes = options_.share_rw};
  BlockDevOps ops;
  // Nothing to do and nobody to tell: IDENTIFY DEVICE and every range check ask the backend.
  ops.resize = [] {};
  PLATTER_RETURN_IF_ERROR(Connect(attachment, std::move(ops)));
  backend().set_write_cache_enabled(*options_.write_cache);
  OnReset(IdeReset::kPower);
  return absl::OkStatus();
}

uint64_t AtaDisk::sectors() const {
  return std::min(backend().length() / kSectorSize, kAtaMaxLba48Sectors);
}

void AtaDisk::OnReset(IdeReset kind) {
  step_ = Step::kIdle;
  command_ = nullptr;
  if (power_ == Power::kSleep) power_ = Power::kActive;
  // Settings stay over the guest's resets, as SET FEATURES 66h asks for (8.46).
  if (kind != IdeReset::kPower) return;
  power_ = Power::kActive;
  settings_ = {.geometry = DefaultGeometry(sectors())};
  // A reset flushes nothing, so it turns no cache off.
  if (*options_.write_cache) backend().set_write_cache_enabled(true);
}

// --- Answers. ---

void AtaDisk::Succeed() {
  step_ = Step::kIdle;
  port().Finish(file_, {});
}

void AtaDisk::Fail(uint8_t error) {
  step_ = Step::kIdle;
  port().Finish(file_, {.status = ata::kStatusGood | ata::kStatusErr, .error = error});
}

void AtaDisk::OfferSector(const std::array<uint8_t, kSectorSize>& data) {
  std::copy(data.begin(), data.end(), buffer_.begin());
  step_ = Step::kIdle;
  port().DataIn(std::span(buffer_).first(kSectorSize), IdePort::Block::kLast);
}

// --- Commands. ---

void AtaDisk::OnCommand(const TaskFile& file) {
  file_ = file;
  command_ = FindAtaCommand(file.command);
  // 8.50: asleep, a disk waits for a reset.
  if (command_ == nullptr || power_ == Power::kSleep) return Fail(ata::kErrorAbrt);
  Run();
}

void AtaDisk::Run() {
  switch (command_->action) {
    case AtaAction::kRead:
    case AtaAction::kWrite:
    case AtaAction::kReadMultiple:
    case AtaAction::kWriteMultiple:
    case AtaAction::kVerify:
      return StartTransfer();
    case AtaAction::kFlush:
    case AtaAction::kStandby:  // What is in the cache is written first (8.52).
    case AtaAction::kSleep:
      return StartFlush();
    case AtaAction::kTrim:
      return StartTrim();
    default:
      return RunSetting();
  }
}

void AtaDisk::RunSetting() {
  switch (command_->action) {
    case AtaAction::kIdentify:
      return Identify();
    case AtaAction::kSetMultiple:
      return SetMultiple();
    case AtaAction::kSetFeatures:
      return SetFeatures();
    case AtaAction::kReadNativeMax:
      return ReadNativeMax();
    case AtaAction::kSeek:
      return Seek();
    case AtaAction::kInitializeParameters:
      return InitializeParameters();
    case AtaAction::kSmart:
      return Smart();
    case AtaAction::kCheckPower:
      // 8.7: 0: standby, FFh: active or idle.
      file_.count.current = power_ == Power::kStandby ? 0x00 : 0xff;
      return Succeed();
    case AtaAction::kIdle:
      power_ = Power::kActive;
      return Succeed();
    default:
      return Succeed();
  }
}

void AtaDisk::Identify() {
  const AtaMedium medium = {.sectors = sectors(),
                            .discards = backend().can_discard(),
                            .write_cache = backend().write_cache_enabled()};
  OfferSector(MakeAtaIdentify(options_, settings_, medium, port().unit()));
}

// 8.49: a power of two up to what word 47 says; 0 turns READ and WRITE MULTIPLE off.
void AtaDisk::SetMultiple() {
  const uint32_t count = file_.count.current;
  if (count != 0 && (!IsPowerOfTwo(count) || count > kAtaMaxMultiple)) {
    return Fail(ata::kErrorAbrt);
  }
  settings_.multiple = count;
  Succeed();
}

void AtaDisk::SetFeatures() {
  switch (file_.features.current) {
    case ata::kFeatureEnableWriteCache:
      backend().set_write_cache_enabled(true);
      return Succeed();
    case ata::kFeatureDisableWriteCache:
      // 8.46: what the cache has is written before the command ends.
      backend().set_write_cache_enabled(false);
      return StartFlush();
    case ata::kFeatureTransferMode:
      return SelectTransferMode(file_.count.current, settings_.modes) ? Succeed()
                                                                      : Fail(ata::kErrorAbrt);
    case ata::kFeatureEnableLookAhead:
    case ata::kFeatureDisableLookAhead:
      settings_.look_ahead = file_.features.current == ata::kFeatureEnableLookAhead;
      return Succeed();
    case ata::kFeatureKeepOverReset:
      return Succeed();
    default:
      return Fail(ata::kErrorAbrt);
  }
}

// 8.32, 8.33: the last address, or the last that 28 bits can name.
void AtaDisk::ReadNativeMax() {
  const uint64_t count = sectors();
  uint64_t last = count == 0 ? 0 : count - 1;
  if (command_->addressing == AtaAddressing::k28) last = std::min(last, kAtaMaxLba28Sectors - 1);
  SetLba(file_, command_->addressing, settings_.geometry, last);
  Succeed();
}

void AtaDisk::Seek() {
  const auto lba = FirstLba(file_, command_->addressing, settings_.geometry);
  if (!lba || *lba >= sectors()) return Fail(ata::kErrorIdnf);
  Succeed();
}

// ATA-5 8.16: the current translation; word 54 follows from it.
void AtaDisk::InitializeParameters() {
  const uint32_t per_track = file_.count.current;
  const uint32_t heads = (file_.device & ata::kDeviceHead) + 1u;
  if (per_track == 0) return Fail(ata::kErrorAbrt);
  const uint64_t cylinders = sectors() / (uint64_t{heads} * per_track);
  settings_.geometry = {
      .cylinders = static_cast<uint32_t>(std::clamp<uint64_t>(cylinders, 1, UINT16_MAX)),
      .heads = heads,
      .sectors = per_track};
  Succeed();
}

void AtaDisk::Smart() {
  const uint8_t feature = file_.features.current;
  const bool key =
      file_.lba_mid.current == ata::kSmartKeyMid && file_.lba_high.current == ata::kSmartKeyHigh;
  if (!key || (!settings_.smart && feature != ata::kSmartEnable)) return Fail(ata::kErrorAbrt);
  switch (feature) {
    case ata::kSmartReadData:
      return OfferSector(MakeSmartData());
    case ata::kSmartReadThresholds:
      return OfferSector(MakeSmartThresholds());
    case ata::kSmartEnable:
    case ata::kSmartDisable:
      settings_.smart = feature == ata::kSmartEnable;
      return Succeed();
    case ata::kSmartAutosave:      // Nothing to save.
    case ata::kSmartReturnStatus:  // 8.51: the key comes back as it is: all is well.
      return Succeed();
    default:
      return Fail(ata::kErrorAbrt);
  }
}

}  // namespace platter
