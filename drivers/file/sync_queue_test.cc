// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/sync_queue.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "drivers/file/file_fixture.h"

namespace platter {
namespace {

using ::testing::IsEmpty;

class SyncQueueTest : public ScriptedNodeTest {
 protected:
  void SetUp() override {
    Fill(4096);
    ASSERT_TRUE(Open().ok());
  }

  static uint64_t SyncsOf(ScriptedContext& of) {
    const auto& calls = of.io().calls();
    return static_cast<uint64_t>(
        std::count_if(calls.begin(), calls.end(),
                      [](const ScriptedCall& call) { return call.kind == FileOpKind::kSync; }));
  }
};

// C-49: a flush reaches fdatasync, and completes after it.
TEST_F(SyncQueueTest, R_C49_AFlushCompletesAfterFdatasyncDid) {
  TestRequest flush(context, IoOp::kFlush, 0, 0);
  ASSERT_EQ(node->Start(flush), kIoPending);
  EXPECT_EQ(flush.completions, 0);
  EXPECT_EQ(SyncsOf(context), 0u);
  context.RunReady();
  EXPECT_EQ(SyncsOf(context), 1u);
  EXPECT_EQ(flush.completions, 1);
  EXPECT_EQ(flush.result, 0);
  EXPECT_EQ(context.buffers().outstanding(), 0u);
}

TEST_F(SyncQueueTest, FlushesThatComeMeanwhileShareOneFurtherSync) {
  std::vector<std::unique_ptr<TestRequest>> flushes;
  for (int i = 0; i < 10; ++i) {
    flushes.push_back(std::make_unique<TestRequest>(context, IoOp::kFlush, 0, 0));
    ASSERT_EQ(node->Start(*flushes.back()), kIoPending);
  }
  context.RunReady();
  // The first is not good for the others: what they want durable may be younger.
  EXPECT_EQ(flushes[0]->completions, 1);
  EXPECT_EQ(flushes[1]->completions, 0);
  context.RunReady();
  for (const auto& flush : flushes) {
    EXPECT_EQ(flush->completions, 1);
    EXPECT_EQ(flush->result, 0);
  }
  EXPECT_EQ(SyncsOf(context), 2u);
}

// C-06 and I15: the kernel reports a lost write once; every flush after it must still fail.
TEST_F(SyncQueueTest, R_C06_AFailedFlushIsSticky) {
  context.io().rule = [](const ScriptedCall& call) -> std::optional<int64_t> {
    if (call.kind == FileOpKind::kSync) return -EIO;
    return std::nullopt;
  };
  TestRequest first(context, IoOp::kFlush, 0, 0);
  TestRequest waiting(context, IoOp::kFlush, 0, 0);
  ASSERT_EQ(node->Start(first), kIoPending);
  ASSERT_EQ(node->Start(waiting), kIoPending);
  context.RunReady();
  context.io().rule = nullptr;
  context.RunReady();
  EXPECT_EQ(first.result, -EIO);
  EXPECT_EQ(waiting.result, -EIO) << "the second fdatasync succeeded, but what was lost is lost";

  context.io().ClearCalls();
  TestRequest later(context, IoOp::kFlush, 0, 0);
  EXPECT_EQ(node->Start(later), -EIO);
  EXPECT_THAT(context.io().calls(), IsEmpty());
}

// A durable write through the page cache is a write and a sync; see the head of transfer.h.
TEST_F(SyncQueueTest, ADurableWriteThatTheFileRefusesIsNotSticky) {
  for (const int error : {ENOSPC, EIO}) {
    context.io().rule = [error](const ScriptedCall&) { return -error; };
    TestRequest full(context, IoOp::kWrite, 0, 512, IoFlags::kFua);
    EXPECT_EQ(full.RunOn(*node), -error);
    context.io().rule = nullptr;
    TestRequest again(context, IoOp::kWrite, 0, 512, IoFlags::kFua);
    EXPECT_EQ(again.RunOn(*node), 0);
    TestRequest flush(context, IoOp::kFlush, 0, 0);
    EXPECT_EQ(flush.RunOn(*node), 0);
  }
}

// The kernel tells of what was lost once, whoever asks. Here the durable write of one context gets
// the answer, and while that is on its way the flush of another is made: it has to fail too.
TEST_F(SyncQueueTest, R_C06_AFlushBesideADurableWriteHearsOfTheSameLoss) {
  ScriptedContext other(file);
  bool told = false;
  const auto once = [&told](const ScriptedCall& call) -> std::optional<int64_t> {
    if (!call.dsync && call.kind != FileOpKind::kSync) return std::nullopt;
    return std::exchange(told, true) ? 0 : -EIO;
  };
  other.io().rule = once;
  context.io().rule = [&](const ScriptedCall& call) {
    const std::optional<int64_t> answer = once(call);
    other.RunReady();
    return answer;
  };
  TestRequest write(context, IoOp::kWrite, 0, 512, IoFlags::kFua);
  TestRequest flush(other, IoOp::kFlush, 0, 0);
  ASSERT_EQ(node->Start(write), kIoPending);
  ASSERT_EQ(node->Start(flush), kIoPending);
  for (int turn = 0; turn < 4; ++turn) {
    context.RunReady();
    other.RunReady();
  }
  EXPECT_EQ(write.completions, 1);
  EXPECT_EQ(write.result, -EIO);
  EXPECT_EQ(flush.completions, 1);
  EXPECT_EQ(flush.result, -EIO);
}

TEST_F(SyncQueueTest, AFailedDurableWriteOfDirectIoFailsAlone) {
  ASSERT_TRUE(OpenDirect(512).ok());
  context.io().rule = [](const ScriptedCall&) { return -EIO; };
  TestRequest broken(context, IoOp::kWrite, 0, 512, IoFlags::kFua);
  EXPECT_EQ(broken.RunOn(*node), -EIO);
  context.io().rule = nullptr;
  TestRequest again(context, IoOp::kWrite, 0, 512, IoFlags::kFua);
  EXPECT_EQ(again.RunOn(*node), 0);
  TestRequest flush(context, IoOp::kFlush, 0, 0);
  EXPECT_EQ(flush.RunOn(*node), 0);
}

TEST_F(SyncQueueTest, R_C39_AnInterruptedSyncIsMadeAgain) {
  int calls = 0;
  context.io().rule = [&](const ScriptedCall&) -> std::optional<int64_t> {
    return ++calls < 4 ? std::optional<int64_t>(-EINTR) : std::nullopt;
  };
  TestRequest flush(context, IoOp::kFlush, 0, 0);
  EXPECT_EQ(flush.RunOn(*node), 0);
  EXPECT_EQ(calls, 4);
}

TEST_F(SyncQueueTest, EachContextSubmitsOnlySyncsOfItsOwnRequests) {
  ScriptedContext other(file);
  TestRequest here(context, IoOp::kFlush, 0, 0);
  TestRequest there(other, IoOp::kFlush, 0, 0);
  TestRequest there_too(other, IoOp::kFlush, 0, 0);
  ASSERT_EQ(node->Start(here), kIoPending);
  ASSERT_EQ(node->Start(there), kIoPending);
  ASSERT_EQ(node->Start(there_too), kIoPending);
  other.RunReady();
  EXPECT_EQ(there.completions, 0);

  context.RunReady();
  EXPECT_EQ(here.completions, 1);
  // The lead was posted to the context that has requests; this one is free to go.
  EXPECT_EQ(context.io().outstanding(), 0u);
  EXPECT_EQ(context.buffers().outstanding(), 0u);
  other.RunReady();
  other.RunReady();
  EXPECT_EQ(there.completions, 1);
  EXPECT_EQ(there_too.completions, 1);
  EXPECT_EQ(SyncsOf(context), 1u);
  EXPECT_EQ(SyncsOf(other), 1u);
}

TEST_F(SyncQueueTest, ResultsForOtherContextsAreDeliveredThere) {
  ScriptedContext other(file);
  TestRequest first(context, IoOp::kFlush, 0, 0);
  TestRequest second(context, IoOp::kFlush, 0, 0);
  TestRequest guest(other, IoOp::kFlush, 0, 0);
  ASSERT_EQ(node->Start(first), kIoPending);
  ASSERT_EQ(node->Start(second), kIoPending);
  ASSERT_EQ(node->Start(guest), kIoPending);
  context.RunReady();  // `first`; then `second` leads for both.
  context.RunReady();
  EXPECT_EQ(second.completions, 1);
  EXPECT_EQ(guest.completions, 0);
  other.RunReady();
  EXPECT_EQ(guest.completions, 1);
  EXPECT_EQ(SyncsOf(other), 0u);
}

}  // namespace
}  // namespace platter
