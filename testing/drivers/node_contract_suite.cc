// SPDX-License-Identifier: Apache-2.0
#include "testing/drivers/node_contract_suite.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <utility>

#include "aio/task.h"
#include "base/arith.h"
#include "base/mutex.h"
#include "base/status.h"
#include "drivers/edge.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/drivers/node_hammer.h"
#include "testing/model/disk_model.h"
#include "testing/model/pattern.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kSeed = 20160213;

std::vector<uint8_t> Pattern(uint64_t seed, uint64_t offset, uint64_t bytes) {
  std::vector<uint8_t> data(bytes);
  FillPattern(seed, offset, data);
  return data;
}

bool AllZero(const std::vector<uint8_t>& data) {
  return std::all_of(data.begin(), data.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

std::string NodeContractName(const ::testing::TestParamInfo<NodeContractParam>& info) {
  return std::get<0>(info.param).name + NameOf(std::get<1>(info.param));
}

void NodeContractTest::SetUp() {
  const auto& [maker, kind] = GetParam();
  auto world = ContractWorld::Create(kind, kSeed);
  if (!world.ok() && kind == ContextKind::kUring) {
    GTEST_SKIP() << "no-io-uring: " << world.status();
  }
  ASSERT_TRUE(world.ok()) << world.status();
  world_ = *std::move(world);
  subject_ = maker.make();
  if (const std::string why = subject_->WhyNot(*world_); !why.empty()) GTEST_SKIP() << why;
  node_ = subject_->Open(*world_);
  ASSERT_NE(node_, nullptr);
  ASSERT_EQ(node_->length(), size());
  root_ = std::make_unique<TestRoot>();
  const absl::Status attached = root_->Open(node_);
  ASSERT_TRUE(attached.ok()) << attached;
}

void NodeContractTest::TearDown() {
  if (root_ != nullptr) {
    EXPECT_EQ(root_->in_flight(), 0);
  }
  root_.reset();
  node_.reset();
  subject_.reset();
  world_.reset();
}

IoResult NodeContractTest::Write(uint64_t offset, std::vector<uint8_t> data) {
  return Io().Transfer(IoOp::kWrite, offset, data).Run();
}

std::vector<uint8_t> NodeContractTest::Read(uint64_t offset, uint64_t bytes) {
  std::vector<uint8_t> data(bytes, 0xa5);
  EXPECT_EQ(Io().Transfer(IoOp::kRead, offset, data).Run(), 0);
  return data;
}

// --- Data. ---

TEST_P(NodeContractTest, R_FMT_15_RandomOperationsEqualAByteArray) {
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  Random random(kSeed);
  DiskModel model(size());
  std::vector<uint8_t> memory(size() + 8192);
  for (int step = 0; step < 300; ++step) {
    SCOPED_TRACE(::testing::Message() << "step " << step);
    const uint64_t offset = random.Below(size() + 1);
    const uint64_t most = std::min(size() - offset, random.OneIn(8) ? size() : 20 * kKiB);
    const std::span<uint8_t> data(memory.data() + random.Below(4096), random.Below(most + 1));
    std::vector<iovec> pieces;
    for (size_t at = 0; at < data.size();) {
      const size_t piece = random.Below(std::min<size_t>(data.size() - at, 9000)) + 1;
      pieces.push_back({data.data() + at, piece});
      at += piece;
    }
    const IoFlags fua = random.OneIn(4) ? IoFlags::kFua : IoFlags::kNone;
    DiskIo io = Io();
    switch (random.Below(5)) {
      case 0:
        ASSERT_EQ(io.TransferPieces(IoOp::kRead, offset, pieces).Run(), 0);
        if (!subject_->HoldsData()) break;
        ASSERT_EQ(model.Mismatch(offset, data).value_or(""), "");
        break;
      case 1:
        FillPattern(random.Next(), offset, data);
        ASSERT_EQ(io.TransferPieces(IoOp::kWrite, offset, pieces).Run(fua), 0);
        model.Write(offset, data);
        break;
      case 2:
        ASSERT_EQ(io.Range(IoOp::kWriteZeroes, offset, data.size())
                      .Run(random.OneIn(2) ? IoFlags::kMayUnmap : fua),
                  0);
        model.WriteZeroes(offset, data.size());
        break;
      case 3:
        ASSERT_EQ(io.Range(IoOp::kDiscard, offset, data.size()).Run(), 0);
        model.MakeUndefined(offset, data.size());
        break;
      default:
        ASSERT_EQ(io.Range(IoOp::kFlush, 0, 0).Run(), 0);
        break;
    }
    ASSERT_EQ(io.completions(), 1);
  }
  if (!subject_->HoldsData()) return;
  EXPECT_EQ(model.Mismatch(0, Read(0, size())).value_or(""), "");
  EXPECT_EQ(Io().Range(IoOp::kFlush, 0, 0).Run(), 0);
  if (const auto behind = subject_->Behind(0, size())) {
    EXPECT_EQ(model.Mismatch(0, *behind).value_or(""), "");
  }
}

TEST_P(NodeContractTest, R_FMT_14_RequestsOutOfRangeFail) {
  uint8_t byte = 0;
  const std::pair<uint64_t, uint64_t> kTable[] = {{size(), 1},     {size() - 1, 2},
                                                  {UINT64_MAX, 1}, {UINT64_MAX, UINT64_MAX},
                                                  {1, UINT64_MAX}, {uint64_t{1} << 63, 1}};
  for (const auto& [offset, bytes] : kTable) {
    for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
      EXPECT_EQ(Io().TransferPieces(op, offset, {{&byte, bytes}}).Run(), -EIO);
    }
    for (const IoOp op : {IoOp::kDiscard, IoOp::kWriteZeroes}) {
      EXPECT_EQ(Io().Range(op, offset, bytes).Run(), -EIO);
    }
  }
}

TEST_P(NodeContractTest, R_FMT_15_ZeroLengthRequestsSucceedAndChangeNothing) {
  ASSERT_EQ(Write(0, Pattern(1, 0, 4096)), 0);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{512}, size()}) {
    for (const IoOp op : {IoOp::kRead, IoOp::kWrite, IoOp::kDiscard, IoOp::kWriteZeroes}) {
      EXPECT_EQ(Io().Range(op, offset, 0).Run(), 0) << offset;
    }
  }
  if (subject_->HoldsData()) {
    EXPECT_EQ(Read(0, 4096), Pattern(1, 0, 4096));
  }
}

