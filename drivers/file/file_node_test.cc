// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/file_node.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/task.h"
#include "base/status.h"
#include "drivers/file/file_fixture.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileNodeTest : public ScriptedNodeTest {
 protected:
  absl::Status OpenMemory() {
    host->file_system = HostFileSystem::kMemory;
    context.io().allow_inline = true;
    return Open();
  }
  uint64_t InlineCalls() {
    uint64_t count = 0;
    for (const ScriptedCall& call : context.io().calls()) count += call.inline_call ? 1 : 0;
    return count;
  }
  uint64_t PortCalls() { return context.io().calls().size() - InlineCalls(); }
  absl::Status Truncate(uint64_t length) { return BlockOn(context, node->Truncate(length)); }
};

TEST_F(FileNodeTest, IsCalledAsTheFieldCallsIt) {
  Fill(512);
  ASSERT_TRUE(Open().ok());
  EXPECT_STREQ(node->driver_name(), "file");
  ASSERT_TRUE(OpenDevice().ok());
  EXPECT_STREQ(node->driver_name(), "host_device");
}

TEST_F(FileNodeTest, ErrorsOfOpeningNameTheNodeAndLeaveNothing) {
  host->kind = HostFileKind::kDirectory;
  EXPECT_THAT(MessageOf(Open()), HasSubstr("node 'node0': '/images/disk.img' is a directory"));
  EXPECT_EQ(context.io().open_files(), 0);
}

// --- Inline. ---

TEST_F(FileNodeTest, OfAFileInMemoryReadsAndWritesAreDoneAtOnce) {
  Fill(8192);
  ASSERT_TRUE(OpenMemory().ok());
  TestRequest read(context, IoOp::kRead, 1000, 4096);
  EXPECT_EQ(node->Start(read), 0);
  EXPECT_EQ(read.data, Pattern(1000, 4096));
  TestRequest write(context, IoOp::kWrite, 8000, 1000);
  EXPECT_EQ(node->Start(write), 0);
  EXPECT_EQ(node->length(), 9000u) << "and growth is known";
  EXPECT_EQ(PortCalls(), 0u);
}

TEST_F(FileNodeTest, BeyondTheTurnsBudgetRequestsGoThroughThePort) {
  Fill(1 << 20);
  ASSERT_TRUE(OpenMemory().ok());
  constexpr uint64_t kBytes = 65536;
  uint64_t at_once = 0;
  std::vector<std::unique_ptr<TestRequest>> requests;
  for (int i = 0; i < 20; ++i) {
    requests.push_back(std::make_unique<TestRequest>(context, IoOp::kRead, 0, kBytes));
    if (node->Start(*requests.back()) == 0) ++at_once;
  }
  EXPECT_EQ(at_once, InlineBudget::kBytesPerTurn / kBytes);
  context.RunReady();
  EXPECT_EQ(requests.back()->completions, 1);
  TestRequest next(context, IoOp::kRead, 0, kBytes);
  EXPECT_EQ(node->Start(next), 0) << "a new turn, a new budget";
}

TEST_F(FileNodeTest, WhatIsNotInThePageCacheGoesThroughThePort) {
  Fill(8192);
  context.io().allow_inline = true;
  ASSERT_TRUE(Open().ok());
  ASSERT_EQ(node->geometry().reads, InlineMode::kNoWait);
  context.io().rule = [](const ScriptedCall& call) -> std::optional<int64_t> {
    return call.inline_call ? std::optional<int64_t>(-EAGAIN) : std::nullopt;
  };
  TestRequest miss(context, IoOp::kRead, 1000, 4096);
  EXPECT_EQ(miss.RunOn(*node), 0);
  EXPECT_EQ(miss.data, Pattern(1000, 4096));
  EXPECT_EQ(InlineCalls(), 1u);
  EXPECT_EQ(context.io().calls()[0].mode, RWF_NOWAIT);
  EXPECT_EQ(PortCalls(), 1u);
  // Writes are not even tried: write-back could stall the loop.
  TestRequest write(context, IoOp::kWrite, 0, 512);
  EXPECT_EQ(write.RunOn(*node), 0);
  EXPECT_EQ(InlineCalls(), 1u);
}

