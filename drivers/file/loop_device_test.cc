// SPDX-License-Identifier: Apache-2.0
//
// host_device on a real block device: a loop device over a file of the test.

#include "drivers/file/loop_device.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "base/status.h"
#include "drivers/file/file_node.h"
#include "drivers/file/kernel_files.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kBytes = 4 << 20;
constexpr uint64_t kBlock = 4096;

class Io final : public IoRequest {
 public:
  Io(AioContext& home, IoOp operation, uint64_t at, uint64_t length, uint8_t fill = 0xee,
     IoFlags with = IoFlags::kNone)
      : memory_(static_cast<uint8_t*>(std::aligned_alloc(kBlock, length)), &std::free) {
    context = &home;
    op = operation;
    flags = with;
    offset = at;
    bytes = length;
    std::memset(memory_.get(), fill, length);
    piece_ = {memory_.get(), length};
    if (!IsDataTransfer(op)) return;
    iov = &piece_;
    iov_count = 1;
  }
  IoResult Run(BlockNode& node) {
    const IoResult at_once = node.Start(*this);
    if (at_once != kIoPending) return at_once;
    context->RunUntil([this] { return done_; });
    return result_;
  }
  void OnIoDone(IoResult outcome) override {
    done_ = true;
    result_ = outcome;
  }
  bool IsFilledWith(uint8_t value) const {
    for (uint64_t i = 0; i < bytes; ++i) {
      if (memory_.get()[i] != value) return false;
    }
    return true;
  }

 private:
  std::unique_ptr<uint8_t, decltype(&std::free)> memory_;
  iovec piece_ = {};
  bool done_ = false;
  IoResult result_ = kIoPending;
};

class LoopDeviceTest : public ::testing::TestWithParam<FileCaching> {
 protected:
  void SetUp() override {
    file_ = folder_.Make("disk.img", kBytes);
    device_ = std::make_unique<LoopDevice>(file_);
    if (!device_->ok()) GTEST_SKIP() << LoopDevice::kWhyNot;
    absl::StatusOr<std::unique_ptr<AioContext>> made =
        CreateAioContext({.kind = AioKind::kThreads});
    ASSERT_TRUE(made.ok());
    context_ = *std::move(made);
    options_.driver = FileDriver::kHostDevice;
    options_.filename = device_->path();
    options_.caching = GetParam();
    absl::StatusOr<std::shared_ptr<FileNode>> opened = FileNode::Open(
        {.control = context_.get(), .log = &log_, .host = nullptr}, "node0", options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    node_ = *std::move(opened);
  }

  TempFolder folder_;
  std::string file_;
  std::unique_ptr<LoopDevice> device_;
  std::unique_ptr<AioContext> context_;
  MemoryLog log_;
  FileOptions options_;
  std::shared_ptr<FileNode> node_;
};

TEST_P(LoopDeviceTest, HasTheDevicesSizeAndBlocks) {
  EXPECT_EQ(node_->length(), kBytes);
  ASSERT_TRUE(node_->ProbeBlockSizes().has_value());
  EXPECT_GE(node_->ProbeBlockSizes()->logical, 512u);
  EXPECT_EQ(node_->limits().discard_alignment, node_->ProbeBlockSizes()->logical);
  if (GetParam() == FileCaching::kDirect) {
    EXPECT_GE(node_->limits().request_alignment, node_->ProbeBlockSizes()->logical);
  }
}

TEST_P(LoopDeviceTest, TheDriverFileRefusesIt) {
  options_.driver = FileDriver::kFile;
  const absl::Status refused =
      FileNode::Open({.control = context_.get(), .log = &log_, .host = nullptr}, "x", options_)
          .status();
  EXPECT_THAT(MessageOf(refused), HasSubstr("use driver=host_device"));
}

// C-40: what is zeroed reads as zeroes, at block granularity, with and without unmapping.
TEST_P(LoopDeviceTest, R_C40_ReadsBackWhatWasWrittenAndZeroed) {
  for (const IoFlags flags : {IoFlags::kNone, IoFlags::kMayUnmap, IoFlags::kFua}) {
    ASSERT_EQ(Io(*context_, IoOp::kWrite, 0, 16 * kBlock, 0x11).Run(*node_), 0);
    ASSERT_EQ(Io(*context_, IoOp::kWriteZeroes, 4 * kBlock, 2 * kBlock, 0, flags).Run(*node_), 0);
    for (uint64_t block = 0; block < 16; ++block) {
      Io read(*context_, IoOp::kRead, block * kBlock, kBlock);
      ASSERT_EQ(read.Run(*node_), 0);
      EXPECT_TRUE(read.IsFilledWith(block == 4 || block == 5 ? 0 : 0x11)) << block;
    }
  }
  EXPECT_EQ(Io(*context_, IoOp::kDiscard, 0, 8 * kBlock).Run(*node_), 0);
  EXPECT_EQ(Io(*context_, IoOp::kFlush, 0, kBlock).Run(*node_), 0);
  Io after(*context_, IoOp::kRead, 8 * kBlock, 8 * kBlock);
  ASSERT_EQ(after.Run(*node_), 0);
  EXPECT_TRUE(after.IsFilledWith(0x11)) << "what was not discarded is as it was";
}

TEST_P(LoopDeviceTest, TakesOverTheDevicesNewSize) {
  ASSERT_EQ(::truncate(file_.c_str(), 2 * kBytes), 0);
  device_->TakeNewSize();
  EXPECT_THAT(MessageOf(BlockOn(*context_, node_->Truncate(kBytes))),
              HasSubstr("has " + std::to_string(2 * kBytes) + " bytes"));
  ASSERT_TRUE(BlockOn(*context_, node_->Truncate(2 * kBytes)).ok());
  EXPECT_EQ(node_->length(), 2 * kBytes);
  EXPECT_EQ(Io(*context_, IoOp::kWrite, 2 * kBytes - kBlock, kBlock, 7).Run(*node_), 0);
}

INSTANTIATE_TEST_SUITE_P(All, LoopDeviceTest,
                         ::testing::Values(FileCaching::kPageCache, FileCaching::kDirect),
                         [](const auto& of) {
                           return of.param == FileCaching::kDirect ? "Direct" : "PageCache";
                         });

}  // namespace
}  // namespace platter
