// SPDX-License-Identifier: Apache-2.0
//
// Task management and asynchronous notification: what is cancelled and told how, in which order,
// and whom a function can be about.

#include "devices/virtio_scsi/control_queue.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio_scsi/virtio_scsi_fixture.h"

namespace platter {
namespace {

using Done = ScsiRecorder::Done;
using guest::ScsiFunction;
constexpr guest::ScsiLun kUnit = guest::ScsiLunOf(0, 0);
constexpr guest::ScsiLun kSecond = guest::ScsiLunOf(0, 1);
constexpr uint64_t kFunction = ScsiRecorder::kFunction;

class ControlQueueTest : public testing::Test, protected VirtioScsiFixture {
 protected:
  // Two units of one target, and two commands held: 1 at the first, 2 at the second, whose tags are
  // ten times that.
  void HoldTwo(FakeBlockDevice::OnCancel on_cancel) {
    MakeAll();
    AddDisk({.target = 0, .lun = 1}, other, "disk1");
    world.RunUntilIdle();
    VirtioScsiUnit second(*driver, kSecond);
    EXPECT_TRUE(ScsiInitiator(second).ClearAttentions()->good());
    EXPECT_TRUE(disk().ClearAttentions()->good());
    driver->set_listener(&recorder);
    for (FakeBlockDevice* device : {&backend, &other}) {
      device->hold = true;
      device->on_cancel = on_cancel;
    }
    StartRead(1, 10);
    StartRead(2, 20, kSecond);
    Run();
    ASSERT_EQ(backend.held() + other.held(), 2u);
  }
  ~ControlQueueTest() override { other.Release(); }
  void Run() {
    driver->WaitUntil([] { return false; }, std::chrono::milliseconds(10));
  }
  void Start(ScsiFunction function, const guest::ScsiLun& lun, uint64_t tag, uint64_t token) {
    ASSERT_TRUE(driver->StartFunction(function, lun, tag, kFunction + token));
    Run();
  }
  std::vector<Done> Take() { return std::exchange(recorder.done, {}); }

