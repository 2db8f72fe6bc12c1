// SPDX-License-Identifier: Apache-2.0
//
// EdgeFixture: a StrictNode below an Edge, for tests of what an Edge does with requests. Each test
// ends with nothing in flight, no broken promise to the node and no memory out.
//
// Ownership: owns all of it. Threading: the test's thread. Errors: failures of the test.

#ifndef PLATTER_TESTING_DRIVERS_EDGE_FIXTURE_H_
#define PLATTER_TESTING_DRIVERS_EDGE_FIXTURE_H_

#include <cstdint>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {

class EdgeFixture : public ::testing::Test {
 protected:
  StrictNode& Open(const StrictOptions& options, uint32_t granularity = 1) {
    node_ = std::make_shared<StrictNode>(options);
    EXPECT_TRUE(root_.Open(node_, granularity).ok());
    return *node_;
  }
  void TearDown() override {
    EXPECT_EQ(root_.in_flight(), 0);
    if (node_ != nullptr) {
      EXPECT_THAT(node_->Complaints(), ::testing::IsEmpty());
      EXPECT_EQ(node_->in_flight(), 0);
    }
    EXPECT_EQ(io_.buffers().outstanding(), 0u);
  }

  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  std::shared_ptr<StrictNode> node_;
  TestRoot root_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DRIVERS_EDGE_FIXTURE_H_
