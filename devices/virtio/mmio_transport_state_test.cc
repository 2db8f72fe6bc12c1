// SPDX-License-Identifier: Apache-2.0
//
// The registers of an MMIO transport in a saved state, before and after DRIVER_OK.

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_blk_fixture.h"
#include "devices/virtio/virtio_state.pb.h"

namespace platter {
namespace {

constexpr uint32_t kNegotiated =
    kVirtioStatusAcknowledge | kVirtioStatusDriver | kVirtioStatusFeaturesOk;

class MmioTransportStateTest : public testing::Test, protected BlkFixture {
 protected:
  void SetUp() override { MakeDevice(); }
  VirtioTransportState& state() { return *transport->saved_state(); }
  std::string Save() {
    SerialiserLock lock(device->serialiser());
    return state().Save();
  }
  const char* Check(const state::VirtioMmio& from, bool features_ok = false,
                    bool driver_ok = false) {
    SerialiserLock lock(device->serialiser());
    return state().Check(from.SerializeAsString(), features_ok, driver_ok);
  }
};

TEST_F(MmioTransportStateTest, ADriverGoesOnWhereItWas) {
  mmio.Set(0x070, kVirtioStatusAcknowledge);
  mmio.Set(0x030, 0);
  mmio.Set(0x038, 16);
  mmio.Set(0x080, 0x1000);
  mmio.Set(0x014, 1);
  BlkFixture other;
  other.MakeDevice();
  SerialiserLock lock(other.device->serialiser());
  other.transport->saved_state()->Restore(Save());
  EXPECT_EQ(other.transport->saved_state()->Save(), Save());
  EXPECT_EQ(other.transport->status(), kVirtioStatusAcknowledge);
}

TEST_F(MmioTransportStateTest, AnInterruptThatWasPendingIs) {
  state::VirtioMmio from;
  ASSERT_TRUE(from.ParseFromString(Save()));
  from.set_interrupt_status(kMmioInterruptConfig);
  {
    SerialiserLock lock(device->serialiser());
    state().Restore(from.SerializeAsString());
  }
  EXPECT_TRUE(bus.Interrupt(1).high);
  EXPECT_EQ(mmio.Get(0x060), kMmioInterruptConfig);
  mmio.Set(0x064, kMmioInterruptConfig);
  EXPECT_FALSE(bus.Interrupt(1).high);
}

TEST_F(MmioTransportStateTest, WhatNoTransportCanHaveSaved) {
  state::VirtioMmio from;
  ASSERT_TRUE(from.ParseFromString(Save()));
  EXPECT_EQ(Check(from), nullptr);
  EXPECT_STREQ(Check(from, true), "its status register");
  from.set_status(kNegotiated);
  EXPECT_EQ(Check(from, true), nullptr);
  EXPECT_STREQ(Check(from), "its status register");
  EXPECT_STREQ(Check(from, true, true), "its status register");
  from.set_status(kNegotiated | kVirtioStatusDriverOk);
  EXPECT_EQ(Check(from, true, true), nullptr);
  from.set_status(0x110);
  EXPECT_STREQ(Check(from), "its status register");
  from.set_status(0);
  from.set_interrupt_status(4);
  EXPECT_STREQ(Check(from), "its interrupt status");
  from.set_interrupt_status(3);
  from.add_queues();
  EXPECT_STREQ(Check(from), "the number of its queues");
}

}  // namespace
}  // namespace platter
