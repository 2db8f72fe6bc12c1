// SPDX-License-Identifier: Apache-2.0
//
// OwnedDescriptor: a file descriptor that is closed with its owner, so that none is left behind on
// any path.
//
// Ownership: of the descriptor; moves. Threading: a value. Errors: none; what close says is not
// looked at.

#ifndef PLATTER_BASE_OWNED_DESCRIPTOR_H_
#define PLATTER_BASE_OWNED_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace platter {

class OwnedDescriptor {
 public:
  OwnedDescriptor() = default;
  // -1: none.
  explicit OwnedDescriptor(int fd) : fd_(fd) {}
  ~OwnedDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  OwnedDescriptor(OwnedDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedDescriptor& operator=(OwnedDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  // Gives it up: the caller closes it.
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace platter

#endif  // PLATTER_BASE_OWNED_DESCRIPTOR_H_
