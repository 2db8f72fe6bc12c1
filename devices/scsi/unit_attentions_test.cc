// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/unit_attentions.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(UnitAttentionsTest, EachNexusIsToldOnceInOrder) {
  UnitAttentions attentions;
  attentions.Establish(SenseCode::kCapacityDataChanged);
  attentions.Establish(SenseCode::kPowerOnOrReset);
  attentions.Establish(SenseCode::kCapacityDataChanged);
  for (uint8_t nexus : {0, 3}) {
    EXPECT_EQ(attentions.Take(nexus), SenseCode::kPowerOnOrReset);
    EXPECT_TRUE(attentions.pending(nexus));
    EXPECT_EQ(attentions.Take(nexus), SenseCode::kCapacityDataChanged);
    EXPECT_EQ(attentions.Take(nexus), std::nullopt);
    EXPECT_FALSE(attentions.pending(nexus));
  }
}

TEST(UnitAttentionsTest, OthersOnly) {
  UnitAttentions attentions;
  attentions.EstablishForOthers(SenseCode::kModeParametersChanged, 1);
  EXPECT_FALSE(attentions.pending(1));
  EXPECT_TRUE(attentions.pending(0));
  attentions.Forget(SenseCode::kModeParametersChanged, 0);
  EXPECT_FALSE(attentions.pending(0));
}

TEST(UnitAttentionsTest, TwoThreadsDontGetTheSameOne) {
  UnitAttentions attentions;
  std::atomic<int> told{0};
  constexpr int kRounds = 2000;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop.load()) told += attentions.Take(0).has_value() ? 1 : 0;
    });
  }
  for (int i = 0; i < kRounds; ++i) {
    attentions.Establish(SenseCode::kPowerOnOrReset);
    while (attentions.pending(0)) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(told, kRounds);
}

}  // namespace
}  // namespace platter
