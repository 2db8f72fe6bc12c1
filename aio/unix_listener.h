// SPDX-License-Identifier: Apache-2.0
//
// UnixListener: a unix stream socket at a path, waiting for clients. A socket that is there already
// is taken over, as the field does: usually nobody listens at it any more. What is no socket stays.
//
// Ownership: the descriptor and, until it ends, the file at the path; of one that was adopted, the
//   descriptor alone. Threading: any, one at a time. Units: none.
// Errors: ENAMETOOLONG, EEXIST and what the kernel says, naming the path; EINVAL for a descriptor
//   that does not listen.

#ifndef PLATTER_AIO_UNIX_LISTENER_H_
#define PLATTER_AIO_UNIX_LISTENER_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"

namespace platter {

class UnixListener {
 public:
  static absl::StatusOr<UnixListener> Listen(std::string path);
  // A unix stream socket that listens already, from whoever started this process.
  static absl::StatusOr<UnixListener> Adopt(OwnedDescriptor socket);
  ~UnixListener();
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&&) = delete;

  int fd() const { return fd_; }
  // Empty for one that was adopted.
  const std::string& path() const { return path_; }
  // A client's descriptor, not blocking; or a negative errno: -EAGAIN when none waits.
  int Accept();

 private:
  UnixListener(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_ = -1;
};

}  // namespace platter

#endif  // PLATTER_AIO_UNIX_LISTENER_H_
