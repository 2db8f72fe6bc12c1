// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/dirty_bitmap.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr uint64_t kPage = kVhostUserLogPage;

class DirtyBitmapTest : public testing::Test {
 protected:
  // The log of this many bytes, at an offset that is not a page's.
  void Make(uint64_t bytes) {
    const uint64_t offset = 100;
    bytes_ = bytes;
    file_ = OwnedDescriptor(memfd_create("log", MFD_CLOEXEC));
    ASSERT_EQ(ftruncate(file_.get(), static_cast<off_t>(offset + bytes + 50)), 0);
    auto made = DirtyBitmap::Create({.size = bytes, .offset = offset}, file_,
                                    SealedMemory::kAsGiven, changed_);
    ASSERT_TRUE(made.ok()) << made.status();
    bitmap_ = *std::move(made);
  }
  // Pages that are marked, and that nothing beside the log is.
  std::set<uint64_t> Marked() {
    std::vector<uint8_t> all(100 + bytes_ + 50);
    EXPECT_EQ(pread(file_.get(), all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
    std::set<uint64_t> pages;
    for (size_t i = 0; i < all.size(); ++i) {
      const bool inside = i >= 100 && i < 100 + bytes_;
      EXPECT_TRUE(inside || all[i] == 0) << i;
      for (unsigned bit = 0; inside && bit < 8; ++bit) {
        if ((all[i] >> bit & 1) != 0) pages.insert((i - 100) * 8 + bit);
      }
    }
    return pages;
  }
  bool Signalled() {
    uint64_t value = 0;
    return read(event_.get(), &value, sizeof(value)) == sizeof(value);
  }

  const OwnedDescriptor event_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  CallDescriptor changed_;
  OwnedDescriptor file_;
  uint64_t bytes_ = 0;
  std::unique_ptr<DirtyBitmap> bitmap_;
};

TEST_F(DirtyBitmapTest, EveryPageThatARangeTouchesIsMarked) {
  Make(8);
  bitmap_->MarkDirty(0, 1);
  bitmap_->MarkDirty(3 * kPage - 1, 2);
  bitmap_->MarkDirty(9 * kPage, kPage);
  bitmap_->MarkDirty(20 * kPage + 5, 0);
  EXPECT_EQ(Marked(), (std::set<uint64_t>{0, 2, 3, 9}));
}

TEST_F(DirtyBitmapTest, RangesOfAllLengthsAndPlaces) {
  Make(5);
  const auto seed = static_cast<uint32_t>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    Make(5);
    const uint64_t from = random() % (44 * kPage);
    const uint64_t bytes = 1 + random() % (30 * kPage);
    bitmap_->MarkDirty(from, bytes);
    std::set<uint64_t> expected;
    for (uint64_t page = from / kPage; page <= (from + bytes - 1) / kPage; ++page) {
      if (page < 40) expected.insert(page);
    }
    ASSERT_EQ(Marked(), expected) << "seed " << seed << ": " << from << " " << bytes;
  }
}

TEST_F(DirtyBitmapTest, PagesOutsideArePassedOver) {
  Make(1);
  EXPECT_TRUE(bitmap_->Covers(8 * kPage - 1));
  EXPECT_FALSE(bitmap_->Covers(8 * kPage));
  bitmap_->MarkDirty(8 * kPage, 1);
  bitmap_->MarkDirty(UINT64_MAX, 1);
  bitmap_->MarkDirty(UINT64_MAX, UINT64_MAX);
  EXPECT_EQ(Marked(), std::set<uint64_t>());
  bitmap_->MarkDirty(7 * kPage, UINT64_MAX);
  EXPECT_EQ(Marked(), std::set<uint64_t>{7});
}

TEST_F(DirtyBitmapTest, WhatOthersMarkStaysAndOnlyNewMarksAreTold) {
  Make(8);
  ASSERT_TRUE(changed_.Set(event_.get()).ok());
  const uint8_t others = 0x81;
  ASSERT_EQ(pwrite(file_.get(), &others, 1, 100), 1);
  bitmap_->MarkDirty(7 * kPage, 1);
  EXPECT_FALSE(Signalled());
  bitmap_->MarkDirty(6 * kPage, 2 * kPage);
  EXPECT_TRUE(Signalled());
  EXPECT_EQ(Marked(), (std::set<uint64_t>{0, 6, 7}));
}

TEST_F(DirtyBitmapTest, ALogThatIsNotThereIsRefused) {
  const OwnedDescriptor file(memfd_create("log", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), 4096), 0);
  const auto refusal = [&](uint64_t size, uint64_t offset) {
    return MessageOf(DirtyBitmap::Create({.size = size, .offset = offset}, file,
                                         SealedMemory::kAsGiven, changed_)
                         .status());
  };
  EXPECT_EQ(refusal(0, 0), "the log has no bytes");
  EXPECT_EQ(refusal(4096, 1), "the log: its file is shorter than it");
  EXPECT_EQ(refusal(UINT64_MAX, 2), "the log: its file is shorter than it");
  EXPECT_EQ(refusal(4096, 0), "");
}

}  // namespace
}  // namespace platter
