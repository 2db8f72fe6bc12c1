// SPDX-License-Identifier: Apache-2.0
//
// REPORT LUNS of any number of units, and what is answered where there is none.

#include "devices/scsi/target_commands.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

using Task = ScsiFixture::Task;

void AddBe32(std::vector<uint8_t>& bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<uint8_t>(value >> shift));
}

Task ReportLuns(uint8_t select, uint32_t allocation, size_t room, size_t piece = 512) {
  std::vector<uint8_t> length;
  AddBe32(length, allocation);
  return Task({0xa0, 0, select, 0, 0, 0, length[0], length[1], length[2], length[3], 0, 0}, {},
              room, piece);
}

ScsiResult Report(Task& task, uint32_t luns) {
  LunList list(task, luns);
  for (uint32_t lun = 0; lun < luns; ++lun) list.Add(SingleLevelLun(static_cast<uint16_t>(lun)));
  return task.result();
}

TEST(SingleLevelLunTest, PeripheralBelow256FlatFromThere) {
  EXPECT_EQ(SingleLevelLun(0), (LunBytes{}));
  EXPECT_EQ(SingleLevelLun(255), (LunBytes{0, 255}));
  EXPECT_EQ(SingleLevelLun(256), (LunBytes{0x41, 0}));
  EXPECT_EQ(SingleLevelLun(16383), (LunBytes{0x7f, 0xff}));
}

TEST(LunListTest, R_SCSI_02_AnyNumberOfLunsInAnyRoom) {
  for (const uint32_t luns : {0u, 1u, 256u, 257u, 16383u}) {
    const size_t whole = 8 + size_t{luns} * 8;
    for (const size_t piece : {7, 512, 4096}) {
      Task task = ReportLuns(0, 0xffffffff, whole, piece);
      const ScsiResult result = Report(task, luns);
      ASSERT_TRUE(result.good());
      EXPECT_EQ(result.transferred, whole);
      EXPECT_EQ(result.Number(0, 4), luns * 8);
      for (uint32_t lun = 0; lun < luns; ++lun) {
        const LunBytes bytes = SingleLevelLun(static_cast<uint16_t>(lun));
        ASSERT_TRUE(
            std::equal(bytes.begin(), bytes.end(), result.data.begin() + 8 + long{8} * lun));
      }
    }
  }
}

TEST(LunListTest, TheAllocationLengthCutsAndTheLengthFieldStays) {
  for (const uint32_t allocation : {0u, 1u, 8u, 15u, 16u, 20u, 24u}) {
    Task task = ReportLuns(2, allocation, 64);
    const ScsiResult result = Report(task, 2);
    ASSERT_TRUE(result.good());
    EXPECT_EQ(result.transferred, std::min(allocation, 24u));
    if (allocation >= 4) {
      EXPECT_EQ(result.Number(0, 4), 16u);
    }
    EXPECT_EQ(result.data[result.transferred], 0xee) << "written beyond the end";
  }
}

TEST(LunListTest, LessRoomThanAskedForIsAnOverrun) {
  Task task = ReportLuns(0, 100, 15);
  const ScsiResult result = Report(task, 1);
  EXPECT_TRUE(result.overrun);
  EXPECT_EQ(result.data, std::vector<uint8_t>(15, 0xee));
}

TEST(LunListTest, SelectReport) {
  Task well_known = ReportLuns(1, 100, 100);
  EXPECT_EQ(Report(well_known, 3).transferred, 8u);
  Task unknown = ReportLuns(3, 100, 100);
  EXPECT_EQ(Report(unknown, 3).sense, IllegalRequest(SenseCode::kInvalidFieldInCdb));
}

TEST(AbsentUnitTest, OnlyInquiryAndRequestSenseAreGood) {
  Task inquiry({0x12, 0, 0, 0, 36, 0}, {}, 36);
  AnswerForAbsentUnit(inquiry);
  EXPECT_TRUE(inquiry.result().good());
  EXPECT_EQ(inquiry.result().data[0], 0x7f);
  Task pages({0x12, 1, 0x83, 0, 36, 0}, {}, 36);
  AnswerForAbsentUnit(pages);
  EXPECT_EQ(pages.sense, IllegalRequest(SenseCode::kInvalidFieldInCdb));
  Task sense({0x03, 0, 0, 0, 18, 0}, {}, 18);
  AnswerForAbsentUnit(sense);
  EXPECT_TRUE(sense.result().good());
  EXPECT_EQ(sense.result().data[2], 5);
  EXPECT_EQ(sense.result().data[12], 0x25);
  for (const uint8_t opcode : {0x00, 0x28, 0x25, 0xff}) {
    Task other({opcode, 0, 0, 0, 0, 0}, {}, 64);
    AnswerForAbsentUnit(other);
    EXPECT_EQ(other.status, ScsiStatus::kCheckCondition);
    EXPECT_EQ(other.sense, IllegalRequest(SenseCode::kLunNotSupported));
  }
}

TEST(WellKnownUnitTest, IsAUnitOfItsOwnKind) {
  Task inquiry({0x12, 0, 0, 0, 36, 0}, {}, 36);
  AnswerForWellKnownUnit(inquiry);
  EXPECT_EQ(inquiry.result().data[0], 0x1e);
  Task ready({0, 0, 0, 0, 0, 0}, {}, 0);
  AnswerForWellKnownUnit(ready);
  EXPECT_TRUE(ready.result().good());
  Task sense({0x03, 0, 0, 0, 18, 0}, {}, 18);
  AnswerForWellKnownUnit(sense);
  EXPECT_EQ(sense.result().data[2], 0);
  Task read({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 512);
  AnswerForWellKnownUnit(read);
  EXPECT_EQ(read.sense, IllegalRequest(SenseCode::kInvalidOpcode));
}

}  // namespace
}  // namespace platter
