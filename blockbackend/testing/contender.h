// SPDX-License-Identifier: Apache-2.0
//
// Contender: another program on an image, such as one that wants to write to it; and HookedHost, a
// host whose locks a test looks at one by one, so that the other program comes in between any two.
//
// Ownership: the test. Threading: one thread. Units: bytes. Errors: test failures.

#ifndef PLATTER_BLOCKBACKEND_TESTING_CONTENDER_H_
#define PLATTER_BLOCKBACKEND_TESTING_CONTENDER_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <string>

#include "drivers/file/host_calls.h"
#include "drivers/file/image_lock.h"

namespace platter {

class Contender {
 public:
  explicit Contender(const std::string& path)
      : file_{.fd = open(path.c_str(), O_RDWR | O_CLOEXEC), .path = path} {
    EXPECT_GE(file_.fd, 0) << path;
  }
  ~Contender() { close(file_.fd); }
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;

  // What a program does that opens the image for writing: it shows that it writes, looks whether
  // others let it, and lets go when they don't. True when they did.
  bool Try() {
    Show();
    if (!MayWrite()) LetGo();
    return holds_;
  }
  // Its first half, and its second one: others see it in between.
  void Show() {
    ++tries_;
    EXPECT_EQ(kernel_.SetByteLock(file_, kWriteUsed, ByteLock::kHeld), 0);
    holds_ = true;
  }
  bool MayWrite() {
    ByteLock state = ByteLock::kHeld;
    EXPECT_EQ(kernel_.TestByteLock(file_, kWriteUnshared, state), 0);
    if (state == ByteLock::kFree) ++wins_;
    return state == ByteLock::kFree;
  }
  void LetGo() {
    EXPECT_EQ(kernel_.SetByteLock(file_, kWriteUsed, ByteLock::kFree), 0);
    holds_ = false;
  }
  // By turns: shows itself; looks, and lets go whatever it sees.
  void Step() {
    if (!holds_) return Show();
    MayWrite();
    LetGo();
  }

  int tries() const { return tries_; }
  // How often the image was to be had.
  int wins() const { return wins_; }

 private:
  static constexpr uint64_t kWriteUsed = kUsedLockBase + 1;
  static constexpr uint64_t kWriteUnshared = kUnsharedLockBase + 1;

  KernelHostCalls kernel_;
  const HostFile file_;
  bool holds_ = false;
  int tries_ = 0;
  int wins_ = 0;
};

class HookedHost final : public HostCalls {
 public:
  // Before and after each call about a lock.
  std::function<void()> hook;

  int StatPath(const char* path, HostFileStat& stat) override {
    return kernel_.StatPath(path, stat);
  }
  int Stat(const HostFile& file, HostFileStat& stat) override { return kernel_.Stat(file, stat); }
  int GetDirectIoAlignment(const HostFile& file, DirectIoAlignment& alignment) override {
    return kernel_.GetDirectIoAlignment(file, alignment);
  }
  HostFileSystem GetFileSystem(const HostFile& file) override {
    return kernel_.GetFileSystem(file);
  }
  int GetBlockSizes(const HostFile& file, HostBlockSizes& sizes) override {
    return kernel_.GetBlockSizes(file, sizes);
  }
  int GetGeometry(const HostFile& file, DiskGeometry& geometry) override {
    return kernel_.GetGeometry(file, geometry);
  }
  int Truncate(const HostFile& file, uint64_t length) override {
    return kernel_.Truncate(file, length);
  }
  int64_t Seek(const HostFile& file, uint64_t offset, int whence) override {
    return kernel_.Seek(file, offset, whence);
  }
  int SetByteLock(const HostFile& file, uint64_t byte, ByteLock state) override {
    return Hooked([&] { return kernel_.SetByteLock(file, byte, state); });
  }
  int TestByteLock(const HostFile& file, uint64_t byte, ByteLock& state) override {
    return Hooked([&] { return kernel_.TestByteLock(file, byte, state); });
  }

 private:
  int Hooked(const std::function<int()>& call) {
    if (hook) hook();
    const int result = call();
    if (hook) hook();
    return result;
  }

  KernelHostCalls kernel_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_TESTING_CONTENDER_H_
