// SPDX-License-Identifier: Apache-2.0
//
// DiskScenario: a fixed sequence of requests on a root above a faulty node, for ForEachFault: an
// error or a cancel makes its range undefined, everything else equals the model.
//
// Ownership: root and context outlive it. Threading: the simulated world's thread. Units: bytes.
// Errors: failures of the test.

#ifndef PLATTER_TESTING_FAULTS_DISK_SCENARIO_H_
#define PLATTER_TESTING_FAULTS_DISK_SCENARIO_H_

#include <cerrno>
#include <cstdint>
#include <span>
#include <vector>

#include "gtest/gtest.h"

#include "aio/aio_context.h"
#include "testing/drivers/test_root.h"
#include "testing/model/disk_model.h"
#include "testing/model/random.h"

namespace platter {

class DiskScenario {
 public:
  DiskScenario(TestRoot& root, AioContext& io, uint64_t size)
      : root_(root), io_(io), model_(size), random_(7) {}

  void Run() {
    for (int step = 0; step < 12; ++step) {
      const uint64_t offset = random_.Below(model_.size() / 2);
      const uint64_t bytes = random_.Between(1, model_.size() - offset);
      Step(static_cast<int>(random_.Below(4)), offset, bytes,
           random_.OneIn(2) ? IoFlags::kFua : IoFlags::kNone);
    }
    EXPECT_LE(failures_, 1);
    EXPECT_EQ(root_.in_flight(), 0);
    EXPECT_EQ(io_.buffers().outstanding(), 0u);
    // The disk works as before once the fault is over.
    std::vector<uint8_t> data(model_.size());
    DiskIo read(root_, io_);
    read.Transfer(IoOp::kRead, 0, data);
    // The fault may be this very read.
    const IoResult first = read.Run();
    EXPECT_EQ(first == 0 ? 0 : read.Run(), 0);
    EXPECT_EQ(model_.Mismatch(0, data).value_or(""), "");
  }
  int failures() const { return failures_; }

 private:
  void Step(int kind, uint64_t offset, uint64_t bytes, IoFlags flags) {
    // Odd memory, so that bounce buffers are needed.
    std::vector<uint8_t> memory(bytes + 1);
    const std::span<uint8_t> data(memory.data() + 1, bytes);
    DiskIo io(root_, io_);
    if (kind == 0) {
      io.Transfer(IoOp::kRead, offset, data).Submit();
    } else if (kind == 1) {
      for (uint8_t& byte : data) byte = static_cast<uint8_t>(random_.Next());
      io.Transfer(IoOp::kWrite, offset, data).Submit(flags);
    } else {
      io.Range(kind == 2 ? IoOp::kWriteZeroes : IoOp::kDiscard, offset, bytes).Submit(flags);
    }
    if (!io.done() && random_.OneIn(8)) io.Cancel();
    io_.RunUntil([&io] { return io.done(); });
    EXPECT_EQ(io.completions(), 1);
    if (io.result() != 0 && io.result() != -ECANCELED) ++failures_;
    if (kind == 0) {
      if (io.result() == 0) {
        EXPECT_EQ(model_.Mismatch(offset, data).value_or(""), "");
      }
    } else if (kind == 3 || io.result() != 0) {
      model_.MakeUndefined(offset, bytes);
    } else if (kind == 1) {
      model_.Write(offset, data);
    } else {
      model_.WriteZeroes(offset, bytes);
    }
  }

  TestRoot& root_;
  AioContext& io_;
  DiskModel model_;
  Random random_;
  int failures_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_FAULTS_DISK_SCENARIO_H_
