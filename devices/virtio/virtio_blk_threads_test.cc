// SPDX-License-Identifier: Apache-2.0
//
// virtio-blk among real threads: vCPUs at the registers beside I/O threads, resets that block,
// unplug among notifications.

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/testing/fake_block_device.h"
#include "devices/testing/loop_thread.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0x10000;
constexpr uint64_t kBytes = 0x40000;
constexpr uint32_t kSize = 16;
constexpr uint32_t kQueues = 2;

class CountingLine final : public InterruptLine {
 public:
  void Set(LineLevel) override { changes.fetch_add(1, std::memory_order_relaxed); }
  std::atomic<uint64_t> changes{0};
};

// The driver's side of one ring, as small as can be: it keeps one request in flight.
class TinyDriver {
 public:
  TinyDriver(uint8_t* ram, MmioTransport& mmio, uint32_t queue)
      : mmio_(mmio), queue_(queue), at_(kBase + uint64_t{0x10000} * (queue + 1)), ram_(ram) {}

  void Set(uint64_t offset, uint32_t value) { mmio_.WriteRegister(offset, 4, value); }
  uint32_t Get(uint64_t offset) { return static_cast<uint32_t>(mmio_.ReadRegister(offset, 4)); }

  void Place() {
    std::memset(ram_ + (at_ - kBase), 0, 0x10000);
    next_ = 0;
    Set(0x30, queue_);
    Set(0x38, kSize);
    Set(0x80, static_cast<uint32_t>(at_));
    Set(0x90, static_cast<uint32_t>(at_ + 0x1000));
    Set(0xa0, static_cast<uint32_t>(at_ + 0x2000));
    Set(0x44, 1);
  }
  void SubmitRead(uint64_t sector) {
    const uint64_t header = at_ + 0x3000;
    const VirtioBlkHeader wire = {0, 0, sector};
    std::memcpy(Host(header), &wire, sizeof(wire));
    *Host(header + 16) = 0xff;
    const VirtqDesc descs[] = {{header, 16, kVirtqDescNext, 1},
                               {at_ + 0x4000, 512, kVirtqDescNext | kVirtqDescWrite, 2},
                               {header + 16, 1, kVirtqDescWrite, 0}};
    std::memcpy(Host(at_), descs, sizeof(descs));
    // The ring's entry is 0 already: head 0.
    auto* index = reinterpret_cast<uint16_t*>(Host(at_ + 0x1000 + kVirtqAvailIdx));
    __atomic_store_n(index, ++next_, __ATOMIC_RELEASE);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    Set(0x50, queue_);
  }
  bool Done() {
    const auto* index = reinterpret_cast<const uint16_t*>(Host(at_ + 0x2000 + kVirtqUsedIdx));
    return __atomic_load_n(index, __ATOMIC_ACQUIRE) == next_;
  }
  uint8_t status() { return *Host(at_ + 0x3010); }
  uint8_t* data() { return Host(at_ + 0x4000); }

 private:
  uint8_t* Host(uint64_t address) { return ram_ + (address - kBase); }

  MmioTransport& mmio_;
  const uint32_t queue_;
  const uint64_t at_;
  uint8_t* const ram_;
  uint16_t next_ = 0;
};

class VirtioBlkThreadsTest : public testing::Test {
 protected:
  VirtioBlkThreadsTest() {
    for (size_t i = 0; i < backend.data.size(); ++i) {
      backend.data[i] = static_cast<uint8_t>(i / 512);
    }
    backend.record = false;
    ram = static_cast<uint8_t*>(std::aligned_alloc(4096, kBytes));
    memory = *GuestMemory::Create({{.address = kBase, .size = kBytes, .host = ram}}, nullptr);
    InControl([&] {
      device = *VirtioBlk::Create(
          {.id = "d", .num_queues = kQueues, .iothreads = {&io0.context(), &io1.context()}},
          backend, control.context());
      transport = std::make_unique<MmioTransport>(*device, memory, line);
    });
  }
  ~VirtioBlkThreadsTest() override {
    if (device != nullptr) Unplug();
    std::free(ram);
  }

  // Runs in the control context and waits.
  void InControl(absl::FunctionRef<void()> work) {
    std::atomic<bool> done{false};
    control.context().Post([&] {
      work();
      done.store(true);
      done.notify_one();
    });
    done.wait(false);
  }
  void RunDevice(void (Device::*function)(DeviceDone)) {
    std::atomic<bool> done{false};
    control.context().Post([&] {
      (device.get()->*function)([&] {
        done.store(true);
        done.notify_one();
      });
    });
    done.wait(false);
  }
  void Unplug() {
    RunDevice(&Device::Unplug);
    InControl([&] { device.reset(); });
  }
  uint32_t Get(uint64_t offset) {
    return static_cast<uint32_t>(transport->ReadRegister(offset, 4));
  }
  void Set(uint64_t offset, uint32_t value) { transport->WriteRegister(offset, 4, value); }
  void StartDevice(std::vector<TinyDriver>& drivers) {
    Set(0x70, 3);
    for (uint32_t word : {0, 1}) {
      Set(0x14, word);
      Set(0x24, word);
      Set(0x20, Get(0x10));
    }
    Set(0x70, 0xb);
    for (TinyDriver& driver : drivers) driver.Place();
    Set(0x70, 0xf);
    ASSERT_EQ(Get(0x70), 0xfu);
  }
  bool device_resetting() {
    SerialiserLock lock(device->serialiser());
    return device->resetting();
  }
  std::vector<TinyDriver> Drivers() {
    std::vector<TinyDriver> drivers;
    for (uint32_t i = 0; i < kQueues; ++i) drivers.emplace_back(ram, *transport, i);
    return drivers;
  }

