// SPDX-License-Identifier: Apache-2.0
//
// Which error policies a drive has, takes and refuses: row 12.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

constexpr Duration kDelay = std::chrono::milliseconds(250);
constexpr BackendOptions kRetrying = {.read_error = OnError::kRetry,
                                      .write_error = OnError::kRetry,
                                      .retry = {.delay = kDelay, .limit = 3}};

class ErrorPolicyTest : public BackendFixture {};

TEST_F(ErrorPolicyTest, Row12_TheDevicesRetryIsBeforeTheBackends) {
  MakeBackend(kRetrying);
  Insert();
  const RetryPolicy own = {.delay = 2 * kDelay, .limit = 7, .then = OnError::kIgnore};
  AttachAndOpen(io_, {.device_id = "disk0", .retry = own});
  EXPECT_EQ(backend_->error_policies().read, OnError::kRetry) << "auto";
  EXPECT_EQ(backend_->error_policies().retry, own);
  channel_.reset();
  backend_->Detach();
  EXPECT_EQ(backend_->error_policies().retry.delay, kDelay);
  AttachAndOpen(io_);
  EXPECT_EQ(backend_->error_policies().retry.delay, kDelay);
}

TEST_F(ErrorPolicyTest, Row12_WrongPoliciesAreRefusedByName) {
  MakeDisk(io_, kRetrying);
  const ErrorPolicies before = backend_->error_policies();
  const auto refused = [&](RetryPolicy retry) {
    const absl::Status status = backend_->SetErrorPolicies(
        {.read = OnError::kRetry, .write = OnError::kReport, .retry = retry});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(backend_->error_policies(), before);
    return MessageOf(status);
  };
  EXPECT_EQ(refused({.delay = Duration(0)}),
            "block backend 'drive0': a retry delay of 0 ms is not between 1 and 3600000");
  EXPECT_EQ(refused({.delay = std::chrono::hours(2)}),
            "block backend 'drive0': a retry delay of 7200000 ms is not between 1 and 3600000");
  EXPECT_EQ(refused({.limit = 1'000'001}),
            "block backend 'drive0': a retry limit of 1000001 is above 1000000");
  for (const OnError then : {OnError::kRetry, OnError::kAuto}) {
    EXPECT_EQ(refused({.then = then}),
              std::string("block backend 'drive0': the action after retries cannot be '") +
                  OnErrorName(then) + "'");
  }
  EXPECT_EQ(refused({.then = OnError::kEnospc}),
            "block backend 'drive0': the action after retries of reads cannot be 'enospc'");
  channel_.reset();
  backend_->Detach();
  const absl::Status status = backend_->Attach(
      {.device_id = "disk1", .retry = RetryPolicy{.then = OnError::kEnospc}}, drive_.FixedOps());
  EXPECT_EQ(MessageOf(status),
            "device 'disk1': the action after retries of reads cannot be 'enospc'");
}

TEST_F(ErrorPolicyTest, OnlyPoliciesThatWereChangedAreStateOfTheDrive) {
  MakeDisk(io_);
  EXPECT_FALSE(backend_->error_state().changed_policies.has_value());
  ASSERT_TRUE(backend_->SetOnError(OnError::kStop, OnError::kEnospc).ok());
  ASSERT_TRUE(backend_->error_state().changed_policies.has_value());
  EXPECT_EQ(backend_->error_state().changed_policies->read, OnError::kStop);
  channel_.reset();
  backend_->Detach();
  AttachAndOpen(io_);
  EXPECT_FALSE(backend_->error_state().changed_policies.has_value());
  EXPECT_EQ(backend_->CheckErrorState({.changed_policies = {{.read = OnError::kEnospc}}}).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace platter
