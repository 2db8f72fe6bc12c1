// SPDX-License-Identifier: Apache-2.0

#include "devices/virtio/gather.h"

#include <cstddef>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"

namespace platter {
namespace {

class GatherTest : public ::testing::Test {
 protected:
  std::shared_ptr<Gather> Make(size_t parts) {
    return std::make_shared<Gather>(parts, control_, [this] {
      ++done_;
      in_control_ = AioContext::Current() == &control_;
    });
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  int done_ = 0;
  bool in_control_ = false;
};

TEST_F(GatherTest, TheLastPartLeadsToOneCallInTheControlContext) {
  const std::shared_ptr<Gather> gather = Make(3);
  for (int part = 0; part < 2; ++part) {
    gather->Arrive();
    world_.RunUntilIdle();
    EXPECT_EQ(done_, 0) << part;
  }
  gather->Arrive();
  EXPECT_EQ(done_, 0) << "never from inside the call";
  world_.RunUntilIdle();
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(in_control_);
}

TEST_F(GatherTest, OnePartIsEnoughWhereThereIsOne) {
  Make(1)->Arrive();
  world_.RunUntilIdle();
  EXPECT_EQ(done_, 1);
}

TEST_F(GatherTest, PartsInSeveralContextsAreCountedTogether) {
  std::vector<AioContext*> contexts;
  for (const char* name : {"a", "b", "c"}) contexts.push_back(&world_.NewContext(name));
  const std::shared_ptr<Gather> gather = Make(contexts.size());
  for (AioContext* context : contexts) context->Post([gather] { gather->Arrive(); });
  world_.RunUntilIdle();
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(in_control_);
}

// The parts may still hold the gather when `done` destroys what it stands in.
TEST_F(GatherTest, DoneMayDropTheLastOtherReference) {
  struct Device {
    std::shared_ptr<Gather> gather;
  };
  auto device = std::make_unique<Device>();
  bool done = false;
  device->gather = std::make_shared<Gather>(1, control_, [&] {
    device.reset();
    done = true;
  });
  const std::shared_ptr<Gather> part = device->gather;
  part->Arrive();
  world_.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_EQ(part.use_count(), 1);
}

}  // namespace
}  // namespace platter
