// SPDX-License-Identifier: Apache-2.0
#include "aio/create.h"

#include <bit>
#include <string>

#include "absl/status/status.h"

#include "aio/epoll/epoll_context.h"
#include "aio/uring/uring_context.h"
#include "base/status.h"

namespace platter {

namespace {

constexpr uint32_t kMinRingEntries = 8;
constexpr uint32_t kMaxRingEntries = 4096;
constexpr uint32_t kMaxPoolThreads = 64;

absl::Status Check(const AioOptions& options) {
  const std::string prefix = "AioContext '" + options.name + "': ";
  if (options.ring_entries < kMinRingEntries || options.ring_entries > kMaxRingEntries ||
      !std::has_single_bit(options.ring_entries)) {
    return absl::InvalidArgumentError(prefix + "ring_entries is " +
                                      std::to_string(options.ring_entries) +
                                      ", must be a power of two in 8 ... 4096");
  }
  if (options.pool_threads < 1 || options.pool_threads > kMaxPoolThreads) {
    return absl::InvalidArgumentError(prefix + "pool_threads is " +
                                      std::to_string(options.pool_threads) +
                                      ", must be in 1 ... 64");
  }
  if (options.poll.max < Duration{0}) {
    return absl::InvalidArgumentError(prefix + "poll.max is negative");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AioContext>> CreateAioContext(const AioOptions& options) {
  PLATTER_RETURN_IF_ERROR(Check(options));
  switch (options.kind) {
    case AioKind::kUring:
      return UringContext::Create(options.name, options.poll, options.ring_entries);
    case AioKind::kThreads:
      return EpollContext::Create(options.name, options.poll, options.pool_threads);
  }
  return absl::InvalidArgumentError("AioContext '" + options.name + "': unknown kind");
}

}  // namespace platter
