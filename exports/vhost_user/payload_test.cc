// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/payload.h"

#include <array>
#include <cstdint>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(PayloadTest, CopiesFromAnyOffset) {
  const std::array<uint8_t, 9> bytes = {0, 1, 0, 0, 0, 2, 0, 0, 0};
  const VhostUserMessage message = {.payload = bytes};
  const auto state = PayloadAs<VhostUserVringState>(message, 1);
  EXPECT_EQ(state.index, 1u);
  EXPECT_EQ(state.num, 2u);
}

TEST(PayloadDeathTest, NothingIsReadBehindTheEnd) {
  const std::array<uint8_t, 8> bytes = {};
  const VhostUserMessage message = {.payload = bytes};
  EXPECT_DEATH(PayloadAs<VhostUserVringState>(message, 1), "payload.size");
}

}  // namespace
}  // namespace platter
