// SPDX-License-Identifier: Apache-2.0
//
// The file driver on each kind of context and each kind of file: random operations against a model,
// every fault once, and what survives a crash.

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "drivers/file/file_rig.h"
#include "drivers/file/inline_budget.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kRegions = 16;
constexpr uint64_t kRegionBytes = 65536;
constexpr uint64_t kFileBytes = kRegions * kRegionBytes;
constexpr uint64_t kBlock = 4096;

struct Free {
  void operator()(uint8_t* memory) const { ::free(memory); }
};

// A request on one region, cut into pieces of whole blocks.
class RegionIo final : public IoRequest {
 public:
  explicit RegionIo(AioContext& home)
      : memory_(static_cast<uint8_t*>(::aligned_alloc(kBlock, kRegionBytes))) {
    context = &home;
  }

  void Prepare(Random& random, uint64_t region) {
    done = false;
    result = kIoPending;
    const uint64_t first = random.Below(kRegionBytes / kBlock);
    const uint64_t blocks = 1 + random.Below(kRegionBytes / kBlock - first);
    offset = region * kRegionBytes + first * kBlock;
    bytes = blocks * kBlock;
    op = static_cast<IoOp>(random.Below(kIoOpCount));
    flags =
        random.OneIn(4) && IsWriteLike(op) && op != IoOp::kDiscard ? IoFlags::kFua : IoFlags::kNone;
    if (op == IoOp::kFlush || op == IoOp::kDiscard) op = IoOp::kWrite;
    if (op == IoOp::kWriteZeroes && random.OneIn(2)) flags = flags | IoFlags::kMayUnmap;
    pieces_.clear();
    if (!IsDataTransfer(op)) {
      iov = nullptr;
      iov_count = 0;
      return;
    }
    for (uint64_t at = 0; at < bytes;) {
      const uint64_t piece = kBlock * (1 + random.Below((bytes - at) / kBlock));
      pieces_.push_back({memory_.get() + at, piece});
      at += piece;
    }
    iov = pieces_.data();
    iov_count = static_cast<uint32_t>(pieces_.size());
    for (uint64_t i = 0; i < bytes; i += 8) {
      const uint64_t word = random.Next();
      std::memcpy(memory_.get() + i, &word, 8);
    }
  }
  void Start(BlockNode& node) {
    const IoResult at_once = node.Start(*this);
    if (at_once != kIoPending) OnIoDone(at_once);
  }
  void OnIoDone(IoResult outcome) override {
    EXPECT_FALSE(done) << "completed twice";
    done = true;
    result = outcome;
  }
  const uint8_t* memory() const { return memory_.get(); }

  bool done = false;
  IoResult result = kIoPending;

 private:
  std::unique_ptr<uint8_t, Free> memory_;
  std::vector<iovec> pieces_;
};

class FileContextsTest : public ::testing::TestWithParam<RigOptions> {
 protected:
  void SetUp() override {
    RigOptions options = GetParam();
    options.bytes = kFileBytes;
    rig = std::make_unique<FileRig>(options);
    if (!rig->why_not().empty()) GTEST_SKIP() << rig->why_not();
    for (uint64_t i = 0; i < kRegions; ++i) {
      requests.push_back(std::make_unique<RegionIo>(rig->context()));
    }
    model.assign(kFileBytes, 0);
  }

  void RunAll() {
    for (const auto& request : requests) request->Start(rig->node());
    rig->context().RunUntil([&] {
      return std::all_of(requests.begin(), requests.end(),
                         [](const auto& request) { return request->done; });
    });
  }
  void CheckAgainstModel(const RegionIo& request) {
    uint8_t* const at = model.data() + request.offset;
    if (request.op == IoOp::kWriteZeroes && request.result == -ENOTSUP) return;
    ASSERT_EQ(request.result, 0);
    if (request.op == IoOp::kRead) {
      ASSERT_EQ(std::memcmp(request.memory(), at, request.bytes), 0);
    } else if (request.op == IoOp::kWrite) {
      std::memcpy(at, request.memory(), request.bytes);
    } else {
      std::memset(at, 0, request.bytes);
    }
  }

