// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/disk_image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "drivers/file/host_calls.h"
#include "drivers/file/image_lock.h"
#include "drivers/permissions.h"
#include "testing/demo/run_program.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kPiece = kMiB;

// What is copied must hold still: others may read it too, and nothing else.
constexpr Permissions kWhileCopied = {
    .used = Permission::kConsistentRead,
    .shared = Permission::kConsistentRead | Permission::kWriteUnchanged};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status WriteAll(int fd, uint64_t offset, std::span<const uint8_t> data,
                      const std::string& path) {
  while (!data.empty()) {
    const ssize_t done = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return ErrnoError(errno, "cannot write " + path);
    data = data.subspan(static_cast<size_t>(done));
    offset += static_cast<uint64_t>(done);
  }
  return absl::OkStatus();
}

absl::Status ReadAll(int fd, uint64_t offset, std::span<uint8_t> data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t done = ::pread(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return ErrnoError(errno, "cannot read " + path);
    if (done == 0) {
      return ErrorWithErrno(EIO, absl::StrCat(path, " ends at ", offset, ", too early"));
    }
    data = data.subspan(static_cast<size_t>(done));
    offset += static_cast<uint64_t>(done);
  }
  return absl::OkStatus();
}

// A new file, `fill`ed; on failure it is taken away again.
template <typename Fill>
absl::Status MakeFile(const std::string& path, uint64_t size, Fill fill) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return ErrnoError(errno, "cannot make " + path);
  absl::Status status = absl::OkStatus();
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    status = ErrnoError(errno, absl::StrCat("cannot make ", path, " ", size, " bytes long"));
  }
  if (status.ok()) status = fill(file.get());
  if (!status.ok()) ::unlink(path.c_str());
  return status;
}

// The next stretch of data of `fd` from `at` on: [start, end); start == size when there is none.
struct Stretch {
  uint64_t start;
  uint64_t end;
};
Stretch NextData(int fd, uint64_t at, uint64_t size) {
  const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
  if (data < 0) {
    // Nothing but a hole from here on; or a file system that can't tell: all of it, then.
    return errno == ENXIO ? Stretch{size, size} : Stretch{at, size};
  }
  const off_t hole = ::lseek(fd, data, SEEK_HOLE);
  const uint64_t end = hole < 0 ? size : static_cast<uint64_t>(hole);
  return {static_cast<uint64_t>(data), std::min(end, size)};
}