TEST_F(FileNodeTest, R_C38_APartFoundInThePageCacheIsContinuedAtTheRightPlace) {
  Fill(8192);
  context.io().allow_inline = true;
  ASSERT_TRUE(Open().ok());
  for (int64_t part = 1; part < 4096; part += 111) {
    context.io().rule = [part](const ScriptedCall& call) -> std::optional<int64_t> {
      return call.inline_call ? std::optional<int64_t>(part) : std::nullopt;
    };
    TestRequest read(context, IoOp::kRead, 1000, 4096);
    read.Split({100, 3000, 996});
    ASSERT_EQ(read.RunOn(*node), 0) << part;
    ASSERT_EQ(read.data, Pattern(1000, 4096)) << part;
  }
}

TEST_F(FileNodeTest, AnErrorOfAnInlineTransferIsTheResult) {
  Fill(8192);
  ASSERT_TRUE(OpenMemory().ok());
  context.io().rule = [](const ScriptedCall&) { return -ENOSPC; };
  TestRequest write(context, IoOp::kWrite, 0, 512);
  EXPECT_EQ(node->Start(write), -ENOSPC);
  context.io().rule = [](const ScriptedCall&) { return -EIO; };
  TestRequest read(context, IoOp::kRead, 0, 512);
  EXPECT_EQ(node->Start(read), -EIO);
}

TEST_F(FileNodeTest, ADurableInlineWriteIsSyncedBeforeItCompletes) {
  Fill(8192);
  ASSERT_TRUE(OpenMemory().ok());
  TestRequest write(context, IoOp::kWrite, 0, 512, IoFlags::kFua);
  ASSERT_EQ(node->Start(write), kIoPending);
  EXPECT_EQ(InlineCalls(), 1u);
  context.RunReady();
  EXPECT_EQ(write.completions, 1);
  EXPECT_EQ(write.result, 0);
  EXPECT_EQ(context.io().calls().back().kind, FileOpKind::kSync);
}

TEST_F(FileNodeTest, AFileInMemoryThatShrankFails) {
  Fill(8192);
  ASSERT_TRUE(OpenMemory().ok());
  file->bytes.resize(1000);
  for (const uint64_t offset : {uint64_t{512}, uint64_t{4096}}) {
    TestRequest read(context, IoOp::kRead, offset, 1024);
    EXPECT_EQ(read.RunOn(*node), -EIO);
  }
}

// --- Resizing. ---

TEST_F(FileNodeTest, TruncateGrowsWithZeroesAndShrinks) {
  Fill(1000);
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Truncate(3000).ok());
  EXPECT_EQ(node->length(), 3000u);
  TestRequest read(context, IoOp::kRead, 1000, 2000);
  EXPECT_EQ(read.RunOn(*node), 0);
  EXPECT_EQ(read.data, std::vector<uint8_t>(2000, 0));
  ASSERT_TRUE(Truncate(500).ok());
  EXPECT_EQ(node->length(), 500u);
  EXPECT_EQ(file->bytes.size(), 500u);
  // What was cut off is no accident: it is not reported.
  EXPECT_THAT(log.Lines(), IsEmpty());
}

// Another process had the image meanwhile.
TEST_F(FileNodeTest, InvalidatingFindsTheNewLength) {
  Fill(1000);
  ASSERT_TRUE(Open().ok());
  file->bytes.resize(3000);
  EXPECT_EQ(node->length(), 1000u);
  ASSERT_TRUE(node->Invalidate().ok());
  EXPECT_EQ(node->length(), 3000u);
  file->bytes.resize(500);
  ASSERT_TRUE(node->Invalidate().ok());
  EXPECT_EQ(node->length(), 500u);
  TestRequest read(context, IoOp::kRead, 0, 500);
  EXPECT_EQ(read.RunOn(*node), 0);
  EXPECT_THAT(log.Lines(), IsEmpty()) << "it was not cut short under us";
}

// C-41: writes before and after a change of length find the right end.
TEST_F(FileNodeTest, R_C41_GrowthByWritesAndTruncateTakeTurns) {
  Fill(0);
  ASSERT_TRUE(Open().ok());
  for (const uint64_t length : {4096u, 512u, 100000u, 0u, 7u}) {
    ASSERT_TRUE(Truncate(length).ok());
    TestRequest write(context, IoOp::kWrite, length / 2, 1000);
    ASSERT_EQ(write.RunOn(*node), 0);
    EXPECT_EQ(node->length(), std::max<uint64_t>(length, length / 2 + 1000));
    EXPECT_EQ(file->bytes.size(), node->length());
  }
}

