// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/guest_disk.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "testing/guest/in_process_bus.h"

namespace platter {
namespace {

// Answers what it has room for, as it is told to.
class FakeDisk final : public GuestDisk {
 public:
  explicit FakeDisk(GuestBus& bus) : GuestDisk(bus, std::chrono::milliseconds(3)) {}

  uint64_t capacity_bytes() const override { return 1 << 20; }
  absl::Status Flush() override { return absl::OkStatus(); }

  DiskAnswer answer = {.good = true, .text = "OK"};
  size_t room = 100;
  bool answers = true;
  size_t most_in_flight = 0;

 private:
  bool Submit(Direction, const DiskPiece&, uint64_t, size_t index) override {
    if (pending_.size() == room) return false;
    pending_.push_back(index);
    most_in_flight = std::max(most_in_flight, pending_.size());
    return true;
  }
  void Kick() override { kicked_ = true; }
  void HandleInterrupts() override {
    if (!kicked_ || !answers) return;
    for (const size_t index : std::exchange(pending_, {})) OnAnswer(index, answer);
  }

  std::vector<size_t> pending_;
  bool kicked_ = false;
};

class GuestDiskTest : public testing::Test {
 protected:
  static std::vector<DiskPiece> Pieces(size_t count) {
    return std::vector<DiskPiece>(count, {.offset = 512, .data = std::vector<uint8_t>(512)});
  }

  SimulatedWorld world_{1};
  InProcessBus bus_{world_.NewContext("control"), {}};
  FakeDisk disk_{bus_};
};

TEST_F(GuestDiskTest, ManyRequestsAreInFlight) {
  EXPECT_TRUE(disk_.Write(Pieces(70)).ok());
  EXPECT_EQ(disk_.most_in_flight, 32u);
}

TEST_F(GuestDiskTest, AFullQueueIsNamed) {
  disk_.room = 3;
  EXPECT_EQ(MessageOf(disk_.Write(Pieces(4))), "the guest's queue is full");
}

TEST_F(GuestDiskTest, ADiskThatDoesNotAnswerIsNotWaitedForAllDay) {
  disk_.answers = false;
  std::vector<DiskPiece> pieces = Pieces(2);
  const absl::Status status = disk_.Read(pieces);
  EXPECT_EQ(ErrnoOf(status), ETIMEDOUT);
  EXPECT_EQ(MessageOf(status), "the disk answered 0 of 2 requests to read within 3.0 ms");
}

TEST_F(GuestDiskTest, AnErrorIsInTheDisksWords) {
  disk_.answer = {.good = false, .text = "no"};
  EXPECT_EQ(MessageOf(disk_.Write(Pieces(1))),
            "the guest's write of 512 bytes at byte 512 was answered 'no'");
}

TEST_F(GuestDiskTest, AStartedWriteIsAnsweredOnce) {
  EXPECT_FALSE(disk_.PollWrite().has_value());
  ASSERT_TRUE(disk_.StartWrite(Pieces(1)[0]).ok());
  EXPECT_TRUE(disk_.PollWrite().has_value());
  EXPECT_FALSE(disk_.PollWrite().has_value());
}

}  // namespace
}  // namespace platter