  ScsiRecorder recorder;
};

TEST_F(ControlQueueTest, AbortTaskEndsThatTaskAndNoOther) {
  HoldTwo(FakeBlockDevice::OnCancel::kCompletes);
  StartRead(3, 30);
  Run();
  Start(ScsiFunction::kAbortTask, kUnit, 30, 1);
  // The task's answer comes before the function's.
  EXPECT_EQ(Take(), (std::vector<Done>{{3, guest::kScsiAborted}, {kFunction + 1, guest::kScsiOk}}));
  EXPECT_EQ(backend.held() + other.held(), 2u);
  // Nothing there any more, or never was: complete all the same.
  Start(ScsiFunction::kAbortTask, kUnit, 30, 2);
  Start(ScsiFunction::kAbortTask, kUnit, 20, 3);
  EXPECT_EQ(Take(),
            (std::vector<Done>{{kFunction + 2, guest::kScsiOk}, {kFunction + 3, guest::kScsiOk}}));
}

TEST_F(ControlQueueTest, AFunctionWaitsForWhatCanNotBeCancelled) {
  HoldTwo(FakeBlockDevice::OnCancel::kStays);
  Start(ScsiFunction::kAbortTask, kUnit, 10, 1);
  EXPECT_TRUE(Take().empty()) << "the task is not done";
  backend.Release();
  Run();
  // It was done before it could be aborted, once.
  EXPECT_EQ(Take(), (std::vector<Done>{{1, guest::kScsiOk}, {kFunction + 1, guest::kScsiOk}}));
}

TEST_F(ControlQueueTest, TaskSetsAreOfOneUnit) {
  for (const ScsiFunction function : {ScsiFunction::kAbortTaskSet, ScsiFunction::kClearTaskSet}) {
    if (driver == nullptr) {
      HoldTwo(FakeBlockDevice::OnCancel::kCompletes);
    } else {
      StartRead(1, 10);
      Run();
    }
    Start(function, kUnit, 0, 1);
    EXPECT_EQ(Take(),
              (std::vector<Done>{{1, guest::kScsiAborted}, {kFunction + 1, guest::kScsiOk}}));
    EXPECT_EQ(other.held(), 1u);
  }
}

TEST_F(ControlQueueTest, UnitResetCancelsAndTellsOfIt) {
  HoldTwo(FakeBlockDevice::OnCancel::kCompletes);
  Start(ScsiFunction::kUnitReset, kUnit, 0, 1);
  EXPECT_EQ(Take(), (std::vector<Done>{{1, guest::kScsiReset}, {kFunction + 1, guest::kScsiOk}}));
  EXPECT_EQ(other.held(), 1u);
  backend.hold = false;
  EXPECT_TRUE(disk().TestUnitReady()->IsSense(6, 0x2903));
  EXPECT_TRUE(disk().TestUnitReady()->good());
}

TEST_F(ControlQueueTest, NexusResetIsOfTheWholeTarget) {
  HoldTwo(FakeBlockDevice::OnCancel::kCompletes);
  // The LUN does not matter.
  Start(ScsiFunction::kNexusReset, guest::ScsiLunOf(0, 99), 0, 1);
  const std::vector<Done> done = Take();
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[2], (Done{kFunction + 1, guest::kScsiOk}));
  EXPECT_EQ(done[0].response, guest::kScsiReset);
  EXPECT_EQ(done[1].response, guest::kScsiReset);
  backend.hold = false;
  EXPECT_TRUE(disk().TestUnitReady()->IsSense(6, 0x2907));
}

TEST_F(ControlQueueTest, QueriesSayWhatIsThere) {
  HoldTwo(FakeBlockDevice::OnCancel::kCompletes);
  EXPECT_EQ(*driver->Function(ScsiFunction::kQueryTask, kUnit, 10), guest::kScsiFunctionSucceeded);
  EXPECT_EQ(*driver->Function(ScsiFunction::kQueryTask, kUnit, 20), guest::kScsiOk);
  EXPECT_EQ(*driver->Function(ScsiFunction::kQueryTaskSet, kSecond), guest::kScsiFunctionSucceeded);
  other.Release();
  Run();
  EXPECT_EQ(*driver->Function(ScsiFunction::kQueryTaskSet, kSecond), guest::kScsiOk);
}

TEST_F(ControlQueueTest, WhatIsNotThere) {
  MakeAll();
  EXPECT_EQ(*driver->Function(ScsiFunction::kUnitReset, guest::ScsiLunOf(7, 0)),
            guest::kScsiBadTarget);
  EXPECT_EQ(*driver->Function(ScsiFunction::kNexusReset, guest::ScsiLunOf(7, 0)),
            guest::kScsiBadTarget);
  EXPECT_EQ(*driver->Function(ScsiFunction::kUnitReset, kSecond), guest::kScsiIncorrectLun);
  EXPECT_EQ(*driver->Function(ScsiFunction::kAbortTask, {9}), guest::kScsiBadTarget);
  EXPECT_EQ(*driver->Function(ScsiFunction::kClearAca, kUnit), guest::kScsiFunctionRejected);
  EXPECT_EQ(*driver->Function(ScsiFunction::kNotDefined, kUnit), guest::kScsiFunctionRejected);
}

// Cancelled by each function in turn, twice over, and by a reset beside them: everything is
// answered, once.
TEST_F(ControlQueueTest, R_SCSI_12_EveryFunctionAnswersHoweverManyWaitForOneTask) {
  HoldTwo(FakeBlockDevice::OnCancel::kStays);
  const ScsiFunction all[] = {ScsiFunction::kAbortTask,    ScsiFunction::kAbortTask,
                              ScsiFunction::kAbortTaskSet, ScsiFunction::kClearTaskSet,
                              ScsiFunction::kUnitReset,    ScsiFunction::kNexusReset};
  uint64_t token = 1;
  for (const ScsiFunction function : all) Start(function, kUnit, 10, token++);
  EXPECT_TRUE(Take().empty());
  backend.Release();
  other.Release();
  Run();
  std::vector<uint64_t> tokens;
  for (const Done& done : Take()) tokens.push_back(done.token);
  std::sort(tokens.begin(), tokens.end());
  EXPECT_EQ(tokens, (std::vector<uint64_t>{1, 2, kFunction + 1, kFunction + 2, kFunction + 3,
                                           kFunction + 4, kFunction + 5, kFunction + 6}));
  EXPECT_EQ(driver->ring_faults(), 0u);
}

TEST_F(ControlQueueTest, AResetEndsAFunctionThatWaits) {
  HoldTwo(FakeBlockDevice::OnCancel::kStays);
  Start(ScsiFunction::kUnitReset, kUnit, 0, 1);
  driver->BeginReset();
  world.RunUntilIdle();
  EXPECT_FALSE(mmio.ResetDone());
  backend.Release();
  other.Release();
  ASSERT_TRUE(driver->FinishReset().ok());
  EXPECT_EQ(Take().size(), 3u);
  Probe();
  EXPECT_TRUE(disk().ClearAttentions()->good());
}

TEST_F(ControlQueueTest, TasksInOtherContextsAreReachedThere) {
  AioContext& io0 = world.NewContext("io0");
  AioContext& io1 = world.NewContext("io1");
  MakeAll({.num_queues = 2, .iothreads = {&io0, &io1}}, {.queues = 2});
  driver->set_listener(&recorder);
  backend.hold = true;
  StartRead(1, 10, kUnit, 0);
  StartRead(2, 20, kUnit, 1);
  Run();
  Start(ScsiFunction::kAbortTask, kUnit, 20, 1);
  EXPECT_EQ(Take(), (std::vector<Done>{{2, guest::kScsiAborted}, {kFunction + 1, guest::kScsiOk}}));
  Start(ScsiFunction::kUnitReset, kUnit, 0, 2);
  EXPECT_EQ(Take(), (std::vector<Done>{{1, guest::kScsiReset}, {kFunction + 2, guest::kScsiOk}}));
}

TEST_F(ControlQueueTest, NotificationsAreOfDrives) {
  MakeAll();
  AddCd({.target = 1, .lun = 0}, other, "cd0");
  world.RunUntilIdle();
  const auto query =
      driver->Notification(guest::kScsiNotificationQuery, guest::ScsiLunOf(1, 0), 0x7e);
  EXPECT_EQ(query->response, guest::kScsiOk);
  EXPECT_EQ(query->event_actual.get(), guest::kScsiNotifyMediaChange);
  EXPECT_EQ(driver->Notification(guest::kScsiNotificationQuery, kUnit, 0x7e)->event_actual.get(),
            0u);
  EXPECT_EQ(driver->Notification(guest::kScsiNotificationQuery, kSecond, 0x7e)->response,
            guest::kScsiIncorrectLun);
  EXPECT_EQ(driver->Notification(guest::kScsiNotificationSubscribe, {}, 0x7e)->response,
            guest::kScsiBadTarget);
  EXPECT_EQ(driver->Notification(77, kUnit, 0)->event_actual.get() & 0xff, guest::kScsiFailure)
      << "the response of an unknown type is the first byte";
}

TEST_F(ControlQueueTest, ANotificationRequestThatIsTooShortIsAnsweredInItsForm) {
  MakeAll();
  for (uint32_t bytes = 4; bytes < sizeof(guest::ScsiNotification); ++bytes) {
    const auto answer = driver->Notification(guest::kScsiNotificationQuery, kUnit, 0x7e, bytes);
    EXPECT_EQ(answer->response, guest::kScsiFailure) << bytes;
    EXPECT_EQ(answer->event_actual.get(), 0u) << bytes;
  }
}

}  // namespace
}  // namespace platter