TEST_P(NodeContractTest, C_40_ZeroedAndDiscardedRangesReadBackAtAllAlignments) {
  if (!subject_->HoldsData()) return;
  constexpr uint64_t kSpan = 32 * kKiB;
  constexpr uint64_t kEdges[] = {0, 1, 511, 512, 513, 4095, 4096, 4097, 8192, 12289};
  for (const IoOp op : {IoOp::kWriteZeroes, IoOp::kDiscard}) {
    for (const uint64_t begin : kEdges) {
      for (const uint64_t length : kEdges) {
        SCOPED_TRACE(::testing::Message() << begin << "+" << length);
        const std::vector<uint8_t> before = Pattern(begin * 77 + length, 0, kSpan);
        ASSERT_EQ(Write(0, before), 0);
        const IoFlags flags =
            op == IoOp::kWriteZeroes && length % 2 == 1 ? IoFlags::kMayUnmap : IoFlags::kNone;
        ASSERT_EQ(Io().Range(op, begin, length).Run(flags), 0);
        std::vector<uint8_t> after = Read(0, kSpan);
        const auto from = static_cast<ptrdiff_t>(begin);
        const auto to = static_cast<ptrdiff_t>(begin + length);
        if (op == IoOp::kWriteZeroes) {
          ASSERT_TRUE(std::all_of(after.begin() + from, after.begin() + to,
                                  [](uint8_t byte) { return byte == 0; }));
        }
        // Outside, nothing changed; inside a discard, anything goes.
        std::copy(before.begin() + from, before.begin() + to, after.begin() + from);
        ASSERT_EQ(after, before);
      }
    }
  }
}

