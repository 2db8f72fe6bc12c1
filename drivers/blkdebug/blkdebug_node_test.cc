// SPDX-License-Identifier: Apache-2.0
#include "drivers/blkdebug/blkdebug_node.h"

#include <cerrno>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/arith.h"
#include "base/status.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Io = BlkdebugIoType;

class BlkdebugNodeTest : public ::testing::Test {
 protected:
  BlkdebugNode& Open(const BlkdebugOptions& options, const StrictOptions& image = {}) {
    image_ = std::make_shared<StrictNode>(image, "image0");
    auto debug = BlkdebugNode::Create("debug0", image_, options);
    EXPECT_TRUE(debug.ok()) << debug.status();
    debug_ = *debug;
    EXPECT_TRUE(root_.Open(debug_).ok());
    return *debug_;
  }
  DiskIo& Write(DiskIo& io, uint64_t offset) { return io.Transfer(IoOp::kWrite, offset, data_); }
  void TearDown() override {
    if (image_ != nullptr) {
      EXPECT_THAT(image_->Complaints(), IsEmpty());
    }
    EXPECT_EQ(root_.in_flight(), 0);
    EXPECT_EQ(io_.buffers().outstanding(), 0u);
  }

  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  std::shared_ptr<StrictNode> image_;
  std::shared_ptr<BlkdebugNode> debug_;
  TestRoot root_;
  std::vector<uint8_t> data_ = std::vector<uint8_t>(512, 6);
};

TEST_F(BlkdebugNodeTest, PassesOnWithoutRules) {
  Open({});
  DiskIo io(root_, io_);
  EXPECT_EQ(Write(io, 1024).Run(), 0);
  EXPECT_TRUE(io.at_once());
  EXPECT_EQ(image_->Content()[1024], 6);
}

TEST_F(BlkdebugNodeTest, FailsInALaterTurnOrImmediately) {
  BlkdebugNode& debug = Open({.inject_error = {{.iotype = Io::kWrite, .error = ENOSPC}}});
  DiskIo io(root_, io_);
  EXPECT_EQ(Write(io, 0).Run(), -ENOSPC);
  EXPECT_FALSE(io.at_once());
  debug.ClearRules();
  debug.AddRule(BlkdebugErrorRule{.failure = BlkdebugErrorRule::Failure::kImmediately});
  EXPECT_EQ(Write(io, 0).Run(), -EIO);
  EXPECT_TRUE(io.at_once());
  EXPECT_EQ(image_->started(), 0u);
  debug.ClearRules();
  EXPECT_EQ(Write(io, 0).Run(), 0);
}

TEST_F(BlkdebugNodeTest, FlushAndBlockStatusFailByType) {
  BlkdebugNode& debug = Open({});
  debug.AddRule(BlkdebugErrorRule{.iotype = Io::kFlush, .error = EIO, .count = 1});
  debug.AddRule(BlkdebugErrorRule{.iotype = Io::kBlockStatus, .error = EPERM, .count = 1});
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kFlush, 0, 0).Run(), -EIO);
  EXPECT_EQ(ErrnoOf(BlockOn(io_, debug.GetBlockStatus(0, 100)).status()), EPERM);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kFlush, 0, 0).Run(), 0);
  EXPECT_TRUE(BlockOn(io_, debug.GetBlockStatus(0, 100)).ok());
}

TEST_F(BlkdebugNodeTest, AHeldRequestReachesTheImageWhenResumed) {
  BlkdebugNode& debug = Open({.suspend = {{.event = BlkdebugEvent::kPwritev, .tag = "w"}}});
  DiskIo io(root_, io_);
  Write(io, 0).Submit();
  world_.RunUntilIdle();
  EXPECT_FALSE(io.done());
  EXPECT_TRUE(debug.IsSuspended("w"));
  EXPECT_FALSE(debug.IsSuspended("v"));
  EXPECT_EQ(debug.SuspendedCount(), 1);
  EXPECT_EQ(image_->started(), 0u);
  // As hardware would: what is in flight stays so.
  io.Cancel();
  world_.RunUntilIdle();
  EXPECT_FALSE(io.done());
  EXPECT_EQ(debug.Resume("w"), 1);
  EXPECT_EQ(debug.Resume("w"), 0);
  EXPECT_FALSE(io.done());  // It goes on in its own context.
  io_.RunUntil([&io] { return io.done(); });
  EXPECT_EQ(io.result(), 0);
  EXPECT_EQ(image_->started(), 1u);
  // The rule is used up.
  EXPECT_EQ(Write(io, 0).Run(), 0);
}

