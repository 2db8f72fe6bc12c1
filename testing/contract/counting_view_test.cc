// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/counting_view.h"

#include <sys/uio.h>

#include <memory>
#include <optional>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "testing/contract/device_world.h"

namespace platter {
namespace {

constexpr uint64_t kDiskBytes = 64 * 1024;

class OneRequest final : public BlockRequest, public ChannelClient {
 public:
  OneRequest() {
    op = IoOp::kRead;
    offset = 512;
    bytes = sizeof(data_);
    iov = &piece_;
    iov_count = 1;
  }
  void OnBlockDone(IoResult result) override { result_ = result; }
  void OnBatchDone() override {}
  std::optional<IoResult> result() const { return result_; }
  uint8_t first_byte() const { return data_[0]; }

 private:
  uint8_t data_[512] = {};
  iovec piece_ = {.iov_base = data_, .iov_len = sizeof(data_)};
  std::optional<IoResult> result_;
};

TEST(CountingViewTest, PassesEverythingOnAndCountsWhatIsSubmitted) {
  DeviceWorld world(1);
  ASSERT_TRUE(
      BlockOn(world.control, world.backend->InsertRoot(world.NewMedium("disk", kDiskBytes))).ok());
  world.disk().bytes()[512] = 0x5a;
  CountingView view(*world.backend);
  EXPECT_EQ(view.name(), "drive0");
  EXPECT_TRUE(view.is_inserted());
  EXPECT_EQ(view.length(), kDiskBytes);
  DeviceAttachment attachment;
  attachment.device_id = "dut";
  ASSERT_TRUE(view.Attach(attachment, {}).ok());
  EXPECT_EQ(world.backend->attached_device(), "dut");

  OneRequest request;
  std::unique_ptr<BlockChannel> channel = view.OpenChannel(world.control, request);
  EXPECT_EQ(view.submitted(), 0u);
  channel->Submit(request);
  EXPECT_EQ(view.submitted(), 1u);
  EXPECT_EQ(channel->outstanding(), 1u);
  world.world.RunUntil([&] { return request.result().has_value(); });
  EXPECT_EQ(request.result(), 0);
  EXPECT_EQ(request.first_byte(), 0x5a);
  channel.reset();
  view.Detach();
  EXPECT_EQ(world.backend->attached_device(), std::nullopt);
}

// What it is for: a parked request is seen.
TEST(CountingViewTest, CountsWhatTheChannelParks) {
  DeviceWorld world(1);
  ASSERT_TRUE(
      BlockOn(world.control, world.backend->InsertRoot(world.NewMedium("disk", kDiskBytes))).ok());
  CountingView view(*world.backend);
  DeviceAttachment attachment;
  attachment.device_id = "dut";
  ASSERT_TRUE(view.Attach(attachment, {}).ok());
  OneRequest request;
  std::unique_ptr<BlockChannel> channel = view.OpenChannel(world.control, request);
  world.run_state.Stop(StopReason::kPaused);
  world.world.RunUntil([&] { return world.run_state.stopped(); });
  channel->Submit(request);
  world.world.RunUntilIdle();
  EXPECT_EQ(request.result(), std::nullopt);
  EXPECT_EQ(world.disk().done(IoOp::kRead), 0u);
  EXPECT_EQ(view.submitted(), 1u);
  world.run_state.Cont();
  world.world.RunUntil([&] { return request.result().has_value(); });
  channel.reset();
  view.Detach();
}

}  // namespace
}  // namespace platter
