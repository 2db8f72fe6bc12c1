// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/memory_table.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr uint64_t kUser = 0x7f0000000000;

OwnedDescriptor File(uint64_t bytes) {
  OwnedDescriptor file(memfd_create("memory_table_test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
  return file;
}

VhostUserMemoryRegion Region(uint64_t guest, uint64_t size, uint64_t offset = 0) {
  return {
      .guest_address = guest, .size = size, .user_address = kUser + guest, .mmap_offset = offset};
}

// Mappings of memfds of this test in this process.
int Mappings() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memory_table_test") != std::string::npos &&
        line.find("memfd") != std::string::npos) {
      ++count;
    }
  }
  return count;
}

TEST(MemoryTableTest, MemoryIsTheFilesAndAddressesTranslate) {
  const OwnedDescriptor file = File(64 * kKiB);
  MemoryTable table;
  EXPECT_EQ(table.memory(), nullptr);
  ASSERT_TRUE(table.Add(Region(kMiB, 32 * kKiB, 16 * kKiB), file).ok());
  const std::array<uint8_t, 3> data = {1, 2, 3};
  ASSERT_TRUE(table.memory()->Write(kMiB + 5, data));
  std::array<uint8_t, 3> seen = {};
  ASSERT_EQ(pread(file.get(), seen.data(), seen.size(), 16 * kKiB + 5), 3);
  EXPECT_EQ(seen, data);
  EXPECT_EQ(table.ToGuest(kUser + kMiB + 7, 9), kMiB + 7);
  EXPECT_EQ(table.ToGuest(kUser + kMiB, 32 * kKiB), kMiB);
  EXPECT_EQ(table.ToGuest(kUser + kMiB, 32 * kKiB + 1), std::nullopt);
  EXPECT_EQ(table.ToGuest(kUser + kMiB - 1, 1), std::nullopt);
  EXPECT_EQ(table.ToGuest(UINT64_MAX, 2), std::nullopt);
}

TEST(MemoryTableTest, NumbersThatCannotBeAreRefused) {
  const OwnedDescriptor file = File(64 * kKiB);
  struct Row {
    VhostUserMemoryRegion region;
    const char* text;
  };
  const Row rows[] = {
      {Region(0, 0), "has no bytes"},
      {Region(UINT64_MAX - 4095, 8192), "wrap around"},
      {{.guest_address = 0, .size = 8192, .user_address = UINT64_MAX - 4095, .mmap_offset = 0},
       "wrap around"},
      {Region(0, 4096, UINT64_MAX - 4095), "wrap around"},
      {Region(0, 4096, 512), "same place of a page"},
      {Region(512, 4096, 0), "same place of a page"},
      {Region(0, 64 * kKiB + 1), "shorter"},
      {Region(0, 64 * kKiB, 4096), "shorter"},
      {Region(0, 4096, uint64_t{1} << 62), "shorter"},
  };
  for (const Row& row : rows) {
    MemoryTable table;
    const absl::Status status = table.Add(row.region, file);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(MessageOf(status).find(row.text), std::string::npos) << status;
    EXPECT_EQ(table.size(), 0u);
  }
}

TEST(MemoryTableTest, WhatIsNoFileIsRefused) {
  MemoryTable table;
  const OwnedDescriptor event(eventfd(0, EFD_CLOEXEC));
  EXPECT_FALSE(table.Add(Region(0, 4096), event).ok());
  EXPECT_FALSE(table.Add(Region(0, 4096), OwnedDescriptor(open("/dev/zero", O_RDWR))).ok());
  EXPECT_EQ(ErrnoOf(table.Add(Region(0, 4096), OwnedDescriptor())), EBADF);
  EXPECT_EQ(table.memory(), nullptr);
}

TEST(MemoryTableTest, RegionsDoNotOverlapInEitherAddressSpace) {
  const OwnedDescriptor file = File(64 * kKiB);
  MemoryTable table;
  ASSERT_TRUE(table.Add(Region(kMiB, 16 * kKiB), file).ok());
  VhostUserMemoryRegion other = Region(kMiB + 12 * kKiB, 16 * kKiB);
  EXPECT_FALSE(table.Add(other, file).ok());
  other = Region(kMiB - 12 * kKiB, 16 * kKiB);
  EXPECT_FALSE(table.Add(other, file).ok());
  other = Region(8 * kMiB, 4096);
  other.user_address = kUser + kMiB + 4096;
  EXPECT_FALSE(table.Add(other, file).ok());
  EXPECT_TRUE(table.Add(Region(kMiB + 16 * kKiB, 16 * kKiB), file).ok());
  EXPECT_EQ(table.size(), 2u);
}

