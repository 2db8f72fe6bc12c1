// SPDX-License-Identifier: Apache-2.0
//
// An export whose queues run on a thread of their own, and a front-end on another: real sockets,
// eventfds and shared memory.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/socket_folder.h"
#include "base/log.h"
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
  VirtioVhostUserDriver transport(bus, **front, {.queues = 2});
  const bool packed = mark % 2 == 0;
  VirtioBlkDriver disk(
      bus, transport,
      {.queues = 2, .refused_features = packed ? uint64_t{0} : guest::kFeatureRingPacked});
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

TEST(BlkExportThreadsTest, GuestsOneAfterAnotherOnThreadsOfTheirOwn) {
  const SocketFolder folder;
  MemoryLog log;
  FakeBlockDevice backend{kMiB};
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
      for (uint8_t mark = 1; mark <= 3; ++mark) UseDisk((*made)->path(), mark);
      control->Post([&done] { done = true; });
    });
    control->RunUntil([&] { return done.load(); });
    guests.join();
    BlockOn(*control, (*made)->Close());
    made->reset();
  }
  EXPECT_EQ(backend.data[0], 3);
  EXPECT_TRUE(log.Lines().empty());
}

}  // namespace
}  // namespace platter
