// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/host_calls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace platter {

namespace {

// f_type of ZFS; linux/magic.h has only file systems of the kernel's tree.
constexpr uint64_t kZfsMagic = 0x2fc12fc1;

// struct statx as Linux 6.1 has it (include/uapi/linux/stat.h); glibc's may be older.
struct StatxWithDirectIo {
  uint32_t mask;
  uint8_t before_dio[148];
  uint32_t dio_mem_align;
  uint32_t dio_offset_align;
  uint64_t spare[12];
};
static_assert(sizeof(StatxWithDirectIo) == 256);
constexpr unsigned kStatxDirectIo = 0x2000;  // STATX_DIOALIGN

HostFileKind KindOf(mode_t mode) {
  if (S_ISREG(mode)) return HostFileKind::kRegular;
  if (S_ISBLK(mode)) return HostFileKind::kBlockDevice;
  if (S_ISCHR(mode)) return HostFileKind::kCharacterDevice;
  if (S_ISDIR(mode)) return HostFileKind::kDirectory;
  return HostFileKind::kOther;
}

struct flock OneByte(uint64_t byte, short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}

}  // namespace

int KernelHostCalls::StatPath(const char* path, HostFileStat& stat) {
  struct stat host = {};
  if (::stat(path, &host) != 0) return -errno;
  stat.kind = KindOf(host.st_mode);
  stat.length = static_cast<uint64_t>(host.st_size);
  return 0;
}

int KernelHostCalls::Stat(const HostFile& file, HostFileStat& stat) {
  struct stat host = {};
  if (::fstat(file.fd, &host) != 0) return -errno;
  stat.kind = KindOf(host.st_mode);
  stat.length = static_cast<uint64_t>(host.st_size);
  stat.device = host.st_dev;
  stat.inode = host.st_ino;
  if (stat.kind == HostFileKind::kBlockDevice) {
    uint64_t bytes = 0;
    if (::ioctl(file.fd, BLKGETSIZE64, &bytes) != 0) return -errno;
    stat.length = bytes;
  }
  return 0;
}

int KernelHostCalls::GetDirectIoAlignment(const HostFile& file, DirectIoAlignment& alignment) {
  StatxWithDirectIo host = {};
  if (::syscall(SYS_statx, file.fd, "", AT_EMPTY_PATH, kStatxDirectIo, &host) != 0) return -errno;
  if ((host.mask & kStatxDirectIo) == 0) return -EOPNOTSUPP;
  alignment.memory = host.dio_mem_align;
  alignment.offset = host.dio_offset_align;
  return 0;
}

HostFileSystem KernelHostCalls::GetFileSystem(const HostFile& file) {
  struct statfs host = {};
  if (::fstatfs(file.fd, &host) != 0) return HostFileSystem::kOther;
  switch (static_cast<uint64_t>(host.f_type)) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
      return HostFileSystem::kMemory;
    case kZfsMagic:
      return HostFileSystem::kLyingHoles;
    default:
      return HostFileSystem::kOther;
  }
}

int KernelHostCalls::GetBlockSizes(const HostFile& file, HostBlockSizes& sizes) {
  int logical = 0;
  unsigned physical = 0;
  if (::ioctl(file.fd, BLKSSZGET, &logical) != 0) return -errno;
  if (::ioctl(file.fd, BLKPBSZGET, &physical) != 0) return -errno;
  if (logical <= 0) return -EINVAL;
  sizes.logical = static_cast<uint32_t>(logical);
  sizes.physical = physical;
  return 0;
}

int KernelHostCalls::GetGeometry(const HostFile& file, DiskGeometry& geometry) {
  hd_geometry found = {};
  if (::ioctl(file.fd, HDIO_GETGEO, &found) != 0) return -errno;
  // Drivers that make their geometry up leave out what they cannot.
  if (found.cylinders == 0 || found.heads == 0 || found.sectors == 0) return -ENOTTY;
  geometry = {.cylinders = found.cylinders, .heads = found.heads, .sectors = found.sectors};
  return 0;
}

int KernelHostCalls::Truncate(const HostFile& file, uint64_t length) {
  if (length > INT64_MAX) return -EFBIG;
  return ::ftruncate(file.fd, static_cast<off_t>(length)) == 0 ? 0 : -errno;
}

int64_t KernelHostCalls::Seek(const HostFile& file, uint64_t offset, int whence) {
  const off_t at = ::lseek(file.fd, static_cast<off_t>(offset), whence);
  return at < 0 ? -errno : at;
}

int KernelHostCalls::SetByteLock(const HostFile& file, uint64_t byte, ByteLock state) {
  struct flock lock = OneByte(byte, state == ByteLock::kHeld ? F_RDLCK : F_UNLCK);
  return ::fcntl(file.fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

int KernelHostCalls::TestByteLock(const HostFile& file, uint64_t byte, ByteLock& state) {
  struct flock lock = OneByte(byte, F_WRLCK);
  if (::fcntl(file.fd, F_OFD_GETLK, &lock) != 0) return -errno;
  state = lock.l_type == F_UNLCK ? ByteLock::kFree : ByteLock::kHeld;
  return 0;
}

}  // namespace platter
