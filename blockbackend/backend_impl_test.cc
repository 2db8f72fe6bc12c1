// SPDX-License-Identifier: Apache-2.0
//
// Properties and error actions of a backend: rows 13 to 17, 29, 31, 32, 35, 37.

#include "blockbackend/backend_impl.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
constexpr uint64_t kBlock = 512;

class BackendTest : public BackendFixture {};

TEST_F(BackendTest, Row29_TheLengthIsTheMediumsAnd0WithoutOne) {
  MakeBackend();
  EXPECT_EQ(backend_->length(), 0u);
  Insert();
  EXPECT_EQ(backend_->length(), kLength);
  ASSERT_TRUE(backend_->Attach({.device_id = "cd0"}, drive_.Ops()).ok());
  drive_.open = true;
  EXPECT_EQ(backend_->length(), kLength) << "the tray does not matter";
  EXPECT_TRUE(Await(backend_->RemoveRoot()).ok());
  EXPECT_EQ(backend_->length(), 0u);
}

TEST_F(BackendTest, Row31_ReadOnlyAndWriteCache) {
  MakeBackend();
  EXPECT_FALSE(backend_->is_read_only());
  EXPECT_TRUE(backend_->write_cache_enabled());
  Insert({.length = kLength, .read_only = true});
  EXPECT_TRUE(backend_->is_read_only());
  backend_->set_write_cache_enabled(false);
  EXPECT_FALSE(backend_->write_cache_enabled());
}

TEST_F(BackendTest, Row32_InsertedIsAMediumAndAvailableAClosedTrayToo) {
  MakeBackend();
  EXPECT_FALSE(backend_->is_inserted());
  EXPECT_FALSE(backend_->is_available());
  Insert();
  EXPECT_TRUE(backend_->is_inserted());
  EXPECT_TRUE(backend_->is_available());
  ASSERT_TRUE(backend_->Attach({.device_id = "cd0"}, drive_.Ops()).ok());
  drive_.open = true;
  EXPECT_TRUE(backend_->is_inserted());
  EXPECT_FALSE(backend_->is_available()) << "the tray is open";
}

