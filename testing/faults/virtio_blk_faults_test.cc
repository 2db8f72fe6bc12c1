// SPDX-License-Identifier: Apache-2.0
//
// Every I/O fails once below a guest's driver, virtio-blk and a block backend: with the policy
// `stop` the guest sees nothing of it once the machine goes on, with `report` it sees the one
// error.

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/contract/device_world.h"
#include "testing/drivers/strict_node.h"
#include "testing/faults/fault_node.h"
#include "testing/faults/for_each_fault.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/model/disk_model.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kWindow = 0x0a000000;
constexpr uint64_t kBytes = 4096;
constexpr uint32_t kTypes[] = {guest::kBlkOut, guest::kBlkIn, guest::kBlkWriteZeroes,
                               guest::kBlkDiscard, guest::kBlkFlush};
constexpr uint64_t kSlots = std::size(kTypes);
constexpr uint64_t kSize = kSlots * kBytes;
constexpr uint64_t kRounds = 5;

// A request of the guest on a place of its own.
struct Slot {
  uint64_t place = 0;
  uint64_t buffer = 0;
  uint32_t type = guest::kBlkFlush;
  uint8_t status = guest::kBlkNotWritten;
};

class Guest final : private BlkListener {
 public:
  Guest(FaultPlan& plan, OnError policy) : plan_(plan) {
    StrictOptions options{.size = kSize, .completion = StrictOptions::Completion::kAlternating};
    options.limits.max_transfer = kBytes / 2;
    strict_ = std::make_shared<StrictNode>(options);
    EXPECT_TRUE(BlockOn(world_.control,
                        world_.backend->InsertRoot(*FaultNode::Create("faulty", strict_, plan)))
                    .ok());
    VirtioBlkOptions device;
    device.id = "disk0";
    device.rerror = device.werror = policy;
    device_ = *VirtioBlk::Create(device, *world_.backend, world_.control);
    world_.run_state.AddDevice(*device_);
    mmio_ = std::make_unique<MmioTransport>(*device_, world_.bus.memory(), world_.bus.Line(1));
    EXPECT_TRUE(world_.bus.mmio().Map(kWindow, kMmioTransportBytes, *mmio_).ok());
    driver_.set_listener(this);
    EXPECT_TRUE(driver_.Probe().ok());
    for (uint64_t i = 0; i < kSlots; ++i) {
      slots_.push_back({.place = i * kBytes, .buffer = *world_.bus.Allocate(kBytes, 4096)});
    }
  }
  // The device is pulled, and then the medium goes, whose last flush may be what fails.
  ~Guest() {
    EXPECT_EQ(driver_.in_flight(), 0u);
    EXPECT_EQ(driver_.ring_faults(), 0u);
    EXPECT_EQ(world_.backend->in_flight(), 0u);
    bool unplugged = false;
    device_->Unplug([&unplugged] { unplugged = true; });
    EXPECT_TRUE(Wait([&unplugged] { return unplugged; }));
    world_.run_state.RemoveDevice(*device_);
    driver_.Abandon();
    world_.bus.mmio().Unmap(kWindow);
    device_.reset();
    EXPECT_TRUE(BlockOn(world_.control, world_.backend->RemoveRoot()).ok());
    EXPECT_TRUE(strict_->Complaints().empty());
  }

  // Each slot does one of the operations, another one each round; the machine goes on when an error
  // has stopped it.
  void Run() {
    for (uint64_t round = 0; round < kRounds; ++round) {
      for (uint64_t i = 0; i < kSlots; ++i) Start(i, round);
      driver_.Kick(0);
      const uint64_t wanted = (round + 1) * kSlots;
      const auto done = [&] { return plan_.requests().completed() >= wanted; };
      while (!done()) {
        ASSERT_TRUE(Wait([&] { return done() || world_.run_state.stopped(); }));
        if (!world_.run_state.stopped()) continue;
        EXPECT_EQ(world_.backend->in_flight(), 0u) << "what is kept is not in flight";
        world_.run_state.Cont();
      }
      for (const Slot& slot : slots_) Note(slot);
    }
    met_ = plan_.fired();
    world_.world.RunUntilIdle();  // Events come by way of the control context.
    EXPECT_EQ(model_.Mismatch(0, strict_->Content()).value_or(""), "");
  }

  uint64_t failures() const { return failures_; }
  // Whether the fault was one of Run.
  bool met() const { return met_; }
  const EventLog& events() const { return world_.events; }

