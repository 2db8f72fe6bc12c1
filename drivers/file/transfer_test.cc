// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/transfer.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "drivers/file/file_fixture.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TransferTest : public ScriptedNodeTest {};

// C-38: what is continued starts at the request's offset plus what is done.
TEST_F(TransferTest, R_C38_ShortReadsOfEveryLengthAreContinuedAtTheRightPlace) {
  Fill(300);
  ASSERT_TRUE(Open().ok());
  for (int64_t most = 1; most <= 120; ++most) {
    context.io().rule = [most](const ScriptedCall&) { return most; };
    TestRequest read(context, IoOp::kRead, 100, 120);
    read.Split({1, 30, 64, 25});
    ASSERT_EQ(read.RunOn(*node), 0) << most;
    ASSERT_EQ(read.data, Pattern(100, 120)) << most;
  }
}

TEST_F(TransferTest, R_C38_ShortWritesOfEveryLengthAreContinuedAtTheRightPlace) {
  for (int64_t most = 1; most <= 120; ++most) {
    file->bytes.assign(300, 0);
    ASSERT_TRUE(Open().ok());
    context.io().rule = [most](const ScriptedCall&) { return most; };
    TestRequest write(context, IoOp::kWrite, 100, 120);
    write.Split({64, 1, 30, 25});
    const std::vector<uint8_t> content = Pattern(100, 120);
    std::copy(content.begin(), content.end(), write.data.begin());
    ASSERT_EQ(write.RunOn(*node), 0) << most;
    std::vector<uint8_t> expected(300, 0);
    std::copy(content.begin(), content.end(), expected.begin() + 100);
    ASSERT_EQ(file->bytes, expected) << most;
  }
}

TEST_F(TransferTest, R_C38_DirectContinuationsAreAligned) {
  Fill(8192);
  ASSERT_TRUE(OpenDirect(512).ok());
  // The part of a block that was moved is moved again.
  for (int64_t most = 1; most <= 4096; most += 93) {
    context.io().ClearCalls();
    // Now and then a whole block, so that it gets on.
    int calls = 0;
    context.io().rule = [&calls, most](const ScriptedCall&) {
      return ++calls % 3 == 0 ? std::max<int64_t>(most, 512) : most;
    };
    TestRequest read(context, IoOp::kRead, 512, 4096);
    read.Split({1024, 512, 2560});
    ASSERT_EQ(read.RunOn(*node), 0) << most;
    ASSERT_EQ(read.data, Pattern(512, 4096)) << most;
    for (const ScriptedCall& call : context.io().calls()) {
      ASSERT_EQ(call.offset % 512, 0u) << most;
      ASSERT_EQ(call.bytes % 512, 0u) << most;
    }
  }
}

TEST_F(TransferTest, R_C39_InterruptedOperationsAreMadeAgain) {
  Fill(4096);
  ASSERT_TRUE(Open().ok());
  for (const int64_t error : {-EINTR, -EAGAIN}) {
    int calls = 0;
    context.io().rule = [&](const ScriptedCall&) -> std::optional<int64_t> {
      if (++calls % 2 == 1) return error;
      return 1000;
    };
    TestRequest read(context, IoOp::kRead, 0, 4096);
    EXPECT_EQ(read.RunOn(*node), 0);
    EXPECT_EQ(read.data, Pattern(0, 4096));
  }
}

TEST_F(TransferTest, AnInterruptionThatNeverEndsIsAnErrorAndNotALoop) {
  Fill(4096);
  ASSERT_TRUE(Open().ok());
  context.io().rule = [](const ScriptedCall&) { return -EINTR; };
  TestRequest read(context, IoOp::kRead, 0, 512);
  EXPECT_EQ(read.RunOn(*node), -EINTR);
  context.io().rule = [](const ScriptedCall&) { return 0; };
  TestRequest write(context, IoOp::kWrite, 0, 512);
  EXPECT_EQ(write.RunOn(*node), -EIO);
}

TEST_F(TransferTest, AnErrorOfTheKthOperationIsTheResult) {
  Fill(4096);
  ASSERT_TRUE(Open().ok());
  for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
    for (const int error : {EIO, ENOSPC, ENOMEM}) {
      // 4096 bytes in pieces of 1000 take five operations.
      for (int k = 1; k <= 5; ++k) {
        int calls = 0;
        context.io().rule = [&](const ScriptedCall&) -> std::optional<int64_t> {
          return ++calls == k ? -error : 1000;
        };
        TestRequest request(context, op, 0, 4096);
        EXPECT_EQ(request.RunOn(*node), -error);
        EXPECT_EQ(calls, k);
      }
    }
  }
  EXPECT_EQ(context.buffers().outstanding(), 0u);
}

TEST_F(TransferTest, TheLastBlockOfAnUnalignedFileReadsAsZeroesBehindItsEnd) {
  Fill(1000);
  ASSERT_TRUE(OpenDirect(512).ok());
  EXPECT_EQ(node->length(), 1000u);
  TestRequest read(context, IoOp::kRead, 0, 1024);
  read.Split({512, 500, 12});
  EXPECT_EQ(read.RunOn(*node), 0);
  std::vector<uint8_t> expected = Pattern(0, 1000);
  expected.resize(1024, 0);
  EXPECT_EQ(read.data, expected);
  // The host was not asked again at an offset that direct I/O does not allow.
  EXPECT_EQ(context.io().calls().size(), 1u);
  EXPECT_THAT(log.Lines(), IsEmpty());
}

