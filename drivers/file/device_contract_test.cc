// SPDX-License-Identifier: Apache-2.0
//
// The contract suite on host_device, through the page cache and with direct I/O: a block device of
// the simulated disk, and a loop device on the kernel's contexts.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/log.h"
#include "drivers/file/file_node.h"
#include "drivers/file/kernel_files.h"
#include "drivers/file/loop_device.h"
#include "drivers/file/simulated_host.h"
#include "testing/drivers/node_contract_suite.h"

namespace platter {
namespace {

class DeviceSubject final : public NodeSubject {
 public:
  explicit DeviceSubject(FileCaching caching) : caching_(caching) {}

  std::string WhyNot(ContractWorld& world) override {
    world_ = world.simulated();
    if (world_ != nullptr) return "";
    folder_.emplace();
    behind_ = folder_->Make("disk.img", Size());
    loop_.emplace(behind_);
    return loop_->ok() ? "" : LoopDevice::kWhyNot;
  }

  NodeRef Open(ContractWorld& world) override {
    FileServices services = {.control = &world.control(), .log = &log_, .host = nullptr};
    FileOptions options;
    options.driver = FileDriver::kHostDevice;
    options.caching = caching_;
    if (world_ != nullptr) {
      behind_ = options.filename = "/dev/disk";
      world_->disk().CreateDevice(behind_, Size());
      services.host = SimulatedDeviceHost(world_->disk(), behind_);
    } else {
      options.filename = loop_->path();
    }
    auto opened = FileNode::Open(services, "node", options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *opened : nullptr;
  }

  // Of a loop device the file under it: what was flushed got there.
  std::optional<std::vector<uint8_t>> Behind(uint64_t offset, uint64_t bytes) override {
    std::vector<uint8_t> data(bytes);
    if (world_ != nullptr) {
      EXPECT_EQ(world_->disk().Find(behind_)->Read(offset, data.data(), bytes), bytes);
      return data;
    }
    const int fd = ::open(behind_.c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(::pread(fd, data.data(), bytes, static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes));
    ::close(fd);
    return data;
  }
  // A device has the size it has.
  bool CanTruncate() const override { return false; }
  // The simulated disk is a model: it may allocate.
  bool AllocatesNothing() const override { return world_ == nullptr; }
  // With blocks to keep to, the Edge keeps overlapping requests apart, under a lock.
  bool LocksNothing() const override { return caching_ != FileCaching::kDirect; }

 private:
  const FileCaching caching_;
  MemoryLog log_;
  SimulatedWorld* world_ = nullptr;
  std::optional<TempFolder> folder_;
  std::string behind_;
  std::optional<LoopDevice> loop_;
};

std::vector<NodeSubjectMaker> Makers() {
  return {
      {"PageCache", [] { return std::make_unique<DeviceSubject>(FileCaching::kPageCache); }},
      {"Direct", [] { return std::make_unique<DeviceSubject>(FileCaching::kDirect); }},
  };
}

INSTANTIATE_TEST_SUITE_P(HostDevice, NodeContractTest, EveryKind(Makers()), NodeContractName);

}  // namespace
}  // namespace platter