// --- Control plane. ---

TEST_P(NodeContractTest, StatusCoversTheNodeAndZeroMeansZero) {
  ASSERT_EQ(Write(64 * kKiB, Pattern(1, 64 * kKiB, 64 * kKiB)), 0);
  ASSERT_EQ(Io().Range(IoOp::kFlush, 0, 0).Run(), 0);
  int pieces = 0;
  for (uint64_t at = 0; at < size(); ++pieces) {
    const auto status = BlockOn(io(), node_->GetBlockStatus(at, size() - at));
    ASSERT_TRUE(status.ok()) << status.status();
    ASSERT_GT(status->bytes, 0u);
    ASSERT_LE(status->bytes, size() - at);
    if (status->zero && subject_->HoldsData()) {
      EXPECT_TRUE(AllZero(Read(at, status->bytes))) << at << "+" << status->bytes;
    }
    at += status->bytes;
    ASSERT_LT(pieces, 1000);
  }
}

TEST_P(NodeContractTest, TruncateBothWays) {
  if (!subject_->CanTruncate()) {
    EXPECT_EQ(ErrnoOf(BlockOn(io(), node_->Truncate(size() / 2))), ENOTSUP);
    return;
  }
  ASSERT_EQ(Write(0, Pattern(1, 0, size())), 0);
  const int changes = root_->changes();
  const absl::Status shrunk = BlockOn(io(), node_->Truncate(size() / 2));
  ASSERT_TRUE(shrunk.ok()) << shrunk;
  EXPECT_EQ(node_->length(), size() / 2);
  EXPECT_GT(root_->changes(), changes);
  EXPECT_EQ(Io().Range(IoOp::kDiscard, size() / 2, 512).Run(), -EIO);
  const absl::Status grown = BlockOn(io(), node_->Truncate(size() + 64 * kKiB));
  ASSERT_TRUE(grown.ok()) << grown;
  EXPECT_EQ(node_->length(), size() + 64 * kKiB);
  if (!subject_->HoldsData()) return;
  EXPECT_EQ(Read(0, size() / 2), Pattern(1, 0, size() / 2));
  EXPECT_TRUE(AllZero(Read(size() / 2, size() / 2 + 64 * kKiB)));
}

// --- Completion, cancel, drain. ---

TEST_P(NodeContractTest, C_31_ACancelledRequestCompletesOnce) {
  constexpr int kCount = 32;
  std::vector<std::vector<uint8_t>> data(kCount, std::vector<uint8_t>(4096, 3));
  std::vector<std::unique_ptr<DiskIo>> ios;
  for (int i = 0; i < kCount; ++i) {
    ios.push_back(std::make_unique<DiskIo>(*root_, io()));
    // Some aligned, some not: those go the slow ways.
    ios.back()->Transfer(i % 2 == 0 ? IoOp::kWrite : IoOp::kRead,
                         static_cast<uint64_t>(i) * 8192 + (i % 4 == 0 ? 1 : 0),
                         data[static_cast<size_t>(i)]);
  }
  // In a turn, as devices do.
  world_->RunIn(io(), [&ios] {
    for (auto& io : ios) io->Submit(IoFlags::kFua);
    for (auto& io : ios) {
      if (!io->done()) io->Cancel();
    }
  });
  world_->RunUntil(
      [&ios] { return std::all_of(ios.begin(), ios.end(), [](auto& io) { return io->done(); }); });
  // Whatever a hint may have left behind has its chance to complete a second time.
  for (int turn = 0; turn < 100; ++turn) io().RunReady();
  for (const auto& io : ios) {
    EXPECT_EQ(io->completions(), 1);
    EXPECT_TRUE(io->result() == 0 || io->result() == -ECANCELED) << io->result();
  }
  EXPECT_EQ(root_->in_flight(), 0);
}

