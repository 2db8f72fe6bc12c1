// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/toy_driver.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/testing/fake_block_device.h"
#include "examples/own_device/toy_drive.h"
#include "testing/guest/in_process_bus.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0xb000000;
constexpr size_t kBlock = toy::kBlockBytes;
constexpr Duration kTimeout = std::chrono::seconds(1);

class ToyDriverTest : public testing::Test {
 protected:
  ToyDriverTest() {
    drive_ = *ToyDrive::Create({.attachment = {.device_id = "toy"},
                                .backend = backend_,
                                .control = control_,
                                .memory = bus_.memory(),
                                .line = bus_.Line(2)});
    EXPECT_TRUE(bus_.mmio().Map(kBase, toy::kWindowBytes, drive_->registers()).ok());
  }
  ~ToyDriverTest() override {
    backend_.Release();
    bool done = false;
    drive_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
  }

  std::optional<toy::Error> Transfer(toy::Command command, uint64_t lba, uint32_t count,
                                     uint64_t buffer) {
    driver_.StartTransfer(command, lba, count, buffer);
    std::optional<toy::Error> error;
    bus_.WaitFor([&] { return (error = driver_.Poll()).has_value(); }, kTimeout);
    return error;
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{64 * kKiB};
  std::unique_ptr<ToyDrive> drive_;
  ToyDriver driver_{bus_, {.base = kBase, .line = 2}};
};

TEST_F(ToyDriverTest, ReadsAndWrites) {
  ASSERT_TRUE(driver_.Present());
  EXPECT_EQ(driver_.capacity_blocks(), 128u);
  const uint64_t buffer = *bus_.Allocate(1024, 512);
  bus_.Write(buffer, std::vector<uint8_t>(1024, 7));
  EXPECT_EQ(Transfer(toy::Command::kWrite, 3, 2, buffer), toy::Error::kNone);
  EXPECT_EQ(backend_.data[3 * kBlock], 7);
  EXPECT_EQ(backend_.data[5 * kBlock], 0);
  EXPECT_EQ(Transfer(toy::Command::kRead, 4, 2, buffer), toy::Error::kNone);
  std::vector<uint8_t> data(1024);
  bus_.Read(buffer, data);
  EXPECT_EQ(data[511], 7);
  EXPECT_EQ(data[512], 0);
}

// The guest's numbers, each wrong in turn: an error, and nothing asked of the backend.
TEST_F(ToyDriverTest, WrongOperandsAreRefused) {
  const uint64_t buffer = *bus_.Allocate(1024, 512);
  const auto read = toy::Command::kRead;
  EXPECT_EQ(Transfer(read, 0, 0, buffer), toy::Error::kOutOfRange);
  EXPECT_EQ(Transfer(read, 128, 1, buffer), toy::Error::kOutOfRange);
  EXPECT_EQ(Transfer(read, 127, 2, buffer), toy::Error::kOutOfRange);
  EXPECT_EQ(Transfer(read, UINT64_MAX, 1, buffer), toy::Error::kOutOfRange);
  EXPECT_EQ(Transfer(read, 1, UINT32_MAX, buffer), toy::Error::kOutOfRange);
  EXPECT_EQ(backend_.invalid, 5u);
  EXPECT_EQ(Transfer(read, 0, 2, 0x10), toy::Error::kBadBuffer);
  EXPECT_EQ(Transfer(read, 0, 2, UINT64_MAX - 100), toy::Error::kBadBuffer);
  EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(ToyDriverTest, AnUnknownCommandIsRefused) {
  driver_.Set(toy::Register::kCommand, 77);
  std::optional<toy::Error> error;
  EXPECT_TRUE(bus_.WaitFor([&] { return (error = driver_.Poll()).has_value(); }, kTimeout));
  EXPECT_EQ(error, toy::Error::kBadCommand);
  EXPECT_TRUE(backend_.asked.empty());
}

TEST_F(ToyDriverTest, ErrorsOfTheBackendHaveNames) {
  const uint64_t buffer = *bus_.Allocate(512, 512);
  backend_.next_error = -EIO;
  EXPECT_EQ(Transfer(toy::Command::kRead, 0, 1, buffer), toy::Error::kIo);
  backend_.next_error = -ENOMEDIUM;
  EXPECT_EQ(Transfer(toy::Command::kRead, 0, 1, buffer), toy::Error::kNoMedium);
  backend_.next_error = -EACCES;
  EXPECT_EQ(Transfer(toy::Command::kWrite, 0, 1, buffer), toy::Error::kReadOnly);
}

TEST_F(ToyDriverTest, LockKeepsTheTrayClosed) {
  EXPECT_EQ(driver_.Run(toy::Command::kLock, kTimeout), toy::Error::kNone);
  EXPECT_TRUE(driver_.locked());
  EXPECT_EQ(driver_.Run(toy::Command::kOpenTray, kTimeout), toy::Error::kIsLocked);
  EXPECT_FALSE(driver_.tray_open());
  EXPECT_EQ(driver_.Run(toy::Command::kUnlock, kTimeout), toy::Error::kNone);
  EXPECT_EQ(driver_.Run(toy::Command::kOpenTray, kTimeout), toy::Error::kNone);
  EXPECT_TRUE(driver_.tray_open());
  EXPECT_FALSE(driver_.medium_present());
}

TEST_F(ToyDriverTest, EventsAreToldOnce) {
  backend_.ops.eject_request(Force::kNo);
  backend_.ops.resize();
  EXPECT_EQ(driver_.Poll(), std::nullopt);
  EXPECT_EQ(driver_.TakeEvents(), uint32_t{toy::kEjectRequested | toy::kCapacityChanged});
  EXPECT_EQ(driver_.TakeEvents(), 0u);
  EXPECT_FALSE(bus_.Interrupt(2).high);
}

TEST_F(ToyDriverTest, ABusyDriveDoesNotAnswerInTime) {
  backend_.hold = true;
  const uint64_t buffer = *bus_.Allocate(512, 512);
  EXPECT_EQ(Transfer(toy::Command::kRead, 0, 1, buffer), std::nullopt);
  EXPECT_TRUE(driver_.busy());
}

}  // namespace
}  // namespace platter
