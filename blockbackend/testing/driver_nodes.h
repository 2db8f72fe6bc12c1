// SPDX-License-Identifier: Apache-2.0
//
// Real nodes for tests that go through threads or count: null, memory, blkdebug, file.
//
// Ownership: the caller owns the node; `scratch` outlives it. Errors: test failures.

#ifndef PLATTER_BLOCKBACKEND_TESTING_DRIVER_NODES_H_
#define PLATTER_BLOCKBACKEND_TESTING_DRIVER_NODES_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "aio/aio_context.h"
#include "aio/create.h"
#include "base/log.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/file/file_node.h"
#include "drivers/memory/memory_node.h"
#include "drivers/null/null_node.h"

namespace platter {

enum class TestDriver : uint8_t { kNullAtOnce, kNullLater, kMemory, kBlkdebug, kFile };

// A driver under a kind of context, as a test parameter.
struct DriverCase {
  const char* name;
  AioKind kind;
  TestDriver driver;
};

inline std::string DriverCaseName(const ::testing::TestParamInfo<DriverCase>& param) {
  return param.param.name;
}

inline constexpr DriverCase kDriverCases[] = {
    {"UringNull", AioKind::kUring, TestDriver::kNullAtOnce},
    {"UringNullLater", AioKind::kUring, TestDriver::kNullLater},
    {"UringMemory", AioKind::kUring, TestDriver::kMemory},
    {"UringBlkdebug", AioKind::kUring, TestDriver::kBlkdebug},
    {"UringFile", AioKind::kUring, TestDriver::kFile},
    {"ThreadsNull", AioKind::kThreads, TestDriver::kNullAtOnce},
    {"ThreadsNullLater", AioKind::kThreads, TestDriver::kNullLater},
    {"ThreadsMemory", AioKind::kThreads, TestDriver::kMemory},
    {"ThreadsBlkdebug", AioKind::kThreads, TestDriver::kBlkdebug},
    {"ThreadsFile", AioKind::kThreads, TestDriver::kFile},
};

// Whether what was written can be read again.
inline bool KeepsData(TestDriver driver) {
  return driver != TestDriver::kNullAtOnce && driver != TestDriver::kNullLater;
}

// A sparse file of `size` bytes that goes with its scope.
class ScratchFile {
 public:
  explicit ScratchFile(uint64_t size) {
    const char* const folder = std::getenv("TEST_TMPDIR");
    path_ = std::string(folder == nullptr ? "/tmp" : folder) + "/scratch.XXXXXX";
    const int fd = mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    EXPECT_EQ(ftruncate(fd, static_cast<off_t>(size)), 0);
    close(fd);
  }
  ~ScratchFile() { unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline NodeRef MakeDriverNode(TestDriver driver, uint64_t size, AioContext& control, LogSink& log,
                              const ScratchFile& scratch) {
  switch (driver) {
    case TestDriver::kNullAtOnce:
      return std::make_shared<NullNode>("node0", NullOptions{.size = size});
    case TestDriver::kNullLater:
      return std::make_shared<NullNode>(
          "node0", NullOptions{.completion = NullOptions::Completion::kLaterTurn, .size = size});
    case TestDriver::kMemory:
      return *MemoryNode::Create("node0", {.size = size});
    case TestDriver::kBlkdebug: {
      // A rule that never holds: each request is looked at all the same.
      BlkdebugErrorRule rule;
      rule.state = 99;
      BlkdebugOptions options;
      options.inject_error.push_back(rule);
      return *BlkdebugNode::Create("node0", *MemoryNode::Create("node1", {.size = size}), options);
    }
    case TestDriver::kFile: {
      FileOptions options;
      options.filename = scratch.path();
      auto opened =
          FileNode::Open({.control = &control, .log = &log, .host = nullptr}, "node0", options);
      EXPECT_TRUE(opened.ok()) << opened.status();
      return *opened;
    }
  }
  return nullptr;
}

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_TESTING_DRIVER_NODES_H_
