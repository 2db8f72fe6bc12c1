// SPDX-License-Identifier: Apache-2.0

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "testing/demo/demo_fixture.h"
#include "testing/demo/scarce_space.h"
#include "testing/demo/temp_folder.h"

namespace platter {
namespace {

// Why this host has no tmpfs of its own for us; OK when it has.
absl::Status WhyNoTmpfs() {
  const auto folder = TempFolder::Create();
  if (!folder.ok()) return folder.status();
  return ScarceSpace::OnTmpfs((*folder)->path()).status();
}

class StepNoSpaceTest : public testing::TestWithParam<DemoOptions::Space> {
 protected:
  void SetUp() override {
    if (GetParam() != DemoOptions::Space::kTmpfs) return;
    if (const absl::Status refused = WhyNoTmpfs(); !refused.ok()) {
      GTEST_SKIP() << "no-user-namespace: " << MessageOf(refused);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Spaces, StepNoSpaceTest,
                         testing::Values(DemoOptions::Space::kTmpfs,
                                         DemoOptions::Space::kAllocationLimit),
                         [](const auto& test) {
                           return test.param == DemoOptions::Space::kTmpfs ? "Tmpfs"
                                                                           : "AllocationLimit";
                         });

// The sabotage of a step with a virtio disk, and of the one with a SCSI disk.
void ExpectBothFail(Sabotage virtio, Sabotage scsi, const std::string& step,
                    const std::string& words, DemoOptions::Space space) {
  ExpectSabotageFails(virtio, step, words, space);
  ExpectSabotageFails(scsi, "scsi-" + step, words, space);
}

TEST_P(StepNoSpaceTest, ReportNoticesThatThereIsRoom) {
  ExpectBothFail(Sabotage::kRoomLeft, Sabotage::kScsiRoomLeft, "nospace-report", "was not reported",
                 GetParam());
}

TEST_P(StepNoSpaceTest, IgnoreNoticesAnotherPolicy) {
  ExpectBothFail(Sabotage::kWrongPolicy, Sabotage::kScsiWrongPolicy, "nospace-ignore",
                 "in spite of werror=ignore", GetParam());
}

TEST_P(StepNoSpaceTest, EnospcNoticesAStopThatIsNotTold) {
  ExpectBothFail(Sabotage::kLostStopEvent, Sabotage::kScsiLostStopEvent, "nospace-enospc",
                 "STOP did not happen", GetParam());
}

TEST_P(StepNoSpaceTest, StopNoticesThatNobodyMadeRoom) {
  ExpectBothFail(Sabotage::kNoRoomMade, Sabotage::kScsiNoRoomMade, "nospace-stop",
                 "the end of the write that was kept did not happen", GetParam());
}

// A memory node has no file to change a byte of.
TEST(StepNoSpaceDataTest, EnospcNoticesAWrongByte) {
  if (const absl::Status refused = WhyNoTmpfs(); !refused.ok()) {
    GTEST_SKIP() << "no-user-namespace: " << MessageOf(refused);
  }
  ExpectBothFail(Sabotage::kCorruptedNewData, Sabotage::kScsiCorruptedNewData, "nospace-enospc",
                 "wrong checksum", DemoOptions::Space::kTmpfs);
}

}  // namespace
}  // namespace platter
