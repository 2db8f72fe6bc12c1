// SPDX-License-Identifier: Apache-2.0

#include "devices/virtio/virtio_transport.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

class PlainTransport final : public VirtioTransport {
 public:
  void InterruptQueue(uint16_t) override {}
  void InterruptConfig() override {}
  void OnNeedsReset() override {}
  void OnResetDone() override {}
  void OnQueueStopped(uint16_t) override {}
  void OnUnplugged() override {}
};

TEST(VirtioTransport, HasNoStateOfItsOwnUnlessItSaysSo) {
  PlainTransport transport;
  EXPECT_EQ(transport.saved_state(), nullptr);
}

}  // namespace
}  // namespace platter