TEST_F(BlkdebugNodeTest, AHeldRequestMayFailOnceResumed) {
  BlkdebugNode& debug =
      Open({.inject_error = {{.count = 1}}, .suspend = {{.tag = "w", .iotype = Io::kWrite}}});
  DiskIo io(root_, io_);
  Write(io, 0).Submit();
  debug.Resume("w");
  io_.RunUntil([&io] { return io.done(); });
  EXPECT_EQ(io.result(), -EIO);
}

TEST_F(BlkdebugNodeTest, AResumedRequestRaisesTheEventsThatItHasStillBeforeIt) {
  using Event = BlkdebugEvent;
  BlkdebugNode& debug = Open({
      .inject_error = {{.event = Event::kPwritev, .error = EINVAL}},
      .set_state = {{.event = Event::kPwritev, .new_state = 7}},
      .suspend = {{.event = Event::kNone, .tag = "none"},
                  {.event = Event::kWriteAio, .tag = "a"},
                  {.event = Event::kPwritev, .tag = "b"}},
  });
  DiskIo io(root_, io_);
  Write(io, 0).Submit();
  for (const char* const tag : {"none", "a", "b"}) {
    EXPECT_TRUE(debug.IsSuspended(tag)) << tag;
    EXPECT_EQ(debug.SuspendedCount(), 1);
    EXPECT_EQ(debug.state(), *tag == 'b' ? 7u : 1u);
    io.Cancel();
    EXPECT_EQ(root_.in_flight(), 1);
    EXPECT_EQ(debug.Resume(tag), 1);
    world_.RunUntilIdle();
  }
  ASSERT_TRUE(io.done());
  EXPECT_EQ(io.result(), -EINVAL);
  EXPECT_EQ(image_->started(), 0u);
}

TEST_F(BlkdebugNodeTest, AFlushMayBeHeldAtEachOfItsEvents) {
  BlkdebugNode& debug = Open({.suspend = {{.event = BlkdebugEvent::kFlushToOs, .tag = "os"},
                                          {.event = BlkdebugEvent::kFlushToDisk, .tag = "disk"}}});
  DiskIo io(root_, io_);
  io.Range(IoOp::kFlush, 0, 0).Submit();
  EXPECT_TRUE(debug.IsSuspended("os"));
  debug.Resume("os");
  world_.RunUntilIdle();
  EXPECT_TRUE(debug.IsSuspended("disk"));
  EXPECT_EQ(image_->started(), 0u);
  debug.Resume("disk");
  io_.RunUntil([&io] { return io.done(); });
  EXPECT_EQ(io.result(), 0);
  EXPECT_EQ(image_->started(IoOp::kFlush), 1u);
}

TEST_F(BlkdebugNodeTest, ACompletionMayBeHeldAfterTheDataIsWritten) {
  for (const auto completion :
       {StrictOptions::Completion::kAtOnce, StrictOptions::Completion::kLaterTurn}) {
    TestRoot root;
    const auto image = std::make_shared<StrictNode>(StrictOptions{.completion = completion});
    auto debug = BlkdebugNode::Create("d", image, {});
    ASSERT_TRUE(debug.ok() && root.Open(*debug).ok());
    (*debug)->AddRule(BlkdebugSuspendRule{.event = BlkdebugEvent::kPwritevDone, .tag = "done"});
    DiskIo io(root, io_);
    io.Transfer(IoOp::kWrite, 0, data_).Submit();
    io_.RunUntil([&] { return (*debug)->IsSuspended("done"); });
    EXPECT_FALSE(io.done());
    EXPECT_EQ(image->Content()[0], 6);
    (*debug)->Resume("done");
    io_.RunUntil([&] { return io.done(); });
    EXPECT_EQ(io.result(), 0);
  }
}

