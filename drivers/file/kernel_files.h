// SPDX-License-Identifier: Apache-2.0
//
// For tests on real files without an event loop: a temporary folder, a FileIo port with the
// kernel's control-plane and inline calls, and a decorator that counts and lets a test change them.
//
// Ownership: values of the test. Threading: one thread. Units: bytes. Errors: as the system calls.

#ifndef PLATTER_DRIVERS_FILE_KERNEL_FILES_H_
#define PLATTER_DRIVERS_FILE_KERNEL_FILES_H_

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "aio/file_io.h"
#include "base/check.h"

namespace platter {

// A folder that goes with all that is in it. `below` must exist.
class TempFolder {
 public:
  explicit TempFolder(const std::string& below = ::testing::TempDir())
      : path_(below + "/platter_file_XXXXXX") {
    PLATTER_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  // Makes a file of `bytes` bytes, all a hole, and gives its path.
  std::string Make(std::string_view name, uint64_t bytes) {
    const std::string path = path_ + "/" + std::string(name);
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    PLATTER_CHECK(fd >= 0);
    PLATTER_CHECK(::ftruncate(fd, static_cast<off_t>(bytes)) == 0);
    ::close(fd);
    return path;
  }

 private:
  std::string path_;
};

// Passes everything on; counts open descriptors.
class FileIoDecorator : public FileIo {
 public:
  explicit FileIoDecorator(FileIo& inner) : inner_(inner) {}

  void Submit(FileOp& op) override { inner_.Submit(op); }
  void Flush() override { inner_.Flush(); }
  uint32_t outstanding() const override { return inner_.outstanding(); }
  int Open(const char* path, int flags, int mode) override {
    const int fd = inner_.Open(path, flags, mode);
    if (fd >= 0) ++open_files_;
    return fd;
  }
  int Close(int fd) override {
    --open_files_;
    return inner_.Close(fd);
  }
  int64_t InlineRead(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                     int rwf_flags) override {
    return inner_.InlineRead(fd, iov, iov_count, offset, rwf_flags);
  }
  int64_t InlineWrite(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                      int rwf_flags) override {
    return inner_.InlineWrite(fd, iov, iov_count, offset, rwf_flags);
  }

  int open_files() const { return open_files_; }

 private:
  FileIo& inner_;
  int open_files_ = 0;
};

// The kernel's calls, without queued operations.
class SyncFileIo final : public FileIo {
 public:
  void Submit(FileOp&) override { PLATTER_CHECK(false); }
  void Flush() override {}
  uint32_t outstanding() const override { return 0; }
  int Open(const char* path, int flags, int mode) override {
    const int fd = ::open(path, flags, mode);
    return fd < 0 ? -errno : fd;
  }
  int Close(int fd) override { return ::close(fd) == 0 ? 0 : -errno; }
  int64_t InlineRead(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                     int rwf_flags) override {
    const ssize_t result =
        ::preadv2(fd, iov, static_cast<int>(iov_count), static_cast<off_t>(offset), rwf_flags);
    return result < 0 ? -errno : result;
  }
  int64_t InlineWrite(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                      int rwf_flags) override {
    const ssize_t result =
        ::pwritev2(fd, iov, static_cast<int>(iov_count), static_cast<off_t>(offset), rwf_flags);
    return result < 0 ? -errno : result;
  }
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_KERNEL_FILES_H_
