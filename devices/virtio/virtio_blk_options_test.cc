// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_blk_options.h"

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

absl::Status Check(VirtioBlkOptions options) {
  if (options.id.empty()) options.id = "d";
  return CheckVirtioBlkOptions(ResolveVirtioBlkOptions(options, {}, true));
}

TEST(VirtioBlkOptions, DefaultsAreFine) { EXPECT_TRUE(Check({}).ok()); }

TEST(VirtioBlkOptions, WhatIsLeftOpenComesFromTheBackend) {
  const VirtioBlkOptions all =
      ResolveVirtioBlkOptions({}, {.logical = 4096, .physical = 8192}, false);
  EXPECT_EQ(all.logical_block_size, 4096u);
  EXPECT_EQ(all.physical_block_size, 8192u);
  EXPECT_EQ(all.discard_granularity, 4096u);
  EXPECT_EQ(all.write_cache, false);
  // What is given stays, and the physical size is never below the logical one.
  const VirtioBlkOptions some = ResolveVirtioBlkOptions(
      {.logical_block_size = 4096, .discard_granularity = 0, .write_cache = true}, {}, false);
  EXPECT_EQ(some.physical_block_size, 4096u);
  EXPECT_EQ(some.discard_granularity, 0u);
  EXPECT_EQ(some.write_cache, true);
}

TEST(VirtioBlkOptions, MessagesNameDeviceAndProperty) {
  struct Case {
    VirtioBlkOptions options;
    const char* text;
  };
  const Case cases[] = {
      {{.id = "1x"}, "1x"},
      {{.serial = "123456789012345678901"},
       "virtio-blk device 'd': serial '123456789012345678901' is longer than 20 bytes"},
      {{.logical_block_size = 256},
       "virtio-blk device 'd': logical_block_size 256 is not a power of two between 512 and "
       "2097152"},
      {{.logical_block_size = 1000}, "logical_block_size 1000 is not a power of two"},
      {{.physical_block_size = 4 << 20}, "physical_block_size 4194304 is not a power of two"},
      {{.logical_block_size = 4096, .physical_block_size = 512},
       "physical_block_size 512 is below logical_block_size 4096"},
      {{.min_io_size = 100}, "min_io_size 100 is not a multiple of logical_block_size 512"},
      {{.min_io_size = 65536 * 512}, "min_io_size 33554432 is above 65535 logical blocks"},
      {{.opt_io_size = 513}, "opt_io_size 513 is not a multiple"},
      {{.discard_granularity = 100}, "discard_granularity 100 is not a multiple"},
      {{.rerror = OnError::kEnospc}, "rerror 'enospc' is only for writes"},
      {{.num_queues = 0}, "num-queues 0 is not between 1 and 1024"},
      {{.num_queues = 1025}, "num-queues 1025"},
      {{.queue_size = 2}, "queue-size 2 is not a power of two between 4 and 32768"},
      {{.queue_size = 100}, "queue-size 100"},
      {{.queue_size = 65536}, "queue-size 65536"},
      {{.queue_size = 128, .seg_max = 127}, "seg_max 127 is not between 1 and queue-size - 2, 126"},
  };
  for (const Case& c : cases) {
    const absl::Status status = Check(c.options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_NE(MessageOf(status).find(c.text), std::string::npos) << MessageOf(status);
  }
}

TEST(VirtioBlkOptions, TheLimitsThemselvesAreFine) {
  EXPECT_TRUE(Check({.serial = "12345678901234567890"}).ok());
  EXPECT_TRUE(Check({.logical_block_size = 2 * kMiB, .physical_block_size = 2 * kMiB}).ok());
  EXPECT_TRUE(Check({.min_io_size = 65535 * 512}).ok());
  EXPECT_TRUE(Check({.num_queues = 1024, .queue_size = 4}).ok());
  EXPECT_TRUE(Check({.queue_size = 32768}).ok());
  EXPECT_TRUE(Check({.queue_size = 128, .seg_max = 126}).ok());
  EXPECT_TRUE(Check({.queue_size = 4, .seg_max = 1}).ok());
}

}  // namespace
}  // namespace platter
