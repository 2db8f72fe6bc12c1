// SPDX-License-Identifier: Apache-2.0
//
// Every I/O fails once below the slow ways of the Edge and below drivers: raw, blkdebug, memory
// with a home context.

#include <functional>
#include <memory>
#include <utility>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/memory/memory_node.h"
#include "drivers/raw/raw_node.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"
#include "testing/faults/disk_scenario.h"
#include "testing/faults/fault_node.h"
#include "testing/faults/for_each_fault.h"

namespace platter {
namespace {

constexpr uint64_t kSize = 24 * kKiB;

using MakeNode = std::function<NodeRef(SimulatedWorld&)>;
using MakeNodeAbove = std::function<NodeRef(NodeRef)>;

NodeRef Itself(NodeRef node) { return node; }

// Runs the scenario: the root attaches what `above` makes on the faulty node on what `below` makes.
void RunOn(const MakeNode& below, const MakeNodeAbove& above = Itself) {
  uint64_t met = 0;
  const uint64_t runs = ForEachFault({}, [&](FaultPlan& plan) {
    SimulatedWorld world(1);
    AioContext& io = world.NewContext("io");
    const auto faulty = FaultNode::Create("faulty", below(world), plan);
    ASSERT_TRUE(faulty.ok());
    TestRoot root;
    root.set_ledger(&plan.requests());
    ASSERT_TRUE(root.Open(above(*faulty)).ok());
    DiskScenario scenario(root, io, kSize);
    scenario.Run();
    met += static_cast<uint64_t>(scenario.failures());
    EXPECT_GT(plan.requests().submitted(), 10u);
  });
  // Nearly every fault is seen by a request; those of the last read and of a refused operation
  // with another way are not.
  EXPECT_GT(met, runs / 2);
}

// On a node with these limits and features, which are kept to.
void RunOver(const StrictOptions& options, const MakeNodeAbove& above = Itself) {
  RunOn(
      [&](SimulatedWorld&) {
        return std::shared_ptr<StrictNode>(new StrictNode(options), [](StrictNode* strict) {
          EXPECT_TRUE(strict->Complaints().empty());
          delete strict;
        });
      },
      above);
}

NodeRef Memory(AioContext* home) {
  auto memory = MemoryNode::Create("memory", {.size = kSize, .home_context = home});
  EXPECT_TRUE(memory.ok()) << memory.status();
  return *memory;
}

TEST(FaultsTest, C_31_ReadModifyWrite) {
  StrictOptions options{.size = kSize};
  options.limits.request_alignment = 4096;
  RunOver(options);
}

TEST(FaultsTest, C_31_Splitting) {
  StrictOptions options{.size = kSize};
  options.limits.max_transfer = 4096;
  options.limits.max_discard = 4096;
  options.limits.max_write_zeroes = 4096;
  options.completion = StrictOptions::Completion::kAlternating;
  RunOver(options);
}

TEST(FaultsTest, C_31_BounceBuffers) {
  StrictOptions options{.size = kSize};
  options.limits.memory_alignment = 512;
  options.limits.request_alignment = 512;
  options.completion = StrictOptions::Completion::kLaterTurn;
  RunOver(options);
}

TEST(FaultsTest, C_31_EmulatedFuaAndZeroes) {
  StrictOptions options{.size = kSize, .features = {}};
  options.limits.request_alignment = 512;
  RunOver(options);
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

// By its rules and limits, and with a fault from below: blkdebug watches what it passes on.
TEST(FaultsTest, C_31_BlkdebugOverMemory) {
  BlkdebugOptions options{.align = 512, .max_transfer = 4096, .max_discard = 8192};
  options.set_state = {{.event = BlkdebugEvent::kPwritev}, {.event = BlkdebugEvent::kPwritevDone}};
  RunOn([](SimulatedWorld&) { return Memory(nullptr); },
        [&](NodeRef image) -> NodeRef {
          auto debug = BlkdebugNode::Create("debug", std::move(image), options);
          EXPECT_TRUE(debug.ok()) << debug.status();
          return *debug;
        });
}

// Requests hop to the memory's context, meet their fault there, and hop back.
TEST(FaultsTest, C_31_MemoryInAHomeContext) {
  RunOn([](SimulatedWorld& world) { return Memory(&world.NewContext("home")); });
}

// The same with a driver in between, which is called in the submitter's context.
TEST(FaultsTest, C_31_RawOverMemoryInAHomeContext) {
  RunOn([](SimulatedWorld& world) { return Memory(&world.NewContext("home")); },
        [](NodeRef file) -> NodeRef { return *RawNode::Create("raw", std::move(file), {}); });
}

}  // namespace
}  // namespace platter
