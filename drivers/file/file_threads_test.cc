// SPDX-License-Identifier: Apache-2.0
//
// One file from two contexts on two threads, while a third party stops both again and again and
// resizes or reopens the file: data verified, for the thread sanitizer.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "drivers/file/file_rig.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kBlock = 4096;
constexpr uint64_t kBlocksEach = 64;
constexpr int kDepth = 8;
constexpr int kDrains = 1'000;
constexpr uint64_t kGone = UINT64_MAX;

// What the third party and the two threads agree about.
struct Gate {
  // Odd while it is closed, a number of its own each time.
  std::atomic<uint64_t> round{0};
  std::atomic<bool> stop{false};
};

// A thread with a context that writes and reads back blocks of its own half of the file.
class Client {
 public:
  Client(FileRig& rig, Gate& gate, uint64_t half) : rig_(rig), gate_(gate), half_(half) {}

  void Start(const std::string& name) {
    thread_ = std::thread([this, name] { Main(name); });
  }
  void Join() { thread_.join(); }
  // The client has nothing in flight and has seen the gate closed in `round`. Any thread.
  bool IsQuiet(uint64_t round) const { return quiet_.load(std::memory_order_acquire) >= round; }
  uint64_t completed() const { return completed_.load(); }

 private:
  class Io final : public IoRequest {
   public:
    Io(Client& client, uint64_t index)
        : client_(client),
          index_(index),
          memory_(static_cast<uint8_t*>(std::aligned_alloc(kBlock, kBlock))) {}
    ~Io() { std::free(memory_); }
    Io(const Io&) = delete;
    Io& operator=(const Io&) = delete;

    void Next() {
      Random& random = client_.random_;
      const uint64_t block = index_ + kDepth * random.Below(kBlocksEach / kDepth);
      uint64_t& version = client_.versions_[block];
      flags = IoFlags::kNone;
      piece_ = {memory_, kBlock};
      iov = &piece_;
      iov_count = 1;
      bytes = kBlock;
      offset = (client_.half_ * kBlocksEach + block) * kBlock;
      expected_ = version;
      if (random.OneIn(16)) {
        op = IoOp::kFlush;
        iov_count = 0;
        bytes = offset = 0;
      } else if (random.OneIn(2)) {
        op = IoOp::kWrite;
        expected_ = ++version;
        std::memcpy(memory_, &expected_, sizeof(expected_));
        if (random.OneIn(16)) flags = IoFlags::kFua;
      } else {
        op = IoOp::kRead;
        std::memset(memory_, 0xee, kBlock);
      }
      context = client_.context_.get();
      ++client_.in_flight_;
      const IoResult at_once = client_.rig_.node().Start(*this);
      if (at_once != kIoPending) OnIoDone(at_once);
    }
    void OnIoDone(IoResult result) override {
      --client_.in_flight_;
      client_.completed_.fetch_add(1, std::memory_order_relaxed);
      busy = false;
      EXPECT_EQ(result, 0);
      if (op != IoOp::kRead) return;
      uint64_t found = 0;
      std::memcpy(&found, memory_, sizeof(found));
      EXPECT_EQ(found, expected_) << "block " << offset / kBlock;
    }
    bool busy = false;

   private:
    Client& client_;
    const uint64_t index_;
    uint8_t* memory_;
    iovec piece_ = {};
    uint64_t expected_ = 0;
  };

  void Main(const std::string& name) {
    context_ = rig_.MakeContext(name);
    if (context_ == nullptr) {
      quiet_ = kGone;
      return;
    }
    std::vector<std::unique_ptr<Io>> ios;
    for (uint64_t i = 0; i < kDepth; ++i) ios.push_back(std::make_unique<Io>(*this, i));
    while (!gate_.stop.load(std::memory_order_acquire)) {
      if (const uint64_t round = gate_.round.load(std::memory_order_acquire); round % 2 == 1) {
        if (in_flight_ == 0) {
          quiet_.store(round, std::memory_order_release);
          std::this_thread::yield();
        } else {
          context_->RunReady();
        }
        continue;
      }
      for (const auto& io : ios) {
        if (io->busy) continue;
        io->busy = true;
        io->Next();
      }
      context_->RunReady();
    }
    context_->RunUntil([this] { return in_flight_ == 0; });
    ios.clear();
    context_.reset();
  }

  friend class Io;
  FileRig& rig_;
  Gate& gate_;
  const uint64_t half_;
  std::unique_ptr<AioContext> context_;
  Random random_{half_ + 1};
  uint64_t versions_[kBlocksEach] = {};
  int in_flight_ = 0;
  std::atomic<uint64_t> quiet_{0};
  std::atomic<uint64_t> completed_{0};
  std::thread thread_;
};

class FileThreadsTest : public ::testing::TestWithParam<RigOptions> {};

TEST_P(FileThreadsTest, TwoContextsShareAFileThatIsDrainedResizedAndReopened) {
  constexpr uint64_t kBytes = 2 * kBlocksEach * kBlock;
  RigOptions options = GetParam();
  options.bytes = kBytes;
  FileRig rig(options);
  if (!rig.why_not().empty()) GTEST_SKIP() << rig.why_not();
  Gate gate;
  Client first(rig, gate, 0);
  Client second(rig, gate, 1);
  first.Start("first");
  second.Start("second");
  for (int drain = 0; drain < kDrains; ++drain) {
    const uint64_t round = 2 * static_cast<uint64_t>(drain) + 1;
    gate.round.store(round, std::memory_order_release);
    while (!first.IsQuiet(round) || !second.IsQuiet(round)) std::this_thread::yield();
    if (drain % 2 == 0) {
      EXPECT_TRUE(BlockOn(rig.context(), rig.node().Truncate(kBytes + kBlock * (drain % 4))).ok());
    } else {
      EXPECT_TRUE(rig.node().Reopen(rig.file_options()).ok());
    }
    gate.round.store(round + 1, std::memory_order_release);
    if (drain % 50 == 0) {
      const uint64_t before = first.completed() + second.completed();
      while (first.completed() + second.completed() < before + 20) std::this_thread::yield();
    }
  }
  gate.stop.store(true, std::memory_order_release);
  first.Join();
  second.Join();
  EXPECT_GT(first.completed(), 0u);
  EXPECT_GT(second.completed(), 0u);
}

std::vector<RigOptions> Rigs() {
  return {{.kind = RigKind::kUring, .place = RigPlace::kMemory},
          {.kind = RigKind::kThreads, .place = RigPlace::kMemory},
          {.kind = RigKind::kThreads, .place = RigPlace::kPageCache}};
}

INSTANTIATE_TEST_SUITE_P(All, FileThreadsTest, ::testing::ValuesIn(Rigs()),
                         [](const auto& of) { return RigName(of.param); });

}  // namespace
}  // namespace platter
