// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/block_status.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "drivers/file/fake_host_calls.h"
#include "drivers/file/kernel_files.h"

namespace platter {
namespace {

constexpr uint64_t kLength = 1 << 20;

BlockStatus Ask(FakeHostCalls& host, std::vector<int64_t> seeks, uint64_t offset, uint64_t bytes) {
  host.seeks = std::move(seeks);
  return HostBlockStatus(host, {}, kLength, offset, bytes);
}

TEST(BlockStatusTest, AHoleReadsAsZeroes) {
  FakeHostCalls host;
  const BlockStatus status = Ask(host, {65536}, 4096, kLength - 4096);
  EXPECT_EQ(status.bytes, 65536u - 4096);
  EXPECT_TRUE(status.zero);
  EXPECT_FALSE(status.data);
  EXPECT_TRUE(status.allocated) << "no other node decides what it reads as";
  EXPECT_EQ(Ask(host, {65536}, 4096, 100).bytes, 100u);
}

TEST(BlockStatusTest, DataGoesToTheNextHole) {
  FakeHostCalls host;
  const BlockStatus status = Ask(host, {4096, 65536}, 4096, kLength - 4096);
  EXPECT_EQ(status.bytes, 65536u - 4096);
  EXPECT_FALSE(status.zero);
  EXPECT_TRUE(status.data);
}

TEST(BlockStatusTest, R_C42_WhatTheHostCannotSayIsData) {
  FakeHostCalls host;
  for (const std::vector<int64_t>& seeks :
       {std::vector<int64_t>{-EINVAL}, {4096, -EINVAL}, {100}, {4096, 100}}) {
    const BlockStatus status = Ask(host, seeks, 4096, 8192);
    EXPECT_EQ(status.bytes, 8192u);
    EXPECT_TRUE(status.data);
    EXPECT_FALSE(status.zero);
  }
}

TEST(BlockStatusTest, NoMoreDataIsAHoleToTheEndUnlessTheFileShrank) {
  FakeHostCalls host;
  BlockStatus status = Ask(host, {-ENXIO, kLength}, 4096, kLength - 4096);
  EXPECT_TRUE(status.zero);
  EXPECT_EQ(status.bytes, kLength - 4096);
  // Reads behind the new end fail: they are not zeroes.
  status = Ask(host, {-ENXIO, 8192}, 4096, kLength - 4096);
  EXPECT_TRUE(status.zero);
  EXPECT_EQ(status.bytes, 4096u);
  EXPECT_FALSE(Ask(host, {-ENXIO, 8192}, 8192, 4096).zero);
}

TEST(BlockStatusTest, BehindTheEndOfTheFileAreZeroes) {
  FakeHostCalls host;
  EXPECT_TRUE(Ask(host, {}, kLength, 512).zero);
  EXPECT_EQ(Ask(host, {0, kLength}, 0, kLength + 512).bytes, kLength) << "one answer at a time";
}

// A file with data at [64 KiB, 128 KiB), on the file system of the test: what is said to be zero
// must read as zero, and the answers must cover the file.
TEST(BlockStatusTest, OfARealFileZeroMeansZero) {
  TempFolder folder;
  const std::string path = folder.Make("disk.img", kLength);
  const HostFile file = {::open(path.c_str(), O_RDWR | O_CLOEXEC), path};
  ASSERT_GE(file.fd, 0);
  const std::vector<uint8_t> ones(65536, 1);
  ASSERT_EQ(::pwrite(file.fd, ones.data(), ones.size(), 65536), 65536);
  KernelHostCalls host;
  uint64_t offset = 0;
  int answers = 0;
  while (offset < kLength) {
    ASSERT_LT(++answers, 100);
    const BlockStatus status = HostBlockStatus(host, file, kLength, offset, kLength - offset);
    ASSERT_GE(status.bytes, 1u);
    std::vector<uint8_t> content(status.bytes);
    ASSERT_EQ(::pread(file.fd, content.data(), content.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(content.size()));
    if (status.zero) {
      EXPECT_EQ(content, std::vector<uint8_t>(content.size(), 0)) << offset;
    }
    offset += status.bytes;
  }
  EXPECT_EQ(offset, kLength);
  ::close(file.fd);
}

}  // namespace
}  // namespace platter