TEST_F(FileNodeTest, TruncateErrorsNameNodeFileAndLength) {
  Fill(1000);
  ASSERT_TRUE(Open().ok());
  host->truncate = [](uint64_t) { return -EFBIG; };
  const absl::Status refused = Truncate(uint64_t{1} << 62);
  EXPECT_EQ(ErrnoOf(refused), EFBIG);
  EXPECT_THAT(MessageOf(refused), HasSubstr("node 'node0': cannot make '/images/disk.img' "
                                            "4611686018427387904 bytes long"));
  EXPECT_EQ(node->length(), 1000u);

  FileOptions options;
  options.filename = "/images/disk.img";
  options.access = FileAccess::kReadOnly;
  ASSERT_TRUE(Open(options).ok());
  EXPECT_EQ(ErrnoOf(Truncate(500)), EACCES);
}

TEST_F(FileNodeTest, ADeviceTakesTheSizeThatItHas) {
  Fill(8192);
  ASSERT_TRUE(OpenDevice().ok());
  EXPECT_EQ(node->length(), 8192u);
  ASSERT_TRUE(node->ProbeBlockSizes().has_value());
  file->bytes.resize(16384);
  EXPECT_EQ(node->length(), 8192u);
  const absl::Status refused = Truncate(4096);
  EXPECT_EQ(ErrnoOf(refused), ENOTSUP);
  EXPECT_THAT(MessageOf(refused), HasSubstr("the device '/dev/disk0' has 16384 bytes"));
  EXPECT_TRUE(Truncate(16384).ok());
  EXPECT_EQ(node->length(), 16384u);
}

TEST_F(FileNodeTest, AFileHasNoDeviceForAnIoctl) {
  Fill(512);
  ASSERT_TRUE(Open().ok());
  const absl::StatusOr<int> refused = BlockOn(context, node->Ioctl(0x2285, nullptr));
  EXPECT_EQ(ErrnoOf(refused.status()), ENOTSUP);
  EXPECT_THAT(MessageOf(refused.status()), HasSubstr("'node0': driver 'file' has no device"));
  EXPECT_THAT(context.io().calls(), IsEmpty());
  EXPECT_FALSE(node->ProbeGeometry().has_value());
}

TEST_F(FileNodeTest, AnIoctlIsPassedToTheDevice) {
  Fill(512);
  ASSERT_TRUE(OpenDevice().ok());
  context.io().rule = [](const ScriptedCall&) { return 3; };
  const absl::StatusOr<int> passed = BlockOn(context, node->Ioctl(0x2285, nullptr));
  ASSERT_TRUE(passed.ok()) << passed.status();
  EXPECT_EQ(*passed, 3);
  ASSERT_EQ(context.io().calls().size(), 1u);
  EXPECT_EQ(context.io().calls()[0].kind, FileOpKind::kIoctl);
  EXPECT_EQ(context.io().calls()[0].bytes, 0x2285u);
  context.io().rule = [](const ScriptedCall&) { return -ENOTTY; };
  const absl::StatusOr<int> failed = BlockOn(context, node->Ioctl(0x2285, nullptr));
  EXPECT_EQ(ErrnoOf(failed.status()), ENOTTY);
  EXPECT_THAT(MessageOf(failed.status()), HasSubstr("'/dev/disk0'"));
}

TEST_F(FileNodeTest, ADeviceMayHaveAGeometry) {
  Fill(512);
  ASSERT_TRUE(OpenDevice().ok());
  EXPECT_FALSE(node->ProbeGeometry().has_value());
  host->geometry = DiskGeometry{.cylinders = 615, .heads = 4, .sectors = 17};
  const std::optional<DiskGeometry> geometry = node->ProbeGeometry();
  ASSERT_TRUE(geometry.has_value());
  EXPECT_EQ(geometry->cylinders, 615u);
  EXPECT_EQ(geometry->heads, 4u);
  EXPECT_EQ(geometry->sectors, 17u);
}

