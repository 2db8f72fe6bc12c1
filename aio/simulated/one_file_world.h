// SPDX-License-Identifier: Apache-2.0
//
// For tests: a simulated world with one context and one open file of a megabyte.
//
// Ownership, threading: a test fixture. Errors: test failures.

#ifndef PLATTER_AIO_SIMULATED_ONE_FILE_WORLD_H_
#define PLATTER_AIO_SIMULATED_ONE_FILE_WORLD_H_

#include <fcntl.h>

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"

namespace platter {

class OneFileOp final : public FileOp {
 public:
  void OnFileDone(int64_t done_result) override {
    ++calls;
    last = done_result;
  }

  int calls = 0;
  int64_t last = INT64_MIN;
};

// A world with one context and one open file.
class OneFileWorld : public testing::Test {
 protected:
  OneFileWorld() {
    world_.disk().Create("/disk", 1 << 20);
    fd_ = io_.file_io().Open("/disk", O_RDWR, 0);
  }

  void Prepare(OneFileOp& op, FileOpKind kind, uint64_t offset, iovec& iov) {
    op.fd = fd_;
    op.kind = kind;
    op.offset = offset;
    op.iov = &iov;
    op.iov_count = 1;
  }
  int64_t Run(FileOpKind kind, uint64_t offset, std::string& text) {
    OneFileOp op;
    iovec iov{text.data(), text.size()};
    Prepare(op, kind, offset, iov);
    io_.file_io().Submit(op);
    io_.RunUntil([&] { return op.calls == 1; });
    return op.last;
  }

  SimulatedWorld world_{42};
  AioContext& io_ = world_.NewContext("io");
  int fd_ = -1;
};

}  // namespace platter

#endif  // PLATTER_AIO_SIMULATED_ONE_FILE_WORLD_H_
