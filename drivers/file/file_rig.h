// SPDX-License-Identifier: Apache-2.0
//
// FileRig: for tests on every kind of context and on every kind of file: makes the context, the
// file, and the node on it, or says why this machine has not got it.
//
// Ownership: the test. Threading: the thread that made it. Units: bytes.
// Errors: `why_not` is a reason of testing/allowed_skips.txt; other failures are the test's.

#ifndef PLATTER_DRIVERS_FILE_FILE_RIG_H_
#define PLATTER_DRIVERS_FILE_FILE_RIG_H_

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/simulated/world.h"
#include "base/log.h"
#include "base/status.h"
#include "drivers/file/file_node.h"
#include "drivers/file/kernel_files.h"
#include "drivers/file/simulated_host.h"

namespace platter {

enum class RigKind : uint8_t { kUring, kThreads, kSimulated };
enum class RigPlace : uint8_t { kPageCache, kDirect, kMemory };

struct RigOptions {
  RigKind kind = RigKind::kUring;
  RigPlace place = RigPlace::kPageCache;
  uint64_t bytes = 1 << 20;
  uint64_t seed = 1;
};

inline std::string RigName(const RigOptions& options) {
  constexpr const char* kKinds[] = {"Uring", "Threads", "Simulated"};
  constexpr const char* kPlaces[] = {"PageCache", "Direct", "Memory"};
  return std::string(kKinds[static_cast<int>(options.kind)]) +
         kPlaces[static_cast<int>(options.place)];
}

class FileRig {
 public:
  explicit FileRig(const RigOptions& options) : options_(options) {
    if (options.kind == RigKind::kSimulated) {
      world_.emplace(options.seed);
      context_ = &world_->NewContext("io");
    } else {
      own_context_ = MakeContext("io");
      context_ = own_context_.get();
    }
    if (context_ != nullptr) Open();
  }

  // Empty when the rig is ready.
  const std::string& why_not() const { return why_not_; }
  AioContext& context() { return *context_; }
  SimulatedWorld* world() { return world_.has_value() ? &*world_ : nullptr; }
  FileNode& node() { return *node_; }
  const std::shared_ptr<FileNode>& node_ref() const { return node_; }
  const std::string& path() const { return path_; }
  MemoryLog& log() { return log_; }
  FileOptions file_options() const {
    FileOptions file;
    file.filename = path_;
    if (options_.place == RigPlace::kDirect) file.caching = FileCaching::kDirect;
    return file;
  }

  // One more context of the kind; nullptr when there is none.
  std::unique_ptr<AioContext> MakeContext(std::string name) {
    AioOptions aio;
    aio.kind = options_.kind == RigKind::kUring ? AioKind::kUring : AioKind::kThreads;
    aio.name = std::move(name);
    absl::StatusOr<std::unique_ptr<AioContext>> made = CreateAioContext(aio);
    if (!made.ok()) {
      why_not_ = "no-io-uring: " + MessageOf(made.status());
      return nullptr;
    }
    return *std::move(made);
  }

 private:
  void Open() {
    FileServices services = {.control = context_, .log = &log_, .host = nullptr};
    if (world_.has_value()) {
      path_ = "/disk.img";
      world_->disk().Create(path_, options_.bytes);
      world_->disk().options().inline_transfers = options_.place == RigPlace::kMemory
                                                      ? SimulatedInline::kAllowed
                                                      : SimulatedInline::kRefused;
      const std::shared_ptr<FakeHostCalls> host = SimulatedHost(world_->disk(), path_);
      if (options_.place == RigPlace::kMemory) host->file_system = HostFileSystem::kMemory;
      services.host = host;
    } else {
      folder_.emplace(options_.place == RigPlace::kMemory ? "/dev/shm" : ::testing::TempDir());
      path_ = folder_->Make("disk.img", options_.bytes);
    }
    absl::StatusOr<std::shared_ptr<FileNode>> opened =
        FileNode::Open(services, "node0", file_options());
    if (!opened.ok() && options_.place == RigPlace::kDirect && ErrnoOf(opened.status()) == EINVAL) {
      why_not_ = "no-direct-io: " + MessageOf(opened.status());
      return;
    }
    ASSERT_TRUE(opened.ok()) << opened.status();
    node_ = *std::move(opened);
  }

  const RigOptions options_;
  std::string why_not_;
  std::optional<SimulatedWorld> world_;
  std::unique_ptr<AioContext> own_context_;
  AioContext* context_ = nullptr;
  std::optional<TempFolder> folder_;
  std::string path_;
  MemoryLog log_;
  std::shared_ptr<FileNode> node_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_FILE_RIG_H_