// --- Permissions and reopening. ---

TEST_F(FileNodeTest, ImageLocksFollowThePermissions) {
  Fill(512);
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(host->held_locks(), IsEmpty()) << "nobody uses it yet";
  ASSERT_TRUE(node->SetPermissions({.used = Permission::kWrite, .shared = {}}).ok());
  EXPECT_THAT(host->held_locks(), ElementsAre(101, 200, 201, 202, 203));
  host->foreign_locks = {203};
  const absl::Status refused =
      node->SetPermissions({.used = Permission::kWrite | Permission::kResize, .shared = {}});
  EXPECT_THAT(MessageOf(refused), HasSubstr("node 'node0': '/images/disk.img' is in use"));
  EXPECT_THAT(host->held_locks(), ElementsAre(101, 200, 201, 202, 203));
  ASSERT_TRUE(node->SetPermissions({}).ok());
  EXPECT_THAT(host->held_locks(), IsEmpty());
}

TEST_F(FileNodeTest, LockingOptionDecidesWhatToDoWhereThereAreNoLocks) {
  Fill(512);
  FileOptions options;
  options.filename = "/images/disk.img";
  options.locking = FileLocking::kOff;
  ASSERT_TRUE(Open(options).ok());
  ASSERT_TRUE(node->SetPermissions({.used = Permission::kWrite, .shared = {}}).ok());
  EXPECT_THAT(host->held_locks(), IsEmpty());

  host->lock_probe_error = -EINVAL;
  options.locking = FileLocking::kAuto;
  ASSERT_TRUE(Open(options).ok());
  EXPECT_TRUE(node->SetPermissions({.used = Permission::kWrite, .shared = {}}).ok());
  options.locking = FileLocking::kOn;
  EXPECT_EQ(ErrnoOf(Open(options)), EINVAL);
}

TEST_F(FileNodeTest, AReadOnlyFileIsNotGivenToAWriter) {
  Fill(512);
  FileOptions options;
  options.filename = "/images/disk.img";
  options.access = FileAccess::kReadOnly;
  ASSERT_TRUE(Open(options).ok());
  EXPECT_TRUE(node->read_only());
  EXPECT_EQ(ErrnoOf(node->SetPermissions({.used = Permission::kWrite})), EACCES);
  EXPECT_TRUE(node->SetPermissions({.used = Permission::kConsistentRead}).ok());
}

// C-44: a node reopened for direct I/O kept the alignment 1 of the page cache.
TEST_F(FileNodeTest, R_C44_ReopeningKeepsNothingStale) {
  Fill(8192);
  context.io().allow_inline = true;
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(node->limits().request_alignment, 1u);
  context.io().rule = [](const ScriptedCall& call) -> std::optional<int64_t> {
    if (call.kind == FileOpKind::kSync) return -EIO;
    if (call.kind == FileOpKind::kAllocate) return -EOPNOTSUPP;
    return std::nullopt;
  };
  TestRequest flush(context, IoOp::kFlush, 0, 0);
  EXPECT_EQ(flush.RunOn(*node), -EIO);
  TestRequest zeroes(context, IoOp::kWriteZeroes, 0, 512);
  EXPECT_EQ(zeroes.RunOn(*node), -ENOTSUP);
  context.io().rule = nullptr;

  ASSERT_TRUE(node->SetPermissions({.used = Permission::kWrite, .shared = {}}).ok());
  const auto held = host->held_locks();
  host->direct = DirectIoAlignment{.memory = 512, .offset = 4096};
  file->bytes.resize(12288);
  FileOptions options;
  options.filename = "/images/disk.img";
  options.caching = FileCaching::kDirect;
  ASSERT_TRUE(node->Reopen(options).ok());
  EXPECT_EQ(node->limits().request_alignment, 4096u);
  EXPECT_EQ(node->limits().memory_alignment, 512u);
  EXPECT_EQ(node->geometry().reads, InlineMode::kNever);
  EXPECT_EQ(node->length(), 12288u);
  EXPECT_EQ(host->held_locks(), held);
  EXPECT_EQ(context.io().open_files(), 1);
  TestRequest again(context, IoOp::kFlush, 0, 0);
  EXPECT_EQ(again.RunOn(*node), 0);
  TestRequest zeroes_again(context, IoOp::kWriteZeroes, 0, 4096);
  EXPECT_EQ(zeroes_again.RunOn(*node), 0);

  options.caching = FileCaching::kPageCache;
  ASSERT_TRUE(node->Reopen(options).ok());
  EXPECT_EQ(node->limits().request_alignment, 1u);
}

