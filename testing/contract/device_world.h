// SPDX-License-Identifier: Apache-2.0
//
// DeviceWorld: a machine around one device under test: a simulated world, a bus, a run state with
// its event log, and a backend whose media hold requests and fail them on demand.
//
//   DeviceWorld world(seed);
//   Await(world.backend->InsertRoot(world.NewMedium("disk", 1 << 20)));
//   world.disk().Hold(IoOp::kWrite);   // The next write stays there ...
//   world.disk().Release();            // ... until now.
//
// Ownership: owns all of it; devices are gone before it. Threading: one thread, top level.
// Units: bytes. Errors: a wrong use fails a check.

#ifndef PLATTER_TESTING_CONTRACT_DEVICE_WORLD_H_
#define PLATTER_TESTING_CONTRACT_DEVICE_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "aio/simulated/world.h"
#include "base/log.h"
#include "blockbackend/block_backend.h"
#include "testing/contract/faulty_disk.h"
#include "testing/contract/test_run_state.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

class DeviceWorld {
 public:
  explicit DeviceWorld(uint64_t seed);
  DeviceWorld(const DeviceWorld&) = delete;
  DeviceWorld& operator=(const DeviceWorld&) = delete;
  ~DeviceWorld();

  // A disk of `bytes`, all zeroes, that nobody uses yet; disk() is the newest.
  std::shared_ptr<FaultyDisk> NewMedium(const std::string& name, uint64_t bytes);
  FaultyDisk& disk() { return *disk_; }
  // Lets go of what it holds, if there is one: for the end of a test that failed on the way.
  void ReleaseDisk() {
    if (disk_ != nullptr) disk_->Release();
  }

  SimulatedWorld world;
  AioContext& control;
  InProcessBus bus;
  MemoryLog log;
  EventLog events;
  TestRunState run_state;
  BackendRegistry registry;
  BlockBackendRef backend;

 private:
  std::shared_ptr<FaultyDisk> disk_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_DEVICE_WORLD_H_
