// SPDX-License-Identifier: Apache-2.0

#include "gtest/gtest.h"

#include "testing/demo/demo_fixture.h"

namespace platter {
namespace {

TEST(StepReadErrorTest, ReportNoticesThatNothingFails) {
  ExpectSabotageFails(Sabotage::kNoReadError, "readerror-report", "was not reported");
}

TEST(StepReadErrorTest, IgnoreNoticesAnotherPolicy) {
  ExpectSabotageFails(Sabotage::kWrongReadPolicy, "readerror-ignore", "in spite of rerror=ignore");
}

TEST(StepReadErrorTest, EnospcNoticesADriveThatIsTaken) {
  ExpectSabotageFails(Sabotage::kReadPolicyTaken, "readerror-enospc", "a drive takes a policy");
}

TEST(StepReadErrorTest, StopNoticesAnErrorThatStays) {
  ExpectSabotageFails(Sabotage::kReadErrorStays, "readerror-stop",
                      "the end of the read that was kept did not happen");
}

}  // namespace
}  // namespace platter
