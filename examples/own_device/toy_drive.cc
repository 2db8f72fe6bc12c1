// SPDX-License-Identifier: Apache-2.0

#include "examples/own_device/toy_drive.h"

#include <cerrno>
#include <utility>

#include "base/status.h"

namespace platter {
namespace {

using toy::Command;
using toy::Error;

Error ErrorOf(IoResult result) {
  if (result == 0) return Error::kNone;
  if (result == -ENOMEDIUM) return Error::kNoMedium;
  return result == -EACCES ? Error::kReadOnly : Error::kIo;
}

}  // namespace

ToyDrive::ToyDrive(const Options& options, BlockDeviceView& backend, Host host)
    : options_(options),
      backend_(backend),
      host_(std::move(host)),
      work_(host_.control, [this] { RunCommand(); }),
      registers_(
          host_.line,
          [this]() -> std::optional<uint64_t> {
            if (!backend_.is_inserted()) return std::nullopt;
            return backend_.length() / toy::kBlockBytes;
          },
          [this] { work_.Schedule(); }) {}

absl::StatusOr<std::unique_ptr<ToyDrive>> ToyDrive::Create(const Options& options,
                                                           BlockDeviceView& backend, Host host) {
  std::unique_ptr<ToyDrive> drive(new ToyDrive(options, backend, std::move(host)));
  PLATTER_RETURN_IF_ERROR(drive->Attach());
  return drive;
}

absl::Status ToyDrive::Attach() {
  DeviceAttachment attachment;
  attachment.device_id = options_.id;
  attachment.guest_block_size = toy::kBlockBytes;
  attachment.read_error = options_.read_error;
  attachment.write_error = options_.write_error;

  // Which of the five is there says what the drive is: removable, with a tray, lockable.
  BlockDevOps ops;
  ops.change_media = [this](MediumMove move) {
    registers_.Update([&](Values& v) {
      v.tray_open = move == MediumMove::kEject;
      v.events |= toy::kMediumChanged;
    });
  };
  ops.eject_request = [this](Force force) {
    registers_.Update([&](Values& v) {
      if (force == Force::kYes) v.locked = false;
      v.events |= toy::kEjectRequested;
    });
  };
  ops.is_tray_open = [this] { return registers_.Get().tray_open; };
  ops.is_medium_locked = [this] { return registers_.Get().locked; };
  ops.resize = [this] { registers_.Update([](Values& v) { v.events |= toy::kCapacityChanged; }); };
  PLATTER_RETURN_IF_ERROR(backend_.Attach(attachment, std::move(ops)));
  channel_ = backend_.OpenChannel(host_.control, *this);
  return absl::OkStatus();
}

void ToyDrive::RunCommand() {
  const Values command = registers_.Get();
  // A command that comes while the machine stands still waits in its register.
  if (!command.busy || paused_ || !stopping_.empty() || command.unplugged) return;
  if (channel_->outstanding() != 0) return;  // It runs already.
  switch (command.command) {
    case Command::kRead:
    case Command::kWrite:
    case Command::kFlush:
      return StartTransfer(command);
    case Command::kLock:
    case Command::kUnlock:
      SetLock(command.command == Command::kLock);
      return Finish(Error::kNone);
    case Command::kOpenTray:
      return Finish(MoveTray(MediumMove::kEject) ? Error::kNone : Error::kIsLocked);
    case Command::kCloseTray:
      return Finish(MoveTray(MediumMove::kLoad) ? Error::kNone : Error::kIsLocked);
  }
  Finish(Error::kBadCommand);
}

void ToyDrive::StartTransfer(const Values& command) {
  op = command.command == Command::kRead    ? IoOp::kRead
       : command.command == Command::kWrite ? IoOp::kWrite
                                            : IoOp::kFlush;
  flags = IoFlags::kNone;
  offset = bytes = iov_count = 0;
  iov = pieces_;
  if (op != IoOp::kFlush) {
    if (!backend_.is_available()) return Finish(Error::kNoMedium);
    // The guest's numbers are checked once, in 64 bits, before anything is done with them.
    const uint64_t blocks = backend_.length() / toy::kBlockBytes;
    if (command.count == 0 || command.count > toy::kMaxBlocks || command.lba > blocks ||
        command.count > blocks - command.lba) {
      channel_->CountInvalid(op);
      return Finish(Error::kOutOfRange);
    }
    offset = command.lba * toy::kBlockBytes;
    bytes = uint64_t{command.count} * toy::kBlockBytes;
    buffer_ = command.buffer;
    const auto access = op == IoOp::kRead ? DmaAccess::kDeviceWrites : DmaAccess::kDeviceReads;
    const int pieces = host_.memory->MapPieces(buffer_, bytes, access, pieces_, kMaxPieces);
    if (pieces < 0) return Finish(Error::kBadBuffer);
    iov_count = static_cast<uint32_t>(pieces);
  }
  channel_->Submit(*this);
}

void ToyDrive::OnBlockDone(IoResult result) {
  if (op == IoOp::kRead) host_.memory->MarkDirty(buffer_, bytes);
  if (stopping_.empty()) Finish(ErrorOf(result));
}

void ToyDrive::SetLock(bool locked) {
  backend_.LockMedium(locked);
  registers_.Update([&](Values& v) { v.locked = locked; });
}

bool ToyDrive::MoveTray(MediumMove move) {
  const bool open = move == MediumMove::kEject;
  const Values before = registers_.Get();
  if (open && before.locked) return false;
  if (before.tray_open == open) return true;  // Nothing moves: no event.
  registers_.Update([&](Values& v) { v.tray_open = open; });
  backend_.TrayMoved(move);
  return true;
}

void ToyDrive::Finish(Error error) {
  registers_.Update([&](Values& v) {
    v.busy = false;
    v.error = error;
    v.events |= toy::kDone;
  });
}

// Cancels the command that runs and calls `then` when it is gone, in a later turn.
void ToyDrive::StopThen(DeviceDone then) {
  stopping_.push_back(std::move(then));
  if (channel_ == nullptr || channel_->outstanding() == 0) {
    host_.control.Post([this] { OnBatchDone(); });
  } else {
    channel_->CancelAll();
  }
}

void ToyDrive::OnBatchDone() {
  if (stopping_.empty() || (channel_ != nullptr && channel_->outstanding() != 0)) return;
  // Not from here: the channel, which may go, is the caller.
  host_.control.Post([this] {
    for (DeviceDone& then : std::exchange(stopping_, {})) std::move(then)();
  });
}

void ToyDrive::Reset(DeviceDone done) {
  StopThen([this, done = std::move(done)]() mutable {
    if (channel_ != nullptr) {
      SetLock(false);
      MoveTray(MediumMove::kLoad);
      registers_.Update([](Values& v) { v = {}; });
    }
    std::move(done)();
  });
}

void ToyDrive::Pause(DeviceDone done) {
  paused_ = true;
  host_.control.Post(std::move(done));
}

void ToyDrive::Resume() {
  paused_ = false;
  work_.Schedule();
}

void ToyDrive::Unplug(DeviceDone done) {
  StopThen([this, done = std::move(done)]() mutable {
    if (channel_ != nullptr) {
      channel_.reset();
      backend_.Detach();
      registers_.Update([](Values& v) { v.unplugged = true; });
    }
    host_.control.Post(std::move(done));  // Behind a command that was written last.
  });
}

}  // namespace platter
