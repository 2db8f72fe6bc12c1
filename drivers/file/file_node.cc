// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/file_node.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "aio/await_io.h"
#include "base/arith.h"
#include "base/check.h"
#include "base/quote.h"
#include "base/status.h"
#include "drivers/file/block_status.h"
#include "drivers/file/range_op.h"
#include "drivers/file/transfer.h"

namespace platter {

FileNode::FileNode(const FileServices& services, std::string node_name)
    : BlockNode(std::move(node_name)), services_(services), sync_queue_(*this) {
  if (services_.host == nullptr) services_.host = std::make_shared<KernelHostCalls>();
}

FileNode::~FileNode() = default;

absl::StatusOr<std::shared_ptr<FileNode>> FileNode::Open(const FileServices& services,
                                                         std::string node_name,
                                                         const FileOptions& options) {
  std::shared_ptr<FileNode> node(new FileNode(services, std::move(node_name)));
  absl::StatusOr<OpenedFile> opened =
      OpenHostFile(services.control->file_io(), *node->services_.host, options);
  if (!opened.ok()) return Annotate(opened.status(), "node '" + node->node_name() + "'");
  absl::StatusOr<std::unique_ptr<ImageLock>> lock =
      node->MakeLock(opened->file.get(), options.locking);
  if (!lock.ok()) return Annotate(lock.status(), "node '" + node->node_name() + "'");
  node->lock_ = *std::move(lock);
  node->Adopt(*std::move(opened), options);
  return node;
}

void FileNode::Adopt(OpenedFile opened, const FileOptions& options) {
  options_ = options;
  file_ = std::move(opened.file);
  geometry_ = opened.geometry;
  read_only_ = opened.read_only;

  FileState::fd = file_.fd();
  FileState::driver = options.driver;
  FileState::request_alignment = geometry_.request_alignment;
  FileState::direct = geometry_.direct;
  FileState::file_bytes = opened.length;
  FileState::sync_error = 0;
  FileState::missing_methods = 0;

  limits_ = NodeLimits();
  limits_.request_alignment = geometry_.request_alignment;
  limits_.memory_alignment = geometry_.memory_alignment;
  limits_.max_transfer = AlignDown(limits_.max_transfer, geometry_.request_alignment);
  limits_.discard_alignment = geometry_.discard_alignment;
  limits_.write_zeroes_alignment = geometry_.discard_alignment;
  features_ = {.fua = true, .discard = true, .write_zeroes = true, .may_unmap = true};
  set_length(opened.length);
  shrink_reporter_ = std::make_shared<ShrinkReporter>(*services_.control, *services_.log,
                                                      services_.host, file_.get());
}

absl::StatusOr<std::unique_ptr<FileNode::Reopening>> FileNode::PrepareReopen(
    const FileOptions& options) {
  if (options.driver != options_.driver || PathOf(options) != path()) {
    return ErrorWithErrno(EINVAL, "node '" + node_name() +
                                      "': reopening cannot change driver or "
                                      "filename");
  }
  absl::StatusOr<OpenedFile> opened =
      OpenHostFile(services_.control->file_io(), *services_.host, options);
  if (!opened.ok()) return opened.status();
  const PermissionSet writing = Permission::kWrite | Permission::kResize;
  if (opened->read_only && !(permissions_.used & writing).empty()) {
    return ErrorWithErrno(EACCES, "node '" + node_name() + "' is written to: " +
                                      QuoteWhole(path()) + " cannot be reopened read-only");
  }
  if (opened->length != length()) PLATTER_RETURN_IF_ERROR(CheckNewLength(opened->length));
  absl::StatusOr<std::unique_ptr<ImageLock>> lock = MakeLock(opened->file.get(), options.locking);
  if (!lock.ok()) return lock.status();
  if (*lock != nullptr) {
    // What is held already is held for the new descriptor too, before the old one lets go of it.
    // Of another file that has got the name nothing is.
    const bool held = lock_ != nullptr && IsSameFile(opened->file.get());
    PLATTER_RETURN_IF_ERROR(held ? (*lock)->CopyFrom(*lock_, opened->file.get())
                                 : (*lock)->Set(opened->file.get(), permissions_));
  }
  auto reopening = std::make_unique<Reopening>();
  reopening->opened = *std::move(opened);
  reopening->options = options;
  reopening->lock = *std::move(lock);
  return reopening;
}

bool FileNode::IsSameFile(const HostFile& other) const {
  HostFileStat ours;
  HostFileStat theirs;
  if (services_.host->Stat(file_.get(), ours) < 0) return false;
  if (services_.host->Stat(other, theirs) < 0) return false;
  return ours.device == theirs.device && ours.inode == theirs.inode;
}

void FileNode::FinishReopen(Reopening& reopening) {
  Reopening old;
  old.opened.read_only = read_only_;
  old.opened.length = FileState::file_bytes;
  old.opened.geometry = geometry_;
  old.options = options_;
  old.sync_error = FileState::sync_error;
  old.missing_methods = FileState::missing_methods;
  // Moved, not closed: Adopt puts the new one in an empty place.
  old.opened.file = std::move(file_);
  old.lock = std::move(lock_);
  lock_ = std::move(reopening.lock);
  Adopt(std::move(reopening.opened), reopening.options);
  FileState::sync_error = reopening.sync_error;
  FileState::missing_methods = reopening.missing_methods;
  reopening = std::move(old);
  NotifyParents();
}

absl::Status FileNode::Reopen(const FileOptions& options) {
  absl::StatusOr<std::unique_ptr<Reopening>> reopening = PrepareReopen(options);
  if (!reopening.ok()) return reopening.status();
  FinishReopen(**reopening);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ImageLock>> FileNode::MakeLock(const HostFile& file,
                                                              FileLocking locking) {
  if (locking == FileLocking::kOff) return nullptr;
  absl::Status probed = ImageLock::Probe(*services_.host, file);
  if (probed.ok()) return std::make_unique<ImageLock>(*services_.host);
  if (locking == FileLocking::kOn) return probed;
  return nullptr;
}

absl::Status FileNode::SetPermissions(Permissions cumulative) {
  PLATTER_RETURN_IF_ERROR(BlockNode::SetPermissions(cumulative));
  if (lock_ != nullptr) {
    PLATTER_RETURN_IF_ERROR(
        Annotate(lock_->Set(file_.get(), cumulative), "node '" + node_name() + "'"));
  }
  permissions_ = cumulative;
  return absl::OkStatus();
}

LockedImage FileNode::locked_image() {
  if (lock_ == nullptr) return {};
  HostFileStat stat;
  if (services_.host->Stat(file_.get(), stat) < 0) stat = {};
  return {.lock = lock_.get(), .file = &file_.get(), .device = stat.device, .inode = stat.inode};
}

absl::Status FileNode::Invalidate() {
  HostFileStat stat;
  if (const int error = services_.host->Stat(file_.get(), stat); error < 0) {
    return ErrnoError(-error, "node '" + node_name() + "': cannot measure " + QuoteWhole(path()));
  }
  if (stat.length == file_bytes) return absl::OkStatus();
  PLATTER_RETURN_IF_ERROR(
      Annotate(CheckNewLength(stat.length), "node '" + node_name() + "', whose size has changed"));
  file_bytes = stat.length;
  set_length(stat.length);
  NotifyParents();
  return absl::OkStatus();
}

std::optional<HostBlockSizes> FileNode::ProbeBlockSizes() const { return geometry_.block_sizes; }

Task<absl::StatusOr<int>> FileNode::Ioctl(uint64_t request, void* argument) {
  if (options_.driver != FileDriver::kHostDevice) {
    co_return co_await BlockNode::Ioctl(request, argument);
  }
  const iovec part = {.iov_base = argument, .iov_len = 0};
  const int64_t result = co_await AwaitFile(
      {.fd = FileState::fd, .kind = FileOpKind::kIoctl, .iov = {&part, 1}, .bytes = request});
  if (result < 0) {
    co_return ErrnoError(static_cast<int>(-result),
                         "node '" + node_name() + "': an ioctl on " + QuoteWhole(path()));
  }
  co_return static_cast<int>(result);
}

std::optional<DiskGeometry> FileNode::ProbeGeometry() const {
  if (options_.driver != FileDriver::kHostDevice) return std::nullopt;
  DiskGeometry geometry;
  if (services_.host->GetGeometry(file_.get(), geometry) < 0) return std::nullopt;
  return geometry;
}

Task<absl::StatusOr<BlockStatus>> FileNode::GetBlockStatus(uint64_t offset, uint64_t bytes) {
  // A device has no holes to ask for.
  if (options_.driver == FileDriver::kHostDevice || !geometry_.believe_holes) {
    BlockStatus data;
    data.bytes = bytes;
    co_return data;
  }
  co_return HostBlockStatus(*services_.host, file_.get(), file_bytes.load(), offset, bytes);
}

// --- Data plane. ---

IoResult FileNode::Start(IoRequest& request) {
  switch (request.op) {
    case IoOp::kRead:
      return StartRead(request);
    case IoOp::kWrite:
      return StartWrite(request);
    case IoOp::kFlush:
      if (const IoResult shrunk = CheckLength(); shrunk != 0) return shrunk;
      return sync_queue_.Start(request);
    case IoOp::kDiscard:
    case IoOp::kWriteZeroes:
      if (request.bytes == 0) return 0;
      return RangeOp::Start(*this, sync_queue_, request);
  }
  return -ENOTSUP;
}

IoResult FileNode::StartRead(IoRequest& request) {
  if (request.bytes == 0) return 0;
  AioContext& context = *request.context;
  uint64_t done = 0;
  InlineBudget::Slot* const slot =
      geometry_.reads == InlineMode::kNever ? nullptr : budget_.Find(context);
  const bool no_wait = geometry_.reads == InlineMode::kNoWait;
  if (slot != nullptr && (!no_wait || slot->WorthTrying()) && slot->Take(context, request.bytes)) {
    const int64_t result = context.file_io().InlineRead(
        FileState::fd, request.iov, request.iov_count, request.offset, no_wait ? RWF_NOWAIT : 0);
    if (result == static_cast<int64_t>(request.bytes)) [[likely]] {
      slot->OnHit();
      return 0;
    }
    if (result > 0) {
      // The rest may have to wait for the disk, or the file ends here: the port finds out.
      done = static_cast<uint64_t>(result);
    } else if (result == -EAGAIN) {
      slot->OnMiss();
    } else if (result < 0 && result != -EINTR && result != -EOPNOTSUPP) {
      return static_cast<IoResult>(result);
    }
  }
  if (done > request.bytes) return -EIO;  // A fault of the port.
  Transfer::Begin(*this, sync_queue_, request, done);
  return kIoPending;
}

IoResult FileNode::StartWrite(IoRequest& request) {
  if (request.bytes == 0) return 0;
  AioContext& context = *request.context;
  uint64_t done = 0;
  InlineBudget::Slot* const slot = budget_.Find(context);
  if (slot != nullptr && slot->LookDue()) [[unlikely]] {
    if (const IoResult shrunk = CheckLength(); shrunk != 0) return shrunk;
  }
  if (slot != nullptr && geometry_.writes == InlineMode::kPlain &&
      slot->Take(context, request.bytes)) {
    const int64_t result = context.file_io().InlineWrite(FileState::fd, request.iov,
                                                         request.iov_count, request.offset, 0);
    if (result == static_cast<int64_t>(request.bytes)) [[likely]] {
      return Transfer::FinishWrite(*this, sync_queue_, request);
    }
    if (result > 0) {
      done = static_cast<uint64_t>(result);
    } else if (result < 0 && !IsTransient(result) && result != -EOPNOTSUPP) {
      return static_cast<IoResult>(result);
    }
  }
  if (done > request.bytes) return -EIO;  // A fault of the port.
  Transfer::Begin(*this, sync_queue_, request, done);
  return kIoPending;
}

void FileNode::OnGrown(uint64_t end) {
  uint64_t now = file_bytes.load(std::memory_order_relaxed);
  while (now < end && !file_bytes.compare_exchange_weak(now, end, std::memory_order_acq_rel)) {
  }
  // Within the last block only the host's file has grown; see the head of file_node.h.
  if (end > AlignUp(length(), FileState::request_alignment)) RaiseLength(end);
}

// A write makes a file that somebody cut short long again, and what was cut off is gone without a
// word: hence a look at its length now and then, and before each flush.
IoResult FileNode::CheckLength() {
  if (options_.driver != FileDriver::kFile) return 0;
  HostFileStat stat;
  const uint64_t known = file_bytes.load(std::memory_order_acquire);
  if (services_.host->Stat(file_.get(), stat) < 0 || stat.length >= known) return 0;
  OnShrunk(stat.length);
  return -EIO;
}

void FileNode::OnShrunk(uint64_t offset) {
  shrink_reporter_->Report(offset, file_bytes.load(std::memory_order_relaxed));
}

// --- Resizing. ---

Task<absl::Status> FileNode::Truncate(uint64_t new_length) {
  if (read_only_) {
    co_return ErrorWithErrno(EACCES, "node '" + node_name() + "': " + QuoteWhole(path()) +
                                         " is open read-only and cannot change its size");
  }
  if (absl::Status minded = CheckNewLength(new_length); !minded.ok()) co_return minded;
  const absl::Status status =
      options_.driver == FileDriver::kFile ? TruncateFile(new_length) : MeasureDevice(new_length);
  if (status.ok()) NotifyParents();
  co_return status;
}

absl::Status FileNode::TruncateFile(uint64_t new_length) {
  if (const int error = services_.host->Truncate(file_.get(), new_length); error < 0) {
    return ErrnoError(-error, "node '" + node_name() + "': cannot make " + QuoteWhole(path()) +
                                  " " + std::to_string(new_length) + " bytes long");
  }
  file_bytes = new_length;
  set_length(new_length);
  return absl::OkStatus();
}

// A device has the size it has; it may have been resized since it was opened.
absl::Status FileNode::MeasureDevice(uint64_t new_length) {
  HostFileStat stat;
  if (const int error = services_.host->Stat(file_.get(), stat); error < 0) {
    return ErrnoError(-error, "node '" + node_name() + "': cannot measure " + QuoteWhole(path()));
  }
  if (stat.length != new_length) {
    return ErrorWithErrno(ENOTSUP, "node '" + node_name() + "': the device " + QuoteWhole(path()) +
                                       " has " + std::to_string(stat.length) +
                                       " bytes; resize the device itself, then tell its new size");
  }
  file_bytes = new_length;
  set_length(new_length);
  return absl::OkStatus();
}

}  // namespace platter