TEST(MemoryTableTest, AReplacementThatFailsChangesNothing) {
  std::array<OwnedDescriptor, 2> files = {File(64 * kKiB), File(4096)};
  MemoryTable table;
  ASSERT_TRUE(table.Add(Region(kMiB, 16 * kKiB), files[0]).ok());
  const auto before = table.memory();
  const std::array<VhostUserMemoryRegion, 2> regions = {Region(0, 4096), Region(8192, 8192)};
  EXPECT_FALSE(table.Replace(regions, files).ok());
  EXPECT_EQ(table.memory(), before);
  EXPECT_EQ(Mappings(), 1);
}

// R-VU-05.
TEST(MemoryTableTest, MappingsLiveAsLongAsTheirMemory) {
  const OwnedDescriptor file = File(64 * kKiB);
  {
    MemoryTable table;
    ASSERT_TRUE(table.Add(Region(0, 16 * kKiB), file).ok());
    std::shared_ptr<const GuestMemory> used = table.memory();
    ASSERT_TRUE(table.Remove(Region(0, 16 * kKiB, 4096)).ok());  // The offset is ignored.
    EXPECT_EQ(table.memory(), nullptr);
    EXPECT_EQ(Mappings(), 1);
    const std::array<uint8_t, 1> byte = {9};
    EXPECT_TRUE(used->Write(100, byte));
    used.reset();
    EXPECT_EQ(Mappings(), 0);
    ASSERT_TRUE(table.Add(Region(0, 16 * kKiB), file).ok());
  }
  EXPECT_EQ(Mappings(), 0);
}

TEST(MemoryTableTest, OnlyWhatIsThereIsRemoved) {
  const OwnedDescriptor file = File(64 * kKiB);
  MemoryTable table;
  ASSERT_TRUE(table.Add(Region(0, 16 * kKiB), file).ok());
  EXPECT_EQ(table.Remove(Region(0, 8 * kKiB)).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(table.Remove(Region(4096, 16 * kKiB)).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(table.size(), 1u);
}

TEST(MemoryTableTest, ThereIsRoomForSlotsAndNoMore) {
  const OwnedDescriptor file = File(4096);
  MemoryTable table;
  static_assert(MemoryTable::kMaxRegions >= 32);
  for (uint64_t i = 0; i < MemoryTable::kMaxRegions; ++i) {
    ASSERT_TRUE(table.Add(Region(i * kMiB, 4096), file).ok());
  }
  EXPECT_EQ(table.Add(Region(kGiB, 4096), file).code(), absl::StatusCode::kResourceExhausted);
}

TEST(MemoryTableTest, ASealCanBeRequired) {
  const OwnedDescriptor file = File(4096);
  MemoryTable table(SealedMemory::kRequired);
  EXPECT_NE(MessageOf(table.Add(Region(0, 4096), file)).find("F_SEAL_SHRINK"), std::string::npos);
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_TRUE(table.Add(Region(0, 4096), file).ok());
}

TEST(MemoryTableTest, TheDirtyLogIsThatOfLaterMemoryToo) {
  class Log final : public DirtyLog {
   public:
    void MarkDirty(uint64_t address, uint64_t) override { last = address; }
    uint64_t last = 0;
  };
  Log log;
  const OwnedDescriptor file = File(64 * kKiB);
  MemoryTable table;
  EXPECT_EQ(table.last_address(), std::nullopt);
  table.SetDirtyLog(&log);
  ASSERT_TRUE(table.Add(Region(kMiB, 4096), file).ok());
  const std::array<uint8_t, 1> byte = {1};
  ASSERT_TRUE(table.memory()->Write(kMiB + 5, byte));
  EXPECT_EQ(log.last, kMiB + 5);
  ASSERT_TRUE(table.Add(Region(4096, 4096, 8192), file).ok());
  EXPECT_EQ(table.last_address(), kMiB + 4095);
  ASSERT_TRUE(table.memory()->Write(4096, byte));
  EXPECT_EQ(log.last, 4096u);
  table.SetDirtyLog(nullptr);
  ASSERT_TRUE(table.memory()->Write(4097, byte));
  EXPECT_EQ(log.last, 4096u);
}

}  // namespace
}  // namespace platter
