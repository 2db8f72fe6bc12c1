// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/shared_mapping.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

OwnedDescriptor File(uint64_t bytes) {
  OwnedDescriptor file(memfd_create("shared_mapping_test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
  return file;
}

std::string Refusal(const OwnedDescriptor& file, uint64_t offset, uint64_t bytes,
                    SealedMemory sealed = SealedMemory::kAsGiven) {
  return MessageOf(SharedMapping::Create(file, offset, bytes, sealed).status());
}

TEST(SharedMappingTest, AnyPartOfAFileCanBeMapped) {
  const OwnedDescriptor file = File(16 * kKiB);
  const auto made = SharedMapping::Create(file, 5003, 6000, SealedMemory::kAsGiven);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)->bytes(), 6000u);
  (*made)->host()[0] = 0x11;
  (*made)->host()[5999] = 0x22;
  uint8_t seen = 0;
  ASSERT_EQ(pread(file.get(), &seen, 1, 5003), 1);
  EXPECT_EQ(seen, 0x11);
  ASSERT_EQ(pread(file.get(), &seen, 1, 5003 + 5999), 1);
  EXPECT_EQ(seen, 0x22);
}

TEST(SharedMappingTest, WhatIsNotThereIsNotMapped) {
  const OwnedDescriptor file = File(8 * kKiB);
  EXPECT_EQ(Refusal(file, 0, 8 * kKiB), "");
  EXPECT_EQ(Refusal(file, 1, 8 * kKiB), "its file is shorter than it");
  EXPECT_EQ(Refusal(file, UINT64_MAX, 2), "its file is shorter than it");
  EXPECT_EQ(Refusal(file, 0, UINT64_MAX), "its file is shorter than it");
  EXPECT_EQ(Refusal(OwnedDescriptor(eventfd(0, EFD_CLOEXEC)), 0, 1),
            "its descriptor is no file or memfd");
  EXPECT_EQ(Refusal(OwnedDescriptor(open("/dev/zero", O_RDWR | O_CLOEXEC)), 0, 1),
            "its descriptor is no file or memfd");
  EXPECT_NE(Refusal(OwnedDescriptor(), 0, 1).find("its descriptor"), std::string::npos);
}

TEST(SharedMappingTest, AFileThatIsOnlyReadIsNotMapped) {
  const OwnedDescriptor file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_NE(Refusal(file, 0, 1).find("mapping it"), std::string::npos);
}

TEST(SharedMappingTest, SealsCanBeRequired) {
  const OwnedDescriptor file = File(4096);
  EXPECT_NE(Refusal(file, 0, 4096, SealedMemory::kRequired).find("F_SEAL_SHRINK"),
            std::string::npos);
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_EQ(Refusal(file, 0, 4096, SealedMemory::kRequired), "");
}

}  // namespace
}  // namespace platter