 private:
  bool Wait(absl::FunctionRef<bool()> done) {
    return world_.bus.WaitFor(
        [&] {
          driver_.HandleInterrupts();
          return done();
        },
        std::chrono::seconds(60));
  }

  void Start(uint64_t index, uint64_t round) {
    Slot& slot = slots_[index];
    slot.type = kTypes[(index + round) % kSlots];
    slot.status = guest::kBlkNotWritten;
    const bool transfer = slot.type == guest::kBlkIn || slot.type == guest::kBlkOut;
    const GuestSegment data = {slot.buffer, kBytes};
    const guest::BlkRange range = {
        .sector = slot.place / 512, .sectors = kBytes / 512, .flags = 0u};
    BlkCommand command;
    command.type = slot.type;
    if (transfer) {
      command.sector = slot.place / 512;
      command.data = std::span(&data, 1);
      std::vector<uint8_t> bytes(kBytes);
      if (slot.type == guest::kBlkOut) FillPattern(round, slot.place, bytes);
      world_.bus.Write(slot.buffer, bytes);
    } else if (slot.type != guest::kBlkFlush) {
      command.ranges = std::span(&range, 1);
    }
    const uint64_t token = plan_.requests().SubmittedNext();
    ASSERT_TRUE(driver_.Submit(0, command, token));
  }

  void OnBlkDone(uint64_t token, uint8_t status) override {
    plan_.requests().Completed(token);
    slots_[(token - 1) % kSlots].status = status;
  }

  // What the disk holds now, as far as this request says.
  void Note(const Slot& slot) {
    const bool ok = slot.status == guest::kBlkOk;
    if (!ok) {
      EXPECT_EQ(slot.status, guest::kBlkIoError);
      ++failures_;
    }
    std::vector<uint8_t> bytes(kBytes);
    world_.bus.Read(slot.buffer, bytes);
    if (slot.type == guest::kBlkFlush) return;
    if (slot.type == guest::kBlkIn) {
      if (ok) {
        EXPECT_EQ(model_.Mismatch(slot.place, bytes).value_or(""), "");
      }
    } else if (slot.type == guest::kBlkDiscard || !ok) {
      model_.MakeUndefined(slot.place, kBytes);
    } else if (slot.type == guest::kBlkOut) {
      model_.Write(slot.place, bytes);
    } else {
      model_.WriteZeroes(slot.place, kBytes);
    }
  }

  FaultPlan& plan_;
  DeviceWorld world_{1};
  std::shared_ptr<StrictNode> strict_;
  std::unique_ptr<MmioTransport> mmio_;
  std::unique_ptr<VirtioBlk> device_;
  VirtioMmioDriver transport_{world_.bus, {.base = kWindow, .line = 1}};
  VirtioBlkDriver driver_{world_.bus, transport_, VirtioBlkDriver::Options()};
  std::vector<Slot> slots_;
  DiskModel model_{kSize};
  uint64_t failures_ = 0;
  bool met_ = false;
};

TEST(VirtioBlkFaultsTest, C_31_StopAndContLeaveNoTraceOfAFault) {
  uint64_t stops = 0;
  const uint64_t runs = ForEachFault({}, [&stops](FaultPlan& plan) {
    Guest guest(plan, OnError::kStop);
    guest.Run();
    const uint64_t met = guest.met() ? 1 : 0;
    EXPECT_EQ(guest.failures(), 0u);
    EXPECT_EQ(guest.events().Count("BLOCK_IO_ERROR"), met);
    EXPECT_EQ(guest.events().Count("STOP io-error"), met);
    EXPECT_EQ(guest.events().Count("RESUME"), met);
    stops += met;
  });
  // All of them, but for a flush of the medium that goes: 2 errors, 3 effects.
  EXPECT_GE(stops, runs - 6);
  EXPECT_GT(stops, 100u);
}

TEST(VirtioBlkFaultsTest, C_31_ReportGivesTheGuestTheOneError) {
  ForEachFault({}, [](FaultPlan& plan) {
    Guest guest(plan, OnError::kReport);
    guest.Run();
    const uint64_t met = guest.met() ? 1 : 0;
    EXPECT_EQ(guest.failures(), met);
    EXPECT_EQ(guest.events().Count("BLOCK_IO_ERROR"), met);
    EXPECT_EQ(guest.events().Count("STOP"), 0u);
  });
}

}  // namespace
}  // namespace platter
