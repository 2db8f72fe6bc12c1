// SPDX-License-Identifier: Apache-2.0

#include "daemon/pid_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "base/status.h"

namespace platter {
namespace {

// Each time somebody else has taken a file away between our open and our lock.
constexpr int kMostTries = 100;
constexpr mode_t kMode = 0644;

std::string Title(const std::string& path) { return absl::StrCat("pid file ", QuoteWhole(path)); }

// 0 or an errno.
int Lock(int fd) {
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return fcntl(fd, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
}

bool IsStillAt(const std::string& path, int fd) {
  struct stat ours = {};
  struct stat there = {};
  return fstat(fd, &ours) == 0 && stat(path.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

// 0 or an errno.
int WritePid(int fd) {
  const std::string text = absl::StrCat(getpid(), "\n");
  const ssize_t written = pwrite(fd, text.data(), text.size(), 0);
  if (written < 0) return errno;
  return static_cast<size_t>(written) == text.size() ? 0 : ENOSPC;
}

}  // namespace

absl::StatusOr<PidFile> PidFile::Create(std::string path) {
  for (int i = 0; i < kMostTries; ++i) {
    OwnedDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
    if (file.get() < 0) return ErrnoError(errno, Title(path));
    if (const int error = Lock(file.get()); error != 0) {
      if (error != EAGAIN && error != EACCES) return ErrnoError(error, Title(path));
      return ErrorWithErrno(EBUSY, absl::StrCat(Title(path), ": another process has it"));
    }
    // Its owner may have ended, and with it the file, since the open.
    if (!IsStillAt(path, file.get())) continue;
    PidFile made(std::move(path), std::move(file));
    if (ftruncate(made.file_.get(), 0) != 0) return ErrnoError(errno, Title(made.path_));
    return made;
  }
  return ErrorWithErrno(EBUSY, absl::StrCat(Title(path), ": it comes and goes"));
}

absl::Status PidFile::Write() {
  const int error = WritePid(file_.get());
  return error == 0 ? absl::OkStatus() : ErrnoError(error, Title(path_));
}

PidFile::~PidFile() {
  // While it is locked: what another process makes afterwards stays.
  if (file_.get() >= 0) unlink(path_.c_str());
}

}  // namespace platter
