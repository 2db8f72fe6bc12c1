// SPDX-License-Identifier: Apache-2.0

#include "examples/own_device/toy_drive.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "base/status.h"
#include "examples/own_device/toy_register_file.h"

namespace platter {
namespace {

using toy::Command;
using toy::Error;

class Drive final : public ToyDrive, private BlockRequest, private ChannelClient {
 public:
  explicit Drive(Setup setup) : setup_(std::move(setup)) {}

  absl::Status Attach() {
    setup_.attachment.guest_block_size = toy::kBlockBytes;
    BlockDevOps ops;  // Those that are set say what it is: removable, with a tray, lockable.
    ops.change_media = [this](MediumMove move) {
      registers_.Set(toy::kTrayOpen, move == MediumMove::kEject);
      registers_.Raise(toy::kMediumChanged);
    };
    ops.eject_request = [this](Force force) {
      if (force == Force::kYes) registers_.Set(toy::kLocked, false);
      registers_.Raise(toy::kEjectRequested);
    };
    ops.is_tray_open = [this] { return registers_.Has(toy::kTrayOpen); };
    ops.is_medium_locked = [this] { return registers_.Has(toy::kLocked); };
    ops.resize = [this] { registers_.Raise(toy::kCapacityChanged); };
    PLATTER_RETURN_IF_ERROR(setup_.backend.Attach(setup_.attachment, std::move(ops)));
    channel_ = setup_.backend.OpenChannel(setup_.control, *this);
    return absl::OkStatus();
  }

  const std::string& id() const override { return setup_.attachment.device_id; }
  const char* model() const override { return "toy-drive"; }
  RegisterBlock& registers() override { return registers_; }

  void Pause(DeviceDone done) override {
    paused_ = true;
    setup_.control.Post(std::move(done));
  }
  void Resume() override {
    paused_ = false;
    if (channel_ != nullptr) work_.Schedule();
  }
  void Reset(DeviceDone done) override {
    if (channel_ == nullptr) return setup_.control.Post(std::move(done));  // Unplugged.
    resets_.push_back(std::move(done));
    channel_->CancelAll();
    work_.Schedule();
  }
  void Unplug(DeviceDone done) override {
    registers_.Set(toy::kTrayOpen, false);  // It goes with the drive: nobody is told of a move.
    Reset([this, done = std::move(done)]() mutable {
      registers_.Disconnect();
      if (channel_ != nullptr) {
        channel_.reset();
        setup_.backend.Detach();
      }
      setup_.control.Post(std::move(done));  // Behind a command that was written last.
    });
  }

 private:
  // Does what is due when no request is left: the end of resets, or a command.
  void Work() {
    if (channel_ == nullptr || channel_->outstanding() != 0) return;
    if (!resets_.empty()) return FinishResets();
    if (paused_ || !registers_.Has(toy::kBusy)) return;
    const Command command = (command_ = registers_.command()).code;
    if (command == Command::kRead) return Start(IoOp::kRead);
    if (command == Command::kWrite) return Start(IoOp::kWrite);
    if (command == Command::kFlush) return Start(IoOp::kFlush);
    if (command == Command::kLock) return registers_.Finish(SetLock(true));
    if (command == Command::kUnlock) return registers_.Finish(SetLock(false));
    if (command == Command::kOpenTray) return registers_.Finish(MoveTray(MediumMove::kEject));
    if (command == Command::kCloseTray) return registers_.Finish(MoveTray(MediumMove::kLoad));
    registers_.Finish(Error::kBadCommand);
  }

  void FinishResets() {
    SetLock(false);
    MoveTray(MediumMove::kLoad);
    registers_.Clear();
    for (DeviceDone& done : std::exchange(resets_, {})) std::move(done)();
  }

  void Start(IoOp what) {
    op = what;
    flags = IoFlags::kNone;
    offset = bytes = iov_count = 0;
    iov = pieces_;
    if (op == IoOp::kFlush) return channel_->Submit(*this);
    const auto& [code, lba, count, buffer] = command_;
    if (!setup_.backend.is_available()) return registers_.Finish(Error::kNoMedium);
    // The guest's numbers are checked once, in 64 bits, before anything is done with them.
    const uint64_t blocks = setup_.backend.length() / toy::kBlockBytes;
    if (count == 0 || count > toy::kMaxBlocks || lba > blocks || count > blocks - lba) {
      channel_->CountInvalid(op);
      return registers_.Finish(Error::kOutOfRange);
    }
    offset = lba * toy::kBlockBytes;
    bytes = uint64_t{count} * toy::kBlockBytes;
    const auto access = op == IoOp::kRead ? DmaAccess::kDeviceWrites : DmaAccess::kDeviceReads;
    const int pieces = setup_.memory->MapPieces(buffer, bytes, access, pieces_, toy::kMaxPieces);
    if (pieces < 0) return registers_.Finish(Error::kBadBuffer);
    iov_count = static_cast<uint32_t>(pieces);
    channel_->Submit(*this);
  }

  void OnBlockDone(IoResult result) override {
    if (op == IoOp::kRead) setup_.memory->MarkDirty(command_.buffer, bytes);
    if (!resets_.empty()) return;  // The guest gets no answer.
    registers_.Finish(result == 0            ? Error::kNone
                      : result == -ENOMEDIUM ? Error::kNoMedium
                      : result == -EACCES    ? Error::kReadOnly
                                             : Error::kIo);
  }
  void OnBatchDone() override { work_.Schedule(); }

  Error SetLock(bool locked) {
    registers_.Set(toy::kLocked, locked);
    setup_.backend.LockMedium(locked);
    return Error::kNone;
  }
  Error MoveTray(MediumMove move) {
    const bool open = move == MediumMove::kEject;
    if (open && registers_.Has(toy::kLocked)) return Error::kIsLocked;
    if (registers_.Set(toy::kTrayOpen, open)) setup_.backend.TrayMoved(move);
    return Error::kNone;
  }

  Setup setup_;
  BottomHalf work_{setup_.control, [this] { Work(); }};  // Register writes come on any thread.
  ToyRegisterFile registers_{setup_.line, work_, [this] { return setup_.backend.length(); }};
  std::unique_ptr<BlockChannel> channel_;
  bool paused_ = false;
  std::vector<DeviceDone> resets_;  // They wait for the request to end.
  ToyCommand command_;              // The one that runs.
  iovec pieces_[toy::kMaxPieces];   // Of its buffer.
};

}  // namespace

absl::StatusOr<std::unique_ptr<ToyDrive>> ToyDrive::Create(Setup setup) {
  auto drive = std::make_unique<Drive>(std::move(setup));
  PLATTER_RETURN_IF_ERROR(drive->Attach());
  return drive;
}

}  // namespace platter
