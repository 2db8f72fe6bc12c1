// SPDX-License-Identifier: Apache-2.0
#include "testing/faults/for_each_fault.h"

#include <memory>
#include <vector>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "drivers/node.h"
#include "testing/drivers/test_root.h"
#include "testing/faults/fault_node.h"

namespace platter {
namespace {

TEST(ForEachFaultTest, FailsEachIoOncePerErrorAndEffect) {
  std::vector<uint64_t> failed;
  const uint64_t runs = ForEachFault({}, [&failed](FaultPlan& plan) {
    for (uint64_t i = 1; i <= 3; ++i) {
      if (plan.NextIo() != 0) failed.push_back(i);
    }
  });
  EXPECT_EQ(runs, 18u);
  std::vector<uint64_t> expected;
  for (int i = 0; i < 6; ++i) expected.insert(expected.end(), {1, 2, 3});
  EXPECT_EQ(failed, expected);
}

TEST(ForEachFaultTest, AScenarioWithoutIoIsAMistake) {
  EXPECT_NONFATAL_FAILURE(ForEachFault({}, [](FaultPlan&) {}), "no I/O");
}

// A node whose requests complete when the test says so, and as often.
class CarelessNode final : public BlockNode {
 public:
  CarelessNode() : BlockNode("careless") { set_length(4096); }
  const char* driver_name() const override { return "careless"; }
  IoResult Start(IoRequest& request) override {
    requests.push_back(&request);
    return kIoPending;
  }

  std::vector<IoRequest*> requests;
};

enum class Under : uint8_t { kRoot, kFaultNode };

// Two requests, the first of which completes `first` times and the second `second` times.
void RunCarelessly(FaultPlan& plan, Under under, int first, int second) {
  SimulatedWorld world(1);
  AioContext& io = world.NewContext("io");
  const auto careless = std::make_shared<CarelessNode>();
  NodeRef top = careless;
  if (under == Under::kFaultNode) {
    top = *FaultNode::Create("faulty", careless, plan);
  } else {
    plan.NextIo();
  }
  TestRoot root;
  root.set_ledger(&plan.requests());
  ASSERT_TRUE(root.Open(top).ok());
  DiskIo one(root, io);
  DiskIo two(root, io);
  one.Range(IoOp::kFlush, 0, 0).Submit();
  two.Range(IoOp::kFlush, 0, 0).Submit();
  ASSERT_EQ(careless->requests.size(), 2u);
  io.Post([&] {
    for (int i = 0; i < first; ++i) careless->requests[0]->OnIoDone(0);
    for (int i = 0; i < second; ++i) careless->requests[1]->OnIoDone(0);
  });
  world.RunUntilIdle();
}

TEST(ForEachFaultTest, FindsARequestThatNeverCompletes) {
  EXPECT_NONFATAL_FAILURE(
      ForEachFault({}, [](FaultPlan& plan) { RunCarelessly(plan, Under::kRoot, 1, 0); }),
      "of the scenario: request 2 and 0 more never completed");
}

TEST(ForEachFaultTest, FindsARequestThatCompletesTwice) {
  EXPECT_NONFATAL_FAILURE(
      ForEachFault({}, [](FaultPlan& plan) { RunCarelessly(plan, Under::kRoot, 1, 2); }),
      "of the scenario: request 2 completed twice");
}

// Two requests and two completions.
TEST(ForEachFaultTest, FindsBothWhenTheyAddUp) {
  const auto run = [](FaultPlan& plan) { RunCarelessly(plan, Under::kRoot, 2, 0); };
  EXPECT_NONFATAL_FAILURE(ForEachFault({}, run), "of the scenario: request 1 completed twice");
  EXPECT_NONFATAL_FAILURE(ForEachFault({}, run), "request 2 and 0 more never completed");
}

// What a FaultNode's child completes twice it does not pass on; it is found all the same.
TEST(ForEachFaultTest, FindsBothBelowAFaultNode) {
  const auto run = [](FaultPlan& plan) { RunCarelessly(plan, Under::kFaultNode, 2, 0); };
  EXPECT_NONFATAL_FAILURE(ForEachFault({}, run), "below the faults: request 1 completed twice");
  EXPECT_NONFATAL_FAILURE(ForEachFault({}, run),
                          "of the scenario: request 2 and 0 more never completed");
}

}  // namespace
}  // namespace platter
