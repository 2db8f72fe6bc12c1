// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ide_port.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "devices/ide/ide_channel.h"

namespace platter {

// --- The drive's side. ---

const GuestMemory& IdePort::memory() const { return *channel_.memory_; }

absl::Status IdePort::Attach(IdeDevice& device) {
  SerialiserLock lock(channel_.serialiser_);
  if (present()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "device '", device.name(), "': IDE unit ", unit_, " is taken by '", device_->name(), "'"));
  }
  device_ = &device;
  ShowSignature();
  return absl::OkStatus();
}

void IdePort::Detach() {
  SerialiserLock lock(channel_.serialiser_);
  device_ = nullptr;
  phase_ = Phase::kIdle;
  file_ = {};
  status_ = error_ = 0;
  interrupt_ = false;
  uses_dma_ = false;
  moving_ = false;
  window_.Close();
  channel_.ports_[0]->ReleaseReset();
  channel_.UpdateLine();
}

IdeWork IdePort::Take() {
  SerialiserLock lock(channel_.serialiser_);
  switch (phase_) {
    case Phase::kCommand:
      phase_ = Phase::kWorking;
      return {.event = IdeEvent::kCommand, .task_file = file_};
    case Phase::kDataDone:
      phase_ = Phase::kWorking;
      return {.event = IdeEvent::kDataDone};
    case Phase::kDmaReady:
      // The other drive may have been quicker, after a reset that changed the selection under way.
      if (!channel_.engine_.armed()) {
        phase_ = Phase::kDmaWait;
        return {};
      }
      phase_ = Phase::kWorking;
      moving_ = true;
      // Under the lock, so that the guest can't stop the engine in between.
      return {.event = IdeEvent::kDmaReady, .prd_table = channel_.engine_.Begin()};
    case Phase::kReset:
      phase_ = Phase::kResetting;
      return {.event = IdeEvent::kReset, .reset = reset_};
    case Phase::kResetHeld:
      ReleaseReset();  // A saved state may say so of a drive that nothing holds.
      return {};
    default:
      return {};
  }
}

void IdePort::ShowRegisters(const TaskFile& registers) {
  SerialiserLock lock(channel_.serialiser_);
  if (phase_ == Phase::kWorking) file_ = registers;
}

void IdePort::DataIn(std::span<const uint8_t> block, Block which) {
  SerialiserLock lock(channel_.serialiser_);
  if (phase_ != Phase::kWorking) return;
  window_.OpenIn(block);
  block_ = which;
  phase_ = Phase::kData;
  status_ = ata::kStatusGood | ata::kStatusDrq;
  error_ = 0;
  interrupt_ = true;
  channel_.UpdateLine();
}

void IdePort::DataOut(std::span<uint8_t> block, IdeInterrupt interrupt) {
  SerialiserLock lock(channel_.serialiser_);
  if (phase_ != Phase::kWorking) return;
  window_.OpenOut(block);
  block_ = Block::kMoreFollow;  // The drive is told of every block.
  phase_ = Phase::kData;
  status_ = ata::kStatusGood | ata::kStatusDrq;
  error_ = 0;
  interrupt_ = interrupt == IdeInterrupt::kYes;
  channel_.UpdateLine();
}

void IdePort::RequestDma() {
  SerialiserLock lock(channel_.serialiser_);
  if (phase_ != Phase::kWorking) return;
  phase_ = Phase::kDmaWait;
  uses_dma_ = true;
  if (channel_.engine_.armed()) OnArmed();
}

void IdePort::EndDma(DmaEnd end) {
  SerialiserLock lock(channel_.serialiser_);
  if (std::exchange(moving_, false)) channel_.engine_.End(end);
}

void IdePort::Finish(const TaskFile& registers, const IdeOutcome& outcome) {
  SerialiserLock lock(channel_.serialiser_);
  if (phase_ != Phase::kWorking) return;
  if (outcome.dma && std::exchange(moving_, false)) channel_.engine_.End(*outcome.dma);
  window_.Close();
  uses_dma_ = false;
  phase_ = Phase::kIdle;
  file_ = registers;
  status_ = outcome.status;
  error_ = outcome.error;
  interrupt_ = outcome.interrupt == IdeInterrupt::kYes;
  channel_.UpdateLine();
}

