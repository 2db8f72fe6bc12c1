// SPDX-License-Identifier: Apache-2.0
//
// What no virtio device can have saved is refused by name, and the device is as new. That what it
// has saved comes back is in the tests of each type of device.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/virtio_blk_fixture.h"
#include "devices/virtio/virtio_state.pb.h"
#include "testing/model/random.h"

namespace platter {
namespace {

class VirtioDeviceStateTest : public testing::Test {
 protected:
  using State = state::VirtioDevice;

  // A device whose driver has come so far, and a new one.
  void SetUp() override {
    source_.MakeAll();
    target_.MakeDevice();
  }
  static std::string Save(BlkFixture& host) {
    host.RunDevice(&Device::Pause);
    std::optional<absl::StatusOr<std::string>> state;
    host.device->SaveState([&](auto saved) { state = std::move(saved); });
    host.world.RunUntil([&] { return state.has_value(); });
    EXPECT_TRUE(state->ok()) << state->status();
    return state->value_or("");
  }
  State Saved() {
    State state;
    EXPECT_TRUE(state.ParseFromString(Save(source_)));
    return state;
  }
  absl::Status Restore(const std::string& state) {
    // The rings lie in memory of the guest: give the new device the same.
    target_.RunDevice(&Device::Pause);
    std::optional<absl::Status> status;
    target_.device->RestoreState(state, [&](absl::Status got) { status = std::move(got); });
    target_.world.RunUntil([&] { return status.has_value(); });
    return *status;
  }
  void ExpectRefused(const State& state, const std::string& why) {
    const std::string before = Save(target_);
    const absl::Status status = Restore(state.SerializeAsString());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_NE(MessageOf(status).find("device 'disk0'"), std::string::npos) << status;
    EXPECT_NE(MessageOf(status).find(why), std::string::npos) << status;
    EXPECT_EQ(Save(target_), before);
  }

