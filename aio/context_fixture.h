// SPDX-License-Identifier: Apache-2.0
//
// For tests of AioContexts: a fixture that makes one of the kind that is the test's parameter, and
// work, watches and file operations that call functions.
//
// Ownership: the fixture owns the context. Threading: the test's thread. Errors: test failures.

#ifndef PLATTER_AIO_CONTEXT_FIXTURE_H_
#define PLATTER_AIO_CONTEXT_FIXTURE_H_

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "aio/aio_context.h"
#include "aio/create.h"
#include "aio/simulated/world.h"

namespace platter {

enum class Kind : uint8_t { kUring, kThreads, kSimulated };

// A WorkItem that calls a function.
class Item final : public WorkItem {
 public:
  explicit Item(std::function<void()> run) : run_(std::move(run)) {}

 private:
  void Run() override { run_(); }

  std::function<void()> run_;
};

// A watch that calls a function.
class CallingWatch final : public FdWatch {
 public:
  explicit CallingWatch(std::function<void(uint32_t)> ready) : ready_(std::move(ready)) {}
  void OnFdReady(uint32_t events) override { ready_(events); }

 private:
  std::function<void(uint32_t)> ready_;
};

class CallingFileOp final : public FileOp {
 public:
  void OnFileDone(int64_t done_result) override {
    ++calls;
    last = done_result;
    if (then) then();
  }

  int calls = 0;
  int64_t last = INT64_MIN;
  std::function<void()> then;
};

// An eventfd that dies with its scope.
class EventFd {
 public:
  EventFd() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~EventFd() { close(fd_); }
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;

  int fd() const { return fd_; }
  void Signal() const {
    const uint64_t one = 1;
    ASSERT_EQ(write(fd_, &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  }
  bool Clear() const {
    uint64_t value = 0;
    return read(fd_, &value, sizeof(value)) == static_cast<ssize_t>(sizeof(value));
  }

 private:
  int fd_;
};

class ContextFixture : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kSimulated) {
      world_.emplace(/*seed=*/7);
      context_ = &world_->NewContext("test");
      return;
    }
    AioOptions options;
    options.kind = GetParam() == Kind::kUring ? AioKind::kUring : AioKind::kThreads;
    options.name = "test";
    options.ring_entries = 8;  // Small, so that batches overflow it.
    options.pool_threads = 2;
    auto made = CreateAioContext(options);
    ASSERT_TRUE(made.ok()) << made.status();
    owned_ = *std::move(made);
    context_ = owned_.get();
  }

  void TearDown() override {
    if (fd_ >= 0) context_->file_io().Close(fd_);
  }

  AioContext& context() { return *context_; }
  bool simulated() const { return world_.has_value(); }

  // Other threads are about to post: the simulated clock must wait for them.
  std::unique_ptr<SimulatedWorld::RealIoHold> HoldClock() {
    if (!simulated()) return nullptr;
    return std::make_unique<SimulatedWorld::RealIoHold>(*world_);
  }

  // A file of zeroes of `size` bytes, closed by TearDown.
  int OpenFile(uint64_t size) {
    std::string path = "/file";
    if (simulated()) {
      world_->disk().Create(path, size);
    } else {
      path = testing::TempDir() + "/contract-XXXXXX";
      const int made = mkstemp(path.data());
      EXPECT_GE(made, 0);
      EXPECT_EQ(ftruncate(made, static_cast<off_t>(size)), 0);
      close(made);
    }
    fd_ = context().file_io().Open(path.c_str(), O_RDWR, 0);
    EXPECT_GE(fd_, 0);
    if (!simulated()) unlink(path.c_str());
    return fd_;
  }

  void RunReadyUntilIdle() {
    while (context().RunReady()) {
    }
  }

 private:
  std::optional<SimulatedWorld> world_;
  std::unique_ptr<AioContext> owned_;
  AioContext* context_ = nullptr;
  int fd_ = -1;
};

inline std::string KindName(const testing::TestParamInfo<Kind>& info) {
  switch (info.param) {
    case Kind::kUring:
      return "Uring";
    case Kind::kThreads:
      return "Threads";
    case Kind::kSimulated:
      return "Simulated";
  }
  return "?";
}

}  // namespace platter

#endif  // PLATTER_AIO_CONTEXT_FIXTURE_H_