TEST_F(BackendTest, Row35_LongTransfersAreReportedAndSplit) {
  MakeBackend();
  EXPECT_GE(backend_->max_transfer(), 1u << 20);
  EXPECT_GE(backend_->max_iov(), 1u) << "also without a medium";
  Insert();
  node_->SetLimits({.max_iov = 3, .max_transfer = 2 * kBlock});
  EXPECT_EQ(backend_->max_transfer(), 2 * kBlock);
  EXPECT_EQ(backend_->max_iov(), 3u);
  AttachAndOpen(io_);
  Go(IoOp::kRead, 0, 5 * kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
  ASSERT_EQ(node_->seen.size(), 3u);
  for (const HeldNode::Seen& seen : node_->seen) EXPECT_LE(seen.bytes, 2 * kBlock);
}

TEST_F(BackendTest, Row37_BlockSizesAreTheHosts) {
  MakeBackend();
  EXPECT_EQ(backend_->probe_block_sizes().physical, 512u) << "what is assumed without a medium";
  Insert();
  EXPECT_EQ(backend_->probe_block_sizes().logical, 512u);
  EXPECT_EQ(backend_->probe_block_sizes().physical, 4096u);
}

TEST_F(BackendTest, DiscardIsWhatTheMediumCan) {
  MakeBackend();
  EXPECT_FALSE(backend_->can_discard());
  Insert();
  EXPECT_TRUE(backend_->can_discard());
}

TEST_F(BackendTest, AReadOnlyBackendOnAWritableNode) {
  MakeBackend({.read_only = true});
  EXPECT_TRUE(backend_->is_read_only());
  Insert();
  EXPECT_TRUE(backend_->is_read_only());
  EXPECT_FALSE(backend_->can_discard());
}

// --- The error matrix. ---

struct MatrixCase {
  IoOp op;
  OnError policy;
  int error;
};

class ErrorMatrix : public BackendTest, public ::testing::WithParamInterface<MatrixCase> {
 public:
  // After what was kept or set aside has gone on.
  void ExpectDone() {
    world_.RunUntilIdle();
    ASSERT_EQ(client_.ends.size(), 1u);
    EXPECT_EQ(LastResult(), 0) << "it completes as if nothing had happened";
    EXPECT_EQ(backend_->iostatus(), IoStatus::kOk);
  }
};

TEST_P(ErrorMatrix, C_15_EveryErrorOfEveryOperationUnderEveryPolicy) {
  const auto [op, policy, error] = GetParam();
  const bool read = op == IoOp::kRead;
  MakeBackend({.read_error = read ? policy : OnError::kReport,
               .write_error = read ? OnError::kReport : policy});
  Insert();
  AttachAndOpen(io_);
  node_->results = {-error};
  Go(op, 0, op == IoOp::kFlush ? 0 : kBlock);
  world_.RunUntilIdle();

  const ErrorAction action = DecideErrorAction(policy, error);
  const char* const kActions[] = {"report", "ignore", "stop", "stall", "retry"};
  std::vector<std::string> expected = {std::string("BLOCK_IO_ERROR ") +
                                       (read ? "read " : "write ") +
                                       kActions[static_cast<int>(action)]};
  if (action == ErrorAction::kStop) expected.push_back("REQUEST_STOP");
  EXPECT_EQ(machine_.log, expected);
  EXPECT_EQ(machine_.last_error.backend, "drive0");
  EXPECT_EQ(machine_.last_error.device_id, "disk0");
  EXPECT_EQ(machine_.last_error.node_name, "node0");
  EXPECT_EQ(machine_.last_error.nospace, error == ENOSPC);
  EXPECT_EQ(machine_.last_error.reason, strerror(error));
  EXPECT_EQ(backend_->in_flight(), 0u) << "C-31: an error leaks nothing";
  switch (action) {
    case ErrorAction::kReport:
      EXPECT_EQ(LastResult(), -error);
      EXPECT_EQ(backend_->iostatus(), IoStatus::kOk);
      break;
    case ErrorAction::kIgnore:
      ASSERT_EQ(client_.ends.size(), 1u);
      EXPECT_EQ(LastResult(), 0);
      break;
    case ErrorAction::kStop:
      EXPECT_TRUE(client_.ends.empty());
      EXPECT_EQ(backend_->iostatus(), error == ENOSPC ? IoStatus::kNospace : IoStatus::kFailed);
      Await(machine_.Stop());
      machine_.Run();
      ExpectDone();
      break;
    case ErrorAction::kStall:
      EXPECT_TRUE(client_.ends.empty());
      EXPECT_EQ(backend_->iostatus(), error == ENOSPC ? IoStatus::kNospace : IoStatus::kFailed);
      backend_->Resume();
      ExpectDone();
      break;
    case ErrorAction::kRetry:
      EXPECT_TRUE(client_.ends.empty());
      EXPECT_EQ(backend_->iostatus(), IoStatus::kOk);
      world_.RunFor(RetryPolicy().delay);
      ExpectDone();
      break;
  }
  Await(backend_->BeginDrain());  // C-31: would hang.
  backend_->EndDrain();
}

std::vector<MatrixCase> Matrix() {
  std::vector<MatrixCase> cases;
  for (const IoOp op :
       {IoOp::kRead, IoOp::kWrite, IoOp::kFlush, IoOp::kDiscard, IoOp::kWriteZeroes}) {
    for (const OnError policy : {OnError::kReport, OnError::kIgnore, OnError::kEnospc,
                                 OnError::kStop, OnError::kStall, OnError::kRetry}) {
      if (op == IoOp::kRead && policy == OnError::kEnospc) continue;
      for (const int error : {EIO, ENOSPC, ENOMEM, EINVAL, ENOMEDIUM, ECANCELED, ETIMEDOUT}) {
        cases.push_back({op, policy, error});
      }
    }
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(All, ErrorMatrix, ::testing::ValuesIn(Matrix()));

TEST_F(BackendTest, ProbingReadsAlwaysReport) {
  MakeDisk(io_, {.read_error = OnError::kStop});
  node_->results = {-EIO};
  TestRequest& request = NewRequest();
  request.error_handling = ErrorHandling::kReport;
  request.Go(*channel_, IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), -EIO);
  EXPECT_TRUE(machine_.log.empty());
  EXPECT_EQ(backend_->Stats().read.failed, 1u);
}

TEST_F(BackendTest, Row14_IostatusIsSetBeforeTheEventAndTheEventBeforeTheStop) {
  class Sink final : public BlockEventSink {
   public:
    void OnBlockEvent(const BlockEvent&) override { status = backend->iostatus(); }
    BlockBackend* backend = nullptr;
    IoStatus status = IoStatus::kOk;
  };
  Sink sink;
  BackendRegistry registry({.control = &control_, .run_state = &machine_, .events = &sink});
  auto made = registry.Create("other", {.write_error = OnError::kStop});
  ASSERT_TRUE(made.ok());
  backend_ = *made;
  sink.backend = backend_.get();
  Insert();
  AttachAndOpen(io_);
  node_->results = {-ENOSPC};
  Go(IoOp::kWrite, 0, kBlock);
  EXPECT_EQ(backend_->iostatus(), IoStatus::kNospace) << "at once, in the failing channel";
  world_.RunUntilIdle();
  EXPECT_EQ(sink.status, IoStatus::kNospace);
  EXPECT_EQ(machine_.log, (std::vector<std::string>{"REQUEST_STOP"}));
  channel_->CancelAll();
  world_.RunUntilIdle();
  channel_.reset();
  backend_->Detach();
  backend_.reset();
}

TEST_F(BackendTest, AFailedFlushIsReportedToEachThatAsked) {
  MakeDisk(io_);
  node_->results = {-EIO, -EIO, 0};
  Go(IoOp::kFlush, 0, 0);
  Go(IoOp::kFlush, 0, 0);
  Go(IoOp::kFlush, 0, 0);
  world_.RunUntilIdle();
  ASSERT_EQ(client_.ends.size(), 3u);
  EXPECT_EQ(client_.ends[0].result, -EIO);
  EXPECT_EQ(client_.ends[1].result, -EIO);
  EXPECT_EQ(client_.ends[2].result, 0);
}

}  // namespace
}  // namespace platter
