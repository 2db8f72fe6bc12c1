// SPDX-License-Identifier: Apache-2.0

#include "machine/ide_controller.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "testing/guest/in_process_bus.h"

namespace platter {
namespace {

class IdeControllerTest : public testing::Test, private InterruptController {
 protected:
  IdeController::Setup setup() {
    return {.ports = bus_.ports(), .interrupts = *this, .memory = bus_.memory()};
  }
  absl::StatusOr<IdeController::Taken> Take(const IdeController::Wish& wish) {
    return controller_.Take(setup(), wish);
  }
  IdeLocation At(const IdeController::Taken& taken) {
    return std::get<IdeLocation>(taken.place->location());
  }
  // Nobody decodes the ports of the channel.
  bool Silent(uint64_t command) { return bus_.ports().Read(command + 7, 1) == 0xff; }

  SimulatedWorld world_{1};
  InProcessBus bus_{world_.NewContext("control"), InProcessBus::Options{}};
  IdeController controller_;

 private:
  InterruptLine& Line(uint32_t number) override { return bus_.Line(number); }
};

TEST_F(IdeControllerTest, DrivesGetTheFirstFreePlaces) {
  std::vector<IdeController::Taken> taken;
  for (int i = 0; i < 4; ++i) taken.push_back(*Take({}));
  EXPECT_EQ(At(taken[0]).command, 0x1f0u);
  EXPECT_EQ(At(taken[0]).control, 0x3f6u);
  EXPECT_EQ(At(taken[0]).bus_master, 0xc000u);
  EXPECT_EQ(At(taken[0]).irq, 14u);
  EXPECT_EQ(At(taken[0]).unit, 0u);
  EXPECT_EQ(At(taken[1]).command, 0x1f0u);
  EXPECT_EQ(At(taken[1]).unit, 1u);
  EXPECT_EQ(taken[1].port->unit(), 1u);
  EXPECT_EQ(At(taken[3]).command, 0x170u);
  EXPECT_EQ(At(taken[3]).control, 0x376u);
  EXPECT_EQ(At(taken[3]).bus_master, 0xc008u);
  EXPECT_EQ(At(taken[3]).irq, 15u);
  EXPECT_EQ(At(taken[3]).unit, 1u);
  const absl::Status full = Take({}).status();
  EXPECT_EQ(MessageOf(full), "the 4 places for IDE drives of the machine are taken");
  EXPECT_EQ(ErrnoOf(full), ENOSPC);
  taken.erase(taken.begin() + 1);
  EXPECT_EQ(At(*Take({})).unit, 1u);
}

TEST_F(IdeControllerTest, WishesAreKeptOrRefusedByName) {
  const auto first = *Take({.channel = 1, .unit = 1});
  EXPECT_EQ(At(first).irq, 15u);
  EXPECT_EQ(At(first).unit, 1u);
  EXPECT_EQ(MessageOf(Take({.channel = 1, .unit = 1}).status()),
            "bus 'ide.1', unit 1 has a drive already");
  const auto second = *Take({.unit = 1});
  EXPECT_EQ(At(second).irq, 14u);
  EXPECT_EQ(MessageOf(Take({.unit = 1}).status()), "each IDE bus has a drive as unit 1 already");
  const auto third = *Take({.channel = 1});
  EXPECT_EQ(At(third).unit, 0u);
  const absl::Status full = Take({.channel = 1}).status();
  EXPECT_EQ(MessageOf(full), "bus 'ide.1' has two drives already");
  EXPECT_EQ(ErrnoOf(full), EBUSY);
}

TEST_F(IdeControllerTest, AChannelIsThereWhileItHasADrive) {
  EXPECT_TRUE(Silent(0x1f0));
  {
    const auto one = *Take({});
    const auto two = *Take({});
    // A channel decodes its registers: the bus master's status is not all ones.
    EXPECT_NE(bus_.ports().Read(0xc002, 1), 0xffu);
    EXPECT_EQ(bus_.ports().Read(0xc00a, 1), 0xffu);
  }
  EXPECT_EQ(bus_.ports().Read(0xc002, 1), 0xffu);
}

TEST_F(IdeControllerTest, PortsOfSomebodyElseAreLeftAlone) {
  const auto there = *Take({});
  IdeController another;
  const absl::Status refused = another.Take(setup(), {.channel = 0}).status();
  EXPECT_FALSE(refused.ok());
  EXPECT_NE(bus_.ports().Read(0xc002, 1), 0xffu);
}

}  // namespace
}  // namespace platter