  std::unique_ptr<FileRig> rig;
  std::vector<std::unique_ptr<RegionIo>> requests;
  std::vector<uint8_t> model;
};

TEST_P(FileContextsTest, RandomOperationsMatchAModel) {
  Random random(GetParam().seed);
  SCOPED_TRACE("seed " + std::to_string(GetParam().seed));
  if (SimulatedWorld* const world = rig->world(); world != nullptr) {
    world->disk().options().short_percent = 50;
    world->disk().options().interrupted_percent = 20;
  }
  const int rounds = rig->world() != nullptr || GetParam().place == RigPlace::kMemory ? 200 : 30;
  for (int round = 0; round < rounds; ++round) {
    for (uint64_t i = 0; i < kRegions; ++i) requests[i]->Prepare(random, i);
    RunAll();
    for (const auto& request : requests) ASSERT_NO_FATAL_FAILURE(CheckAgainstModel(*request));
  }
  EXPECT_EQ(rig->context().buffers().outstanding(), 0u);
  EXPECT_TRUE(rig->log().Lines().empty());
}

TEST_P(FileContextsTest, GrowsShrinksAndReadsBackZeroes) {
  FileNode& node = rig->node();
  for (const uint64_t length : {kFileBytes + 8 * kBlock, kBlock, kFileBytes}) {
    ASSERT_TRUE(BlockOn(rig->context(), node.Truncate(length)).ok());
    ASSERT_EQ(node.length(), length);
  }
  RegionIo& request = *requests[0];
  Random random(7);
  do {
    request.Prepare(random, 3);
  } while (request.op != IoOp::kRead);
  request.Start(node);
  rig->context().RunUntil([&] { return request.done; });
  ASSERT_EQ(request.result, 0);
  EXPECT_EQ(std::count(request.memory(), request.memory() + request.bytes, 0),
            static_cast<int64_t>(request.bytes));
}

TEST_P(FileContextsTest, AFileThatShrankUnderUsFailsOnEveryPath) {
  FileNode& node = rig->node();
  if (SimulatedWorld* const world = rig->world(); world != nullptr) {
    ASSERT_EQ(world->disk().Find(rig->path())->Truncate(kBlock), 0);
  } else {
    ASSERT_EQ(::truncate(rig->path().c_str(), kBlock), 0);
  }
  RegionIo& request = *requests[0];
  Random random(7);
  do {
    request.Prepare(random, 3);
  } while (request.op != IoOp::kRead);
  request.Start(node);
  rig->context().RunUntil([&] { return request.done && !rig->log().Lines().empty(); });
  EXPECT_EQ(request.result, -EIO);
  EXPECT_NE(rig->log().Lines()[0].find("shrank under us"), std::string::npos);
}

TEST_P(FileContextsTest, AFileThatShrankIsNoticedByWritesAndFlushes) {
  FileNode& node = rig->node();
  if (SimulatedWorld* const world = rig->world(); world != nullptr) {
    ASSERT_EQ(world->disk().Find(rig->path())->Truncate(kBlock), 0);
  } else {
    ASSERT_EQ(::truncate(rig->path().c_str(), kBlock), 0);
  }
  RegionIo& request = *requests[0];
  const auto run = [&] {
    request.done = false;
    request.Start(node);
    rig->context().RunUntil([&] { return request.done; });
    return request.result;
  };
  Random random(7);
  do {
    request.Prepare(random, 0);
  } while (request.op != IoOp::kWrite);
  uint32_t failed = 0;
  for (uint32_t i = 0; i < 2 * InlineBudget::kWritesPerLook; ++i) {
    const IoResult result = run();
    EXPECT_TRUE(result == 0 || result == -EIO) << result;
    failed += result != 0 ? 1 : 0;
  }
  EXPECT_EQ(failed, 2u);
  request.op = IoOp::kFlush;
  request.offset = request.bytes = request.iov_count = 0;
  request.flags = IoFlags::kNone;
  EXPECT_EQ(run(), -EIO);
  rig->context().RunUntil([&] { return !rig->log().Lines().empty(); });
  EXPECT_NE(rig->log().Lines()[0].find("shrank under us"), std::string::npos);
}

