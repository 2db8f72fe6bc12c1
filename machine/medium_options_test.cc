// SPDX-License-Identifier: Apache-2.0

#include "machine/medium_options.h"

#include "gtest/gtest.h"

#include "blockbackend/block_backend.h"
#include "config/proto/blockdev.pb.h"

namespace platter {
namespace {

config::BlockdevOptions Applied(const BlockRootState& state) {
  config::BlockdevOptions medium;
  ApplyRootState(state, medium);
  return medium;
}

TEST(MediumOptionsTest, Row42_EverySettingIsSaidEitherWay) {
  const config::BlockdevOptions plain =
      Applied({.policy = {.discard = NodePolicy::Discard::kIgnore}});
  EXPECT_TRUE(plain.has_read_only() && plain.cache().has_direct() && plain.cache().has_no_flush() &&
              plain.has_discard() && plain.has_detect_zeroes());
  EXPECT_FALSE(plain.read_only() || plain.cache().direct() || plain.cache().no_flush());
  EXPECT_EQ(plain.discard(), config::DISCARD_IGNORE);
  EXPECT_EQ(plain.detect_zeroes(), config::DETECT_ZEROES_OFF);

  const config::BlockdevOptions all =
      Applied({.read_only = true,
               .policy = {.discard = NodePolicy::Discard::kUnmap,
                          .detect_zeroes = NodePolicy::DetectZeroes::kOn,
                          .flush = NodePolicy::Flush::kIgnore,
                          .host_cache = NodePolicy::HostCache::kBypassed}});
  EXPECT_TRUE(all.read_only() && all.cache().direct() && all.cache().no_flush());
  EXPECT_EQ(all.discard(), config::DISCARD_UNMAP);
  EXPECT_EQ(all.detect_zeroes(), config::DETECT_ZEROES_ON);
}

TEST(MediumOptionsTest, Row42_ZeroesThatUnmapNeedDiscards) {
  NodePolicy policy = {.discard = NodePolicy::Discard::kUnmap,
                       .detect_zeroes = NodePolicy::DetectZeroes::kUnmap};
  EXPECT_EQ(Applied({.policy = policy}).detect_zeroes(), config::DETECT_ZEROES_UNMAP);
  policy.discard = NodePolicy::Discard::kIgnore;
  EXPECT_EQ(Applied({.policy = policy}).detect_zeroes(), config::DETECT_ZEROES_ON);
}

}  // namespace
}  // namespace platter
