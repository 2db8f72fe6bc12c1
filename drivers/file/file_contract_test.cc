// SPDX-License-Identifier: Apache-2.0
//
// The contract suite on the file driver: files in the page cache, with direct I/O and in memory, on
// all kinds of context. host_device is in device_contract_test.cc.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/log.h"
#include "drivers/file/file_node.h"
#include "drivers/file/kernel_files.h"
#include "drivers/file/simulated_host.h"
#include "testing/drivers/node_contract_suite.h"

namespace platter {
namespace {

enum class Place : uint8_t { kPageCache, kDirect, kMemory };

// Whether the test's folder has direct I/O.
bool HasDirectIo() {
  TempFolder folder;
  const int fd = ::open(folder.Make("probe", 4096).c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

class FileSubject final : public NodeSubject {
 public:
  explicit FileSubject(Place place) : place_(place) {}

  std::string WhyNot(ContractWorld& world) override {
    if (place_ != Place::kDirect || world.simulated() != nullptr || HasDirectIo()) return "";
    return "no-direct-io: the file system of " + ::testing::TempDir() + " has none";
  }

  NodeRef Open(ContractWorld& world) override {
    FileServices services = {.control = &world.control(), .log = &log_, .host = nullptr};
    world_ = world.simulated();
    if (world_ != nullptr) {
      MakeSimulatedFile(*world_);
      const std::shared_ptr<FakeHostCalls> host = SimulatedHost(world_->disk(), path_);
      if (place_ == Place::kMemory) host->file_system = HostFileSystem::kMemory;
      services.host = host;
    } else {
      folder_.emplace(place_ == Place::kMemory ? "/dev/shm" : ::testing::TempDir());
      path_ = folder_->Make("disk.img", Size());
    }
    FileOptions options;
    options.filename = path_;
    if (place_ == Place::kDirect) options.caching = FileCaching::kDirect;
    auto opened = FileNode::Open(services, "node", options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *opened : nullptr;
  }

  std::optional<std::vector<uint8_t>> Behind(uint64_t offset, uint64_t bytes) override {
    std::vector<uint8_t> data(bytes);
    if (world_ != nullptr) {
      EXPECT_EQ(world_->disk().Find(path_)->Read(offset, data.data(), bytes), bytes);
      return data;
    }
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(::pread(fd, data.data(), bytes, static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes));
    ::close(fd);
    return data;
  }
  // The simulated disk is a model: it may allocate.
  bool AllocatesNothing() const override { return world_ == nullptr; }
  // The suite's parent sends requests of any granularity: above a node that has blocks the Edge
  // keeps overlapping ones apart, under a lock.
  bool LocksNothing() const override { return place_ != Place::kDirect; }

 private:
  void MakeSimulatedFile(SimulatedWorld& world) {
    path_ = "/disk.img";
    world.disk().Create(path_, Size());
    world.disk().options().inline_transfers =
        place_ == Place::kMemory ? SimulatedInline::kAllowed : SimulatedInline::kRefused;
  }
  const Place place_;
  MemoryLog log_;
  SimulatedWorld* world_ = nullptr;
  std::optional<TempFolder> folder_;
  std::string path_;
};

std::vector<NodeSubjectMaker> Makers() {
  return {
      {"PageCache", [] { return std::make_unique<FileSubject>(Place::kPageCache); }},
      {"Memory", [] { return std::make_unique<FileSubject>(Place::kMemory); }},
      {"Direct", [] { return std::make_unique<FileSubject>(Place::kDirect); }},
  };
}

INSTANTIATE_TEST_SUITE_P(File, NodeContractTest, EveryKind(Makers()), NodeContractName);

}  // namespace
}  // namespace platter