Task<void> DrainOnce(TestRoot& root, BlockNode& node) {
  DrainedSection drained = co_await DrainedSection::Begin(node);
  EXPECT_EQ(root.in_flight(), 0);
}

TEST_P(NodeContractTest, R_FMT_16_HundredDrainsAndAttachments) {
  std::vector<uint8_t> data(4096, 1);
  for (int i = 0; i < 100; ++i) {
    DiskIo first = Io();
    DiskIo second = Io();
    first.Transfer(IoOp::kWrite, 0, data).Submit();
    second.Range(IoOp::kFlush, 0, 0).Submit();
    BlockOn(io(), DrainOnce(*root_, *node_));
    ASSERT_TRUE(first.done() && second.done());
    root_->edge().Detach();
    ASSERT_TRUE(root_->Open(node_).ok());
  }
}

TEST_P(NodeContractTest, C_30_TwoContextsWhileAThirdPartyDrains) {
  constexpr int kDrains = 1000;
  AioContext& a = world_->NewServedContext("a");
  AioContext& b = world_->NewServedContext("b");
  const bool verify = subject_->HoldsData();
  NodeHammer low(*root_, a, {.begin = 0, .end = size() / 2, .seed = 1, .verify = verify});
  NodeHammer high(*root_, b, {.begin = size() / 2, .end = size(), .seed = 2, .verify = verify});
  low.Start();
  high.Start();
  for (int i = 0; i < kDrains; ++i) {
    BlockOn(io(), DrainOnce(*root_, *node_));
    // Between drains both get somewhere.
    const uint64_t low_before = low.completed();
    const uint64_t high_before = high.completed();
    world_->AwaitIn(a, [&] { return low.completed() > low_before; });
    world_->AwaitIn(b, [&] { return high.completed() > high_before; });
  }
  low.Stop();
  high.Stop();
  world_->AwaitIn(a, [&low] { return low.stopped(); });
  world_->AwaitIn(b, [&high] { return high.stopped(); });
  EXPECT_EQ(low.failures(), "");
  EXPECT_EQ(high.failures(), "");
}

TEST_P(NodeContractTest, OnceWarmNothingAllocatesAndNothingLocks) {
  // Memory of their own: the two are under way at the same time.
  std::vector<uint8_t> read_data(64 * kKiB);
  std::vector<uint8_t> write_data(64 * kKiB, 1);
  const auto pieces = [](std::vector<uint8_t>& data) {
    std::vector<iovec> cut;
    for (size_t i = 0; i < 16; ++i) cut.push_back({data.data() + i * 4096, 4096});
    return cut;
  };
  DiskIo read = Io();
  read.TransferPieces(IoOp::kRead, 0, pieces(read_data));
  DiskIo write = Io();
  write.TransferPieces(IoOp::kWrite, 64 * kKiB, pieces(write_data));
  DiskIo flush = Io();
  flush.Range(IoOp::kFlush, 0, 0);
  const auto round = [&] {
    read.Submit();
    write.Submit();
    flush.Submit();
    io().RunUntil([&] { return read.done() && write.done() && flush.done(); });
  };
  for (int i = 0; i < 100; ++i) round();
  const AllocationWindow allocations;
  const uint64_t locks = Mutex::TotalAcquisitions();
  for (int i = 0; i < 200; ++i) round();
  if (subject_->AllocatesNothing()) {
    EXPECT_EQ(allocations.count(), 0u);
  }
  if (subject_->LocksNothing()) {
    EXPECT_EQ(Mutex::TotalAcquisitions() - locks, 0u);
  }
  EXPECT_EQ(read.result() | write.result() | flush.result(), 0);
}

}  // namespace platter
