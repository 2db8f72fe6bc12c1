// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ide_drive.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

IdeDrive::IdeDrive(Setup setup)
    : setup_(std::move(setup)), work_(setup_.context, [this] { Work(); }) {}

IdeDrive::~IdeDrive() {
  if (!attached_) return;
  port().Detach();
  channel_.reset();
  backend().Detach();
}

absl::Status IdeDrive::Connect(const DeviceAttachment& attachment, BlockDevOps ops) {
  PLATTER_RETURN_IF_ERROR(backend().Attach(attachment, std::move(ops)));
  absl::Status status = port().Attach(*this);
  if (!status.ok()) {
    backend().Detach();
    return status;
  }
  attached_ = true;
  channel_ = backend().OpenChannel(setup_.context, *this);
  return absl::OkStatus();
}

// --- Device: messages to the context and back. ---

void IdeDrive::Pause(DeviceDone done) {
  setup_.context.Post([this, done = std::move(done)]() mutable {
    paused_ = true;
    if (resetting_) {
      pauses_.push_back(std::move(done));
    } else {
      setup_.control.Post(std::move(done));
    }
  });
}

void IdeDrive::Resume() {
  setup_.context.Post([this] {
    paused_ = false;
    if (std::exchange(restored_, false)) TakeUpAgain();
    Work();
  });
}

void IdeDrive::Reset(DeviceDone done) {
  setup_.context.Post([this, done = std::move(done)]() mutable {
    BeginPowerReset(
        [this, then = std::move(done)]() mutable { setup_.control.Post(std::move(then)); });
  });
}

void IdeDrive::Unplug(DeviceDone done) {
  setup_.context.Post([this, done = std::move(done)]() mutable {
    leaving_ = true;
    BeginPowerReset([this, then = std::move(done)]() mutable { FinishUnplug(std::move(then)); });
  });
}

void IdeDrive::FinishUnplug(DeviceDone done) {
  if (channel_ != nullptr) {
    port().Detach();
    channel_.reset();
  }
  // Behind a register write that came just before: nothing of this drive is queued after it.
  setup_.context.Post([this, done = std::move(done)]() mutable {
    setup_.control.Post([this, done = std::move(done)]() mutable {
      if (std::exchange(attached_, false)) backend().Detach();
      std::move(done)();
    });
  });
}

void IdeDrive::SaveState(StateSaved done) {
  setup_.context.Post([this, done = std::move(done)]() mutable {
    setup_.control.Post([state = SaveInContext(), done = std::move(done)]() mutable {
      std::move(done)(std::move(state));
    });
  });
}

void IdeDrive::RestoreState(std::string state, StateRestored done) {
  setup_.context.Post([this, state = std::move(state), done = std::move(done)]() mutable {
    setup_.control.Post([status = RestoreInContext(state), done = std::move(done)]() mutable {
      std::move(done)(std::move(status));
    });
  });
}

// --- In the context. ---

absl::StatusOr<std::string> IdeDrive::SaveInContext() {
  if (channel_ == nullptr || !paused_ || resetting_) {
    return absl::FailedPreconditionError(
        absl::StrCat("device '", setup_.id, "' is not paused: its state can't be saved"));
  }
  return Save();
}

absl::Status IdeDrive::RestoreInContext(const std::string& state) {
  if (channel_ == nullptr || !paused_ || resetting_ || channel_->outstanding() != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("device '", setup_.id, "' is not paused and quiet: no state can be restored"));
  }
  absl::Status status = Restore(state);
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("device '", setup_.id, "': its saved state: ", MessageOf(status)));
  }
  restored_ = true;
  return status;
}

void IdeDrive::Work() {
  if (channel_ == nullptr) return;
  if (resetting_) {
    if (channel_->outstanding() == 0) FinishReset();
    return;
  }
  if (paused_) return;
  const IdeWork work = port().Take();
  switch (work.event) {
    case IdeEvent::kNone:
      return;
    case IdeEvent::kCommand:
      return OnCommand(work.task_file);
    case IdeEvent::kDataDone:
      return OnDataDone();
    case IdeEvent::kDmaReady:
      return OnDmaReady(work.prd_table);
    case IdeEvent::kReset:
      return BeginReset(work.reset);
  }
}

void IdeDrive::BeginReset(IdeReset kind) {
  resetting_ = true;
  reset_kind_ = kind;
  OnResetBegins();
  channel_->CancelAll();
  if (channel_->outstanding() == 0) FinishReset();
}

void IdeDrive::BeginPowerReset(DeviceDone done) {
  if (channel_ == nullptr) return std::move(done)();  // Unplugged.
  power_resets_.push_back(std::move(done));
  port().BeginPowerReset();
  BeginReset(IdeReset::kPower);
}

void IdeDrive::OnBatchDone() {
  // In a turn of its own: the end of a reset may close the channel.
  if (resetting_) work_.Schedule();
}

void IdeDrive::FinishReset() {
  OnReset(reset_kind_);
  resetting_ = false;
  restored_ = false;
  port().ResetDone(reset_kind_, leaving_ ? IdePort::Leaving::kYes : IdePort::Leaving::kNo);
  work_.Schedule();  // The guest may have asked for another one meanwhile.
  for (DeviceDone& done : std::exchange(pauses_, {})) setup_.control.Post(std::move(done));
  for (DeviceDone& done : std::exchange(power_resets_, {})) std::move(done)();
}

}  // namespace platter
