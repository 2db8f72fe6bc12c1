// SPDX-License-Identifier: Apache-2.0
//
// The whole path among real threads: a guest with two queues, each served by an I/O thread of its
// own, over each kind of medium, while the control context drains a thousand times, each time with
// traffic since the last. Data is verified. For ThreadSanitizer.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/create.h"
#include "blockbackend/block_backend.h"
#include "devices/testing/loop_thread.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/file/file_node.h"
#include "drivers/memory/memory_node.h"
#include "drivers/null/null_node.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kWindow = 0x0a000000;
constexpr uint32_t kQueues = 2;
constexpr uint32_t kDepth = 8;
constexpr uint32_t kBlock = 4096;
constexpr uint64_t kDiskBytes = uint64_t{kQueues} * kDepth * kBlock;
constexpr int kDrains = 1000;

enum class Medium { kNull, kMemory, kBlkdebug, kFile };

NodeRef MakeMedium(Medium medium, AioContext& control, LogSink& log) {
  const auto memory = [] { return *MemoryNode::Create("memory", {.size = kDiskBytes}); };
  switch (medium) {
    case Medium::kNull:
      return std::make_shared<NullNode>(
          "null",
          NullOptions{.completion = NullOptions::Completion::kLaterTurn, .size = kDiskBytes});
    case Medium::kMemory:
      return memory();
    case Medium::kBlkdebug: {
      auto node = *BlkdebugNode::Create("debug", memory(), {});
      // A rule that never applies, so that each request is asked about under the node's lock.
      node->AddRule(BlkdebugErrorRule{.range = BlkdebugRange{.offset = kDiskBytes, .bytes = 1}});
      return node;
    }
    case Medium::kFile: {
      const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/threads.img";
      const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
      EXPECT_EQ(ftruncate(fd, kDiskBytes), 0);
      close(fd);
      FileOptions options;
      options.filename = path;
      auto node =
          FileNode::Open({.control = &control, .log = &log, .host = nullptr}, "file", options);
      EXPECT_TRUE(node.ok()) << node.status();
      return *node;
    }
  }
  return nullptr;
}

// The guest: each slot writes a pattern to its own block, reads it back, and so on.
class Guest final : private BlkListener {
 public:
  Guest(GuestBus& bus, VirtioBlkDriver& disk, bool verify)
      : bus_(bus), disk_(disk), verify_(verify) {
    disk_.set_listener(this);
    for (Slot& slot : slots_) slot.buffer = *bus_.Allocate(kBlock, kBlock);
  }

  void StartAll() {
    for (uint32_t i = 0; i < slots_.size(); ++i) Submit(i);
    for (uint16_t queue = 0; queue < kQueues; ++queue) disk_.Kick(queue);
  }
  void Stop() { stopping_ = true; }
  // Requests of the queue that have completed.
  uint64_t done(uint16_t queue) const { return done_[queue]; }
  uint64_t verified() const { return verified_; }
  uint64_t wrong() const { return wrong_; }

 private:
  struct Slot {
    uint64_t buffer = 0;
    uint64_t seed = 1;
    bool reading = false;
  };

  void Submit(uint32_t index) {
    Slot& slot = slots_[index];
    std::vector<uint8_t> data(kBlock);
    if (!slot.reading) FillPattern(++slot.seed, uint64_t{index} * kBlock, data);
    bus_.Write(slot.buffer, data);
    const GuestSegment segment = {slot.buffer, kBlock};
    ASSERT_TRUE(disk_.Submit(static_cast<uint16_t>(index % kQueues),
                             {.type = slot.reading ? guest::kBlkIn : guest::kBlkOut,
                              .sector = uint64_t{index} * (kBlock / 512),
                              .data = std::span(&segment, 1)},
                             index));
  }

  void OnBlkDone(uint64_t token, uint8_t status) override {
    const auto index = static_cast<uint32_t>(token);
    Slot& slot = slots_[index];
    ++done_[index % kQueues];
    if (status != guest::kBlkOk) ++wrong_;
    if (slot.reading && verify_) {
      std::vector<uint8_t> data(kBlock);
      bus_.Read(slot.buffer, data);
      if (FindPatternMismatch(slot.seed, uint64_t{index} * kBlock, data)) ++wrong_;
      ++verified_;
    }
    slot.reading = !slot.reading;
    if (stopping_) return;
    Submit(index);
    disk_.Kick(static_cast<uint16_t>(index % kQueues));
  }