void IdePort::BeginPowerReset() {
  SerialiserLock lock(channel_.serialiser_);
  if (!present()) return;
  reset_ = IdeReset::kPower;
  GoBusy(Phase::kResetting);
  channel_.ports_[0]->ReleaseReset();
}

void IdePort::ResetDone(IdeReset kind, Leaving leaving) {
  SerialiserLock lock(channel_.serialiser_);
  if (!present()) return;
  const bool used_dma = std::exchange(uses_dma_, false);
  const bool moved = std::exchange(moving_, false);
  const IdePort& other = *channel_.ports_[1 - unit_];
  if (leaving == Leaving::kYes && other.present()) {
    if (moved || (used_dma && !other.HoldsEngine())) channel_.StopEngine();
  } else {
    channel_.OnDriveReset(kind, other);
  }
  if (kind == IdeReset::kPower) {
    CompleteReset();
  } else if (phase_ == Phase::kResetting) {  // Else another one was asked for: it is to be taken.
    phase_ = Phase::kResetHeld;
    ReleaseReset();
  }
  channel_.ports_[0]->ReleaseReset();
}

// --- The channel's side, under its lock. ---

// The guest sees BSY, and no interrupt, from the register write on.
void IdePort::GoBusy(Phase phase) {
  phase_ = phase;
  status_ = ata::kStatusBsy;
  interrupt_ = false;
  window_.Close();
  channel_.UpdateLine();
}

void IdePort::StartCommand(uint8_t command) {
  file_.command = command;
  error_ = 0;
  GoBusy(Phase::kCommand);
  device_->OnWork();
}

void IdePort::StartReset(IdeReset kind) {
  if (!present()) return;
  // The machine's reset of the drive goes on as that.
  if (phase_ == Phase::kResetting && reset_ == IdeReset::kPower) return;
  reset_ = kind;
  GoBusy(Phase::kReset);
  device_->OnWork();
}

void IdePort::ReleaseReset() {
  if (phase_ == Phase::kResetHeld && !HeldInReset()) CompleteReset();
}

bool IdePort::HeldInReset() const {
  if (channel_.srst()) return true;
  const bool shared = reset_ == IdeReset::kSoftware || reset_ == IdeReset::kDiagnostic;
  return unit_ == 0 && shared && channel_.ports_[1]->InSharedReset();
}

bool IdePort::InSharedReset() const {
  return (phase_ == Phase::kReset || phase_ == Phase::kResetting) &&
         (reset_ == IdeReset::kSoftware || reset_ == IdeReset::kDiagnostic);
}

// 9.12 and 9.4: the signature, and that the diagnostic passed.
void IdePort::ShowSignature() {
  const IdeSignature signature = device_->signature();
  file_ = {};
  file_.count.current = signature.count;
  file_.lba_low.current = signature.lba_low;
  file_.lba_mid.current = signature.lba_mid;
  file_.lba_high.current = signature.lba_high;
  status_ = signature.status;
  error_ = ata::kDiagnosticPassed;
}

void IdePort::CompleteReset() {
  window_.Close();
  phase_ = Phase::kIdle;
  ShowSignature();
  // 8.11: only EXECUTE DEVICE DIAGNOSTIC interrupts, and device 0 does.
  interrupt_ = reset_ == IdeReset::kDiagnostic && unit_ == 0;
  channel_.UpdateLine();
}

void IdePort::OnArmed() {
  if (phase_ != Phase::kDmaWait) return;
  phase_ = Phase::kDmaReady;
  device_->OnWork();
}

void IdePort::OnDisarmed() {
  if (phase_ == Phase::kDmaReady) phase_ = Phase::kDmaWait;
}

void IdePort::ReadData(std::span<uint8_t> to) {
  const bool moving = window_.has_in();
  window_.Read(to);
  if (moving && window_.at_end()) OnBlockMoved();
}

void IdePort::WriteData(std::span<const uint8_t> from) {
  const bool moving = window_.has_out();
  window_.Write(from);
  if (moving && window_.at_end()) OnBlockMoved();
}

void IdePort::OnBlockMoved() {
  if (block_ == Block::kLast) {
    window_.Close();
    phase_ = Phase::kIdle;
    status_ = ata::kStatusGood;
    return;
  }
  // The interrupt of this block stays until the status is read.
  phase_ = Phase::kDataDone;
  status_ = ata::kStatusBsy;
  device_->OnWork();
}

}  // namespace platter
