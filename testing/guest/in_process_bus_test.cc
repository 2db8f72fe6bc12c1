// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/in_process_bus.h"

#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/timer.h"

namespace platter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class InProcessBusTest : public testing::Test {
 protected:
  SimulatedWorld world_{1};
  AioContext& context_ = world_.NewContext("control");
  InProcessBus bus_{context_, {}};
};

TEST_F(InProcessBusTest, MemoryIsWhatDevicesSee) {
  const uint64_t address = *bus_.Allocate(4096, 4096);
  const std::vector<uint8_t> data = {1, 2, 3};
  ASSERT_TRUE(bus_.Write(address + 10, data));
  std::vector<uint8_t> seen(3);
  ASSERT_TRUE(bus_.memory()->Read(address + 10, seen));
  EXPECT_EQ(seen, data);
  EXPECT_EQ(bus_.TryMap(address, 4096),
            bus_.memory()->TryMap(address, 4096, DmaAccess::kDeviceWrites));
  bus_.Free(address);
}

TEST_F(InProcessBusTest, APageOfTheGuestIsAPageOfTheHost) {
  for (uint64_t base : {uint64_t{0x40000000}, uint64_t{0x40000200}}) {
    InProcessBus bus(context_, {.regions = {{base, 0x10000}}});
    const uint8_t* host = bus.TryMap(base, 1);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(host) % 4096, base % 4096);
  }
}

TEST_F(InProcessBusTest, RegionsAreApartAndHolesAreNoMemory) {
  const InProcessBus::Options options;
  ASSERT_GE(options.regions.size(), 2u);
  std::vector<uint8_t> bytes(2);
  for (const auto& region : options.regions) {
    EXPECT_TRUE(bus_.Read(region.address + region.bytes - 2, bytes));
    EXPECT_FALSE(bus_.Read(region.address + region.bytes - 1, bytes));
    EXPECT_FALSE(bus_.Write(region.address - 1, bytes));
    EXPECT_EQ(bus_.TryMap(region.address, region.bytes + 1), nullptr);
  }
  EXPECT_FALSE(bus_.Read(UINT64_MAX, bytes));
}

TEST_F(InProcessBusTest, AllocatedMemoryIsZeroedAlsoTheSecondTime) {
  const uint64_t address = *bus_.Allocate(16, 16);
  bus_.Write(address, std::vector<uint8_t>(16, 0xff));
  bus_.Free(address);
  ASSERT_EQ(*bus_.Allocate(16, 16), address);
  std::vector<uint8_t> seen(16, 1);
  bus_.Read(address, seen);
  EXPECT_EQ(seen, std::vector<uint8_t>(16, 0));
}

class Latch final : public RegisterBlock {
 public:
  uint64_t ReadRegister(uint64_t offset, unsigned width) override { return last_ + offset + width; }
  void WriteRegister(uint64_t, unsigned, uint64_t value) override { last_ = value; }

 private:
  uint64_t last_ = 0;
};

TEST_F(InProcessBusTest, TheTwoRegisterSpacesAreTwo) {
  Latch mmio;
  Latch port;
  ASSERT_TRUE(bus_.mmio().Map(0x100, 16, mmio).ok());
  ASSERT_TRUE(bus_.ports().Map(0x100, 16, port).ok());
  bus_.WriteRegister(RegisterSpace::kMmio, 0x104, 4, 1000);
  bus_.WriteRegister(RegisterSpace::kPort, 0x104, 2, 2000);
  EXPECT_EQ(bus_.ReadRegister(RegisterSpace::kMmio, 0x108, 4), 1012u);
  EXPECT_EQ(bus_.ReadRegister(RegisterSpace::kPort, 0x102, 2), 2004u);
  EXPECT_EQ(bus_.ReadRegister32(RegisterSpace::kMmio, 0x200), UINT32_MAX);
}

TEST_F(InProcessBusTest, LinesCountRisingEdgesAndShowTheirLevel) {
  InterruptLine& line = bus_.Line(3);
  line.Set(LineLevel::kHigh);
  line.Set(LineLevel::kHigh);
  EXPECT_EQ(bus_.Interrupt(3).raised, 1u);
  EXPECT_TRUE(bus_.Interrupt(3).high);
  line.Set(LineLevel::kLow);
  EXPECT_FALSE(bus_.Interrupt(3).high);
  EXPECT_EQ(bus_.Interrupt(4).raised, 0u);
  InterruptVectors& vectors = bus_.Vectors(5);
  vectors.Raise(2);
  vectors.Raise(2);
  EXPECT_EQ(bus_.Interrupt(InProcessBus::kFirstVector + 7).raised, 2u);
  EXPECT_EQ(bus_.Interrupt(UINT32_MAX).raised, 0u);
}

TEST_F(InProcessBusTest, WaitingTakesVirtualTimeAndNoMore) {
  const Instant start = bus_.Now();
  EXPECT_FALSE(bus_.WaitFor([] { return false; }, seconds(3600)));
  EXPECT_EQ(bus_.Now() - start, seconds(3600));
  EXPECT_TRUE(bus_.WaitFor([] { return true; }, seconds(0)));

  bool done = false;
  Timer timer(context_, [&] { done = true; });
  timer.ArmAfter(milliseconds(5));
  const Instant armed = bus_.Now();
  EXPECT_TRUE(bus_.WaitFor([&] { return done; }, seconds(1)));
  EXPECT_EQ(bus_.Now() - armed, milliseconds(5));
}

TEST_F(InProcessBusTest, OtherContextsOfTheWorldRunMeanwhile) {
  AioContext& other = world_.NewContext("io");
  bool ran = false;
  other.Post([&] { ran = true; });
  EXPECT_TRUE(bus_.WaitFor([&] { return ran; }, seconds(1)));
}

TEST_F(InProcessBusTest, AnInterruptOfAnotherThreadWakesTheGuest) {
  SimulatedWorld::RealIoHold hold(world_);
  InterruptLine& line = bus_.Line(0);
  std::thread device([&] { line.Set(LineLevel::kHigh); });
  EXPECT_TRUE(bus_.WaitFor([&] { return bus_.Interrupt(0).raised == 1; }, seconds(1)));
  device.join();
}

}  // namespace
}  // namespace platter