TEST_F(BlkdebugNodeTest, ZeroesRaisePwritevDoneTooAndOtherRequestsDoNot) {
  BlkdebugNode& debug =
      Open({.set_state = {{.event = BlkdebugEvent::kPwritevDone, .new_state = 2}}});
  for (const IoOp op : {IoOp::kFlush, IoOp::kDiscard, IoOp::kRead}) {
    DiskIo io(root_, io_);
    if (op == IoOp::kRead) io.Transfer(op, 0, data_);
    if (op != IoOp::kRead) io.Range(op, 0, op == IoOp::kFlush ? 0 : 512);
    EXPECT_EQ(io.Run(), 0);
    EXPECT_EQ(debug.state(), 1u);
  }
  debug.AddRule(BlkdebugSuspendRule{.event = BlkdebugEvent::kPwritevDone, .tag = "done"});
  image_->SetContent(std::vector<uint8_t>(64 * kKiB, 1));
  DiskIo zeroes(root_, io_);
  zeroes.Range(IoOp::kWriteZeroes, 0, 512).Submit(IoFlags::kMayUnmap);
  EXPECT_TRUE(debug.IsSuspended("done"));
  EXPECT_EQ(debug.state(), 2u);
  EXPECT_EQ(image_->started(IoOp::kWriteZeroes), 1u);
  EXPECT_EQ(image_->Content()[0], 0);
  debug.Resume("done");
  io_.RunUntil([&] { return zeroes.done(); });
  EXPECT_EQ(zeroes.result(), 0);
}

TEST_F(BlkdebugNodeTest, AWriteThatARuleFailsRaisesPwritevDone) {
  using Failure = BlkdebugErrorRule::Failure;
  for (const Failure failure : {Failure::kImmediately, Failure::kInALaterTurn}) {
    BlkdebugNode& debug = Open({.inject_error = {{.failure = failure}}});
    debug.AddRule(BlkdebugSuspendRule{.event = BlkdebugEvent::kPwritevDone, .tag = "done"});
    DiskIo io(root_, io_);
    Write(io, 0).Submit();
    world_.RunUntilIdle();
    EXPECT_TRUE(debug.IsSuspended("done"));
    EXPECT_FALSE(io.done());
    debug.Resume("done");
    io_.RunUntil([&] { return io.done(); });
    EXPECT_EQ(io.result(), -EIO);
    root_.edge().Detach();
  }
}

TEST_F(BlkdebugNodeTest, AStateRuleWithoutEventTakesEffectFromTheStart) {
  EXPECT_EQ(Open({.set_state = {{.new_state = 4}}}).state(), 4u);
}

// A hint about a request reaches the image only while the image has it, by the object it knows.
TEST_F(BlkdebugNodeTest, ACancelReachesTheImageWhenTheImageHasTheRequest) {
  BlkdebugNode& debug = Open({.inject_error = {{.iotype = Io::kRead}}},
                             {.completion = StrictOptions::Completion::kLaterTurn});
  DiskIo failing(root_, io_);
  failing.Transfer(IoOp::kRead, 0, data_).Submit();
  failing.Cancel();
  debug.AddRule(BlkdebugSuspendRule{.tag = "held"});
  DiskIo resumed(root_, io_);
  Write(resumed, 0).Submit();
  debug.Resume("held");
  resumed.Cancel();
  EXPECT_EQ(image_->cancels(), 0u);
  world_.RunUntilIdle();
  EXPECT_EQ(failing.result(), -EIO);
  EXPECT_EQ(resumed.result(), 0);

  debug.AddRule(BlkdebugSuspendRule{.event = BlkdebugEvent::kPwritevDone, .tag = "done"});
  DiskIo watched(root_, io_);
  Write(watched, 0).Submit();
  watched.Cancel();
  EXPECT_EQ(image_->cancels(), 1u);
  world_.RunUntilIdle();
  EXPECT_TRUE(debug.IsSuspended("done"));
  watched.Cancel();
  EXPECT_EQ(image_->cancels(), 1u);
  debug.Resume("done");
  world_.RunUntilIdle();
  EXPECT_EQ(watched.completions(), 1);
}

TEST_F(BlkdebugNodeTest, RemoveBreakpointResumesAndHoldsNoMore) {
  BlkdebugNode& debug = Open({});
  debug.AddRule(BlkdebugSuspendRule{.tag = "all", .count = kBlkdebugForEver});
  DiskIo first(root_, io_);
  DiskIo second(root_, io_);
  Write(first, 0).Submit();
  Write(second, 512).Submit();
  EXPECT_EQ(debug.SuspendedCount(), 2);
  EXPECT_EQ(debug.RemoveBreakpoint("all"), 2);
  io_.RunUntil([&] { return first.done() && second.done(); });
  EXPECT_EQ(Write(first, 0).Run(), 0);
}

