// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/stepping_bus.h"

#include <array>
#include <chrono>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "testing/guest/in_process_bus.h"

namespace platter {
namespace {

TEST(SteppingBus, CallsBeforeWhatATargetCanNoticeAndPassesAllOn) {
  SimulatedWorld world(1);
  InProcessBus target(world.NewContext("control"), {});
  using Step = SteppingBus::Step;
  std::vector<Step> steps;
  SteppingBus bus(target, [&](const Step& step) { steps.push_back(step); });

  const uint64_t page = *bus.Allocate(4096, 4096);
  constexpr std::array<uint8_t, 3> kData = {1, 2, 3};
  EXPECT_TRUE(bus.Write(page, kData));
  std::array<uint8_t, 3> back{};
  EXPECT_TRUE(target.Read(page, back));
  EXPECT_EQ(back, kData);
  EXPECT_EQ(bus.TryMap(page, 16), target.TryMap(page, 16));
  EXPECT_EQ(bus.Interrupt(3).raised, 0u);
  EXPECT_EQ(bus.Now(), target.Now());
  EXPECT_TRUE(steps.empty());

  EXPECT_EQ(bus.ReadRegister(RegisterSpace::kPort, 0x1f0, 1), 0xffu);
  bus.WriteRegister(RegisterSpace::kMmio, 0, 4, 0);
  bus.RunFor(std::chrono::seconds(1));
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0].kind, Step::Kind::kRead);
  EXPECT_EQ(steps[0].space, RegisterSpace::kPort);
  EXPECT_EQ(steps[0].address, 0x1f0u);
  EXPECT_EQ(steps[1].kind, Step::Kind::kWrite);
  EXPECT_EQ(steps[1].space, RegisterSpace::kMmio);
  EXPECT_EQ(steps[2].kind, Step::Kind::kWait);
  bus.Free(page);
}

}  // namespace
}  // namespace platter
