// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/shrink_reporter.h"

#include <cerrno>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "drivers/file/fake_host_calls.h"
#include "drivers/file/scripted_context.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ShrinkReporterTest : public ::testing::Test {
 protected:
  ShrinkReporterTest() {
    host_->length = [] { return uint64_t{1000}; };
  }

  ScriptedContext control_{nullptr};
  MemoryLog log_;
  std::shared_ptr<FakeHostCalls> host_ = std::make_shared<FakeHostCalls>();
  std::shared_ptr<ShrinkReporter> reporter_ =
      std::make_shared<ShrinkReporter>(control_, log_, host_, HostFile{3, "/disk"});
};

TEST_F(ShrinkReporterTest, WritesFromTheControlContextWithFileAndLengths) {
  reporter_->Report(4096, 8192);
  EXPECT_THAT(log_.Lines(), IsEmpty());
  control_.RunReady();
  ASSERT_EQ(log_.Lines().size(), 1u);
  EXPECT_THAT(log_.Lines()[0], HasSubstr("'/disk' shrank under us: it had 8192 bytes and has 1000 "
                                         "now; a request met its end at 4096"));
}

TEST_F(ShrinkReporterTest, ReportsThatComeMeanwhileAreOne) {
  for (int i = 0; i < 100; ++i) reporter_->Report(4096, 8192);
  control_.RunReady();
  EXPECT_EQ(log_.Lines().size(), 1u);
  reporter_->Report(4096, 8192);
  control_.RunReady();
  EXPECT_EQ(log_.Lines().size(), 2u);
}

TEST_F(ShrinkReporterTest, SaysWhenTheLengthIsNotToBeHad) {
  host_->stat_error = -EIO;
  reporter_->Report(4096, 8192);
  control_.RunReady();
  EXPECT_THAT(log_.Lines(), ElementsAre(HasSubstr("cannot be measured now")));
}

TEST_F(ShrinkReporterTest, NoLineHasAControlByteOfThePath) {
  reporter_ = std::make_shared<ShrinkReporter>(control_, log_, host_, HostFile{3, "/\x1B[2J"});
  reporter_->Report(4096, 8192);
  control_.RunReady();
  EXPECT_THAT(log_.Lines(), ElementsAre(HasSubstr("'/\\x1b[2J' shrank")));
}

TEST_F(ShrinkReporterTest, NoReportOutlivesTheNode) {
  reporter_->Report(4096, 8192);
  reporter_.reset();
  control_.RunReady();
  EXPECT_THAT(log_.Lines(), IsEmpty());
}

}  // namespace
}  // namespace platter