absl::Status CopyData(int from, int to, uint64_t size, const std::string& from_path,
                      const std::string& to_path) {
  if (::ioctl(to, FICLONE, from) == 0) return absl::OkStatus();
  std::vector<uint8_t> piece(kPiece);
  for (uint64_t at = 0; at < size;) {
    const Stretch data = NextData(from, at, size);
    for (at = data.start; at < data.end;) {
      const std::span<uint8_t> now(piece.data(), std::min<uint64_t>(kPiece, data.end - at));
      PLATTER_RETURN_IF_ERROR(ReadAll(from, at, now, from_path));
      PLATTER_RETURN_IF_ERROR(WriteAll(to, at, now, to_path));
      at += now.size();
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MakeSparseImage(const std::string& path, uint64_t size) {
  return MakeFile(path, size, [](int) { return absl::OkStatus(); });
}

absl::Status MakePatternImage(const std::string& path, uint64_t size, uint64_t seed) {
  return MakeFile(path, size, [&](int fd) {
    std::vector<uint8_t> piece(std::min(size, kPiece));
    for (uint64_t at = 0; at < size; at += piece.size()) {
      const std::span<uint8_t> now(piece.data(), std::min<uint64_t>(piece.size(), size - at));
      FillPattern(seed, at, now);
      PLATTER_RETURN_IF_ERROR(WriteAll(fd, at, now, path));
    }
    return absl::OkStatus();
  });
}

absl::Status MakeExt4Image(const std::string& path, uint64_t size, const Ext4Plan& plan) {
  const absl::StatusOr<std::string> mkfs = FindProgram(plan.mkfs);
  if (!mkfs.ok()) return mkfs.status();
  return MakeFile(path, size, [&](int) -> absl::Status {
    const auto made = RunProgram(*mkfs, {"-q", "-F", "-L", plan.label, path});
    if (!made.ok()) return made.status();
    if (made->exit_code == 0) return absl::OkStatus();
    return ErrorWithErrno(EIO, absl::StrCat(plan.mkfs, " ", path, " failed (exit code ",
                                            made->exit_code, "): ", made->output));
  });
}

absl::Status CheckExt4Image(const std::string& path, const std::string& fsck) {
  const absl::StatusOr<std::string> program = FindProgram(fsck);
  if (!program.ok()) return program.status();
  const auto checked = RunProgram(*program, {"-f", "-n", path});
  if (!checked.ok()) return checked.status();
  if (checked->exit_code == 0) return absl::OkStatus();
  return ErrorWithErrno(EIO, absl::StrCat(fsck, " -f -n ", path, " finds faults (exit code ",
                                          checked->exit_code, "): ", checked->output));
}

absl::StatusOr<uint64_t> CheckDiskFile(const std::string& path, uint64_t min_size) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoError(errno, "disk image " + path);
  if (S_ISDIR(info.st_mode)) return ErrnoError(EISDIR, "disk image " + path);
  if (!S_ISREG(info.st_mode)) {
    return ErrorWithErrno(EINVAL, "disk image " + path + " is not a regular file");
  }
  if (::access(path.c_str(), R_OK) != 0) return ErrnoError(errno, "disk image " + path);
  const auto size = static_cast<uint64_t>(info.st_size);
  if (!IsAligned(size, kSectorSize)) {
    return ErrorWithErrno(
        EINVAL, absl::StrCat("disk image ", path, " has ", size,
                             " bytes: not a whole number of sectors of ", kSectorSize, " bytes"));
  }
  if (size < min_size) {
    return ErrorWithErrno(EINVAL, absl::StrCat("disk image ", path, " has ", size,
                                               " bytes: at least ", min_size, " are needed"));
  }
  return size;
}

absl::Status CopyDiskFile(const std::string& from, const std::string& to) {
  const Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (source.get() < 0) return ErrnoError(errno, "cannot open " + from);
  KernelHostCalls host;
  const HostFile file = {.fd = source.get(), .path = from};
  ImageLock lock(host);  // Until the descriptor is closed.
  // Where the host has no such locks nobody else holds any.
  if (ImageLock::Probe(host, file).ok()) {
    PLATTER_RETURN_IF_ERROR(Annotate(lock.Set(file, kWhileCopied), "cannot copy the disk image"));
  }
  struct stat info;
  if (::fstat(source.get(), &info) != 0) return ErrnoError(errno, "cannot look at " + from);
  const auto size = static_cast<uint64_t>(info.st_size);
  return MakeFile(to, size,
                  [&](int target) { return CopyData(source.get(), target, size, from, to); });
}

absl::StatusOr<std::vector<uint8_t>> ReadRangeOfFile(const std::string& path, uint64_t offset,
                                                     uint64_t bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return ErrnoError(errno, "cannot open " + path);
  std::vector<uint8_t> data(bytes);
  PLATTER_RETURN_IF_ERROR(ReadAll(file.get(), offset, data, path));
  return data;
}

absl::StatusOr<uint64_t> ChecksumOfFile(const std::string& path, uint64_t offset, uint64_t bytes) {
  const absl::StatusOr<std::vector<uint8_t>> data = ReadRangeOfFile(path, offset, bytes);
  if (!data.ok()) return data.status();
  return Checksum(*data);
}

absl::Status FlipByteOfFile(const std::string& path, uint64_t offset) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) return ErrnoError(errno, "cannot open " + path);
  uint8_t byte = 0;
  PLATTER_RETURN_IF_ERROR(ReadAll(file.get(), offset, std::span(&byte, 1), path));
  byte = static_cast<uint8_t>(~byte);
  return WriteAll(file.get(), offset, std::span(&byte, 1), path);
}

}  // namespace platter
