// SPDX-License-Identifier: Apache-2.0
#include "machine/drive_errors.h"

#include <chrono>
#include <string>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"

namespace platter {
namespace {

class DriveErrorsTest : public testing::Test {
 protected:
  ~DriveErrorsTest() override {
    drive_.reset();
    world_.RunUntilIdle();
  }
  static state::MachineDevice Saved(const BlockErrorState& state) {
    state::MachineDevice saved;
    saved.set_id("vd0");
    SaveDriveErrors(state, saved);
    return saved;
  }
  std::string Check(const state::MachineDevice& saved) {
    return MessageOf(CheckDriveErrors(saved, drive_.get()));
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  BackendRegistry registry_{{.control = &control_}};
  BlockBackendRef drive_ = *registry_.Create("d", {});
};

TEST_F(DriveErrorsTest, WhatIsAsNewIsNotSaved) {
  EXPECT_FALSE(Saved({}).has_errors());
  EXPECT_EQ(Check(Saved({})), "");
}

TEST_F(DriveErrorsTest, EachValueComesBack) {
  for (const IoStatus status : {IoStatus::kFailed, IoStatus::kNospace}) {
    EXPECT_EQ(DriveErrorsFrom(Saved({.iostatus = status})).iostatus, status);
  }
  EXPECT_TRUE(DriveErrorsFrom(Saved({.stalled = true})).stalled);
  EXPECT_FALSE(DriveErrorsFrom(Saved({.stalled = true})).changed_policies.has_value());
  for (const OnError policy : {OnError::kReport, OnError::kIgnore, OnError::kEnospc, OnError::kStop,
                               OnError::kStall, OnError::kRetry}) {
    const OnError then = policy == OnError::kRetry ? OnError::kStall : policy;
    const ErrorPolicies policies = {
        .read = policy == OnError::kEnospc ? OnError::kStop : policy,
        .write = policy,
        .retry = {.delay = std::chrono::milliseconds(7), .limit = 0, .then = then}};
    const state::MachineDevice saved = Saved({.changed_policies = policies});
    EXPECT_EQ(Check(saved), "");
    EXPECT_EQ(DriveErrorsFrom(saved).changed_policies, policies) << OnErrorName(policy);
  }
}

TEST_F(DriveErrorsTest, WhatIsNoneOfThemIsRefusedByName) {
  const state::MachineDevice right =
      Saved({.changed_policies = ErrorPolicies(), .iostatus = IoStatus::kFailed});
  ASSERT_EQ(Check(right), "");
  const auto refused = [&](auto change) {
    state::MachineDevice wrong = right;
    change(*wrong.mutable_errors());
    return Check(wrong);
  };
  using Errors = state::DriveErrors;
  const auto policy = [](int value) { return static_cast<state::ErrorPolicy>(value); };
  EXPECT_EQ(MessageOf(CheckDriveErrors(right, nullptr)),
            "saved state: device 'vd0': it has no drive to have errors");
  EXPECT_EQ(refused([](Errors& e) { e.set_io_status(static_cast<state::IoStatus>(9)); }),
            "saved state: device 'vd0': I/O status 9 is not known");
  EXPECT_EQ(refused([&](Errors& e) { e.mutable_policies()->set_read(policy(17)); }),
            "saved state: device 'vd0': error policy 17 is not known");
  EXPECT_EQ(refused([&](Errors& e) { e.mutable_policies()->set_write(policy(0)); }),
            "saved state: device 'vd0': error policy 0 is not known");
  EXPECT_EQ(refused([&](Errors& e) { e.mutable_policies()->set_retry_action(policy(-1)); }),
            "saved state: device 'vd0': error policy -1 is not known");
  EXPECT_EQ(
      refused([&](Errors& e) { e.mutable_policies()->set_read(state::ERROR_POLICY_ENOSPC); }),
      "saved state: device 'vd0': block backend 'd': the read error policy cannot be 'enospc'");
  EXPECT_EQ(refused([&](Errors& e) { e.mutable_policies()->set_retry_delay_ns(UINT64_MAX); }),
            "saved state: device 'vd0': block backend 'd': a retry delay of 7200000 ms is not "
            "between 1 and 3600000");
  EXPECT_EQ(refused([&](Errors& e) { e.mutable_policies()->set_retry_limit(UINT32_MAX); }),
            "saved state: device 'vd0': block backend 'd': a retry limit of 4294967295 is above "
            "1000000");
}

}  // namespace
}  // namespace platter
