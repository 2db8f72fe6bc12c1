// SPDX-License-Identifier: Apache-2.0
//
// KernelFileIo: what the ports over real files have in common: the control-plane calls and inline
// transfers, straight to the system; and RunFileOp, which executes an operation where it is called.
//
// Ownership, threading, units, errors: as aio/file_io.h says.

#ifndef PLATTER_AIO_HOST_KERNEL_FILE_IO_H_
#define PLATTER_AIO_HOST_KERNEL_FILE_IO_H_

#include <sys/uio.h>

#include <cstdint>

#include "aio/file_io.h"

namespace platter {

// Whether the system takes `offset` for what it says. preadv2(2), pwritev2(2) and io_uring read -1
// as "the file's own position", which must not happen by accident.
constexpr bool IsFileOffset(uint64_t offset) { return offset <= uint64_t{INT64_MAX}; }

// Executes `op` by its system call. Any thread; blocks.
int64_t RunFileOp(const FileOp& op);

class KernelFileIo : public FileIo {
 public:
  int Open(const char* path, int flags, int mode) override;
  int Close(int fd) override;
  int64_t InlineRead(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                     int rwf_flags) override;
  int64_t InlineWrite(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                      int rwf_flags) override;
};

}  // namespace platter

#endif  // PLATTER_AIO_HOST_KERNEL_FILE_IO_H_
