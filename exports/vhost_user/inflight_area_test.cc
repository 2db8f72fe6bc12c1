// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/inflight_area.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr InflightArea::Limits kLimits = {.queues = 4, .queue_size = 128};

std::string Refusal(const VhostUserInflight& description, const OwnedDescriptor& file,
                    SealedMemory sealed = SealedMemory::kAsGiven) {
  return MessageOf(InflightArea::Map(description, file, kLimits, sealed).status());
}

// As it is asked for and given back.
struct Made {
  explicit Made(uint16_t queues, uint16_t queue_size)
      : description({.queues = queues, .queue_size = queue_size}),
        file(*InflightArea::MakeFile(description, &description.mmap_size)) {}
  VhostUserInflight description;
  OwnedDescriptor file;
};

TEST(InflightAreaTest, AFileIsOfItsSizeForGood) {
  const Made made(4, 128);
  struct stat info = {};
  ASSERT_EQ(fstat(made.file.get(), &info), 0);
  EXPECT_EQ(static_cast<uint64_t>(info.st_size), made.description.mmap_size);
  EXPECT_GE(made.description.mmap_size, 4 * SplitInflight::Bytes(128));
  EXPECT_NE(ftruncate(made.file.get(), 0), 0);
  EXPECT_NE(ftruncate(made.file.get(), kMiB), 0);
  EXPECT_EQ(Refusal(made.description, made.file, SealedMemory::kRequired), "");
}

TEST(InflightAreaTest, EachQueueHasARegionOfItsOwn) {
  const Made made(3, 5);
  auto area = InflightArea::Map(made.description, made.file, kLimits, SealedMemory::kAsGiven);
  ASSERT_TRUE(area.ok()) << area.status();
  for (uint16_t queue = 0; queue < 3; ++queue) {
    const InflightRegion region = (*area)->region(queue);
    ASSERT_NE(region.host, nullptr);
    EXPECT_EQ(region.entries, 5u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(region.host) % InflightArea::kAlign, 0u);
    ASSERT_TRUE(SplitInflight::Recover(region, 4, queue).ok());
    SplitInflight log;
    log.Attach(region);
    log.Take(queue);
  }
  EXPECT_EQ((*area)->region(3).host, nullptr);
  // Another process's look at the same file.
  auto other = InflightArea::Map(made.description, made.file, kLimits, SealedMemory::kAsGiven);
  ASSERT_TRUE(other.ok());
  for (uint16_t queue = 0; queue < 3; ++queue) {
    const auto found = SplitInflight::Recover((*other)->region(queue), 4, queue);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->heads, std::vector<uint16_t>{queue});
  }
  (*other)->Forget();
  for (uint16_t queue = 0; queue < 3; ++queue) {
    EXPECT_TRUE(SplitInflight::Recover((*area)->region(queue), 4, 0)->fresh);
  }
}

TEST(InflightAreaTest, NumbersAreThoseOfTheDevice) {
  const auto check = [](uint16_t queues, uint16_t size) {
    return MessageOf(InflightArea::CheckNumbers({.queues = queues, .queue_size = size}, kLimits));
  };
  EXPECT_EQ(check(1, 1), "");
  EXPECT_EQ(check(4, 128), "");
  for (const auto& [queues, size] : {std::pair<uint16_t, uint16_t>{0, 128},
                                     {1, 0},
                                     {5, 128},
                                     {4, 129},
                                     {UINT16_MAX, UINT16_MAX}}) {
    EXPECT_NE(check(queues, size).find("there are 4 of up to 128"), std::string::npos);
  }
}

TEST(InflightAreaTest, WhatAPeerSaysOfItsFileIsChecked) {
  const Made made(2, 64);
  VhostUserInflight wrong = made.description;
  wrong.mmap_size -= 1;
  EXPECT_NE(Refusal(wrong, made.file).find("it takes"), std::string::npos);
  wrong = made.description;
  wrong.mmap_offset = 4;
  EXPECT_NE(Refusal(wrong, made.file).find("8-byte aligned"), std::string::npos);
  wrong.mmap_offset = 8;
  EXPECT_NE(Refusal(wrong, made.file).find("shorter"), std::string::npos);
  wrong.mmap_offset = UINT64_MAX - 7;
  EXPECT_NE(Refusal(wrong, made.file).find("shorter"), std::string::npos);
  wrong = made.description;
  wrong.queues = 9;
  EXPECT_NE(Refusal(wrong, made.file).find("9 queues"), std::string::npos);
  // Much is promised, what is needed is there.
  wrong = made.description;
  wrong.mmap_size = UINT64_MAX;
  EXPECT_EQ(Refusal(wrong, made.file), "");
  const OwnedDescriptor plain(memfd_create("plain", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(plain.get(), kMiB), 0);
  EXPECT_EQ(Refusal(made.description, plain), "");
  EXPECT_NE(Refusal(made.description, plain, SealedMemory::kRequired).find("F_SEAL_SHRINK"),
            std::string::npos);
}

}  // namespace
}  // namespace platter