TEST_F(TransferTest, AWriteToTheLastBlockPadsTheHostsFileAndNotTheNode) {
  Fill(1000);
  ASSERT_TRUE(OpenDirect(512).ok());
  TestRequest write(context, IoOp::kWrite, 512, 512);
  EXPECT_EQ(write.RunOn(*node), 0);
  EXPECT_EQ(file->bytes.size(), 1024u);
  EXPECT_EQ(node->length(), 1000u);
  TestRequest grow(context, IoOp::kWrite, 1024, 512);
  EXPECT_EQ(grow.RunOn(*node), 0);
  EXPECT_EQ(node->length(), 1536u);
}

TEST_F(TransferTest, AFileThatShrankUnderUsFailsAndIsReportedOnce) {
  Fill(8192);
  ASSERT_TRUE(Open().ok());
  file->bytes.resize(3000);
  TestRequest before(context, IoOp::kRead, 0, 3000);
  EXPECT_EQ(before.RunOn(*node), 0);
  for (int i = 0; i < 50; ++i) {
    TestRequest across(context, IoOp::kRead, 2048, 4096);
    EXPECT_EQ(across.RunOn(*node), -EIO);
    TestRequest behind(context, IoOp::kRead, 4096, 512);
    EXPECT_EQ(behind.RunOn(*node), -EIO);
  }
  context.RunReady();
  // A hundred failures, and no more lines than the rate allows.
  EXPECT_EQ(log.Lines().size(), RateLimitedLog::kBurst);
  EXPECT_THAT(log.Lines().front(), HasSubstr("'/images/disk.img' shrank under us"));
  EXPECT_THAT(log.Lines().front(), HasSubstr("it had 8192 bytes and has 3000 now"));
}

TEST_F(TransferTest, AFileThatShrankWithinABlockFailsUnderDirectIo) {
  Fill(8192);
  ASSERT_TRUE(OpenDirect(512).ok());
  file->bytes.resize(3000);
  TestRequest read(context, IoOp::kRead, 0, 8192);
  EXPECT_EQ(read.RunOn(*node), -EIO);
  context.RunReady();
  EXPECT_EQ(log.Lines().size(), 1u);
}

// C-41: a write that reaches beyond the end is known to have made the file longer, when it is done.
TEST_F(TransferTest, R_C41_GrowthIsKnownWhenTheWriteCompletesAndNotBefore) {
  Fill(1000);
  ASSERT_TRUE(Open().ok());
  TestRequest write(context, IoOp::kWrite, 900, 500);
  ASSERT_EQ(node->Start(write), kIoPending);
  EXPECT_EQ(node->length(), 1000u);
  context.RunReady();
  EXPECT_EQ(write.result, 0);
  EXPECT_EQ(node->length(), 1400u);
  TestRequest read(context, IoOp::kRead, 900, 500);
  EXPECT_EQ(read.RunOn(*node), 0);
  EXPECT_EQ(read.data, write.data);
}

TEST_F(TransferTest, AFailedGrowingWriteLeavesTheLength) {
  Fill(1000);
  ASSERT_TRUE(Open().ok());
  context.io().rule = [](const ScriptedCall&) { return -ENOSPC; };
  TestRequest write(context, IoOp::kWrite, 900, 500);
  EXPECT_EQ(write.RunOn(*node), -ENOSPC);
  EXPECT_EQ(node->length(), 1000u);
}

TEST_F(TransferTest, FuaThroughThePageCacheIsAWriteAndASync) {
  Fill(1000);
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(node->features().fua);
  TestRequest write(context, IoOp::kWrite, 0, 500, IoFlags::kFua);
  EXPECT_EQ(write.RunOn(*node), 0);
  EXPECT_THAT(context.io().calls(),
              ElementsAre(ScriptedCall{FileOpKind::kWrite, false, false, 0, 0, 500},
                          ScriptedCall{.kind = FileOpKind::kSync}));
}

TEST_F(TransferTest, FuaOfDirectIoIsADurableWrite) {
  Fill(1024);
  ASSERT_TRUE(OpenDirect(512).ok());
  ASSERT_TRUE(node->features().fua);
  TestRequest write(context, IoOp::kWrite, 0, 512, IoFlags::kFua);
  EXPECT_EQ(write.RunOn(*node), 0);
  EXPECT_THAT(context.io().calls(),
              ElementsAre(ScriptedCall{FileOpKind::kWrite, false, true, 0, 0, 512}));
}

TEST_F(TransferTest, EmptyRequestsSucceedAtOnce) {
  Fill(1000);
  ASSERT_TRUE(Open().ok());
  for (const IoOp op : {IoOp::kRead, IoOp::kWrite, IoOp::kDiscard, IoOp::kWriteZeroes}) {
    TestRequest request(context, op, 1000, 0);
    EXPECT_EQ(node->Start(request), 0);
  }
  EXPECT_THAT(context.io().calls(), IsEmpty());
}

}  // namespace
}  // namespace platter
