// SPDX-License-Identifier: Apache-2.0
//
// An export whose request queues run on a thread of their own, a front-end on another, and a host
// that changes disc and disk meanwhile: real sockets, eventfds and shared memory.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/await.h"
#include "aio/socket_folder.h"
#include "base/log.h"
#include "devices/testing/loop_thread.h"
#include "exports/vhost_user/scsi_fixture.h"

namespace platter {
namespace {

constexpr uint32_t kRounds = 20;
constexpr uint16_t kQueues = 2;

// A command that is sent again until no attention is in its way.
template <typename Command>
ScsiAnswer Settled(Command command) {
  ScsiAnswer answer;
  for (int i = 0; i < 100; ++i) {
    answer = *command();
    if (answer.key() != 6) break;
  }
  return answer;
}

// What a guest does in one session.
void UseUnits(const std::string& path, uint8_t mark) {
  auto front = VhostUserFrontEnd::Connect(path, {});
  ASSERT_TRUE(front.ok()) << front.status();
  ScsiGuest guest(VhostUserBus::Options(), *std::move(front), kQueues);
  ASSERT_TRUE(guest.driver.Probe().ok());
  VirtioScsiUnit on_other_queue(guest.driver, guest::ScsiLunOf(0, 0), 1);
  ScsiInitiator other(on_other_queue);
  const std::vector<uint8_t> data(8192, mark);
  for (uint32_t round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(Settled([&] { return guest.disk.Write10(round * 16, 16, data); }).good());
    ASSERT_EQ(Settled([&] { return other.Read10(round * 16, 16, 512); }).data, data);
    const auto lock =
        round % 2 == 0 ? ScsiInitiator::Removal::kPrevent : ScsiInitiator::Removal::kAllow;
    ASSERT_TRUE(Settled([&] { return guest.cd.PreventAllow(lock); }).good());
    // There is a disc, or none.
    const ScsiAnswer read = Settled([&] { return guest.cd.Read10(0, 1, 2048); });
    EXPECT_TRUE(read.good() || read.key() == 2) << int{read.key()};
    guest.driver.TakeEvents();
    if (round % 5 != 0) continue;
    ASSERT_TRUE(guest.transport.StopQueues().ok());
    ASSERT_TRUE(guest.transport.ResumeQueues().ok());
  }
  EXPECT_EQ(guest.driver.ring_faults(), 0u);
}

TEST(ScsiExportThreadsTest, GuestsOneAfterAnotherWhileTheHostChangesMedia) {
  const SocketFolder folder;
  MemoryLog log;
  FakeBlockDevice disk{kMiB};
  FakeBlockDevice cd{kMiB};
  disk.record = cd.record = false;
  {
    auto control = *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
    // One for all queues: ThreadSanitizer does not see that the front-end's mapping and ours are
    // the same memory, so that requests which the guest sends one after another would seem to race.
    LoopThread io("io");
    VhostUserScsiOptions options;
    options.id = "e";
    options.path = folder / "sock";
    options.num_queues = kQueues;
    options.iothreads = {&io.context()};
    options.luns.push_back(
        {.lun = 0, .backend = &disk, .unit = ScsiDiskOptions{.id = "d"}, .writable = true});
    options.luns.push_back({.lun = 1, .backend = &cd, .unit = ScsiCdOptions{.id = "c"}});
    auto made = VhostUserScsiExport::Create(std::move(options), *control, log);
    ASSERT_TRUE(made.ok()) << made.status();
    std::atomic<bool> done{false};
    std::thread guests([&] {
      for (uint8_t mark = 1; mark <= 3; ++mark) UseUnits((*made)->path(), mark);
      control->Post([&done] { done = true; });
    });
    uint32_t turns = 0;
    control->RunUntil([&] {
      // Between two things that the control context does.
      if (++turns % 8 == 0) cd.ops.eject_request(Force::kNo);
      if (turns % 16 == 0) cd.ops.change_media(MediumMove::kEject);
      if (turns % 16 == 8) cd.ops.change_media(MediumMove::kLoad);
      if (turns % 8 == 4) disk.ops.resize();
      return done.load();
    });
    guests.join();
    EXPECT_GE(turns, 16u);
    BlockOn(*control, (*made)->Close());
    made->reset();
  }
  EXPECT_EQ(disk.data[0], 3);
  EXPECT_TRUE(log.Lines().empty());
}

}  // namespace
}  // namespace platter
