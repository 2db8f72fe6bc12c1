// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/read_only_view.h"

#include "gtest/gtest.h"

#include "base/arith.h"
#include "devices/testing/fake_block_device.h"

namespace platter {
namespace {

TEST(ReadOnlyViewTest, NothingIsWrittenAndNoPermissionToIsAskedFor) {
  FakeBlockDevice backend(kMiB);
  ReadOnlyView view(backend);
  EXPECT_TRUE(view.is_read_only());
  EXPECT_FALSE(view.can_discard());
  view.set_write_cache_enabled(false);
  EXPECT_TRUE(backend.write_cache);
  ASSERT_TRUE(view.Attach({.device_id = "d", .needs_write = true}, {}).ok());
  EXPECT_FALSE(backend.attachment.needs_write);
  view.Detach();
  EXPECT_FALSE(backend.attached);
}

TEST(ReadOnlyViewTest, TheRestIsTheBackends) {
  FakeBlockDevice backend(kMiB);
  backend.block_sizes = {.logical = 4096, .physical = 4096};
  ReadOnlyView view(backend);
  EXPECT_EQ(view.length(), kMiB);
  EXPECT_EQ(view.name(), backend.name());
  EXPECT_EQ(view.probe_block_sizes().logical, 4096u);
  EXPECT_TRUE(view.write_cache_enabled());
  EXPECT_TRUE(view.is_inserted());
  EXPECT_EQ(view.max_iov(), backend.max_iov());
  EXPECT_EQ(view.max_transfer(), backend.max_transfer());
}

}  // namespace
}  // namespace platter