std::vector<RigOptions> AllRigs() {
  std::vector<RigOptions> all;
  for (const RigKind kind : {RigKind::kUring, RigKind::kThreads, RigKind::kSimulated}) {
    for (const RigPlace place : {RigPlace::kPageCache, RigPlace::kDirect, RigPlace::kMemory}) {
      all.push_back({.kind = kind, .place = place, .bytes = kFileBytes, .seed = 42});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, FileContextsTest, ::testing::ValuesIn(AllRigs()),
                         [](const auto& of) { return RigName(of.param); });

// --- Only where a test has power over the disk. ---

// Each operation of a scenario fails once: the request that needs it fails, nothing is left in
// flight, and the next one is served.
TEST(FileFaultsTest, EachOperationFailsOnceAndNothingIsLeft) {
  for (uint64_t k = 1; k <= 20; ++k) {
    FileRig rig({.kind = RigKind::kSimulated, .place = RigPlace::kDirect, .bytes = kFileBytes});
    rig.world()->disk().FailOperation(k, EIO);
    Random random(k);
    RegionIo request(rig.context());
    int failed = 0;
    for (int i = 0; i < 20; ++i) {
      request.Prepare(random, i % kRegions);
      request.Start(rig.node());
      rig.context().RunUntil([&] { return request.done; });
      if (request.result == -EIO) ++failed;
    }
    // A durable write or flush that fails stays failed.
    EXPECT_GE(failed, 1) << "operation " << k;
    EXPECT_EQ(rig.context().buffers().outstanding(), 0u);
    EXPECT_EQ(rig.context().file_io().outstanding(), 0u);
  }
}

// C-49 and I15: what was written before a flush survives a crash after it.
TEST(FileFaultsTest, R_C49_WhatWasFlushedOrWrittenDurablySurvivesACrash) {
  FileRig rig({.kind = RigKind::kSimulated, .place = RigPlace::kPageCache, .bytes = kFileBytes});
  AioContext& context = rig.context();
  const auto run = [&](IoOp op, uint64_t offset, uint8_t value, IoFlags flags) {
    std::vector<uint8_t> data(kBlock, value);
    iovec piece = {data.data(), data.size()};
    RegionIo request(context);
    request.op = op;
    request.flags = flags;
    request.offset = offset;
    if (op != IoOp::kFlush) {
      request.bytes = kBlock;
      request.iov = &piece;
      request.iov_count = 1;
    }
    request.Start(rig.node());
    context.RunUntil([&] { return request.done; });
    EXPECT_EQ(request.result, 0);
    return data[0];
  };
  run(IoOp::kWrite, 0, 1, IoFlags::kNone);
  run(IoOp::kFlush, 0, 0, IoFlags::kNone);
  run(IoOp::kWrite, kBlock, 2, IoFlags::kFua);
  run(IoOp::kWrite, 2 * kBlock, 3, IoFlags::kNone);
  rig.world()->disk().Crash(CrashMode::kForget);
  EXPECT_EQ(run(IoOp::kRead, 0, 0xee, IoFlags::kNone), 1);
  EXPECT_EQ(run(IoOp::kRead, kBlock, 0xee, IoFlags::kNone), 2);
  EXPECT_EQ(run(IoOp::kRead, 2 * kBlock, 0xee, IoFlags::kNone), 0) << "the disk did forget";
}

}  // namespace
}  // namespace platter
