// SPDX-License-Identifier: Apache-2.0
//
// SmallTmpfs: a file system in memory that is really full when it is full, for anybody who may make
// user namespaces: no root, no mount that others see.
//
// A child process enters a user and a mount namespace of its own, mounts a tmpfs there and passes
// the descriptor of its root back; this process, which stays where it is, reaches the files through
// /proc/self/fd. The child waits to change the size, and everything goes with this object.
//
// Ownership: owns the child and the file system. Threading: one thread; best before others exist.
// Units: bytes, rounded up to pages by the kernel.
// Errors: what the host refused, by its call ("unshare: Operation not permitted").

#ifndef PLATTER_TESTING_DEMO_SMALL_TMPFS_H_
#define PLATTER_TESTING_DEMO_SMALL_TMPFS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace platter {

class SmallTmpfs {
 public:
  // `mount_point` is a folder for the child to mount on; it stays as it is for everybody else.
  static absl::StatusOr<std::unique_ptr<SmallTmpfs>> Create(const std::string& mount_point,
                                                            uint64_t bytes);
  ~SmallTmpfs();
  SmallTmpfs(const SmallTmpfs&) = delete;
  SmallTmpfs& operator=(const SmallTmpfs&) = delete;

  // The path of a file in it, for this process.
  std::string File(std::string_view name) const;
  absl::Status Resize(uint64_t bytes);
  absl::StatusOr<uint64_t> FreeBytes() const;

 private:
  SmallTmpfs(pid_t child, int socket) : child_(child), socket_(socket) {}

  const pid_t child_;
  const int socket_;
  int root_ = -1;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_SMALL_TMPFS_H_
