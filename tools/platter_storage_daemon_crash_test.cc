// SPDX-License-Identifier: Apache-2.0
//
// platter-storage-daemon killed under load and started again: its guest, whose front-end finds the
// new one, loses no request, and no byte of what it wrote.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "base/arith.h"
#include "base/owned_descriptor.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_vhost_user_driver.h"

namespace platter {
namespace {

constexpr char kTool[] = "tools/platter-storage-daemon";
constexpr uint32_t kBlock = 4096;
constexpr uint32_t kBlocks = 512;
constexpr uint32_t kDepth = 48;
constexpr uint16_t kQueues = 2;

// The daemon as a process, and the socket that all of them serve: it is there before and after
// each.
class Daemon {
 public:
  Daemon() : image_(folder_ / "image"), path_(folder_ / "sock") {
    const OwnedDescriptor file(open(image_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(ftruncate(file.get(), uint64_t{kBlocks} * kBlock), 0);
    listener_ = OwnedDescriptor(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
  }
  ~Daemon() {
    if (pid_ > 0) End(SIGKILL);
  }

  void Start() {
    const std::string blockdev = "driver=file,node-name=d,filename=" + image_;
    const std::string exported =
        "type=vhost-user-blk,id=e,node-name=d,writable=on,num-queues=" + std::to_string(kQueues) +
        ",iothread=t0,addr.type=fd,addr.str=" + std::to_string(listener_.get());
    pid_ = fork();
    ASSERT_GE(pid_, 0);
    if (pid_ != 0) return;
    // With threads, nothing of it is left when it is gone.
    execl(kTool, kTool, "--aio", "threads", "--object", "iothread,id=t0", "--blockdev",
          blockdev.c_str(), "--export", exported.c_str(), nullptr);
    _exit(127);
  }
  void End(int signal) {
    ASSERT_EQ(kill(pid_, signal), 0);
    int status = 0;
    ASSERT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    // It was the signal that ended it.
    if (signal == SIGKILL) {
      EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    } else {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    }
  }
  const std::string& path() const { return path_; }
  // What is in the image.
  std::vector<uint8_t> Image() const {
    std::vector<uint8_t> bytes(uint64_t{kBlocks} * kBlock);
    const OwnedDescriptor file(open(image_.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(pread(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

 private:
  const SocketFolder folder_;
  const std::string image_;
  const std::string path_;
  OwnedDescriptor listener_;
  pid_t pid_ = -1;
};

// A guest with reads and writes of random blocks in flight, which knows what each block holds.
class Guest final : private BlkListener {
 public:
  Guest(VirtioBlkDriver& disk, VhostUserBus& bus, uint32_t seed)
      : disk_(disk), bus_(bus), random_(seed), blocks_(kBlocks), slots_(kDepth) {
    disk_.set_listener(this);
    for (Slot& slot : slots_) slot.address = *bus_.Allocate(kBlock, kBlock);
  }
  // Keeps the queues full until this many more are done.
  void Run(uint32_t completions) {
    const uint32_t until = done_ + completions;
    Fill();
    EXPECT_TRUE(disk_.WaitUntil(
        [&] {
          Fill();
          return done_ >= until;
        },
        std::chrono::seconds(60)));
  }
  void Drain() {
    EXPECT_TRUE(disk_.WaitUntil([&] { return done_ == submitted_; }, std::chrono::seconds(60)));
  }
  // After Drain.
  void ExpectImage(const std::vector<uint8_t>& image) {
    for (uint32_t block = 0; block < kBlocks; ++block) {
      ASSERT_TRUE(Holds({image.data() + uint64_t{block} * kBlock, kBlock}, block)) << block;
    }
  }
  uint32_t done() const { return done_; }

 private:
  struct Block {
    uint32_t written = 0;  // How often; 0: zeroes.
    bool busy = false;
  };
  struct Slot {
    uint64_t address = 0;
    uint32_t block = 0;
    bool busy = false;
    bool writes = false;
  };

  static uint32_t Word(uint32_t block, uint32_t version, uint32_t at) {
    return version == 0 ? 0 : (block * 2654435761u) ^ (version * 40503u) ^ at;
  }
  bool Holds(std::span<const uint8_t> bytes, uint32_t block) const {
    for (uint32_t at = 0; at < kBlock / 4; ++at) {
      const uint32_t word = Word(block, blocks_[block].written, at);
      if (std::memcmp(bytes.data() + at * 4, &word, 4) != 0) return false;
    }
    return true;
  }
  void Fill() {
    for (uint32_t i = 0; i < kDepth; ++i) {
      if (!slots_[i].busy) Submit(i);
    }
    for (uint16_t queue = 0; queue < kQueues; ++queue) disk_.Kick(queue);
  }
  void Submit(uint32_t index) {
    Slot& slot = slots_[index];
    slot.block = random_() % kBlocks;
    if (blocks_[slot.block].busy) return;
    slot.writes = random_() % 2 == 0;
    std::vector<uint8_t> data(kBlock, 0xee);
    for (uint32_t at = 0; slot.writes && at < kBlock / 4; ++at) {
      const uint32_t word = Word(slot.block, blocks_[slot.block].written + 1, at);
      std::memcpy(data.data() + at * 4, &word, 4);
    }
    ASSERT_TRUE(bus_.Write(slot.address, data));
    const GuestSegment segment = {.address = slot.address, .bytes = kBlock};
    if (!disk_.Submit(static_cast<uint16_t>(index % kQueues),
                      {.type = slot.writes ? guest::kBlkOut : guest::kBlkIn,
                       .sector = uint64_t{slot.block} * kBlock / 512,
                       .data = {&segment, 1}},
                      index)) {
      return;
    }
    slot.busy = blocks_[slot.block].busy = true;
    ++submitted_;
  }
  void OnBlkDone(uint64_t token, uint8_t status) override {
    Slot& slot = slots_[token];
    ASSERT_TRUE(slot.busy) << "done twice";
    EXPECT_EQ(status, guest::kBlkOk);
    slot.busy = blocks_[slot.block].busy = false;
    ++done_;
    if (slot.writes) {
      ++blocks_[slot.block].written;
      return;
    }
    std::vector<uint8_t> data(kBlock);
    ASSERT_TRUE(bus_.Read(slot.address, data));
    EXPECT_TRUE(Holds(data, slot.block)) << slot.block;
  }

  VirtioBlkDriver& disk_;
  VhostUserBus& bus_;
  std::mt19937 random_;
  std::vector<Block> blocks_;
  std::vector<Slot> slots_;
  uint32_t submitted_ = 0;
  uint32_t done_ = 0;
};

TEST(StorageDaemonCrashTest, AGuestLosesNothing) {
  constexpr int kRounds = 24;
  const auto seed = static_cast<uint32_t>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937 random(seed);
  Daemon daemon;
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  VhostUserBus bus({});
  auto front = VhostUserFrontEnd::Connect(daemon.path(), {});
  ASSERT_TRUE(front.ok()) << front.status();
  VirtioVhostUserDriver transport(bus, **front, {.queues = kQueues});
  VirtioBlkDriver disk(bus, transport, {.queues = kQueues});
  ASSERT_TRUE(disk.Probe().ok());
  ASSERT_EQ(disk.queue_count(), kQueues);
  Guest guest(disk, bus, seed);
  for (int round = 0; round < kRounds; ++round) {
    guest.Run(1 + random() % 400);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << " round " << round;
    // Sometimes it is asked to go: then what it can't finish is left for the next one as well.
    ASSERT_NO_FATAL_FAILURE(daemon.End(round % 4 == 3 ? SIGTERM : SIGKILL));
    ASSERT_NO_FATAL_FAILURE(daemon.Start());
    front->reset();
    front = VhostUserFrontEnd::Connect(daemon.path(), {});
    ASSERT_TRUE(front.ok()) << front.status();
    const absl::Status status = transport.Reconnect(**front);
    ASSERT_TRUE(status.ok()) << status << " seed " << seed << " round " << round;
  }
  guest.Drain();
  EXPECT_EQ(disk.ring_faults(), 0u);
  EXPECT_GT(guest.done(), uint32_t{kRounds});
  guest.ExpectImage(daemon.Image());
  ASSERT_NO_FATAL_FAILURE(daemon.End(SIGTERM));
}

}  // namespace
}  // namespace platter