TEST_F(BlkdebugNodeTest, ResumedRequestsGoOnInTheirOwnContexts) {
  AioContext& other = world_.NewContext("other");
  BlkdebugNode& debug = Open({});
  debug.AddRule(BlkdebugSuspendRule{.tag = "t", .count = 2});
  DiskIo a(root_, io_);
  DiskIo b(root_, other);  // DiskIo checks the context of the completion.
  Write(a, 0).Submit();
  b.Range(IoOp::kFlush, 0, 0).Submit();
  debug.Resume("t");
  world_.RunUntil([&] { return a.done() && b.done(); });
  EXPECT_EQ(a.result(), 0);
  EXPECT_EQ(other.buffers().outstanding(), 0u);
}

TEST_F(BlkdebugNodeTest, SimulatesLimits) {
  Open({.align = 4096,
        .max_transfer = 8192,
        .opt_write_zero = 8192,
        .max_write_zero = 16384,
        .opt_discard = 16384,
        .max_discard = 16384},
       {.size = 128 * kKiB});
  std::vector<uint8_t> data(20000, 3);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 4096, data).Run(), 0);
  EXPECT_EQ(image_->started(IoOp::kWrite), 3u);  // 8192, 8192, and the last block after
  EXPECT_EQ(image_->started(IoOp::kRead), 1u);   // reading it.
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 1, 40000).Run(), 0);
  EXPECT_EQ(image_->started(IoOp::kDiscard), 1u);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kWriteZeroes, 0, 64 * kKiB).Run(), 0);
  EXPECT_EQ(image_->started(IoOp::kWriteZeroes), 4u);
}

TEST_F(BlkdebugNodeTest, LimitsThatDoNotFitAreRefusedByName) {
  const auto create = [](const BlkdebugOptions& options) {
    const auto image = std::make_shared<StrictNode>(StrictOptions{.size = 100000}, "image0");
    return BlkdebugNode::Create("debug0", image, options).status();
  };
  EXPECT_THAT(MessageOf(create({.align = 4096})), HasSubstr("'image0', 100000 bytes, is not"));
  EXPECT_THAT(MessageOf(create({.align = 3})), HasSubstr("align 3 is not a power of two"));
  EXPECT_THAT(MessageOf(create({.align = 32, .max_transfer = 33})), HasSubstr("max-transfer 33"));
  EXPECT_THAT(MessageOf(create({.opt_discard = 3})), HasSubstr("opt-discard"));
  EXPECT_THAT(MessageOf(create({.opt_write_zero = 64, .max_write_zero = 96})),
              HasSubstr("max-write-zero 96"));
  EXPECT_EQ(ErrnoOf(create({.opt_discard = 64, .max_discard = 96})), EINVAL);
}

TEST_F(BlkdebugNodeTest, AChildOfOddLengthIsServedToItsEnd) {
  StrictOptions image{.size = 1000};
  image.limits.request_alignment = 512;
  BlkdebugNode& debug = Open({}, image);
  EXPECT_EQ(debug.length(), 1000u);
  const std::vector<uint8_t> wanted(10, 9);
  data_ = wanted;
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 990, data_).Run(), 0);
  EXPECT_EQ(image_->Content()[999], 9);
  data_.assign(10, 0);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 990, data_).Run(), 0);
  EXPECT_EQ(data_, wanted);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 991, data_).Run(), -EIO);
  EXPECT_TRUE(BlockOn(io_, debug.Truncate(700)).ok());
  EXPECT_EQ(debug.length(), 700u);
  // An align of the user's own has to fit.
  const auto odd = std::make_shared<StrictNode>(image, "odd0");
  EXPECT_THAT(MessageOf(BlkdebugNode::Create("d", odd, {.align = 512}).status()),
              HasSubstr("'odd0', 1000 bytes, is not a multiple of align 512"));
}

TEST_F(BlkdebugNodeTest, TruncatePassesOn) {
  BlkdebugNode& debug = Open({.align = 512});
  EXPECT_TRUE(BlockOn(io_, debug.Truncate(4096)).ok());
  EXPECT_EQ(debug.length(), 4096u);
  EXPECT_EQ(image_->length(), 4096u);
  EXPECT_EQ(ErrnoOf(BlockOn(io_, debug.Truncate(100))), EINVAL);
}

}  // namespace
}  // namespace platter
