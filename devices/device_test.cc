// SPDX-License-Identifier: Apache-2.0

#include "devices/device.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

class Toy final : public Device {
 public:
  const std::string& id() const override { return id_; }
  const char* model() const override { return "toy"; }
  void Reset(DeviceDone done) override { std::move(done)(); }
  void Pause(DeviceDone done) override { std::move(done)(); }
  void Resume() override {}
  void Unplug(DeviceDone done) override { std::move(done)(); }

 private:
  const std::string id_ = "t0";
};

TEST(Device, AModelWithoutSavedStateSaysSoByName) {
  Toy toy;
  std::optional<absl::Status> saved;
  toy.SaveState([&](const auto& state) { saved = state.status(); });
  ASSERT_TRUE(saved.has_value());
  EXPECT_EQ(saved->code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(MessageOf(*saved), "device 't0': a toy can't be saved");

  std::optional<absl::Status> restored;
  toy.RestoreState("", [&](absl::Status status) { restored = std::move(status); });
  ASSERT_TRUE(restored.has_value());
  EXPECT_EQ(restored->code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(MessageOf(*restored), "device 't0': a toy can't be restored");
}

}  // namespace
}  // namespace platter
