// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/probe.h"

#include <sys/uio.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "drivers/file/fake_host_calls.h"
#include "drivers/file/kernel_files.h"
#include "drivers/file/open_file.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

// A port whose reads answer as a test says.
class AnsweringFileIo final : public FileIoDecorator {
 public:
  using FileIoDecorator::FileIoDecorator;
  int64_t InlineRead(int, const iovec* iov, uint32_t, uint64_t, int rwf_flags) override {
    return answer(reinterpret_cast<uintptr_t>(iov->iov_base), iov->iov_len, rwf_flags);
  }
  std::function<int64_t(uintptr_t memory, uint64_t bytes, int rwf_flags)> answer;
};

class ProbeTest : public ::testing::Test {
 protected:
  ProbeTest() {
    io_.answer = [](uintptr_t, uint64_t bytes, int) { return static_cast<int64_t>(bytes); };
  }
  FileGeometry Probe() {
    absl::StatusOr<FileGeometry> geometry = ProbeGeometry(io_, host_, {5, "/disk"}, options_);
    EXPECT_TRUE(geometry.ok()) << geometry.status();
    return geometry.ok() ? *geometry : FileGeometry();
  }
  // The error, which must name the path and show none of its control bytes.
  absl::Status Error() {
    const absl::Status status = ProbeGeometry(io_, host_, {5, "/\x1B[2J"}, options_).status();
    EXPECT_THAT(MessageOf(status), HasSubstr("'/\\x1b[2J'"));
    return status;
  }

  SyncFileIo kernel_;
  AnsweringFileIo io_{kernel_};
  FakeHostCalls host_;
  FileOptions options_;
};

TEST_F(ProbeTest, DirectIoTakesTheAlignmentThatTheHostSays) {
  options_.caching = FileCaching::kDirect;
  host_.direct = DirectIoAlignment{.memory = 8, .offset = 4096};
  const FileGeometry geometry = Probe();
  EXPECT_EQ(geometry.request_alignment, 4096u);
  EXPECT_EQ(geometry.memory_alignment, 8u);
  EXPECT_EQ(geometry.reads, InlineMode::kNever);
  EXPECT_EQ(geometry.writes, InlineMode::kNever);
}

TEST_F(ProbeTest, WhereTheHostDoesNotSayItIsTried) {
  options_.caching = FileCaching::kDirect;
  for (const uint64_t needed : {512, 1024, 4096}) {
    io_.answer = [=](uintptr_t memory, uint64_t bytes, int) -> int64_t {
      if (bytes % needed != 0 || memory % 512 != 0) return -EINVAL;
      return static_cast<int64_t>(bytes);
    };
    const FileGeometry geometry = Probe();
    EXPECT_EQ(geometry.request_alignment, needed);
    EXPECT_EQ(geometry.memory_alignment, 512u);
  }
}

// A hole is read without a look at the alignment.
TEST_F(ProbeTest, ATrialThatTellsNothingLeavesTheSafeAlignment) {
  options_.caching = FileCaching::kDirect;
  const FileGeometry geometry = Probe();
  EXPECT_EQ(geometry.request_alignment, kSafeDirectAlignment);
  EXPECT_EQ(geometry.memory_alignment, kSafeDirectAlignment);
}

TEST_F(ProbeTest, AlignmentsThatMakeNoSenseAreRefused) {
  options_.caching = FileCaching::kDirect;
  host_.direct = DirectIoAlignment{.memory = 512, .offset = 0};
  EXPECT_EQ(ErrnoOf(Error()), EINVAL);
  EXPECT_THAT(MessageOf(Error()), HasSubstr("' cannot be used with cache.direct=on"));
  for (const uint32_t offset : {513u, 2 * kMaxDirectAlignment}) {
    host_.direct = DirectIoAlignment{.memory = 512, .offset = offset};
    EXPECT_THAT(MessageOf(Error()), HasSubstr(std::to_string(offset)));
  }
  options_.driver = FileDriver::kHostDevice;
  options_.caching = FileCaching::kPageCache;
  host_.block_sizes.logical = 520;
  EXPECT_THAT(MessageOf(Error()), HasSubstr("blocks of 520 bytes"));
}

TEST_F(ProbeTest, ADevicesBlockIsTheLeastAlignment) {
  options_.driver = FileDriver::kHostDevice;
  host_.block_sizes = {.logical = 4096, .physical = 16384};
  EXPECT_EQ(Probe().request_alignment, 1u) << "the page cache takes any";
  EXPECT_EQ(Probe().discard_alignment, 4096u);
  options_.caching = FileCaching::kDirect;
  host_.direct = DirectIoAlignment{.memory = 4, .offset = 512};
  EXPECT_EQ(Probe().request_alignment, 4096u);
  ASSERT_TRUE(Probe().block_sizes.has_value());
  EXPECT_EQ(Probe().block_sizes->physical, 16384u);
}

TEST_F(ProbeTest, InlineReadsAreThoseThatTheFileSystemHas) {
  // Most: RWF_NOWAIT, also when it answers that it would have to wait.
  EXPECT_EQ(Probe().reads, InlineMode::kNoWait);
  EXPECT_EQ(Probe().writes, InlineMode::kNever);
  io_.answer = [](uintptr_t, uint64_t, int) { return -EAGAIN; };
  EXPECT_EQ(Probe().reads, InlineMode::kNoWait);
  // tmpfs refuses it, but never waits.
  io_.answer = [](uintptr_t, uint64_t bytes, int rwf_flags) -> int64_t {
    return rwf_flags == 0 ? static_cast<int64_t>(bytes) : -EOPNOTSUPP;
  };
  EXPECT_EQ(Probe().reads, InlineMode::kNever);
  host_.file_system = HostFileSystem::kMemory;
  EXPECT_EQ(Probe().reads, InlineMode::kPlain);
  EXPECT_EQ(Probe().writes, InlineMode::kPlain);
  // With O_DIRECT it is the same memory.
  options_.caching = FileCaching::kDirect;
  EXPECT_EQ(Probe().reads, InlineMode::kPlain);
  EXPECT_EQ(Probe().request_alignment, 1u);
  // A port that does not transfer inline has the last word.
  io_.answer = [](uintptr_t, uint64_t, int) { return -EOPNOTSUPP; };
  EXPECT_EQ(Probe().reads, InlineMode::kNever);
  EXPECT_EQ(Probe().writes, InlineMode::kNever);
}

TEST_F(ProbeTest, InlineWritesElsewhereOnlyWhenAskedFor) {
  options_.inline_writes = FileInlineWrites::kAlways;
  EXPECT_EQ(Probe().writes, InlineMode::kPlain);
  options_.caching = FileCaching::kDirect;
  EXPECT_EQ(Probe().writes, InlineMode::kNever) << "direct I/O waits for the disk";
}

TEST_F(ProbeTest, HolesAreNotBelievedWhereTheyHaveBeenWrong) {
  EXPECT_TRUE(Probe().believe_holes);
  host_.file_system = HostFileSystem::kLyingHoles;
  EXPECT_FALSE(Probe().believe_holes);
}

}  // namespace
}  // namespace platter
