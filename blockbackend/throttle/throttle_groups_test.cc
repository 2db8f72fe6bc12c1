// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/throttle/throttle_groups.h"

#include <gtest/gtest.h>

#include <memory>

namespace platter {
namespace {

TEST(ThrottleGroups, ANameIsOneGroupAsLongAsSomeoneUsesIt) {
  ThrottleGroups groups;
  std::shared_ptr<ThrottleGroup> first = groups.FindOrMake("a");
  EXPECT_EQ(first->name(), "a");
  EXPECT_EQ(groups.FindOrMake("a"), first);
  EXPECT_NE(groups.FindOrMake("b"), first);
  first->SetConfig({.iops_total = {.average = 10}}, Instant{});
  first.reset();
  EXPECT_FALSE(groups.FindOrMake("a")->config().enabled());
}

}  // namespace
}  // namespace platter
