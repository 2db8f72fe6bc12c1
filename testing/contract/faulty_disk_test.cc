// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/faulty_disk.h"

#include <cerrno>
#include <optional>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"

namespace platter {
namespace {

class TestRequest final : public IoRequest {
 public:
  TestRequest(AioContext& in, IoOp what, uint64_t at, std::vector<uint8_t>& data)
      : piece_{data.data(), data.size()} {
    context = &in;
    op = what;
    offset = at;
    bytes = data.size();
    iov = &piece_;
    iov_count = IsDataTransfer(what) ? 1 : 0;
  }
  void OnIoDone(IoResult result) override { done = result; }
  std::optional<IoResult> done;

 private:
  iovec piece_;
};

class FaultyDiskTest : public testing::Test {
 protected:
  SimulatedWorld world_{1};
  AioContext& context_ = world_.NewContext("control");
  FaultyDisk disk_{"disk", 4096};
  std::vector<uint8_t> ones_ = std::vector<uint8_t>(512, 1);
};

TEST_F(FaultyDiskTest, DoesWhatItIsAsked) {
  TestRequest write(context_, IoOp::kWrite, 512, ones_);
  EXPECT_EQ(disk_.Start(write), 0);
  EXPECT_EQ(disk_.bytes()[512], 1);
  std::vector<uint8_t> data(1024);
  TestRequest read(context_, IoOp::kRead, 256, data);
  EXPECT_EQ(disk_.Start(read), 0);
  EXPECT_EQ(data[255], 0);
  EXPECT_EQ(data[256], 1);
  TestRequest zeroes(context_, IoOp::kWriteZeroes, 512, ones_);
  EXPECT_EQ(disk_.Start(zeroes), 0);
  EXPECT_EQ(disk_.bytes()[512], 0);
  EXPECT_EQ(disk_.done(IoOp::kWrite), 1u);
}

TEST_F(FaultyDiskTest, HoldsOneRequestOfTheKindUntilReleased) {
  disk_.Hold(IoOp::kWrite);
  TestRequest held(context_, IoOp::kWrite, 0, ones_);
  TestRequest next(context_, IoOp::kWrite, 512, ones_);
  EXPECT_EQ(disk_.Start(held), kIoPending);
  EXPECT_EQ(disk_.Start(next), 0);
  disk_.Cancel(held);
  world_.RunUntilIdle();
  EXPECT_EQ(held.done, std::nullopt) << "it can't cancel";
  EXPECT_EQ(disk_.held(), 1u);
  EXPECT_EQ(disk_.bytes()[0], 0);
  disk_.Release();
  EXPECT_EQ(held.done, 0);
  EXPECT_EQ(disk_.bytes()[0], 1);
}

TEST_F(FaultyDiskTest, ACancelEndsItWhenToldSo) {
  disk_.set_on_cancel(FaultyDisk::OnCancel::kEnds);
  disk_.Hold(IoOp::kWrite);
  TestRequest held(context_, IoOp::kWrite, 0, ones_);
  EXPECT_EQ(disk_.Start(held), kIoPending);
  disk_.Cancel(held);
  EXPECT_EQ(held.done, std::nullopt) << "later than the call";
  world_.RunUntilIdle();
  EXPECT_EQ(held.done, -ECANCELED);
  EXPECT_EQ(disk_.bytes()[0], 0);
}

TEST_F(FaultyDiskTest, FailsAsOftenAsTold) {
  disk_.Fail(IoOp::kWrite, ENOSPC, 2);
  std::vector<uint8_t> data(512);
  TestRequest read(context_, IoOp::kRead, 0, data);
  EXPECT_EQ(disk_.Start(read), 0);
  for (const IoResult expected : {-ENOSPC, -ENOSPC, 0}) {
    TestRequest write(context_, IoOp::kWrite, 0, ones_);
    EXPECT_EQ(disk_.Start(write), expected);
  }
}

}  // namespace
}  // namespace platter
