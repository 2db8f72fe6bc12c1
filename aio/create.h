// SPDX-License-Identifier: Apache-2.0
//
// Makes AioContexts of the kinds that touch the kernel. The simulated kind belongs to a
// SimulatedWorld (aio/simulated/world.h).
//
// Ownership: the caller owns the context. Threading: the calling thread becomes its home.
// Errors: what the kernel refused (io_uring may be disabled by a sysctl or seccomp), with errno.

#ifndef PLATTER_AIO_CREATE_H_
#define PLATTER_AIO_CREATE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"

namespace platter {

enum class AioKind : uint8_t {
  kUring,    // io_uring for descriptors and files.
  kThreads,  // epoll for descriptors, a thread pool for files.
};

struct AioOptions {
  AioKind kind = AioKind::kUring;
  std::string name = "aio";
  PollOptions poll = {};
  // Submission queue entries of the ring: a power of two, 8 ... 4096.
  uint32_t ring_entries = 256;
  // Threads of the pool, 1 ... 64.
  uint32_t pool_threads = 4;
};

absl::StatusOr<std::unique_ptr<AioContext>> CreateAioContext(const AioOptions& options);

}  // namespace platter

#endif  // PLATTER_AIO_CREATE_H_
