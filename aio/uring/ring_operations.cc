// SPDX-License-Identifier: Apache-2.0

#include "aio/uring/ring_operations.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace platter {
namespace {

constexpr uint8_t kOperations[] = {
    IORING_OP_READ,  IORING_OP_READV,     IORING_OP_WRITE,    IORING_OP_WRITEV,
    IORING_OP_FSYNC, IORING_OP_FALLOCATE, IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE,
};

// The library declares functions for these two, and Debian 12's does not export them.
int Register(const io_uring& ring, unsigned what, const void* argument, uint32_t count) {
  const long result = syscall(SYS_io_uring_register, ring.ring_fd, what, argument, count);
  return result < 0 ? -errno : 0;
}

}  // namespace

int RestrictRing(io_uring& ring) {
  // No flags of entries are allowed, and no registrations, since none are named.
  io_uring_restriction allowed[std::size(kOperations)] = {};
  for (size_t i = 0; i < std::size(kOperations); ++i) {
    allowed[i].opcode = IORING_RESTRICTION_SQE_OP;
    allowed[i].sqe_op = kOperations[i];
  }
  const int result = Register(ring, IORING_REGISTER_RESTRICTIONS, allowed,
                              static_cast<uint32_t>(std::size(allowed)));
  return result < 0 ? result : Register(ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

}  // namespace platter
