// SPDX-License-Identifier: Apache-2.0
//
// ForeignLocks: image locks on a file as another program holds them, on an open file description of
// their own: bytes 100 + n for what it uses, 200 + n for what it does not share
// (drivers/file/image_lock.h).
//
// Ownership: held until destroyed. Threading: any. Units: bytes of the file. Errors: test failures.

#ifndef PLATTER_TESTING_DEMO_FOREIGN_LOCKS_H_
#define PLATTER_TESTING_DEMO_FOREIGN_LOCKS_H_

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace platter {

class ForeignLocks {
 public:
  ForeignLocks(const std::string& path, const std::vector<off_t>& bytes)
      : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    for (const off_t byte : bytes) {
      struct flock lock = {};
      lock.l_type = F_RDLCK;
      lock.l_whence = SEEK_SET;
      lock.l_start = byte;
      lock.l_len = 1;
      EXPECT_EQ(::fcntl(fd_, F_OFD_SETLK, &lock), 0) << path << ", byte " << byte;
    }
  }
  ~ForeignLocks() { ::close(fd_); }
  ForeignLocks(const ForeignLocks&) = delete;
  ForeignLocks& operator=(const ForeignLocks&) = delete;

 private:
  const int fd_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_FOREIGN_LOCKS_H_
