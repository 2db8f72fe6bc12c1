// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/open_file.h"

#include <fcntl.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/quote.h"
#include "base/status.h"
#include "drivers/file/probe.h"

namespace platter {

namespace {

constexpr std::string_view kFilePrefix = "file:";
constexpr std::string_view kHostDevicePrefix = "host_device:";

const char* DriverName(FileDriver driver) {
  return driver == FileDriver::kFile ? "file" : "host_device";
}

absl::Status CheckOptions(const FileOptions& options, const std::string& path) {
  if (path.empty()) return ErrorWithErrno(EINVAL, "filename is empty");
  if (path.find('\0') != std::string::npos) {
    return ErrorWithErrno(EINVAL, "filename contains a NUL byte");
  }
  if (options.aio == FileAioHint::kNative && options.caching != FileCaching::kDirect) {
    return ErrorWithErrno(
        EINVAL,
        QuoteWhole(path) + ": aio=native needs cache.direct=on (or use aio=threads or io_uring)");
  }
  return absl::OkStatus();
}

// Whether the driver opens files of this kind.
absl::Status CheckKind(FileDriver driver, HostFileKind kind, const std::string& path) {
  const auto refuse = [&](int error, const char* why) {
    return ErrorWithErrno(error, QuoteWhole(path) + " " + why);
  };
  switch (kind) {
    case HostFileKind::kRegular:
      if (driver == FileDriver::kFile) return absl::OkStatus();
      return refuse(EINVAL, "is a regular file: use driver=file, not driver=host_device");
    case HostFileKind::kBlockDevice:
      if (driver == FileDriver::kHostDevice) return absl::OkStatus();
      return refuse(EINVAL, "is a block device: use driver=host_device, not driver=file");
    case HostFileKind::kDirectory:
      return refuse(EISDIR, "is a directory, not a disk image");
    case HostFileKind::kCharacterDevice:
      return refuse(ENOTSUP, "is a character device: only regular files and block devices work");
    case HostFileKind::kOther:
      break;
  }
  return refuse(ENOTSUP, "is neither a regular file nor a block device");
}

absl::Status OpenFailed(const FileOptions& options, const std::string& path, int flags, int error) {
  std::string text = "cannot open " + QuoteWhole(path) + " with driver " +
                     DriverName(options.driver) +
                     ((flags & O_ACCMODE) == O_RDWR ? " for reading and writing" : " for reading");
  if (error == EINVAL && (flags & O_DIRECT) != 0) {
    text += " with cache.direct=on (its file system may not have O_DIRECT)";
  } else if ((error == EACCES || error == EROFS || error == EPERM) &&
             (flags & O_ACCMODE) == O_RDWR) {
    text += " (read-only=on or auto-read-only=on may do)";
  }
  return ErrnoError(error, text);
}

}  // namespace

OwnedFile& OwnedFile::operator=(OwnedFile&& other) noexcept {
  std::swap(io_, other.io_);
  std::swap(file_, other.file_);
  return *this;
}

OwnedFile::~OwnedFile() {
  if (io_ != nullptr) io_->Close(file_.fd);
}

std::string PathOf(const FileOptions& options) {
  const std::string_view prefix =
      options.driver == FileDriver::kFile ? kFilePrefix : kHostDevicePrefix;
  std::string_view text = options.filename;
  if (text.substr(0, prefix.size()) == prefix) text.remove_prefix(prefix.size());
  return std::string(text);
}

absl::StatusOr<OpenedFile> OpenHostFile(FileIo& io, HostCalls& host, const FileOptions& options) {
  const std::string path = PathOf(options);
  PLATTER_RETURN_IF_ERROR(CheckOptions(options, path));

  // Looked at before it is opened: opening a FIFO waits for its other end.
  HostFileStat stat;
  if (const int error = host.StatPath(path.c_str(), stat); error < 0) {
    return OpenFailed(options, path, options.access == FileAccess::kReadWrite ? O_RDWR : O_RDONLY,
                      -error);
  }
  PLATTER_RETURN_IF_ERROR(CheckKind(options.driver, stat.kind, path));

  OpenedFile opened;
  int flags = O_CLOEXEC | O_NOCTTY | (options.caching == FileCaching::kDirect ? O_DIRECT : 0);
  opened.read_only = options.access == FileAccess::kReadOnly;
  flags |= opened.read_only ? O_RDONLY : O_RDWR;
  int fd = io.Open(path.c_str(), flags, 0);
  if (options.access == FileAccess::kAutoReadOnly &&
      (fd == -EACCES || fd == -EPERM || fd == -EROFS)) {
    opened.read_only = true;
    flags = (flags & ~O_ACCMODE) | O_RDONLY;
    fd = io.Open(path.c_str(), flags, 0);
  }
  if (fd < 0) return OpenFailed(options, path, flags, -fd);
  opened.file = OwnedFile(io, HostFile{fd, path});

  // Once more, of what was really opened.
  if (const int error = host.Stat(opened.file.get(), stat); error < 0) {
    return ErrnoError(-error, "cannot find out the size of " + QuoteWhole(path));
  }
  PLATTER_RETURN_IF_ERROR(CheckKind(options.driver, stat.kind, path));
  if (stat.length > INT64_MAX - kMaxDirectAlignment) {
    return ErrorWithErrno(EFBIG, QuoteWhole(path) + " is too long");
  }
  opened.length = stat.length;

  absl::StatusOr<FileGeometry> geometry = ProbeGeometry(io, host, opened.file.get(), options);
  if (!geometry.ok()) return geometry.status();
  opened.geometry = *geometry;
  return opened;
}

}  // namespace platter
