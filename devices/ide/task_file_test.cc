// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/task_file.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

constexpr ChsGeometry kGeometry = {.cylinders = 100, .heads = 16, .sectors = 63};

TEST(TaskFileTest, AWriteMovesTheOldContentToPrevious) {
  TaskFile file;
  for (unsigned offset = ata::kRegFeatures; offset <= ata::kRegLbaHigh; ++offset) {
    WriteTaskFile(file, offset, 0x11);
    WriteTaskFile(file, offset, 0x22);
  }
  for (unsigned offset = ata::kRegCount; offset <= ata::kRegLbaHigh; ++offset) {
    EXPECT_EQ(ReadTaskFile(file, offset, TaskFileHalf::kCurrent), 0x22);
    EXPECT_EQ(ReadTaskFile(file, offset, TaskFileHalf::kPrevious), 0x11);
  }
  EXPECT_EQ(file.features, (TaskFile::Register{0x22, 0x11}));
}

TEST(TaskFileTest, TheDeviceRegisterHasOneContent) {
  TaskFile file;
  WriteTaskFile(file, ata::kRegDevice, 0xe0);
  WriteTaskFile(file, ata::kRegDevice, 0xa0);
  EXPECT_EQ(ReadTaskFile(file, ata::kRegDevice, TaskFileHalf::kCurrent), 0xa0);
  EXPECT_EQ(ReadTaskFile(file, ata::kRegDevice, TaskFileHalf::kPrevious), 0xa0);
}

TEST(TaskFileTest, OtherOffsetsAreNothing) {
  TaskFile file;
  for (const unsigned offset : {0u, 7u, 8u, 255u}) {
    WriteTaskFile(file, offset, 0xff);
    EXPECT_EQ(ReadTaskFile(file, offset, TaskFileHalf::kCurrent), 0);
  }
  EXPECT_EQ(file, TaskFile());
}

TEST(TaskFileTest, ACountOf0IsTheLargest) {
  TaskFile file;
  EXPECT_EQ(SectorCount(file, AtaAddressing::k28), 256u);
  EXPECT_EQ(SectorCount(file, AtaAddressing::k48), 65536u);
  file.count = {.current = 0, .previous = 1};
  EXPECT_EQ(SectorCount(file, AtaAddressing::k28), 256u);
  EXPECT_EQ(SectorCount(file, AtaAddressing::k48), 256u);
  file.count = {.current = 255, .previous = 255};
  EXPECT_EQ(SectorCount(file, AtaAddressing::k28), 255u);
  EXPECT_EQ(SectorCount(file, AtaAddressing::k48), 65535u);
}

TEST(TaskFileTest, AddressesGoInAndOut) {
  for (const uint64_t lba : {uint64_t{0}, uint64_t{1}, uint64_t{0x0fffffff}, uint64_t{0x1234567}}) {
    TaskFile file;
    file.device = ata::kDeviceLba;
    SetLba(file, AtaAddressing::k28, kGeometry, lba);
    EXPECT_EQ(FirstLba(file, AtaAddressing::k28, kGeometry), lba);
    EXPECT_EQ(file.device & ~ata::kDeviceHead, ata::kDeviceLba);
  }
  for (const uint64_t lba : {uint64_t{0}, uint64_t{0xffffffffffff}, uint64_t{0x123456789abc}}) {
    TaskFile file;
    SetLba(file, AtaAddressing::k48, kGeometry, lba);
    EXPECT_EQ(FirstLba(file, AtaAddressing::k48, kGeometry), lba);
    EXPECT_EQ(file.device, 0);
  }
  for (uint64_t lba = 0; lba < 100 * 16 * 63; lba += 61) {
    TaskFile file;
    SetLba(file, AtaAddressing::k28, kGeometry, lba);
    EXPECT_EQ(FirstLba(file, AtaAddressing::k28, kGeometry), lba);
  }
}

TEST(TaskFileTest, OnlyPlacesOfTheGeometryAreAddresses) {
  struct Row {
    uint8_t cylinder_high, cylinder_low, head, sector;
    std::optional<uint64_t> lba;
  };
  for (const Row& row : {Row{0, 0, 0, 1, 0}, Row{0, 0, 0, 0, std::nullopt}, Row{0, 0, 0, 63, 62},
                         Row{0, 0, 0, 64, std::nullopt}, Row{0, 0, 15, 1, 15 * 63},
                         Row{0, 99, 15, 63, 100 * 16 * 63 - 1}, Row{0, 100, 0, 1, std::nullopt},
                         Row{1, 0, 0, 1, std::nullopt}}) {
    TaskFile file;
    file.lba_high.current = row.cylinder_high;
    file.lba_mid.current = row.cylinder_low;
    file.lba_low.current = row.sector;
    file.device = row.head;
    EXPECT_EQ(FirstLba(file, AtaAddressing::k28, kGeometry), row.lba);
  }
  TaskFile file;
  file.lba_low.current = 1;
  file.device = 15;
  EXPECT_EQ(FirstLba(file, AtaAddressing::k28, {.cylinders = 1, .heads = 15, .sectors = 1}),
            std::nullopt);
}

}  // namespace
}  // namespace platter
