// SPDX-License-Identifier: Apache-2.0
//
// An export whose queues run on a thread of their own, and a front-end on another: real sockets,
// eventfds and shared memory.

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/socket_folder.h"
#include "base/log.h"
#include "base/owned_descriptor.h"
#include "devices/testing/fake_block_device.h"
#include "devices/testing/loop_thread.h"
#include "exports/vhost_user/blk_export.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_vhost_user_driver.h"

namespace platter {
namespace {

constexpr uint64_t kRounds = 20;

// What a guest does in one session: on split rings, or on packed ones when its mark is even.
void UseDisk(const std::string& path, uint8_t mark) {
  VhostUserBus bus({});
  auto front = VhostUserFrontEnd::Connect(path, {});
  ASSERT_TRUE(front.ok()) << front.status();
  const bool packed = mark % 2 == 0;
  VirtioVhostUserDriver transport(
      bus, **front, {.queues = 2, .format = packed ? RingFormat::kPacked : RingFormat::kSplit});
  VirtioBlkDriver disk(bus, transport, {.queues = 2});
  ASSERT_TRUE(disk.Probe().ok());
  ASSERT_EQ(disk.Has(guest::kFeatureRingPacked), packed);
  std::vector<uint8_t> data(8192, mark);
  std::vector<uint8_t> back(data.size());
  for (uint64_t round = 0; round < kRounds; ++round) {
    ASSERT_EQ(disk.Write(round * 16, data).value_or(255), guest::kBlkOk);
    ASSERT_EQ(disk.Execute(1, {.type = guest::kBlkFlush}).value_or(255), guest::kBlkOk);
    ASSERT_EQ(disk.Read(round * 16, back).value_or(255), guest::kBlkOk);
    ASSERT_EQ(back, data);
    if (round % 5 != 0) continue;
    ASSERT_TRUE(transport.StopQueues().ok());
    ASSERT_TRUE(transport.ResumeQueues().ok());
  }
  EXPECT_EQ(disk.ring_faults(), 0u);
}

// A guest whose front-end turns the log of dirty pages on and off while requests run.
void LogUnderLoad(const std::string& path) {
  constexpr uint64_t kLogBytes = 4096;
  constexpr uint32_t kRequests = 32;
  VhostUserBus bus({});
  auto front = VhostUserFrontEnd::Connect(path, {});
  ASSERT_TRUE(front.ok()) << front.status();
  VirtioVhostUserDriver transport(bus, **front, {.queues = 2});
  VirtioBlkDriver disk(bus, transport, {.queues = 2});
  ASSERT_TRUE(disk.Probe().ok());
  const OwnedDescriptor file(memfd_create("log", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), kLogBytes), 0);
  auto* const log = static_cast<uint8_t*>(
      mmap(nullptr, kLogBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0));
  const VhostUserLog description = {.size = kLogBytes, .offset = 0};
  const std::array<int, 1> files = {file.get()};
  const uint64_t buffer = *bus.Allocate(kRequests * kVhostUserLogPage, kVhostUserLogPage);
  const auto submit = [&] {
    for (uint32_t i = 0; i < kRequests; ++i) {
      const GuestSegment segment = {.address = buffer + i * kVhostUserLogPage, .bytes = 4096};
      ASSERT_TRUE(disk.Submit(static_cast<uint16_t>(i % 2),
                              {.sector = uint64_t{i} * 8, .data = {&segment, 1}}, i));
    }
    disk.Kick(0);
    disk.Kick(1);
  };
  const auto drain = [&] {
    ASSERT_TRUE(disk.WaitUntil([&] { return disk.in_flight() == 0; }, std::chrono::seconds(30)));
  };
  for (uint64_t round = 0; round < kRounds; ++round) {
    submit();
    // Each round has a mapping of its own: the one before goes while requests run.
    ASSERT_TRUE((*front)->AskFor(VhostUserRequest::kSetLogBase, BytesOf(description), files).ok());
    ASSERT_TRUE(transport.SetLogging(true).ok());
    for (uint64_t i = 0; i < kLogBytes; ++i) __atomic_store_n(log + i, 0, __ATOMIC_SEQ_CST);
    drain();
    submit();
    drain();
    for (uint32_t i = 0; i < kRequests; ++i) {
      const uint64_t page = buffer / kVhostUserLogPage + i;
      ASSERT_NE(__atomic_load_n(log + page / 8, __ATOMIC_SEQ_CST) & 1 << page % 8, 0) << i;
    }
    submit();
    ASSERT_TRUE(transport.SetLogging(false).ok());
    drain();
  }
  munmap(log, kLogBytes);
}

// Runs `guests` on a thread of their own, with an export whose queues have one, too.
void WithExport(FakeBlockDevice& backend, void (*guests_do)(const std::string& path)) {
  const SocketFolder folder;
  MemoryLog log;
  backend.record = false;
  {
    auto control = *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
    LoopThread io("io");
    VhostUserBlkOptions options;
    options.id = "e";
    options.path = folder / "sock";
    options.writable = true;
    options.num_queues = 2;
    options.iothreads = {&io.context()};
    auto made = VhostUserBlkExport::Create(std::move(options), backend, *control, log);
    ASSERT_TRUE(made.ok()) << made.status();
    std::atomic<bool> done{false};
    std::thread guests([&] {
      guests_do((*made)->path());
      control->Post([&done] { done = true; });
    });
    control->RunUntil([&] { return done.load(); });
    guests.join();
    BlockOn(*control, (*made)->Close());
    made->reset();
  }
  EXPECT_TRUE(log.Lines().empty());
}

TEST(BlkExportThreadsTest, GuestsOneAfterAnotherOnThreadsOfTheirOwn) {
  FakeBlockDevice backend{kMiB};
  WithExport(backend, [](const std::string& path) {
    for (uint8_t mark = 1; mark <= 3; ++mark) UseDisk(path, mark);
  });
  EXPECT_EQ(backend.data[0], 3);
}

TEST(BlkExportThreadsTest, DirtyPagesAreLoggedFromWhenItIsAskedForUntilItIsNot) {
  FakeBlockDevice backend{kMiB};
  WithExport(backend, LogUnderLoad);
}

}  // namespace
}  // namespace platter
