// SPDX-License-Identifier: Apache-2.0

#include "machine/medium_options.h"

#include "blockbackend/block_backend.h"
#include "config/proto/blockdev.pb.h"

namespace platter {
namespace {

config::DetectZeroes DetectZeroesFrom(const NodePolicy& policy) {
  switch (policy.detect_zeroes) {
    case NodePolicy::DetectZeroes::kOff:
      return config::DETECT_ZEROES_OFF;
    case NodePolicy::DetectZeroes::kOn:
      return config::DETECT_ZEROES_ON;
    case NodePolicy::DetectZeroes::kUnmap:
      // That it was without discards, and nothing else can be said in options.
      return policy.discard == NodePolicy::Discard::kUnmap ? config::DETECT_ZEROES_UNMAP
                                                           : config::DETECT_ZEROES_ON;
  }
  return config::DETECT_ZEROES_OFF;
}

}  // namespace

void ApplyRootState(const BlockRootState& state, config::BlockdevOptions& medium) {
  const NodePolicy& policy = state.policy;
  medium.set_read_only(state.read_only);
  config::CacheOptions& cache = *medium.mutable_cache();
  cache.set_direct(policy.host_cache == NodePolicy::HostCache::kBypassed);
  cache.set_no_flush(policy.flush == NodePolicy::Flush::kIgnore);
  medium.set_discard(policy.discard == NodePolicy::Discard::kUnmap ? config::DISCARD_UNMAP
                                                                   : config::DISCARD_IGNORE);
  medium.set_detect_zeroes(DetectZeroesFrom(policy));
}

}  // namespace platter
