// SPDX-License-Identifier: Apache-2.0
//
// FileIo: the port through which the `file` driver reaches files. An AioContext has one: a ring
// (io_uring), a thread pool, or the simulated files of a test. One FileOp is one system call; what
// falls short or is interrupted is continued by the driver, the same way for every port.
//
// Ownership: the submitter owns the op, its iovecs and buffers until OnFileDone.
// Threading: in the context. OnFileDone is never called from inside Submit.
// Units: bytes. Errors: result is what the system call returned: >= 0, or a negative errno.

#ifndef PLATTER_AIO_FILE_IO_H_
#define PLATTER_AIO_FILE_IO_H_

#include <sys/uio.h>

#include <cstdint>

namespace platter {

enum class FileOpKind : uint8_t {
  kRead,        // preadv(fd, iov, iov_count, offset)
  kWrite,       // pwritev(fd, iov, iov_count, offset); RWF_DSYNC when `dsync`
  kSync,        // fdatasync(fd)
  kAllocate,    // fallocate(fd, mode, offset, bytes)
  kDiscardDev,  // ioctl(fd, BLKDISCARD, {offset, bytes})
  kZeroDev,     // ioctl(fd, BLKZEROOUT, {offset, bytes})
  kIoctl,       // ioctl(fd, bytes, iov[0].iov_base): any request; may wait for a device
};

class FileOp {
 public:
  FileOp() = default;
  FileOp(const FileOp&) = delete;
  FileOp& operator=(const FileOp&) = delete;

  // Called in the context, exactly once for each Submit. May submit again or free the op.
  virtual void OnFileDone(int64_t result) = 0;

  int fd = -1;
  FileOpKind kind = FileOpKind::kRead;
  bool dsync = false;
  int mode = 0;  // FALLOC_FL_*
  uint32_t iov_count = 0;
  const iovec* iov = nullptr;
  uint64_t offset = 0;
  uint64_t bytes = 0;

  // For the port that holds the op.
  FileOp* next = nullptr;
  int64_t result = 0;

 protected:
  ~FileOp() = default;
};

class FileIo {
 public:
  virtual ~FileIo() = default;

  // Queues the operation. It reaches the kernel at Flush or at the end of the turn.
  virtual void Submit(FileOp& op) = 0;
  // Gives everything queued to the kernel (one system call for the batch).
  virtual void Flush() = 0;
  // Operations submitted and not yet done.
  virtual uint32_t outstanding() const = 0;

  // The calls below are made by the file driver on the control plane so that a simulated port can
  // stand in for the file system. Real ports pass on to the system call. Negative errno on failure.
  virtual int Open(const char* path, int flags, int mode) = 0;
  virtual int Close(int fd) = 0;
  // Inline transfer: what preadv2/pwritev2 with `rwf_flags` (RWF_NOWAIT or 0) returned. A port
  // that must not transfer inline (the simulated one, when told so) returns -EOPNOTSUPP.
  virtual int64_t InlineRead(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                             int rwf_flags) = 0;
  virtual int64_t InlineWrite(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                              int rwf_flags) = 0;
};

}  // namespace platter

#endif  // PLATTER_AIO_FILE_IO_H_
