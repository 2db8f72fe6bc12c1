// SPDX-License-Identifier: Apache-2.0
//
// Moving to another event loop, and who is told: rows 39, 40.

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using Mode = HeldNode::Mode;
using Log = std::vector<std::string>;
constexpr uint64_t kBlock = 512;

class ContextsTest : public BackendFixture {
 public:
  // A disk whose channel goes where the backend goes, in `io_`; each completion notes its context.
  void MakeFollowingDisk(const BackendOptions& options = {}) {
    client_.follows = true;
    client_.on_leave = [this] { log_.push_back("leave " + Here()); };
    client_.on_enter = [this] { log_.push_back("enter " + Here()); };
    client_.on_done = [this](TestRequest& request, IoResult) {
      log_.push_back("done " + std::to_string(request.id()) + " " + Here());
    };
    MakeDisk(io_, options);
  }
  std::string Here() const {
    for (const AioContext* const context : {&control_, &io_, &other_}) {
      if (context->InContext()) return context->name();
    }
    return "nowhere";
  }
  void Move(AioContext& to) {
    const absl::Status moved = Await(backend_->SetAioContext(to));
    EXPECT_TRUE(moved.ok()) << moved;
    EXPECT_EQ(&backend_->aio_context(), &to);
  }

  AioContext& other_ = world_.NewContext("other");
  Log log_;
};

TEST_F(ContextsTest, Row39_AFollowingChannelGoesOnInTheNewContext) {
  MakeFollowingDisk();
  EXPECT_EQ(&backend_->aio_context(), &control_);
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  Move(other_);
  EXPECT_EQ(&channel_->context(), &other_);
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(log_, (Log{"done 0 io", "leave io", "enter other", "done 1 other"}));
  Move(control_);
  EXPECT_EQ(&channel_->context(), &control_);
}

TEST_F(ContextsTest, Row39_WhatIsInFlightEndsBeforeAndWhatIsParkedComesAlongInOrder) {
  MakeFollowingDisk();
  node_->mode = Mode::kHold;
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  bool moved = false;
  Begin(
      [](BlockBackendRef backend, AioContext& to) -> Task<void> {
        EXPECT_TRUE((co_await backend->SetAioContext(to)).ok());
      }(backend_, other_),
      &moved);
  EXPECT_FALSE(moved) << "one is in flight";
  for (uint64_t i = 1; i <= 3; ++i) Go(IoOp::kWrite, i * kBlock, kBlock);
  node_->mode = Mode::kAtOnce;
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_TRUE(moved);
  EXPECT_EQ(log_, (Log{"done 0 io", "leave io", "enter other", "done 1 other", "done 2 other",
                       "done 3 other"}));
  ASSERT_EQ(node_->seen.size(), 4u);
  for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(node_->seen[i].offset, i * kBlock);
}

