// SPDX-License-Identifier: Apache-2.0
//
// HostCalls: the system calls that the file drivers make on the control plane, beside those that
// aio/file_io.h has: what a path is, how long, how aligned, where its holes are, locks. A port, so
// that a test or a simulated world can stand in for a file system or a block device.
//
// Ownership: shared by the nodes that use it. Threading: control context.
// Units: bytes. Errors: >= 0, or a negative errno.

#ifndef PLATTER_DRIVERS_FILE_HOST_CALLS_H_
#define PLATTER_DRIVERS_FILE_HOST_CALLS_H_

#include <cstdint>
#include <string>

#include "drivers/node.h"

namespace platter {

enum class HostFileKind : uint8_t { kRegular, kBlockDevice, kCharacterDevice, kDirectory, kOther };

// A file that was opened. The kernel is asked by descriptor; the path is what a simulated world,
// whose descriptors the kernel does not know, goes by.
struct HostFile {
  int fd = -1;
  std::string path;
};

struct HostFileStat {
  HostFileKind kind = HostFileKind::kRegular;
  uint64_t length = 0;  // Of block devices too, when asked by Stat.
  // Which file it is, whatever its path, when asked by Stat; 0 where the host doesn't say.
  uint64_t device = 0;
  uint64_t inode = 0;
};

struct DirectIoAlignment {
  uint32_t memory = 0;
  uint32_t offset = 0;  // 0: the file cannot do direct I/O.
};

// What kind of file system holds the file, as far as the drivers care.
enum class HostFileSystem : uint8_t {
  kOther,
  kMemory,      // tmpfs, ramfs: reads and writes never wait for a device.
  kLyingHoles,  // ZFS: SEEK_HOLE has returned stale holes (openzfs issues 15526 and 15933).
};

enum class ByteLock : uint8_t { kFree, kHeld };

class HostCalls {
 public:
  virtual ~HostCalls() = default;

  virtual int StatPath(const char* path, HostFileStat& stat) = 0;
  virtual int Stat(const HostFile& file, HostFileStat& stat) = 0;
  // What statx(STATX_DIOALIGN) says; -EOPNOTSUPP where it says nothing.
  virtual int GetDirectIoAlignment(const HostFile& file, DirectIoAlignment& alignment) = 0;
  virtual HostFileSystem GetFileSystem(const HostFile& file) = 0;
  // Of a block device.
  virtual int GetBlockSizes(const HostFile& file, HostBlockSizes& sizes) = 0;
  // Of a block device; -ENOTTY from one that has no cylinders.
  virtual int GetGeometry(const HostFile& file, DiskGeometry& geometry) = 0;

  virtual int Truncate(const HostFile& file, uint64_t length) = 0;
  // lseek(2) with SEEK_DATA, SEEK_HOLE or SEEK_END. Moves the cursor, which nothing uses.
  virtual int64_t Seek(const HostFile& file, uint64_t offset, int whence) = 0;

  // Takes or gives back an open-file-description read lock on one byte (fcntl F_OFD_SETLK).
  virtual int SetByteLock(const HostFile& file, uint64_t byte, ByteLock state) = 0;
  // Whether another open file description holds a lock on the byte (F_OFD_GETLK for writing).
  virtual int TestByteLock(const HostFile& file, uint64_t byte, ByteLock& state) = 0;
};

// The kernel's.
class KernelHostCalls final : public HostCalls {
 public:
  int StatPath(const char* path, HostFileStat& stat) override;
  int Stat(const HostFile& file, HostFileStat& stat) override;
  int GetDirectIoAlignment(const HostFile& file, DirectIoAlignment& alignment) override;
  HostFileSystem GetFileSystem(const HostFile& file) override;
  int GetBlockSizes(const HostFile& file, HostBlockSizes& sizes) override;
  int GetGeometry(const HostFile& file, DiskGeometry& geometry) override;
  int Truncate(const HostFile& file, uint64_t length) override;
  int64_t Seek(const HostFile& file, uint64_t offset, int whence) override;
  int SetByteLock(const HostFile& file, uint64_t byte, ByteLock state) override;
  int TestByteLock(const HostFile& file, uint64_t byte, ByteLock& state) override;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_HOST_CALLS_H_
