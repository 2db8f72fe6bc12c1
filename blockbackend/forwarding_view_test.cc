// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/forwarding_view.h"

#include <cerrno>

#include "gtest/gtest.h"

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

class ForwardingViewTest : public BackendFixture {};

TEST_F(ForwardingViewTest, PassesEverythingOn) {
  MakeBackend();
  ForwardingView view(*backend_);
  EXPECT_EQ(view.name(), "drive0");
  EXPECT_FALSE(view.is_inserted());
  Insert();
  EXPECT_TRUE(view.is_inserted());
  EXPECT_TRUE(view.is_available());
  EXPECT_EQ(view.length(), kLength);
  EXPECT_EQ(view.is_read_only(), backend_->is_read_only());
  EXPECT_EQ(view.can_discard(), backend_->can_discard());
  EXPECT_EQ(view.max_transfer(), backend_->max_transfer());
  EXPECT_EQ(view.max_iov(), backend_->max_iov());
  EXPECT_EQ(view.probe_block_sizes().logical, backend_->probe_block_sizes().logical);
  view.set_write_cache_enabled(false);
  EXPECT_FALSE(backend_->write_cache_enabled());
  EXPECT_FALSE(view.write_cache_enabled());

  ASSERT_TRUE(view.Attach({.device_id = "disk0"}, drive_.FixedOps()).ok());
  EXPECT_EQ(backend_->attached_device(), "disk0");
  EXPECT_EQ(ErrnoOf(view.Attach({.device_id = "disk1"}, {})), EBUSY);
  channel_ = view.OpenChannel(io_, client_);
  Go(IoOp::kWrite, 0, 512);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
  channel_.reset();
  view.Detach();
  EXPECT_EQ(backend_->attached_device(), std::nullopt);
}

}  // namespace
}  // namespace platter
