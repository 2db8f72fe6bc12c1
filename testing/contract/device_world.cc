// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/device_world.h"

#include "aio/task.h"
#include "base/arith.h"
#include "base/check.h"

namespace platter {

namespace {

// Small, so that a test that makes many machines is quick.
InProcessBus::Options SmallMemory() {
  InProcessBus::Options options;
  for (InProcessBus::Region& region : options.regions) region.bytes = kMiB;
  return options;
}

}  // namespace

DeviceWorld::DeviceWorld(uint64_t seed)
    : world(seed),
      control(world.NewContext("control")),
      bus(control, SmallMemory()),
      run_state(control, events),
      registry({.control = &control, .run_state = &run_state, .events = &events, .log = &log}) {
  auto created = registry.Create("drive0", {});
  PLATTER_CHECK(created.ok());
  backend = *std::move(created);
}

DeviceWorld::~DeviceWorld() {
  ReleaseDisk();
  PLATTER_CHECK(BlockOn(control, backend->RemoveRoot()).ok());
  backend.reset();
  // What dropping it set going.
  world.RunUntilIdle();
}

std::shared_ptr<FaultyDisk> DeviceWorld::NewMedium(const std::string& name, uint64_t bytes) {
  disk_ = std::make_shared<FaultyDisk>(name, bytes);
  return disk_;
}

}  // namespace platter
