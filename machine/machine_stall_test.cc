// SPDX-License-Identifier: Apache-2.0
//
// One drive of a machine has errors, as its guest sees it: the drive stalls, or a request is tried
// again, while the other drive goes on.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "machine/machine.h"
#include "machine/machine_fixture.h"

namespace platter {
namespace {

using ::testing::ElementsAre;

class Answers final : public BlkListener {
 public:
  void OnBlkDone(uint64_t token, uint8_t status) override { ended.push_back({token, status}); }
  struct End {
    uint64_t token;
    uint8_t status;
    bool operator==(const End&) const = default;
  };
  std::vector<End> ended;
};

// a and b are virtio-blk drives, each on an I/O thread of its own; the first writes to a fail.
class MachineStallTest : public testing::Test {
 protected:
  void Start(int failures, const std::string& policy) {
    ASSERT_EQ(MessageOf(rig_.Configure(R"(
        objects { id: "t0" iothread { poll_max_ns: 0 } }
        objects { id: "t1" iothread { poll_max_ns: 0 } }
        blockdevs { node_name: "na" blkdebug {
          image { definition { memory { size: 1048576 } } }
          inject_error { event: BLKDEBUG_EVENT_WRITE_AIO error: 5 x_count: )" +
                                       std::to_string(failures) + R"( } } }
        blockdevs { node_name: "nb" memory { size: 1048576 } }
        devices { id: "a" virtio_blk { drive: "na" iothread: "t0" )" +
                                       policy + R"( } }
        devices { id: "b" virtio_blk { drive: "nb" iothread: "t1" } })")),
              "");
    a_ = rig_.Probe("a");
    b_ = rig_.Probe("b");
    a_.driver->set_listener(&answers_);
  }
  void WriteToA(uint64_t token) {
    data_ = {.address = *rig_.bus().Allocate(512, 512), .bytes = 512};
    ASSERT_TRUE(a_.driver->Submit(0, {.type = guest::kBlkOut, .sector = token, .data = {&data_, 1}},
                                  token));
    a_.driver->Kick(0);
    Settle();
  }
  void Settle() {
    world_.RunUntilIdle();
    a_.driver->HandleInterrupts();
  }
  // The other drive writes, reads and flushes.
  void ExpectBGoesOn() {
    const std::vector<uint8_t> bytes(4096, ++pattern_);
    std::vector<uint8_t> back(4096);
    EXPECT_EQ(b_.driver->Write(8, bytes).value_or(99), guest::kBlkOk);
    EXPECT_EQ(b_.driver->Flush().value_or(99), guest::kBlkOk);
    EXPECT_EQ(b_.driver->Read(8, back).value_or(99), guest::kBlkOk);
    EXPECT_EQ(back, bytes);
    EXPECT_EQ(rig_.machine().state(), MachineState::kRunning);
  }
  BlockBackend& drive() { return *rig_.machine().BackendOfDevice("a"); }

  SimulatedWorld world_{1};
  Rig rig_{world_};
  Rig::Disk a_;
  Rig::Disk b_;
  Answers answers_;
  GuestSegment data_;
  uint8_t pattern_ = 0;
};

TEST_F(MachineStallTest, OneDriveStallsAndTheOtherGoesOn) {
  Start(1, "werror: ERROR_POLICY_STALL");
  WriteToA(1);
  WriteToA(2);
  EXPECT_TRUE(drive().stalled());
  for (int round = 0; round < 10; ++round) ExpectBGoesOn();
  Settle();
  EXPECT_TRUE(answers_.ended.empty());
  EXPECT_THAT(rig_.events(), ElementsAre("BLOCK_IO_ERROR a stall"));
  drive().Resume();
  Settle();
  EXPECT_THAT(answers_.ended,
              ElementsAre(Answers::End{1, guest::kBlkOk}, Answers::End{2, guest::kBlkOk}));
  EXPECT_FALSE(drive().stalled());
  EXPECT_EQ(a_.driver->ring_faults() + b_.driver->ring_faults(), 0u);
}

TEST_F(MachineStallTest, StopAndContEndAStall) {
  Start(1, "werror: ERROR_POLICY_STALL");
  WriteToA(1);
  rig_.Run(rig_.machine().Stop());
  Settle();
  EXPECT_TRUE(answers_.ended.empty());
  EXPECT_TRUE(drive().stalled());
  EXPECT_TRUE(rig_.Run(rig_.machine().Cont()).ok());
  Settle();
  EXPECT_THAT(answers_.ended, ElementsAre(Answers::End{1, guest::kBlkOk}));
  EXPECT_FALSE(drive().stalled());
  ExpectBGoesOn();
}

TEST_F(MachineStallTest, ContEndsAStallOfAMachineThatRuns) {
  Start(1, "werror: ERROR_POLICY_STALL");
  WriteToA(1);
  ASSERT_TRUE(drive().stalled());
  ASSERT_EQ(drive().iostatus(), IoStatus::kFailed);
  EXPECT_TRUE(rig_.Run(rig_.machine().Cont()).ok());
  Settle();
  EXPECT_THAT(answers_.ended, ElementsAre(Answers::End{1, guest::kBlkOk}));
  EXPECT_FALSE(drive().stalled());
  EXPECT_EQ(drive().iostatus(), IoStatus::kOk);
  EXPECT_THAT(rig_.events(), ElementsAre("BLOCK_IO_ERROR a stall"));
  ExpectBGoesOn();
}

TEST_F(MachineStallTest, TheGuestsResetEndsAStall) {
  Start(1, "werror: ERROR_POLICY_STALL");
  WriteToA(1);
  ASSERT_TRUE(drive().stalled());
  ASSERT_TRUE(a_.driver->Reset().ok());
  Settle();
  EXPECT_THAT(answers_.ended, ElementsAre(Answers::End{1, guest::kBlkNotWritten}));
  EXPECT_FALSE(drive().stalled());
  ASSERT_TRUE(a_.driver->Probe().ok());
  WriteToA(2);
  EXPECT_EQ(answers_.ended.back(), (Answers::End{2, guest::kBlkOk}));
}

TEST_F(MachineStallTest, AMachineResetEndsAStall) {
  Start(1, "werror: ERROR_POLICY_STALL");
  WriteToA(1);
  rig_.Run(rig_.machine().Reset());
  Settle();
  EXPECT_FALSE(drive().stalled());
  EXPECT_EQ(drive().iostatus(), IoStatus::kOk);
}

TEST_F(MachineStallTest, AStalledDriveIsUnplugged) {
  Start(1, "werror: ERROR_POLICY_STALL");
  WriteToA(1);
  EXPECT_EQ(MessageOf(rig_.Run(rig_.machine().DeviceDel("a"))), "");
  EXPECT_EQ(rig_.events().back(), "DEVICE_DELETED a");
  a_.driver->Abandon();
  ExpectBGoesOn();
}

TEST_F(MachineStallTest, AShutdownDoesNotWaitForAStall) {
  Start(1, "werror: ERROR_POLICY_STALL");
  WriteToA(1);
  EXPECT_TRUE(drive().stalled());
  // The rig shuts the machine down.
}

TEST_F(MachineStallTest, ARequestIsTriedAgainAndTheOtherDriveGoesOn) {
  Start(2, "werror: ERROR_POLICY_RETRY x_retry_delay: 100");
  WriteToA(1);
  WriteToA(2);
  WriteToA(3);
  EXPECT_THAT(answers_.ended, ElementsAre(Answers::End{3, guest::kBlkOk}));
  ExpectBGoesOn();
  EXPECT_THAT(rig_.events(), ElementsAre("BLOCK_IO_ERROR a retry", "BLOCK_IO_ERROR a retry"));
  world_.RunFor(std::chrono::milliseconds(100));
  Settle();
  EXPECT_THAT(answers_.ended,
              ElementsAre(Answers::End{3, guest::kBlkOk}, Answers::End{1, guest::kBlkOk},
                          Answers::End{2, guest::kBlkOk}));
}

TEST_F(MachineStallTest, AfterTheLastAttemptComesTheAction) {
  Start(3,
        "werror: ERROR_POLICY_RETRY x_retry_delay: 100 x_retry_limit: 2 "
        "x_retry_action: RETRY_ACTION_STOP");
  WriteToA(1);
  world_.RunFor(std::chrono::milliseconds(200));
  rig_.Run(rig_.machine().run_state().Settle());
  EXPECT_EQ(rig_.machine().state(), MachineState::kIoError);
  EXPECT_THAT(rig_.events(),
              ElementsAre("BLOCK_IO_ERROR a retry", "BLOCK_IO_ERROR a stop", "STOP"));
  EXPECT_TRUE(rig_.Run(rig_.machine().Cont()).ok());
  Settle();
  EXPECT_THAT(answers_.ended, ElementsAre(Answers::End{1, guest::kBlkOk}));
}

TEST_F(MachineStallTest, ADriveWithARetryIsUnplugged) {
  Start(5, "werror: ERROR_POLICY_RETRY");
  WriteToA(1);
  EXPECT_EQ(MessageOf(rig_.Run(rig_.machine().DeviceDel("a"))), "");
  a_.driver->Abandon();
  world_.RunFor(std::chrono::seconds(5));
  ExpectBGoesOn();
}

}  // namespace
}  // namespace platter
