// SPDX-License-Identifier: Apache-2.0
//
// What tests of the file driver share: a node on a scripted file, and requests that remember how
// often and with what they completed.
//
// Ownership: values of the test. Threading: one thread. Units: bytes. Errors: none.

#ifndef PLATTER_DRIVERS_FILE_FILE_FIXTURE_H_
#define PLATTER_DRIVERS_FILE_FILE_FIXTURE_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "base/log.h"
#include "drivers/file/fake_host_calls.h"
#include "drivers/file/file_node.h"
#include "drivers/file/scripted_context.h"

namespace platter {

// A request with its own buffers.
class TestRequest final : public IoRequest {
 public:
  TestRequest(AioContext& home, IoOp operation, uint64_t at, uint64_t length,
              IoFlags with = IoFlags::kNone) {
    context = &home;
    op = operation;
    flags = with;
    offset = at;
    bytes = length;
    if (IsDataTransfer(op)) Split({length});
  }

  // Cuts the buffer into pieces of these lengths, which add up to `bytes`.
  void Split(const std::vector<uint64_t>& lengths) {
    data.assign(bytes, 0xee);
    pieces_.clear();
    uint64_t at = 0;
    for (const uint64_t length : lengths) {
      pieces_.push_back({data.data() + at, length});
      at += length;
    }
    ASSERT_EQ(at, bytes);
    iov = pieces_.data();
    iov_count = static_cast<uint32_t>(pieces_.size());
  }

  // Starts it and turns the context until it is done.
  IoResult RunOn(BlockNode& node) {
    const IoResult at_once = node.Start(*this);
    if (at_once != kIoPending) return at_once;
    for (int turn = 0; turn < 100'000 && completions == 0; ++turn) context->RunOnce();
    EXPECT_EQ(completions, 1);
    return result;
  }

  void OnIoDone(IoResult outcome) override {
    ++completions;
    result = outcome;
  }

  std::vector<uint8_t> data;
  int completions = 0;
  IoResult result = kIoPending;

 private:
  std::vector<iovec> pieces_;
};

// Byte `i` of a file that a test can check anywhere.
inline uint8_t PatternByte(uint64_t i) { return static_cast<uint8_t>(i * 7 + i / 251 + 1); }

inline std::vector<uint8_t> Pattern(uint64_t offset, uint64_t bytes) {
  std::vector<uint8_t> pattern(bytes);
  for (uint64_t i = 0; i < bytes; ++i) pattern[i] = PatternByte(offset + i);
  return pattern;
}

// A FileNode on a file in memory under a scripted context.
class ScriptedNodeTest : public ::testing::Test {
 protected:
  void Fill(uint64_t bytes) { file->bytes = Pattern(0, bytes); }

  absl::Status Open(const FileOptions& options) {
    absl::StatusOr<std::shared_ptr<FileNode>> opened =
        FileNode::Open({.control = &context, .log = &log, .host = host}, "node0", options);
    if (!opened.ok()) return opened.status();
    node = *std::move(opened);
    context.io().ClearCalls();
    return absl::OkStatus();
  }
  absl::Status Open() {
    FileOptions options;
    options.filename = "/images/disk.img";
    return Open(options);
  }
  absl::Status OpenDirect(uint32_t alignment) {
    host->direct = DirectIoAlignment{.memory = alignment, .offset = alignment};
    FileOptions options;
    options.filename = "/images/disk.img";
    options.caching = FileCaching::kDirect;
    return Open(options);
  }
  absl::Status OpenDevice() {
    host->kind = HostFileKind::kBlockDevice;
    FileOptions options;
    options.driver = FileDriver::kHostDevice;
    options.filename = "/dev/disk0";
    return Open(options);
  }

  std::shared_ptr<ScriptedFile> file = std::make_shared<ScriptedFile>();
  ScriptedContext context{file};
  MemoryLog log;
  std::shared_ptr<FakeHostCalls> host = [this] {
    auto fake = std::make_shared<FakeHostCalls>();
    fake->length = [this] { return file->bytes.size(); };
    fake->truncate = [this](uint64_t length) {
      file->bytes.resize(length);
      return 0;
    };
    return fake;
  }();
  std::shared_ptr<FileNode> node;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_FILE_FIXTURE_H_
