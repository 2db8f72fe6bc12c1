// SPDX-License-Identifier: Apache-2.0
//
// PathMachine: what tests of a whole path's cost run on: a machine on real contexts over one of the
// drivers that take nothing but time, and its guest's bus.
//
//   PathMachine host;
//   ASSERT_TRUE(host.Start(GetParam()).ok());
//   ASSERT_TRUE(host.AddDevice("virtio-blk,id=vd0,drive=d0").ok());
//
// Ownership: owns all of it; the end shuts the machine down. Threading: one thread, which runs the
// control context. Units: bytes. Errors: what the machine said.

#ifndef PLATTER_TESTING_SCENARIOS_PATH_MACHINE_H_
#define PLATTER_TESTING_SCENARIOS_PATH_MACHINE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "base/arith.h"
#include "base/log.h"
#include "machine/machine.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

inline constexpr uint64_t kPathDiskBytes = 16 * kMiB;

// A kind of event loop, and the driver of node "d0", whose length is kPathDiskBytes.
struct CostPath {
  const char* name;
  AioKind kind;
  const char* blockdev;  // $FILE is replaced by a file.
};
void PrintTo(const CostPath& path, std::ostream* os);
std::string NameOfPath(const testing::TestParamInfo<CostPath>& path);
std::vector<CostPath> CostPaths();

class PathMachine final : private InterruptController {
 public:
  PathMachine();
  ~PathMachine();
  PathMachine(const PathMachine&) = delete;
  PathMachine& operator=(const PathMachine&) = delete;

  // Once, first: the machine with its node and I/O threads "io0", "io1", ...
  absl::Status Start(const CostPath& path, int io_threads);
  absl::Status AddDevice(const std::string& options);
  // The end, earlier than the destructor; machine() is no more.
  void Shutdown();

  AioContext& context() { return *context_; }
  InProcessBus& bus() { return *bus_; }
  Machine& machine() { return *machine_; }

 private:
  // A file that is there while the test runs.
  class TemporaryFile {
   public:
    TemporaryFile();
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    bool valid() const { return valid_; }
    std::string path() const { return path_.data(); }

   private:
    std::array<char, 32> path_ = {"/tmp/platter-path-cost-XXXXXX"};
    bool valid_ = false;
  };

  InterruptLine& Line(uint32_t number) override { return bus_->Line(number); }

  TemporaryFile file_;
  MemoryLog log_;
  std::unique_ptr<AioContext> context_;
  std::unique_ptr<InProcessBus> bus_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_SCENARIOS_PATH_MACHINE_H_