  GuestBus& bus_;
  VirtioBlkDriver& disk_;
  const bool verify_;
  std::vector<Slot> slots_ = std::vector<Slot>(size_t{kQueues} * kDepth);
  bool stopping_ = false;
  std::array<uint64_t, kQueues> done_{};
  uint64_t verified_ = 0;
  uint64_t wrong_ = 0;
};

struct DrainCounts {
  int drains = 0;
  int busy = 0;  // Drained sections with something in flight.
};

// Between two drains requests of both queues complete; the guest sees them in the control context.
Task<void> DrainAgainAndAgain(AioContext& control, std::array<LoopThread*, kQueues> threads,
                              BlockBackend& backend, const Guest& guest, DrainCounts& counts) {
  while (counts.drains < kDrains) {
    co_await backend.BeginDrain();
    if (backend.in_flight() != 0) ++counts.busy;
    const std::array<uint64_t, kQueues> before = {guest.done(0), guest.done(1)};
    backend.EndDrain();
    for (uint16_t queue = 0; queue < kQueues; ++queue) {
      // There and back, at the pace of the queue's thread.
      while (guest.done(queue) == before[queue]) {
        co_await MoveTo(threads[queue]->context());
        co_await MoveTo(control);
      }
    }
    ++counts.drains;
  }
}

class VirtioBlkThreads : public testing::TestWithParam<Medium> {};

std::string NameOfMedium(const testing::TestParamInfo<Medium>& test) {
  static constexpr const char* kNames[] = {"Null", "Memory", "Blkdebug", "File"};
  return kNames[static_cast<size_t>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(Media, VirtioBlkThreads,
                         testing::Values(Medium::kNull, Medium::kMemory, Medium::kBlkdebug,
                                         Medium::kFile),
                         NameOfMedium);

TEST_P(VirtioBlkThreads, TwoQueuesOnTwoThreadsWhileAThirdDrains) {
  const auto control = *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  LoopThread first("io0");
  LoopThread second("io1");
  MemoryLog log;
  BackendRegistry registry({.control = control.get(), .log = &log});
  BlockBackendRef backend = *registry.Create("drive0", {});
  ASSERT_TRUE(BlockOn(*control, backend->InsertRoot(MakeMedium(GetParam(), *control, log))).ok());
  {
    InProcessBus bus(*control, {});
    VirtioBlkOptions options;
    options.id = "disk0";
    options.num_queues = kQueues;
    options.iothreads = {&first.context(), &second.context()};
    auto device = *VirtioBlk::Create(options, *backend, *control);
    MmioTransport mmio(*device, bus.memory(), bus.Line(1));
    ASSERT_TRUE(bus.mmio().Map(kWindow, kMmioTransportBytes, mmio).ok());
    VirtioMmioDriver transport(bus, {.base = kWindow, .line = 1});
    VirtioBlkDriver disk(bus, transport, {.queues = kQueues});
    const absl::Status probed = disk.Probe();
    ASSERT_TRUE(probed.ok()) << probed;

    Guest guest(bus, disk, GetParam() != Medium::kNull);
    DrainCounts counts;
    Spawn(*control, DrainAgainAndAgain(*control, {&first, &second}, *backend, guest, counts));
    guest.StartAll();
    EXPECT_TRUE(disk.WaitUntil([&] { return counts.drains == kDrains; }, std::chrono::minutes(5)));
    guest.Stop();
    EXPECT_TRUE(disk.WaitUntil([&] { return disk.in_flight() == 0; }, std::chrono::minutes(1)));
    EXPECT_EQ(counts.busy, 0);
    EXPECT_EQ(guest.wrong(), 0u);
    if (GetParam() != Medium::kNull) {
      EXPECT_GT(guest.verified(), 0u);
    }
    EXPECT_EQ(disk.ring_faults(), 0u);

    bool done = false;
    device->Unplug([&] { done = true; });
    EXPECT_TRUE(bus.WaitFor([&] { return done; }, std::chrono::minutes(1)));
    bus.mmio().Unmap(kWindow);
    device.reset();
  }
  EXPECT_TRUE(BlockOn(*control, backend->RemoveRoot()).ok());
  backend.reset();
}

}  // namespace
}  // namespace platter
