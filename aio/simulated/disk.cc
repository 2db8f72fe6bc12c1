// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/disk.h"

#include <fcntl.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace platter {

namespace {

uint64_t TotalBytes(const FileOp& op) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < op.iov_count; ++i) total += op.iov[i].iov_len;
  return total;
}

// A FileOp that is executed at once.
class InlineOp final : public FileOp {
  void OnFileDone(int64_t) override {}
};

}  // namespace

SparseFile& SimulatedDisk::Make(std::string path, uint64_t size, Kind kind) {
  auto [at, inserted] = files_.try_emplace(std::move(path));
  PLATTER_CHECK(inserted);
  at->second = {.file = std::make_shared<SparseFile>(budget_), .kind = kind};
  SparseFile& file = *at->second.file;
  PLATTER_CHECK(file.Truncate(size) == 0);
  file.Sync();
  return file;
}

SparseFile& SimulatedDisk::Create(std::string path, uint64_t size) {
  return Make(std::move(path), size, Kind::kFile);
}

SparseFile& SimulatedDisk::CreateDevice(std::string path, uint64_t size) {
  PLATTER_CHECK(size % SparseFile::kSectorBytes == 0);
  return Make(std::move(path), size, Kind::kDevice);
}

SparseFile* SimulatedDisk::Find(std::string_view path) {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second.file.get();
}

void SimulatedDisk::Remove(std::string_view path) {
  const auto found = files_.find(path);
  if (found != files_.end()) files_.erase(found);
}

void SimulatedDisk::Crash(CrashMode mode) {
  ++crashes_;
  for (InFlight* port : ports_) port->ApplyTorn(mode);
  for (auto& [path, named] : files_) named.file->Crash(mode, random_);
}

int SimulatedDisk::Open(const char* path, int flags) {
  SparseFile* file = Find(path);
  if (file == nullptr) {
    if ((flags & O_CREAT) == 0) return -ENOENT;
    Create(path, 0);
  } else if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) {
    return -EEXIST;
  }
  const NamedFile& named = files_.find(path)->second;
  if ((flags & O_TRUNC) != 0 && named.kind == Kind::kFile) file->Truncate(0);
  const int fd = next_fd_++;
  open_[fd] = OpenFile{.file = named.file, .kind = named.kind, .flags = flags};
  return fd;
}

int SimulatedDisk::Close(int fd) { return open_.erase(fd) == 1 ? 0 : -EBADF; }

SimulatedDisk::OpenFile* SimulatedDisk::FindOpen(int fd) {
  const auto found = open_.find(fd);
  return found == open_.end() ? nullptr : &found->second;
}

int SimulatedDisk::CountAndDrawFault() {
  ++operations_;
  const auto fault = faults_.find(operations_);
  if (fault == faults_.end()) return 0;
  const int error = fault->second;
  faults_.erase(fault);
  return error;
}

Duration SimulatedDisk::DrawLatency() {
  const int64_t spread = (options_.max_latency - options_.min_latency).count();
  if (spread <= 0) return options_.min_latency;
  return options_.min_latency +
         Duration(static_cast<int64_t>(random_.Below(static_cast<uint64_t>(spread) + 1)));
}

int64_t SimulatedDisk::Transfer(OpenFile& open, const FileOp& op) {
  const bool write = op.kind == FileOpKind::kWrite;
  const int access = open.flags & O_ACCMODE;
  if (access == (write ? O_RDONLY : O_WRONLY)) return -EBADF;
  if (random_.Percent(options_.interrupted_percent)) return -EINTR;
  uint64_t limit = TotalBytes(op);
  if (write && open.kind == Kind::kDevice) {
    const uint64_t size = open.file->size();
    if (limit > 0 && op.offset >= size) return -ENOSPC;
    limit = std::min(limit, size - std::min(size, op.offset));
  }
  if (limit > 1 && random_.Percent(options_.short_percent)) limit = 1 + random_.Below(limit - 1);
  uint64_t done = 0;
  for (uint32_t i = 0; i < op.iov_count && done < limit; ++i) {
    const uint64_t want = std::min<uint64_t>(op.iov[i].iov_len, limit - done);
    const int64_t moved =
        write ? open.file->Write(op.offset + done, op.iov[i].iov_base, want)
              : static_cast<int64_t>(open.file->Read(op.offset + done, op.iov[i].iov_base, want));
    if (moved < 0 && done == 0) return moved;
    if (moved > 0) done += static_cast<uint64_t>(moved);
    if (moved != static_cast<int64_t>(want)) break;
  }
  const bool durable = op.dsync || (open.flags & O_DSYNC) != 0;
  if (write && durable) open.file->SyncRange(op.offset, done);
  return static_cast<int64_t>(done);
}

int64_t SimulatedDisk::ChangeRange(OpenFile& open, const FileOp& op) {
  const bool allocate = op.kind == FileOpKind::kAllocate;
  if (!allocate && open.kind == Kind::kFile) return -ENOTTY;
  if ((open.flags & O_ACCMODE) == O_RDONLY) return -EBADF;
  if (open.kind == Kind::kDevice) {
    // As Linux: whole sectors of the device, and fallocate(2) cannot make it longer.
    if (allocate && (op.mode & ~FALLOC_FL_KEEP_SIZE) == 0) return -EOPNOTSUPP;
    const uint64_t size = open.file->size();
    if ((op.offset | op.bytes) % SparseFile::kSectorBytes != 0) return -EINVAL;
    if (op.offset > size || op.bytes > size - op.offset) return -EINVAL;
  }
  if (allocate) return open.file->Allocate(op.mode, op.offset, op.bytes);
  if (op.bytes == 0) return 0;
  if (op.kind == FileOpKind::kZeroDev) {
    return open.file->Allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, op.offset, op.bytes);
  }
  open.file->Discard(op.offset, op.bytes, random_);
  return 0;
}

int64_t SimulatedDisk::Execute(const FileOp& op) {
  if (const int error = CountAndDrawFault(); error != 0) return -error;
  OpenFile* open = FindOpen(op.fd);
  if (open == nullptr) return -EBADF;
  switch (op.kind) {
    case FileOpKind::kRead:
    case FileOpKind::kWrite:
      return Transfer(*open, op);
    case FileOpKind::kSync:
      open->file->Sync();
      return 0;
    case FileOpKind::kAllocate:
    case FileOpKind::kDiscardDev:
    case FileOpKind::kZeroDev:
      return ChangeRange(*open, op);
    case FileOpKind::kIoctl:
      return -ENOTTY;  // No device here has commands of its own.
  }
  return -EINVAL;
}

int64_t SimulatedDisk::ExecuteInline(FileOpKind kind, int fd, const iovec* iov, uint32_t iov_count,
                                     uint64_t offset) {
  if (options_.inline_transfers == SimulatedInline::kRefused) return -EOPNOTSUPP;
  InlineOp op;
  op.kind = kind;
  op.fd = fd;
  op.iov = iov;
  op.iov_count = iov_count;
  op.offset = offset;
  return Execute(op);
}

}  // namespace platter
