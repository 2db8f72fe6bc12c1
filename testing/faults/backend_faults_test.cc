// SPDX-License-Identifier: Apache-2.0
//
// Every I/O fails once below a block backend and a channel in a context of its own: with the policy
// `stop` the device sees nothing of it once the machine goes on, with `report` it sees the one
// error.

#include <sys/uio.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "base/arith.h"
#include "testing/contract/device_world.h"
#include "testing/drivers/strict_node.h"
#include "testing/faults/fault_node.h"
#include "testing/faults/for_each_fault.h"
#include "testing/model/disk_model.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kBytes = 4 * kKiB;
// As many requests at a time, each with a place of its own.
constexpr uint64_t kSlots = 5;
constexpr uint64_t kSize = kSlots * kBytes;
constexpr int kRounds = 5;

class Client final : public ChannelClient {
  void OnBatchDone() override {}
};

class Request final : public BlockRequest {
 public:
  Request(CompletionLedger& ledger, uint64_t slot) : ledger_(ledger), place_(slot * kBytes) {}

  void Go(BlockChannel& channel, IoOp operation, uint64_t round) {
    op = operation;
    flags = op == IoOp::kWrite && round % 2 == 1 ? IoFlags::kFua : IoFlags::kNone;
    offset = op == IoOp::kFlush ? 0 : place_;
    bytes = op == IoOp::kFlush ? 0 : kBytes;
    if (op == IoOp::kWrite) FillPattern(round, place_, data_);
    iov = IsDataTransfer(op) ? &piece_ : nullptr;
    iov_count = IsDataTransfer(op) ? 1 : 0;
    done_ = false;
    id_ = ledger_.SubmittedNext();
    channel.Submit(*this);
  }
  void OnBlockDone(IoResult outcome) override {
    ledger_.Completed(id_);
    done_ = true;
    result_ = outcome;
  }
  // What the disk holds now, as far as this request says.
  void Note(DiskModel& model) const {
    if (op == IoOp::kRead && result_ == 0) {
      EXPECT_EQ(model.Mismatch(place_, data_).value_or(""), "");
    } else if (op == IoOp::kDiscard || (IsWriteLike(op) && result_ != 0)) {
      model.MakeUndefined(place_, kBytes);
    } else if (op == IoOp::kWrite) {
      model.Write(place_, data_);
    } else if (op == IoOp::kWriteZeroes) {
      model.WriteZeroes(place_, kBytes);
    }
  }
  bool done() const { return done_; }
  IoResult result() const { return result_; }

 private:
  CompletionLedger& ledger_;
  const uint64_t place_;
  std::vector<uint8_t> data_ = std::vector<uint8_t>(kBytes);
  const iovec piece_ = {data_.data(), kBytes};
  uint64_t id_ = 0;
  bool done_ = true;
  IoResult result_ = 0;
};

// A machine with one disk, whose medium is faulty.
class Disk {
 public:
  Disk(FaultPlan& plan, OnError policy) : plan_(plan) {
    StrictOptions options{.size = kSize, .completion = StrictOptions::Completion::kAlternating};
    options.limits.max_transfer = kBytes / 2;
    strict_ = std::make_shared<StrictNode>(options);
    BlockBackend& backend = *world_.backend;
    EXPECT_TRUE(
        BlockOn(world_.control, backend.InsertRoot(*FaultNode::Create("faulty", strict_, plan)))
            .ok());
    EXPECT_TRUE(
        backend.Attach({.device_id = "disk0", .read_error = policy, .write_error = policy}, {})
            .ok());
    channel_ = backend.OpenChannel(io_, client_);
    for (uint64_t slot = 0; slot < kSlots; ++slot) {
      requests_.push_back(std::make_unique<Request>(plan.requests(), slot));
    }
  }
  // The channel goes, and then the medium, whose last flush may be what fails.
  ~Disk() {
    EXPECT_EQ(channel_->outstanding(), 0u);
    EXPECT_EQ(world_.backend->in_flight(), 0u);
    channel_.reset();
    world_.backend->Detach();
    EXPECT_TRUE(BlockOn(world_.control, world_.backend->RemoveRoot()).ok());
    EXPECT_EQ(io_.buffers().outstanding(), 0u);
    EXPECT_TRUE(strict_->Complaints().empty());
  }

  // Each slot does one of the operations, another one each round; the machine goes on when an error
  // has stopped it.
  void Run() {
    for (uint64_t round = 0; round < kRounds; ++round) {
      io_.Post([this, round] {
        channel_->Plug();
        for (uint64_t slot = 0; slot < kSlots; ++slot) {
          requests_[slot]->Go(*channel_, static_cast<IoOp>((slot + round) % kIoOpCount), round);
        }
        channel_->Unplug();
      });
      const uint64_t wanted = (round + 1) * kSlots;
      while (plan_.requests().completed() < wanted) {
        world_.control.RunUntil(
            [&] { return plan_.requests().completed() >= wanted || world_.run_state.stopped(); });
        if (!world_.run_state.stopped()) continue;
        EXPECT_EQ(world_.backend->in_flight(), 0u) << "what is kept is not in flight";
        world_.run_state.Cont();
      }
      for (const auto& request : requests_) {
        EXPECT_TRUE(request->done());
        if (request->result() != 0) ++failures_;
        request->Note(model_);
      }
    }
    met_ = plan_.fired();
    world_.world.RunUntilIdle();  // Events come by way of the control context.
    EXPECT_EQ(model_.Mismatch(0, strict_->Content()).value_or(""), "");
  }

  uint64_t failures() const { return failures_; }
  // Whether the fault was one of Run.
  bool met() const { return met_; }
  const EventLog& events() const { return world_.events; }

 private:
  FaultPlan& plan_;
  DeviceWorld world_{1};
  AioContext& io_ = world_.world.NewContext("io");
  std::shared_ptr<StrictNode> strict_;
  Client client_;
  std::unique_ptr<BlockChannel> channel_;
  std::vector<std::unique_ptr<Request>> requests_;
  DiskModel model_{kSize};
  uint64_t failures_ = 0;
  bool met_ = false;
};

TEST(BackendFaultsTest, C_31_StopAndRetryLeaveNoTraceOfAFault) {
  uint64_t stops = 0;
  const uint64_t runs = ForEachFault({}, [&stops](FaultPlan& plan) {
    Disk disk(plan, OnError::kStop);
    disk.Run();
    const uint64_t met = disk.met() ? 1 : 0;
    EXPECT_EQ(disk.failures(), 0u);
    EXPECT_EQ(disk.events().Count("BLOCK_IO_ERROR"), met);
    EXPECT_EQ(disk.events().Count("STOP io-error"), met);
    EXPECT_EQ(disk.events().Count("RESUME"), met);
    stops += met;
  });
  // All of them, but for a flush of the medium that goes: 2 errors, 3 effects.
  EXPECT_GE(stops, runs - 6);
  EXPECT_GT(stops, 100u);
}

TEST(BackendFaultsTest, C_31_ReportGivesTheDeviceTheOneError) {
  ForEachFault({}, [](FaultPlan& plan) {
    Disk disk(plan, OnError::kReport);
    disk.Run();
    const uint64_t met = disk.met() ? 1 : 0;
    EXPECT_EQ(disk.failures(), met);
    EXPECT_EQ(disk.events().Count("BLOCK_IO_ERROR"), met);
    EXPECT_EQ(disk.events().Count("STOP"), 0u);
  });
}

}  // namespace
}  // namespace platter
