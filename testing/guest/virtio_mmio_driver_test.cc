// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_mmio_driver.h"

#include <map>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

using testing::ElementsAre;
using testing::Pair;

// Registers that a test fills, and what the driver wrote. How the driver and Platter's device get
// on is in virtio_blk_driver_test.cc; here is what only a device that misbehaves shows.
class ScriptedBus final : public GuestBus {
 public:
  absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment) override {
    return memory_.Allocate(bytes, alignment);
  }
  void Free(uint64_t address) override { memory_.Free(address); }
  bool Read(uint64_t address, std::span<uint8_t> out) override {
    return memory_.Read(address, out);
  }
  bool Write(uint64_t address, std::span<const uint8_t> data) override {
    return memory_.Write(address, data);
  }
  uint64_t ReadRegister(RegisterSpace, uint64_t address, unsigned) override {
    if (address == guest::kMmioConfigGeneration && churn > 0) return churn--;
    return registers[address];
  }
  void WriteRegister(RegisterSpace, uint64_t address, unsigned, uint64_t value) override {
    written.emplace_back(address, value);
    if (keeps.contains(address)) registers[address] = value;
  }
  GuestInterrupt Interrupt(uint32_t) override { return {.high = line}; }
  bool WaitFor(absl::FunctionRef<bool()> done, Duration) override { return done(); }
  Instant Now() override { return {}; }

  std::map<uint64_t, uint64_t> registers;
  std::map<uint64_t, bool> keeps;  // Registers that take what is written.
  std::vector<std::pair<uint64_t, uint64_t>> written;
  uint32_t churn = 0;  // How often the generation still changes.
  bool line = false;

 private:
  MemoryBus memory_{Mapping::kHidden};
};

class VirtioMmioDriverTest : public testing::Test {
 protected:
  ScriptedBus bus_;
  VirtioMmioDriver driver_{bus_, {.base = 0, .line = 0}};
};

TEST_F(VirtioMmioDriverTest, DiscoverWantsMagicVersionAndDevice) {
  EXPECT_EQ(driver_.Discover(2).code(), absl::StatusCode::kNotFound);
  bus_.registers[guest::kMmioMagic] = guest::kMmioMagicValue;
  bus_.registers[guest::kMmioVersion] = 1;
  EXPECT_EQ(driver_.Discover(2).code(), absl::StatusCode::kNotFound) << "legacy";
  bus_.registers[guest::kMmioVersion] = 2;
  EXPECT_EQ(driver_.Discover(2).code(), absl::StatusCode::kNotFound) << "a placeholder";
  bus_.registers[guest::kMmioDeviceId] = 2;
  EXPECT_TRUE(driver_.Discover(2).ok());
}

TEST_F(VirtioMmioDriverTest, ADeviceThatDropsFeaturesOkFails) {
  // The status register keeps nothing: FEATURES_OK reads back as 0.
  EXPECT_EQ(driver_.AcceptFeatures(guest::kFeatureVersion1).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(bus_.written.back(), std::pair(guest::kMmioStatus, uint64_t{guest::kStatusFailed}));
}

TEST_F(VirtioMmioDriverTest, AQueueIsSetUpInTheOrderOfTheStandard) {
  bus_.registers[guest::kMmioQueueSizeMax] = 64;
  bus_.keeps[guest::kMmioQueueReady] = true;
  ASSERT_TRUE(driver_
                  .StartQueue(3, {.size = 16,
                                  .descriptors = 0x111100002222,
                                  .driver = 0x333300004444,
                                  .device = 0x555500006666})
                  .ok());
  EXPECT_THAT(
      bus_.written,
      ElementsAre(Pair(guest::kMmioQueueSelect, 3), Pair(guest::kMmioQueueSize, 16),
                  Pair(guest::kMmioQueueDescLow, 0x2222), Pair(guest::kMmioQueueDescHigh, 0x1111),
                  Pair(guest::kMmioQueueDriverLow, 0x4444),
                  Pair(guest::kMmioQueueDriverHigh, 0x3333),
                  Pair(guest::kMmioQueueDeviceLow, 0x6666),
                  Pair(guest::kMmioQueueDeviceHigh, 0x5555), Pair(guest::kMmioQueueReady, 1)));
  EXPECT_EQ(driver_.StartQueue(3, {.size = 16}).code(), absl::StatusCode::kFailedPrecondition)
      << "it is in use";
  bus_.registers[guest::kMmioQueueReady] = 0;
  EXPECT_EQ(driver_.StartQueue(3, {.size = 128}).code(), absl::StatusCode::kOutOfRange);
}

TEST_F(VirtioMmioDriverTest, ConfigIsReadAgainUntilItsGenerationStands) {
  bus_.churn = 3;
  bus_.registers[guest::kMmioConfig + 4] = 0xab;
  uint8_t byte = 0;
  driver_.ReadConfig(4, std::span(&byte, 1));
  EXPECT_EQ(byte, 0xab);
  EXPECT_EQ(bus_.churn, 0u);
}

TEST_F(VirtioMmioDriverTest, InterruptsAreTakenOnlyWhileTheLineIsHigh) {
  bus_.registers[guest::kMmioInterruptStatus] = guest::kMmioInterruptConfig;
  EXPECT_FALSE(driver_.TakeInterrupts().config);
  EXPECT_TRUE(bus_.written.empty());
  bus_.line = true;
  const auto causes = driver_.TakeInterrupts();
  EXPECT_TRUE(causes.config);
  EXPECT_FALSE(causes.used);
  EXPECT_THAT(bus_.written,
              ElementsAre(Pair(guest::kMmioInterruptAck, guest::kMmioInterruptConfig)));
}

}  // namespace
}  // namespace platter
