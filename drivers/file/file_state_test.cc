// SPDX-License-Identifier: Apache-2.0

#include "drivers/file/file_state.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace platter {
namespace {

struct PlainState final : FileState {
  void OnGrown(uint64_t /*end*/) override {}
  void OnShrunk(uint64_t /*offset*/) override {}
};

TEST(FileState, OnlyAnInterruptionAndARefusalForNowAreTransient) {
  EXPECT_TRUE(FileState::IsTransient(-EINTR));
  EXPECT_TRUE(FileState::IsTransient(-EAGAIN));
  for (const int64_t result : {int64_t{0}, int64_t{4096}, int64_t{EINTR}, int64_t{-EIO},
                               int64_t{-ENOSPC}, int64_t{-EINVAL}}) {
    EXPECT_FALSE(FileState::IsTransient(result)) << result;
  }
}

// The kernel reports a loss once: what comes later must not cover it up.
TEST(FileState, TheFirstSyncErrorStays) {
  PlainState state;
  EXPECT_EQ(state.sync_error.load(), 0);
  state.LatchSyncError(-EIO);
  state.LatchSyncError(-ENOSPC);
  EXPECT_EQ(state.sync_error.load(), -EIO);
}

}  // namespace
}  // namespace platter