TEST_F(FileNodeTest, AReopeningIsUndoneByDoingItAgain) {
  Fill(8192);
  ASSERT_TRUE(Open().ok());
  context.io().rule = [](const ScriptedCall& call) -> std::optional<int64_t> {
    if (call.kind == FileOpKind::kSync) return -EIO;
    return std::nullopt;
  };
  TestRequest flush(context, IoOp::kFlush, 0, 0);
  EXPECT_EQ(flush.RunOn(*node), -EIO);
  context.io().rule = nullptr;
  ASSERT_TRUE(node->SetPermissions({.used = Permission::kWrite, .shared = {}}).ok());
  const auto held = host->held_locks();
  host->direct = DirectIoAlignment{.memory = 512, .offset = 4096};
  FileOptions options;
  options.filename = "/images/disk.img";
  options.caching = FileCaching::kDirect;
  auto reopening = node->PrepareReopen(options);
  ASSERT_TRUE(reopening.ok()) << reopening.status();
  EXPECT_EQ(node->limits().request_alignment, 1u) << "nothing has happened yet";
  node->FinishReopen(**reopening);
  EXPECT_EQ(node->limits().request_alignment, 4096u);
  TestRequest again(context, IoOp::kFlush, 0, 0);
  EXPECT_EQ(again.RunOn(*node), 0);
  node->FinishReopen(**reopening);
  EXPECT_EQ(node->limits().request_alignment, 1u);
  TestRequest once_more(context, IoOp::kFlush, 0, 0);
  EXPECT_EQ(once_more.RunOn(*node), -EIO) << "of the old opening";
  reopening->reset();
  EXPECT_EQ(context.io().open_files(), 1);
  EXPECT_EQ(host->held_locks(), held);
}

TEST_F(FileNodeTest, AReopeningThatFailsChangesNothing) {
  Fill(8192);
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(node->SetPermissions({.used = Permission::kWrite, .shared = {}}).ok());
  const auto held = host->held_locks();
  FileOptions options;
  options.filename = "/images/other.img";
  EXPECT_EQ(ErrnoOf(node->Reopen(options)), EINVAL);
  options.filename = "/images/disk.img";
  options.access = FileAccess::kReadOnly;
  EXPECT_EQ(ErrnoOf(node->Reopen(options)), EACCES) << "somebody writes";
  options.access = FileAccess::kReadWrite;
  options.caching = FileCaching::kDirect;
  host->direct = DirectIoAlignment{};
  EXPECT_EQ(ErrnoOf(node->Reopen(options)), EINVAL);
  EXPECT_EQ(host->held_locks(), held);
  EXPECT_EQ(context.io().open_files(), 1);
  EXPECT_EQ(node->limits().request_alignment, 1u);
  EXPECT_FALSE(node->read_only());
}

TEST_F(FileNodeTest, BlockStatusOfADeviceAndOfUnreliableHostsIsData) {
  Fill(8192);
  ASSERT_TRUE(OpenDevice().ok());
  absl::StatusOr<BlockStatus> status = BlockOn(context, node->GetBlockStatus(512, 1024));
  ASSERT_TRUE(status.ok());
  EXPECT_TRUE(status->data);
  EXPECT_EQ(status->bytes, 1024u);
  host->kind = HostFileKind::kRegular;
  host->file_system = HostFileSystem::kLyingHoles;
  ASSERT_TRUE(Open().ok());
  host->seeks = {8192};
  status = BlockOn(context, node->GetBlockStatus(512, 1024));
  EXPECT_FALSE(status->zero);
  host->file_system = HostFileSystem::kOther;
  ASSERT_TRUE(Open().ok());
  status = BlockOn(context, node->GetBlockStatus(512, 1024));
  EXPECT_TRUE(status->zero);
}

}  // namespace
}  // namespace platter
