// SPDX-License-Identifier: Apache-2.0

#include "machine/guest_ram.h"

#include <array>
#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

TEST(GuestRamTest, IsZeroedAndWholePagesAtAddressZero) {
  absl::StatusOr<std::unique_ptr<GuestRam>> ram = GuestRam::Create(5000);
  ASSERT_TRUE(ram.ok()) << ram.status();
  EXPECT_EQ((*ram)->size(), 8192u);
  std::array<uint8_t, 16> bytes;
  bytes.fill(1);
  ASSERT_TRUE((*ram)->map()->Read(8192 - 16, bytes));
  EXPECT_THAT(bytes, testing::Each(0));
  EXPECT_FALSE((*ram)->map()->Read(8192 - 15, bytes));
}

TEST(GuestRamTest, WhatIsWrittenIsInHostMemory) {
  absl::StatusOr<std::unique_ptr<GuestRam>> ram = GuestRam::Create(4096);
  ASSERT_TRUE(ram.ok());
  const std::array<uint8_t, 2> data = {7, 8};
  ASSERT_TRUE((*ram)->map()->Write(100, data));
  EXPECT_EQ((*ram)->host()[101], 8);
}

TEST(GuestRamTest, SizesThatMakeNoSenseAreRefused) {
  EXPECT_EQ(ErrnoOf(GuestRam::Create(0).status()), EINVAL);
  EXPECT_THAT(MessageOf(GuestRam::Create(UINT64_MAX).status()),
              testing::HasSubstr("18446744073709551615"));
}

}  // namespace
}  // namespace platter
