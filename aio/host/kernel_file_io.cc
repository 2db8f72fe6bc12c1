// SPDX-License-Identifier: Apache-2.0
#include "aio/host/kernel_file_io.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace platter {

namespace {

template <typename Result>
int64_t ResultOrErrno(Result result) {
  return result < 0 ? -errno : result;
}

int64_t RangeIoctl(const FileOp& op, unsigned long request) {
  std::array<uint64_t, 2> range = {op.offset, op.bytes};
  return ResultOrErrno(ioctl(op.fd, request, range.data()));
}

}  // namespace

int64_t RunFileOp(const FileOp& op) {
  if (!IsFileOffset(op.offset)) return -EINVAL;
  const int count = static_cast<int>(op.iov_count);
  const auto offset = static_cast<off_t>(op.offset);
  switch (op.kind) {
    case FileOpKind::kRead:
      return ResultOrErrno(preadv2(op.fd, op.iov, count, offset, 0));
    case FileOpKind::kWrite:
      return ResultOrErrno(pwritev2(op.fd, op.iov, count, offset, op.dsync ? RWF_DSYNC : 0));
    case FileOpKind::kSync:
      return ResultOrErrno(fdatasync(op.fd));
    case FileOpKind::kAllocate:
      return ResultOrErrno(fallocate(op.fd, op.mode, offset, static_cast<off_t>(op.bytes)));
    case FileOpKind::kDiscardDev:
      return RangeIoctl(op, BLKDISCARD);
    case FileOpKind::kZeroDev:
      return RangeIoctl(op, BLKZEROOUT);
    case FileOpKind::kIoctl:
      return ResultOrErrno(ioctl(op.fd, op.bytes, op.iov->iov_base));
  }
  return -EINVAL;
}

int KernelFileIo::Open(const char* path, int flags, int mode) {
  return static_cast<int>(ResultOrErrno(open(path, flags | O_CLOEXEC, mode)));
}

int KernelFileIo::Close(int fd) { return static_cast<int>(ResultOrErrno(close(fd))); }

int64_t KernelFileIo::InlineRead(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                                 int rwf_flags) {
  if (!IsFileOffset(offset)) return -EINVAL;
  // One piece is the common case, and cheaper without an array to fetch.
  if (iov_count == 1 && rwf_flags == 0) {
    return ResultOrErrno(pread(fd, iov->iov_base, iov->iov_len, static_cast<off_t>(offset)));
  }
  return ResultOrErrno(
      preadv2(fd, iov, static_cast<int>(iov_count), static_cast<off_t>(offset), rwf_flags));
}

int64_t KernelFileIo::InlineWrite(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                                  int rwf_flags) {
  if (!IsFileOffset(offset)) return -EINVAL;
  if (iov_count == 1 && rwf_flags == 0) {
    return ResultOrErrno(pwrite(fd, iov->iov_base, iov->iov_len, static_cast<off_t>(offset)));
  }
  return ResultOrErrno(
      pwritev2(fd, iov, static_cast<int>(iov_count), static_cast<off_t>(offset), rwf_flags));
}

}  // namespace platter