TEST_F(ContextsTest, Row39_KeptRequestsComeAlongToo) {
  MakeFollowingDisk({.write_error = OnError::kStop});
  node_->results = {-EIO};
  Go(IoOp::kWrite, 0, kBlock);
  world_.RunUntilIdle();
  Await(machine_.Stop());
  Move(other_);
  EXPECT_EQ(channel_->outstanding(), 1u);
  machine_.Run();
  world_.RunUntilIdle();
  EXPECT_EQ(log_, (Log{"leave io", "enter other", "done 0 other"}));
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(ContextsTest, Row39_CancelledOnesAreDeliveredOnce) {
  MakeFollowingDisk();
  Await(backend_->BeginDrain());
  TestRequest& first = Go(IoOp::kWrite, 0, kBlock);
  Go(IoOp::kWrite, kBlock, kBlock);
  bool moved = false;
  Begin(
      [](BlockBackendRef backend, AioContext& to) -> Task<void> {
        EXPECT_TRUE((co_await backend->SetAioContext(to)).ok());
      }(backend_, other_),
      &moved);
  channel_->Cancel(first);
  world_.RunUntilIdle();
  EXPECT_TRUE(moved) << "drains nest";
  backend_->EndDrain();
  world_.RunUntilIdle();
  ASSERT_EQ(client_.ends.size(), 2u);
  EXPECT_EQ(client_.ends[0].result, -ECANCELED);
  EXPECT_EQ(client_.ends[1].result, 0);
}

TEST_F(ContextsTest, Row39_AChannelThatDoesNotFollowStays) {
  MakeDisk(io_);
  Move(other_);
  EXPECT_EQ(&channel_->context(), &io_);
  Go(IoOp::kRead, 0, kBlock);
  world_.RunUntilIdle();
  EXPECT_EQ(LastResult(), 0);
}

TEST_F(ContextsTest, Row39_AChannelOpenedAfterwardsIsWhereItWasOpened) {
  MakeBackend();
  Insert();
  Move(other_);
  client_.follows = true;
  AttachAndOpen(io_);
  Await(backend_->BeginDrain());
  backend_->EndDrain();
  world_.RunUntilIdle();
  EXPECT_EQ(&channel_->context(), &io_);
}

TEST_F(ContextsTest, Row39_TheHostsRequestsAndTheTreesHomeGoAlong) {
  MakeBackend();
  Insert({.length = kLength, .home_context = &control_});
  Move(other_);
  EXPECT_EQ(node_->home_context(), &other_);
  std::array<uint8_t, kBlock> data{};
  EXPECT_EQ(Await(backend_->Pwrite(0, data, IoFlags::kNone)), 0);
  EXPECT_EQ(Await(backend_->Pread(0, data)), 0);
  EXPECT_EQ(Await(backend_->Flush()), 0);
  EXPECT_EQ(node_->seen.size(), 3u);
  EXPECT_EQ(backend_->Stats().write.operations, 1u);
  Move(io_);
  EXPECT_EQ(node_->home_context(), &io_);
  EXPECT_EQ(Await(backend_->Pread(0, data)), 0);
}

TEST_F(ContextsTest, Row39_AHomeElsewhereStays) {
  MakeBackend();
  Insert({.length = kLength, .home_context = &io_});
  Move(other_);
  EXPECT_EQ(node_->home_context(), &io_);
}

// A host's request that was on its way, or parked, when the backend moved.
TEST_F(ContextsTest, Row39_AHostsRequestThatMeetsAMoveArrives) {
  MakeBackend();
  Insert();
  Move(io_);
  constexpr auto kRead = [](BlockBackendRef backend, int* ends) -> Task<void> {
    std::array<uint8_t, kBlock> data{};
    EXPECT_EQ(co_await backend->Pread(0, data), 0);
    ++*ends;
  };
  constexpr auto kMove = [](BlockBackendRef backend, AioContext& to) -> Task<void> {
    EXPECT_TRUE((co_await backend->SetAioContext(to)).ok());
  };
  int ends = 0;
  for (AioContext* const to : {&other_, &control_, &io_, &control_}) {
    Spawn(control_, kRead(backend_, &ends));
    Spawn(control_, kMove(backend_, *to));
    Spawn(control_, kRead(backend_, &ends));
  }
  world_.RunUntilIdle();
  EXPECT_EQ(ends, 8);
}

TEST_F(ContextsTest, Row39_TheLastReferenceMayGoWhileItIsElsewhere) {
  MakeBackend();
  Insert();
  Move(other_);
  backend_.reset();
  EXPECT_EQ(registry_.Find("drive0"), nullptr);
  world_.RunUntilIdle();
  EXPECT_TRUE(node_->parents().empty());
}

TEST_F(ContextsTest, Row39_ABlockerRefusesWithItsReason) {
  MakeBackend();
  const OpBlocker blocker(backend_->op_blockers(), BlockOperation::kDataplane, "it stays here");
  const absl::Status refused = Await(backend_->SetAioContext(io_));
  EXPECT_EQ(ErrnoOf(refused), EBUSY);
  EXPECT_NE(MessageOf(refused).find("it stays here"), std::string::npos) << refused;
  EXPECT_EQ(&backend_->aio_context(), &control_);
}

TEST_F(ContextsTest, Row40_NotifiersRunAroundAMoveWhileDrained) {
  MakeFollowingDisk();
  const auto note = [this](std::string what) {
    return [this, what](AioContext& context) {
      log_.push_back(what + " " + context.name());
      EXPECT_EQ(backend_->in_flight(), 0u);
    };
  };
  Notifier<AioContext&> detach(backend_->context_detach_notifiers(), note("detach"));
  {
    Notifier<AioContext&> attach(backend_->context_attach_notifiers(), note("attach"));
    Move(other_);
    EXPECT_EQ(log_, (Log{"detach control", "leave io", "enter other", "attach other"}));
    Move(other_);
    EXPECT_EQ(log_.size(), 4u) << "nothing moves, nobody is told";
  }
  log_.clear();
  Move(io_);
  EXPECT_EQ(log_, (Log{"detach other", "leave other", "enter io"}));
}

}  // namespace
}  // namespace platter
