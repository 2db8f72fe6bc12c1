// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_scsi_spec.h"

#include "gtest/gtest.h"

namespace platter::guest {
namespace {

TEST(VirtioScsiSpecTest, LunsAreOfTheOneSupportedFormat) {
  EXPECT_EQ(ScsiReported(ScsiLunOf(3, 255)), (ScsiLun{1, 3, 0, 255, 0, 0, 0, 0}));
  EXPECT_EQ(ScsiReported(ScsiLunOf(3, 256)), (ScsiLun{1, 3, 0x41, 0, 0, 0, 0, 0}));
  EXPECT_EQ(ScsiLunOf(0, 0), (ScsiLun{1, 0, 0x40, 0, 0, 0, 0, 0}));
  EXPECT_EQ(ScsiLunOf(255, 16383), (ScsiLun{1, 255, 0x7f, 0xff, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace platter::guest
