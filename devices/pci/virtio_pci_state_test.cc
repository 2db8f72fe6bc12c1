// SPDX-License-Identifier: Apache-2.0
//
// The registers of a virtio device on PCI in a saved state. That a guest notices nothing when its
// device goes on elsewhere is in virtio_pci_move_test.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/pci/virtio_pci_fixture.h"
#include "devices/pci/virtio_pci_state.pb.h"
#include "devices/virtio/virtio_state.pb.h"
#include "testing/model/random.h"

namespace platter {
namespace {

class VirtioPciStateTest : public testing::Test, protected PciBlkFixture {
 protected:
  void SetUp() override { MakeDevice({.num_queues = 2}); }
  VirtioTransportState& state() { return *slot->transport.saved_state(); }
  std::string Save() {
    SerialiserLock lock(device->serialiser());
    return state().Save();
  }
  state::VirtioPci Saved() {
    state::VirtioPci from;
    EXPECT_TRUE(from.ParseFromString(Save()));
    return from;
  }
  void Restore(const state::VirtioPci& from) {
    SerialiserLock lock(device->serialiser());
    state().Restore(from.SerializeAsString());
  }
  const char* Check(const state::VirtioPci& from, bool features_ok = false,
                    bool driver_ok = false) {
    SerialiserLock lock(device->serialiser());
    return state().Check(from.SerializeAsString(), features_ok, driver_ok);
  }
  // The whole device's.
  std::string SaveDevice() {
    std::optional<absl::StatusOr<std::string>> saved;
    device->SaveState([&](auto result) { saved = std::move(result); });
    world.RunUntil([&] { return saved.has_value(); });
    return saved->value();
  }
  absl::Status RestoreDevice(const std::string& from) {
    std::optional<absl::Status> restored;
    device->RestoreState(from, [&](absl::Status status) { restored = std::move(status); });
    world.RunUntil([&] { return restored.has_value(); });
    return *restored;
  }
};

TEST_F(VirtioPciStateTest, ADriverGoesOnWhereItWas) {
  PutStatus(kAck);
  Put(VirtioPciField::kQueueSelect, 2, 1);
  Put(VirtioPciField::kQueueSize, 2, 16);
  Put(VirtioPciField::kQueueDescLow, 8, 0x10000);
  Put(VirtioPciField::kQueueMsixVector, 2, 1);
  Put(VirtioPciField::kConfigMsixVector, 2, 2);
  Put(VirtioPciField::kDeviceFeatureSelect, 4, 1);
  const uint64_t common = pci->common();
  const std::string saved = Save();
  RunDevice(&Device::Reset);
  {
    SerialiserLock lock(device->serialiser());
    state().Restore(saved);
  }
  EXPECT_EQ(Save(), saved);
  EXPECT_EQ(bus.ReadRegister(RegisterSpace::kMmio, common + 0x18, 2), 16u) << "the BAR is there";
  EXPECT_EQ(Get(VirtioPciField::kQueueMsixVector, 2), 1u);
  EXPECT_EQ(slot->transport.status(), kAck);
}

TEST_F(VirtioPciStateTest, InterruptsThatWerePendingAre) {
  state::VirtioPci from = Saved();
  from.set_isr(kVirtioPciIsrConfig);
  Restore(from);
  EXPECT_FALSE(bus.Interrupt(VirtioPciSlot::kLine).high) << "MSI-X is on";
  // A message that waits for an unmask.
  std::string msix = from.msix();
  msix[16 + 12] = 1;
  msix[msix.size() - 4] = 2;
  from.set_msix(msix);
  Restore(from);
  const uint64_t before = bus.Interrupt(InProcessBus::kFirstVector + 1).raised;
  bus.WriteRegister32(RegisterSpace::kMmio, pci->config().bar(2) + 16 + 12, 0);
  EXPECT_EQ(bus.Interrupt(InProcessBus::kFirstVector + 1).raised, before + 1);
  // And the line, without MSI-X.
  std::string space = from.config_space();
  space[0x04] = 6;
  space[0x05] = 0;
  space[pci->config().FindCapability(0x11, 0) + 3u] = 0;
  from.set_config_space(space);
  Restore(from);
  EXPECT_TRUE(bus.Interrupt(VirtioPciSlot::kLine).high);
}

TEST_F(VirtioPciStateTest, WhatNoTransportCanHaveSaved) {
  const state::VirtioPci good = Saved();
  EXPECT_EQ(Check(good), nullptr);
  const auto with = [&](auto change) {
    state::VirtioPci from = good;
    change(from);
    return Check(from);
  };
  EXPECT_STREQ(with([](auto& s) { s.set_version(2); }), "the version of its registers");
  EXPECT_STREQ(with([](auto& s) { s.clear_version(); }), "the version of its registers");
  EXPECT_STREQ(with([](auto& s) { s.set_config_space("x"); }),
               "the size of its configuration space");
  EXPECT_STREQ(with([](auto& s) { (*s.mutable_config_space())[0] = 1; }),
               "its configuration space");
  EXPECT_STREQ(with([](auto& s) { s.mutable_msix()->push_back(0); }),
               "the size of its MSI-X table");
  EXPECT_STREQ(with([](auto& s) { s.set_isr(4); }), "its interrupt status");
  EXPECT_STREQ(with([](auto& s) { s.set_isr(0x101); }), "its interrupt status");
  EXPECT_STREQ(with([](auto& s) { s.set_queue_sel(0x10000); }), "its selected queue");
  EXPECT_STREQ(with([](auto& s) { s.set_generation(256); }), "its generation");
  EXPECT_STREQ(with([](auto& s) { s.set_config_vector(3); }), "its vectors");
  EXPECT_STREQ(with([](auto& s) { s.mutable_queues(1)->set_vector(0x10001); }), "its vectors");
  EXPECT_STREQ(with([](auto& s) { s.mutable_queues(0)->set_size(512); }), "the size of a queue");
  EXPECT_STREQ(with([](auto& s) { s.mutable_queues(0)->set_size(0); }), "the size of a queue");
  EXPECT_STREQ(with([](auto& s) { s.mutable_queues()->RemoveLast(); }), "the number of its queues");
  EXPECT_STREQ(with([](auto& s) { s.set_status(0x110); }), "its status register");
  EXPECT_STREQ(Check(good, true), "its status register");
  SerialiserLock lock(device->serialiser());
  EXPECT_STREQ(state().Check("\xff", false, false), "its registers are no message");
}

// R-VQ-20: a saved state with any byte changed is refused or gives a device that works.
TEST_F(VirtioPciStateTest, R_VQ_20_EveryByteOfASavedState) {
  constexpr uint64_t kSeed = 20;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  MakeDriver();
  RunDevice(&Device::Pause);
  const std::string good = SaveDevice();
  int restored = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    for (const uint8_t mask : {uint8_t{1}, uint8_t{0x80}, static_cast<uint8_t>(random.Next())}) {
      RunDevice(&Device::Reset);
      std::string state = good;
      state[i] = static_cast<char>(state[i] ^ mask);
      if (RestoreDevice(state).ok()) ++restored;
    }
  }
  EXPECT_GT(restored, 0);
  RunDevice(&Device::Reset);
  device->Resume();
  driver->Abandon();
  MakeDriver();
  CheckReads();
}

// A ring that is nowhere is found out when everything else is restored.
TEST_F(VirtioPciStateTest, ARestoreThatFailsLeavesANewDevice) {
  MakeDriver();
  RunDevice(&Device::Pause);
  state::VirtioDevice whole;
  ASSERT_TRUE(whole.ParseFromString(SaveDevice()));
  whole.mutable_queues(0)->set_device(0xffffffff00000000);
  RunDevice(&Device::Reset);
  const std::string fresh = Save();
  EXPECT_FALSE(RestoreDevice(whole.SerializeAsString()).ok());
  EXPECT_EQ(Save(), fresh);
  EXPECT_EQ(pci->config().Read(0x04, 2), 0u);
  device->Resume();
  driver->Abandon();
  MakeDriver();
  CheckReads();
}

}  // namespace
}  // namespace platter
