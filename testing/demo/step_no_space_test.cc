// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

class StepNoSpaceTest : public testing::TestWithParam<DemoOptions::Space> {};

INSTANTIATE_TEST_SUITE_P(Spaces, StepNoSpaceTest,
                         testing::Values(DemoOptions::Space::kTmpfs,
                                         DemoOptions::Space::kAllocationLimit),
                         [](const auto& test) {
                           return test.param == DemoOptions::Space::kTmpfs ? "Tmpfs"
                                                                           : "AllocationLimit";
                         });

TEST_P(StepNoSpaceTest, ReportNoticesThatThereIsRoom) {
  ExpectSabotageFails(Sabotage::kRoomLeft, "nospace-report", "was not reported", GetParam());
}

TEST_P(StepNoSpaceTest, IgnoreNoticesAnotherPolicy) {
  ExpectSabotageFails(Sabotage::kWrongPolicy, "nospace-ignore", "in spite of werror=ignore",
                      GetParam());
}

TEST_P(StepNoSpaceTest, EnospcNoticesAStopThatIsNotTold) {
  ExpectSabotageFails(Sabotage::kLostStopEvent, "nospace-enospc", "STOP did not happen",
                      GetParam());
}

TEST_P(StepNoSpaceTest, StopNoticesThatNobodyMadeRoom) {
  ExpectSabotageFails(Sabotage::kNoRoomMade, "nospace-stop",
                      "the end of the write that was kept did not happen", GetParam());
}

// Where there is a tmpfs; a memory node has no file to change a byte of.
TEST(StepNoSpaceDataTest, EnospcNoticesAWrongByte) {
  DemoOptions options;
  options.pace = DemoOptions::Pace::kFast;
  options.sabotage = Sabotage::kCorruptedNewData;
  const ToldDemo demo = RunToldDemo(options);
  SCOPED_TRACE(demo.told);
  EXPECT_EQ(demo.result.failed_step, demo.result.on_tmpfs ? "nospace-enospc" : "");
}

}  // namespace
}  // namespace platter
