// SPDX-License-Identifier: Apache-2.0
//
// Once warm, reads, writes and flushes of a file allocate nothing and take no lock, on any thread.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/mutex.h"
#include "drivers/file/file_rig.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kDepth = 32;
constexpr uint64_t kMaxSegments = 32;
constexpr uint64_t kBlock = 4096;
constexpr uint64_t kFileBytes = 16 << 20;

// Starts itself again, at random, until its share of the work is done.
class Worker final : public IoRequest, public WorkItem {
 public:
  Worker(FileRig& rig, uint64_t seed)
      : rig_(rig),
        random_(seed),
        memory_(static_cast<uint8_t*>(std::aligned_alloc(kBlock, kMaxSegments * kBlock))) {
    context = &rig.context();
    iov = pieces_;
  }
  ~Worker() { std::free(memory_); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Begin(uint64_t requests, uint64_t flush_every) {
    left_ = requests;
    flush_every_ = flush_every;
    Run();
  }
  bool done() const { return left_ == 0; }
  uint64_t errors() const { return errors_; }

 private:
  void Run() override {
    while (left_ > 0) {
      Prepare();
      const IoResult result = rig_.node().Start(*this);
      if (result == kIoPending) return;
      Count(result);
    }
  }
  void OnIoDone(IoResult result) override {
    Count(result);
    if (left_ > 0) context->Defer(*this);
  }
  void Count(IoResult result) {
    --left_;
    if (result != 0) ++errors_;
  }
  void Prepare() {
    if (random_.OneIn(flush_every_)) {
      op = IoOp::kFlush;
      iov_count = 0;
      bytes = 0;
      return;
    }
    op = random_.OneIn(2) ? IoOp::kRead : IoOp::kWrite;
    iov_count = static_cast<uint32_t>(random_.Between(1, kMaxSegments));
    bytes = iov_count * kBlock;
    for (uint64_t i = 0; i < iov_count; ++i) pieces_[i] = {memory_ + i * kBlock, kBlock};
    offset = kBlock * random_.Below((kFileBytes - bytes) / kBlock);
  }

  FileRig& rig_;
  Random random_;
  uint8_t* memory_;
  iovec pieces_[kMaxSegments];
  uint64_t left_ = 0;
  uint64_t flush_every_ = 0;
  uint64_t errors_ = 0;
};

class FileAllocationTest : public ::testing::TestWithParam<RigOptions> {};

TEST_P(FileAllocationTest, RequestsAllocateNothingAndTakeNoLock) {
  ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
  RigOptions options = GetParam();
  options.bytes = kFileBytes;
  FileRig rig(options);
  if (!rig.why_not().empty()) GTEST_SKIP() << rig.why_not();
  std::vector<std::unique_ptr<Worker>> workers;
  for (uint64_t i = 0; i < kDepth; ++i) workers.push_back(std::make_unique<Worker>(rig, i));
  const bool memory = options.place == RigPlace::kMemory;
  const auto run = [&](uint64_t requests) {
    for (const auto& worker : workers) worker->Begin(requests / kDepth, memory ? 50 : 2000);
    rig.context().RunUntil([&] {
      for (const auto& worker : workers) {
        if (!worker->done()) return false;
      }
      return true;
    });
  };
  run(kBuiltWithSanitizer ? 1'000 : 5'000);
  const uint64_t locks = Mutex::TotalAcquisitions();
  const AllocationWindow window;
  // Direct I/O waits for the disk: it gets fewer.
  const uint64_t many = options.place == RigPlace::kDirect ? 20'000 : 100'000;
  run(kBuiltWithSanitizer ? 2'000 : many);
  EXPECT_EQ(window.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
  for (const auto& worker : workers) EXPECT_EQ(worker->errors(), 0u);
}

std::vector<RigOptions> Rigs() {
  std::vector<RigOptions> all;
  for (const RigKind kind : {RigKind::kUring, RigKind::kThreads}) {
    for (const RigPlace place : {RigPlace::kPageCache, RigPlace::kDirect, RigPlace::kMemory}) {
      all.push_back({.kind = kind, .place = place});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, FileAllocationTest, ::testing::ValuesIn(Rigs()),
                         [](const auto& of) { return RigName(of.param); });

}  // namespace
}  // namespace platter