  LoopThread control{"control"};
  LoopThread io0{"io0"};
  LoopThread io1{"io1"};
  FakeBlockDevice backend{64 * 1024};
  uint8_t* ram = nullptr;
  std::shared_ptr<const GuestMemory> memory;
  CountingLine line;
  std::unique_ptr<VirtioBlk> device;
  std::unique_ptr<MmioTransport> transport;
};

TEST_F(VirtioBlkThreadsTest, TwoVcpusAtTheRegistersBesideTwoIoThreads) {
  std::vector<TinyDriver> drivers = Drivers();
  StartDevice(drivers);
  auto vcpu = [&](uint32_t number) {
    TinyDriver& driver = drivers[number];
    for (uint32_t i = 0; i < 2000; ++i) {
      const uint64_t sector = (i * 7 + number) % 128;
      driver.SubmitRead(sector);
      while (!driver.Done()) {
        Set(0x64, Get(0x60));
        Get(0xfc);
        Get(0x100);
        Set(0x30, i % 3);
        Get(0x44);
        std::this_thread::yield();
      }
      ASSERT_EQ(driver.status(), 0);
      ASSERT_EQ(driver.data()[511], static_cast<uint8_t>(sector));
    }
  };
  std::thread other(vcpu, 1);
  vcpu(0);
  other.join();
  EXPECT_EQ(device->stats().requests, 4000u);
  EXPECT_GT(line.changes.load(), 0u);
}

TEST_F(VirtioBlkThreadsTest, ResizeBesideRequests) {
  std::vector<TinyDriver> drivers = Drivers();
  StartDevice(drivers);
  const uint32_t before = Get(0xfc);
  std::thread vcpu([&] {
    for (uint32_t i = 0; i < 500; ++i) {
      drivers[0].SubmitRead(1);
      while (!drivers[0].Done()) std::this_thread::yield();
      ASSERT_EQ(drivers[0].status(), 0);
    }
  });
  // The medium's memory stays; only its announced length grows.
  for (int i = 1; i <= 20; ++i) {
    InControl([&] {
      backend.announced_length = backend.data.size() + static_cast<size_t>(i) * 512;
      backend.ops.resize();
    });
  }
  vcpu.join();
  EXPECT_EQ(Get(0xfc), before + 20);
  EXPECT_EQ(Get(0x100), 128u + 20);
  EXPECT_NE(Get(0x60) & kMmioInterruptConfig, 0u);
}

TEST_F(VirtioBlkThreadsTest, StatusWriteBlocksThisVcpuUntilQuiet) {
  std::vector<TinyDriver> drivers = Drivers();
  for (int round = 0; round < 50; ++round) {
    StartDevice(drivers);
    drivers[0].SubmitRead(3);
    drivers[1].SubmitRead(4);
    Set(0x70, 0);
    // When the write has returned the reset is done: no polling.
    ASSERT_EQ(Get(0x70), 0u);
    Set(0x30, 0);
    ASSERT_EQ(Get(0x44), 0u);
    ASSERT_FALSE(device_resetting());
  }
}

TEST_F(VirtioBlkThreadsTest, HeldRequestsKeepTheVcpuBlocked) {
  std::vector<TinyDriver> drivers = Drivers();
  StartDevice(drivers);
  backend.hold = true;
  backend.on_cancel = FakeBlockDevice::OnCancel::kStays;
  drivers[0].SubmitRead(3);
  while (true) {  // Until the backend has it.
    std::atomic<uint32_t> held{0};
    std::atomic<bool> done{false};
    io0.context().Post([&] {
      held = backend.held();
      done.store(true);
      done.notify_one();
    });
    done.wait(false);
    if (held != 0) break;
  }
  std::atomic<bool> returned{false};
  std::thread vcpu([&] {
    Set(0x70, 0);
    returned.store(true);
  });
  while (!device_resetting()) std::this_thread::yield();
  EXPECT_NE(Get(0x70), 0u);
  EXPECT_FALSE(returned.load());
  io0.context().Post([&] { backend.Release(); });
  vcpu.join();
  EXPECT_EQ(Get(0x70), 0u);
}

TEST_F(VirtioBlkThreadsTest, R_VQ_24_UnplugAmongNotifications) {
  std::vector<TinyDriver> drivers = Drivers();
  StartDevice(drivers);
  std::atomic<bool> stop{false};
  std::vector<std::thread> vcpus;
  for (uint32_t i = 0; i < 2; ++i) {
    vcpus.emplace_back([&, i] {
      while (!stop.load()) {
        Set(0x50, i);
        Get(0x70);
      }
    });
  }
  drivers[0].SubmitRead(1);
  RunDevice(&Device::Unplug);
  EXPECT_EQ(Get(0x70), 0xffffffffu);
  EXPECT_FALSE(backend.attached);
  stop = true;
  for (std::thread& vcpu : vcpus) vcpu.join();
  InControl([&] { device.reset(); });
}

TEST_F(VirtioBlkThreadsTest, ResetsFromTwoSides) {
  std::vector<TinyDriver> drivers = Drivers();
  for (int round = 0; round < 30; ++round) {
    StartDevice(drivers);
    drivers[0].SubmitRead(1);
    std::thread vcpu([&] { Set(0x70, 0); });
    RunDevice(&Device::Reset);
    vcpu.join();
    ASSERT_EQ(Get(0x70), 0u);
  }
}

}  // namespace
}  // namespace platter
