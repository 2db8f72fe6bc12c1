// SPDX-License-Identifier: Apache-2.0
//
// The registers alone, under a transport that only records; with a layout around them they are in
// mmio_transport_test.cc and devices/pci.

#include "devices/virtio/driver_registers.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {
namespace {

constexpr uint32_t kAck = kVirtioStatusAcknowledge;
constexpr uint32_t kDriver = kAck | kVirtioStatusDriver;
constexpr uint32_t kAgreed = kDriver | kVirtioStatusFeaturesOk;
constexpr uint32_t kReady = kAgreed | kVirtioStatusDriverOk;

class RecordingTransport final : public VirtioTransport {
 public:
  void InterruptQueue(uint16_t) override {}
  void InterruptConfig() override {}
  void OnNeedsReset() override { tells = registers->SetNeedsReset(); }
  void OnResetDone() override { registers->Clear(); }
  void OnMachineReset() override { ++machine_resets; }
  void OnQueueStopped(uint16_t queue) override { registers->Disable(queue); }
  void OnUnplugged() override {}
  DriverRegisters* registers = nullptr;
  bool tells = false;
  int machine_resets = 0;
};

class DriverRegistersTest : public testing::Test {
 protected:
  void SetUp() override {
    device_ =
        *VirtioBlk::Create({.id = "vd0", .num_queues = 2, .queue_size = 64}, backend_, control_);
    auto memory =
        GuestMemory::Create({{.address = 0, .size = 65536, .host = ram_.data()}}, nullptr);
    registers_ = std::make_unique<DriverRegisters>(*device_, transport_, *std::move(memory));
    transport_.registers = registers_.get();
    device_->Connect(transport_);
  }
  void TearDown() override {
    Run(&Device::Unplug);
    device_.reset();
  }
  void Run(void (Device::*function)(DeviceDone)) {
    bool done = false;
    (device_.get()->*function)([&] { done = true; });
    world_.RunUntil([&] { return done; });
  }
  void Status(uint32_t value) {
    SerialiserLock lock(device_->serialiser());
    registers_->WriteStatus(value);
  }
  void Agree() {
    Status(kDriver);
    for (const uint32_t word : {0, 1}) {
      registers_->SelectDeviceFeatures(word);
      registers_->SelectDriverFeatures(word);
      registers_->WriteDriverFeatures(registers_->device_features());
    }
    Status(kAgreed);
  }

  std::vector<uint8_t> ram_ = std::vector<uint8_t>(65536);
  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  FakeBlockDevice backend_{65536};
  RecordingTransport transport_;
  std::unique_ptr<DriverRegisters> registers_;
  std::unique_ptr<VirtioBlk> device_;
};

TEST_F(DriverRegistersTest, TheStatusOnlyGainsBitsInTheirOrder) {
  Status(kReady & ~kAck);
  EXPECT_EQ(registers_->status(), 0);
  Status(kReady);
  EXPECT_EQ(registers_->status(), kDriver) << "no features were chosen";
  Status(kAck);
  EXPECT_EQ(registers_->status(), kDriver) << "what was cleared stays";
  Agree();
  EXPECT_EQ(registers_->status(), kAgreed);
  Status(kReady);
  EXPECT_EQ(registers_->status(), kReady);
  Status(0);
  EXPECT_EQ(registers_->status(), 0);
}

TEST_F(DriverRegistersTest, FeaturesAreReadBackAndFrozen) {
  registers_->SelectDriverFeatures(0);
  registers_->WriteDriverFeatures(0x12345678);
  EXPECT_EQ(registers_->driver_features(), 0x12345678u);
  registers_->SelectDriverFeatures(1);
  EXPECT_EQ(registers_->driver_features(), 0u);
  registers_->SelectDriverFeatures(2);
  registers_->WriteDriverFeatures(1);
  EXPECT_EQ(registers_->driver_features(), 0u);
  registers_->SelectDeviceFeatures(2);
  EXPECT_EQ(registers_->device_features(), 0u);
  Agree();
  const uint32_t agreed = registers_->driver_features();
  registers_->WriteDriverFeatures(0);
  EXPECT_EQ(registers_->driver_features(), agreed);
}

TEST_F(DriverRegistersTest, R_VQ_06_QueuesAreFrozenOnceEnabled) {
  registers_->SelectQueue(2);
  EXPECT_EQ(registers_->queue(), nullptr);
  EXPECT_EQ(registers_->writable_queue(), nullptr);
  registers_->EnableQueue();
  registers_->SelectQueue(1);
  ASSERT_NE(registers_->writable_queue(), nullptr);
  EXPECT_EQ(registers_->queue()->size, 64u);
  registers_->EnableQueue();
  EXPECT_EQ(registers_->writable_queue(), nullptr);
  Agree();
  Status(kReady);
  registers_->SelectQueue(0);
  EXPECT_EQ(registers_->writable_queue(), nullptr);
  registers_->EnableQueue();
  EXPECT_FALSE(registers_->queue()->enabled);
}

TEST_F(DriverRegistersTest, R_VQ_11_ARingOutsideOfMemoryNeedsAReset) {
  registers_->EnableQueue();
  Agree();
  Status(kReady);
  EXPECT_EQ(registers_->status(), kReady);
  Status(0);
  world_.RunUntilIdle();
  registers_->writable_queue()->device = 0x100000;
  registers_->EnableQueue();
  Agree();
  EXPECT_FALSE(transport_.tells);
  Status(kReady);
  EXPECT_EQ(registers_->status(), kReady | kVirtioStatusNeedsReset);
  EXPECT_TRUE(transport_.tells);
}

TEST_F(DriverRegistersTest, OnlyTheMachinesResetReachesTheBus) {
  Status(kDriver);
  Status(0);
  EXPECT_EQ(transport_.machine_resets, 0);
  Run(&Device::Reset);
  EXPECT_EQ(transport_.machine_resets, 1);
}

TEST_F(DriverRegistersTest, WhatIsSavedIsRestoredOrRefused) {
  Status(kDriver);
  registers_->SelectQueue(1);
  registers_->writable_queue()->descriptors = 0x1000;
  DriverRegisters::Values values = registers_->Save();
  EXPECT_EQ(registers_->Check(values, false, false), nullptr);
  EXPECT_STREQ(registers_->Check(values, true, false), "its status register");
  Status(0);
  registers_->Restore(values);
  EXPECT_EQ(registers_->status(), kDriver);
  EXPECT_EQ(registers_->queue()->descriptors, 0x1000u);
  values.queues.pop_back();
  EXPECT_STREQ(registers_->Check(values, false, false), "the number of its queues");
  values.status = 0x103;
  EXPECT_STREQ(registers_->Check(values, false, false), "its status register");
}

}  // namespace
}  // namespace platter