  BlkFixture source_;
  BlkFixture target_;
};

TEST_F(VirtioDeviceStateTest, WhatNoDeviceCanHaveSaved) {
  const auto refused = [this](auto change, const char* why) {
    State state = Saved();
    change(state);
    ExpectRefused(state, why);
  };
  refused([](State& s) { s.set_version(2); }, "version 2 of a 'virtio-blk'");
  refused([](State& s) { s.set_model("virtio-net"); }, "of a 'virtio-net'");
  refused([](State& s) { s.set_features(~uint64_t{0}); }, "its features");
  refused([](State& s) { s.set_features(1 << 9); }, "its features");
  refused([](State& s) { s.set_features(0); }, "its features");
  refused([](State& s) { s.add_queues(); }, "the number of its queues");
  refused([](State& s) { s.clear_queues(); }, "the number of its queues");
  refused([](State& s) { s.mutable_queues(0)->set_next_avail(65536); }, "a queue");
  refused([](State& s) { s.mutable_queues(0)->add_heads(65536); }, "a queue");
  refused([](State& s) { s.set_driver_ok(false); }, "a queue");
  refused([](State& s) { s.mutable_queues(0)->set_size(3); }, "queue 0");
  refused([](State& s) { s.mutable_queues(0)->add_heads(0); }, "queue 0");
  refused([](State& s) { s.mutable_queues(0)->set_device(UINT64_MAX - 1); }, "queue 0");
  refused([](State& s) { s.set_transport("\xff"); }, "its registers");
  refused([](State& s) { s.set_device("\xff"); }, "its configuration");
  // And it works as a new one does.
  target_.device->Resume();
  target_.MakeDriver();
  EXPECT_EQ(*target_.driver->Flush(), guest::kBlkOk);
}

TEST_F(VirtioDeviceStateTest, NothingIsRestoredToADeviceInUse) {
  const std::string state = Save(source_);
  std::optional<absl::Status> status;
  source_.device->RestoreState(state, [&](absl::Status got) { status = std::move(got); });
  source_.world.RunUntil([&] { return status.has_value(); });
  EXPECT_EQ(status->code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(VirtioDeviceStateTest, R_VQ_20_AnyStreamIsRefusedOrGoneOnFrom) {
  Random random(20261126);
  const std::string right = Save(source_);
  for (int i = 0; i < 400; ++i) {
    std::string state = right;
    for (uint64_t changes = 1 + random.Below(3); changes != 0; --changes) {
      state[random.Below(state.size())] = static_cast<char>(random.Below(256));
    }
    static_cast<void>(Restore(state));
    target_.device->Resume();
    target_.world.RunUntilIdle();
    target_.RunDevice(&Device::Reset);
  }
  target_.MakeDriver();
  EXPECT_EQ(*target_.driver->Flush(), guest::kBlkOk);
}

// --- The type's own part. ---

TEST_F(VirtioDeviceStateTest, ATypesOwnPartGoesElsewhere) {
  source_.RunDevice(&Device::Reset);
  source_.backend.write_cache = false;
  const absl::StatusOr<std::string> state = source_.device->SaveTypeState();
  ASSERT_TRUE(state.ok()) << state.status();
  ASSERT_TRUE(target_.backend.write_cache);
  const absl::Status restored = target_.device->RestoreTypeState(*state);
  ASSERT_TRUE(restored.ok()) << restored;
  EXPECT_FALSE(target_.backend.write_cache);
  target_.MakeDriver();
  EXPECT_EQ(*target_.driver->Flush(), guest::kBlkOk);
}

TEST_F(VirtioDeviceStateTest, ATypesOwnPartIsOfADeviceAtRest) {
  EXPECT_EQ(source_.device->SaveTypeState().status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string state = *target_.device->SaveTypeState();
  const absl::Status status = source_.device->RestoreTypeState(state);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(status).find("device 'disk0'"), std::string::npos);
  EXPECT_EQ(*source_.driver->Flush(), guest::kBlkOk);
}

TEST_F(VirtioDeviceStateTest, WhatIsNoTypesOwnPart) {
  const std::string right = *target_.device->SaveTypeState();
  const auto refused = [&](void (*damage)(State&), const std::string& why) {
    State state;
    EXPECT_TRUE(state.ParseFromString(right));
    damage(state);
    const absl::Status status = target_.device->RestoreTypeState(state.SerializeAsString());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_NE(MessageOf(status).find(why), std::string::npos) << status;
  };
  refused([](State& s) { s.set_version(7); }, "version 7");
  refused([](State& s) { s.set_model("toy"); }, "of a 'toy'");
  refused([](State& s) { s.set_driver_ok(true); }, "more than the device's own part");
  refused([](State& s) { s.set_features(1); }, "more than the device's own part");
  refused([](State& s) { s.add_queues(); }, "more than the device's own part");
  refused([](State& s) { s.set_transport("x"); }, "more than the device's own part");
  refused([](State& s) { s.set_device("\xff"); }, "its configuration");
  EXPECT_NE(MessageOf(target_.device->RestoreTypeState("\xff")).find("it is no message"),
            std::string::npos);
  // The state of a whole device is none.
  EXPECT_FALSE(target_.device->RestoreTypeState(Save(source_)).ok());
}

TEST(VirtioDeviceState, ATransportThatKeepsItsStateElsewhere) {
  BlkFixture host;
  auto made = VirtioBlk::Create({.id = "disk1"}, host.backend, host.control);
  ASSERT_TRUE(made.ok());
  host.device = *std::move(made);
  DirectTransport direct(*host.device, host.bus.Vectors(0));
  std::optional<absl::Status> saved;
  host.device->SaveState([&](const auto& state) { saved = state.status(); });
  EXPECT_EQ(saved->code(), absl::StatusCode::kUnimplemented);
  std::optional<absl::Status> restored;
  host.device->RestoreState("", [&](absl::Status status) { restored = std::move(status); });
  EXPECT_EQ(restored->code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(MessageOf(*restored).find("device 'disk1'"), std::string::npos);
  host.RunDevice(&Device::Unplug);
  host.device.reset();
}

}  // namespace
}  // namespace platter
