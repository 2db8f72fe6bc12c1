// SPDX-License-Identifier: Apache-2.0
//
// ForEachFault itself, and with it the slow ways of the Edge and the driver raw.
#include "testing/faults/for_each_fault.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "drivers/raw/raw_node.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"
#include "testing/faults/fault_node.h"
#include "testing/model/disk_model.h"
#include "testing/model/random.h"

namespace platter {
namespace {

TEST(ForEachFaultTest, FailsEachIoOncePerErrorAndEffect) {
  std::vector<uint64_t> failed;
  const uint64_t runs = ForEachFault({}, [&failed](FaultPlan& plan) {
    for (uint64_t i = 1; i <= 3; ++i) {
      if (plan.NextIo() != 0) failed.push_back(i);
    }
  });
  EXPECT_EQ(runs, 12u);
  EXPECT_EQ(failed, (std::vector<uint64_t>{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}));
}

TEST(ForEachFaultTest, SeesARequestThatNeverCompletes) {
  EXPECT_NONFATAL_FAILURE(ForEachFault({},
                                       [](FaultPlan& plan) {
                                         plan.NextIo();
                                         plan.Pending();
                                       }),
                          "1 requests were pending and 0 completed");
}

TEST(ForEachFaultTest, AScenarioWithoutIoIsAMistake) {
  EXPECT_NONFATAL_FAILURE(ForEachFault({}, [](FaultPlan&) {}), "no I/O");
}

// A fixed sequence of requests on a root above a faulty node: an error makes its range undefined,
// everything else equals the model.
class Scenario {
 public:
  Scenario(TestRoot& root, AioContext& io, uint64_t size)
      : root_(root), io_(io), model_(size), random_(7) {}

  void Run() {
    for (int step = 0; step < 12; ++step) {
      const uint64_t offset = random_.Below(model_.size() / 2);
      const uint64_t bytes = random_.Between(1, model_.size() - offset);
      Step(static_cast<int>(random_.Below(4)), offset, bytes,
           random_.OneIn(2) ? IoFlags::kFua : IoFlags::kNone);
    }
    EXPECT_LE(failures_, 1);
    EXPECT_EQ(root_.in_flight(), 0);
    EXPECT_EQ(io_.buffers().outstanding(), 0u);
    // The disk works as before once the fault is over.
    std::vector<uint8_t> data(model_.size());
    DiskIo read(root_, io_);
    read.Transfer(IoOp::kRead, 0, data);
    // The fault may be this very read.
    const IoResult first = read.Run();
    EXPECT_EQ(first == 0 ? 0 : read.Run(), 0);
    EXPECT_EQ(model_.Mismatch(0, data).value_or(""), "");
  }
  int failures() const { return failures_; }

 private:
  void Step(int kind, uint64_t offset, uint64_t bytes, IoFlags flags) {
    // Odd memory, so that bounce buffers are needed.
    std::vector<uint8_t> memory(bytes + 1);
    const std::span<uint8_t> data(memory.data() + 1, bytes);
    DiskIo io(root_, io_);
    if (kind == 0) {
      io.Transfer(IoOp::kRead, offset, data).Submit();
    } else if (kind == 1) {
      for (uint8_t& byte : data) byte = static_cast<uint8_t>(random_.Next());
      io.Transfer(IoOp::kWrite, offset, data).Submit(flags);
    } else {
      io.Range(kind == 2 ? IoOp::kWriteZeroes : IoOp::kDiscard, offset, bytes).Submit(flags);
    }
    io_.RunUntil([&io] { return io.done(); });
    EXPECT_EQ(io.completions(), 1);
    if (io.result() != 0) ++failures_;
    if (kind == 0) {
      if (io.result() == 0) {
        EXPECT_EQ(model_.Mismatch(offset, data).value_or(""), "");
      }
    } else if (kind == 3 || io.result() != 0) {
      model_.MakeUndefined(offset, bytes);
    } else if (kind == 1) {
      model_.Write(offset, data);
    } else {
      model_.WriteZeroes(offset, bytes);
    }
  }

  TestRoot& root_;
  AioContext& io_;
  DiskModel model_;
  Random random_;
  int failures_ = 0;
};

constexpr uint64_t kSize = 24 * kKiB;

// Runs the scenario on `limits` and features, with `above` making the node that the root attaches.
void RunOver(const StrictOptions& options, const std::function<NodeRef(NodeRef)>& above) {
  uint64_t met = 0;
  const uint64_t runs = ForEachFault({}, [&](FaultPlan& plan) {
    SimulatedWorld world(1);
    AioContext& io = world.NewContext("io");
    const auto strict = std::make_shared<StrictNode>(options);
    const auto faulty = FaultNode::Create("faulty", strict, plan);
    ASSERT_TRUE(faulty.ok());
    TestRoot root;
    ASSERT_TRUE(root.Open(above(*faulty)).ok());
    Scenario scenario(root, io, kSize);
    scenario.Run();
    met += static_cast<uint64_t>(scenario.failures());
    EXPECT_TRUE(strict->Complaints().empty());
  });
  // Nearly every fault is seen by a request; those of the last read and of a refused operation
  // with another way are not.
  EXPECT_GT(met, runs / 2);
}

NodeRef Itself(NodeRef node) { return node; }

TEST(FaultsTest, C_31_ReadModifyWrite) {
  StrictOptions options{.size = kSize};
  options.limits.request_alignment = 4096;
  RunOver(options, Itself);
}

TEST(FaultsTest, C_31_Splitting) {
  StrictOptions options{.size = kSize};
  options.limits.max_transfer = 4096;
  options.limits.max_discard = 4096;
  options.limits.max_write_zeroes = 4096;
  options.completion = StrictOptions::Completion::kAlternating;
  RunOver(options, Itself);
}

TEST(FaultsTest, C_31_BounceBuffers) {
  StrictOptions options{.size = kSize};
  options.limits.memory_alignment = 512;
  options.limits.request_alignment = 512;
  options.completion = StrictOptions::Completion::kLaterTurn;
  RunOver(options, Itself);
}

TEST(FaultsTest, C_31_EmulatedFuaAndZeroes) {
  StrictOptions options{.size = kSize, .features = {}};
  options.limits.request_alignment = 512;
  RunOver(options, Itself);
}

TEST(FaultsTest, C_31_Raw) {
  StrictOptions options{.size = kSize + 1000};
  options.limits.request_alignment = 512;
  RunOver(options, [](NodeRef file) -> NodeRef {
    auto raw = RawNode::Create("raw", std::move(file), {.offset = 700, .size = kSize});
    EXPECT_TRUE(raw.ok()) << raw.status();
    return *raw;
  });
}

}  // namespace
}  // namespace platter
