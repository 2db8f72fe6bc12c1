// SPDX-License-Identifier: Apache-2.0
//
// MODE SENSE and MODE SELECT of the SCSI disk.

#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/primary_commands.h"
#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr uint8_t kCachingPage = 0x08;
constexpr uint8_t kControlPage = 0x0a;

class ModeCommandsTest : public testing::Test, protected ScsiFixture {
 protected:
  ModeCommandsTest() { Start(); }

  // The parameter list of MODE SELECT(6) that changes byte 2 of a page.
  std::vector<uint8_t> List(uint8_t page, uint8_t byte2) {
    const ScsiResult sense = Execute({0x1a, 0x08, page, 0, 255, 0}, {}, 255);
    EXPECT_TRUE(sense.good());
    std::vector<uint8_t> list(sense.data.begin(),
                              sense.data.begin() + static_cast<long>(sense.transferred));
    list[0] = list[2] = 0;
    list[4 + 2] = byte2;
    return list;
  }
  ScsiResult Select(std::vector<uint8_t> list) {
    const auto bytes = static_cast<uint8_t>(list.size());
    return Execute({0x15, 0x10, 0, 0, bytes, 0}, std::move(list));
  }
};

TEST_F(ModeCommandsTest, AllPagesWithABlockDescriptor) {
  const ScsiResult six = Execute({0x1a, 0, 0x3f, 0, 255, 0}, {}, 255);
  ASSERT_TRUE(six.good());
  EXPECT_EQ(six.data[0], six.transferred - 1);
  EXPECT_EQ(six.data[2], 0x10);  // DPOFUA.
  EXPECT_EQ(six.data[3], 8);
  EXPECT_EQ(six.data[4 + 2], 2048 >> 8);
  EXPECT_EQ(six.data[4 + 6], 512 >> 8);
  EXPECT_EQ(six.data[12], 0x01);  // The first page.
  EXPECT_EQ(six.transferred, 4u + 8 + 12 + 20 + 12);

  const ScsiResult ten = Execute({0x5a, 0x10, 0x3f, 0, 0, 0, 0, 0, 255, 0}, {}, 255);
  ASSERT_TRUE(ten.good());
  EXPECT_EQ(ten.data[1], ten.transferred - 2);
  EXPECT_EQ(ten.data[4], 1);  // LONGLBA.
  EXPECT_EQ(ten.data[7], 16);
  EXPECT_EQ(ten.transferred, 8u + 16 + 12 + 20 + 12);
}

TEST_F(ModeCommandsTest, CurrentChangeableDefaultAndSaved) {
  backend.write_cache = false;
  EXPECT_EQ(Execute({0x1a, 8, kCachingPage, 0, 255, 0}, {}, 255).data[6], 0);
  EXPECT_EQ(Execute({0x1a, 8, 0x40 | kCachingPage, 0, 255, 0}, {}, 255).data[6], 4);
  EXPECT_EQ(Execute({0x1a, 8, 0x80 | kCachingPage, 0, 255, 0}, {}, 255).data[6], 4);
  EXPECT_EQ(Execute({0x1a, 8, 0xc0 | kCachingPage, 0, 255, 0}, {}, 255).sense,
            IllegalRequest(SenseCode::kSavingParametersNotSupported));
  EXPECT_EQ(Execute({0x1a, 8, 0x07, 0, 255, 0}, {}, 255).sense,
            IllegalRequest(SenseCode::kInvalidFieldInCdb));
}

TEST_F(ModeCommandsTest, TheWriteCacheIsSwitched) {
  backend.asked.clear();
  const ScsiResult off = Select(List(kCachingPage, 0));
  EXPECT_TRUE(off.good());
  EXPECT_EQ(off.transferred, List(kCachingPage, 0).size());
  EXPECT_FALSE(backend.write_cache);
  ASSERT_EQ(backend.asked.size(), 1u);
  EXPECT_EQ(backend.asked[0].op, IoOp::kFlush) << "what was answered is on the medium now";
  // Who did it knows; others are told.
  EXPECT_TRUE(Execute({0x00}).good());
  EXPECT_EQ(Execute({0x00}, {}, 0, 1).sense, UnitAttention(SenseCode::kModeParametersChanged));
  EXPECT_TRUE(Select(List(kCachingPage, 4)).good());
  EXPECT_TRUE(backend.write_cache);
  EXPECT_EQ(backend.asked.size(), 1u);
  backend.next_error = -EIO;
  EXPECT_EQ(Select(List(kCachingPage, 0)).status, ScsiStatus::kCheckCondition);
}

TEST_F(ModeCommandsTest, DescriptorSenseIsSwitched) {
  EXPECT_TRUE(Select(List(kControlPage, 4)).good());
  EXPECT_EQ(disk->sense_format(), SenseFormat::kDescriptor);
}

TEST_F(ModeCommandsTest, NothingIsTakenOfAListThatIsWrong) {
  std::vector<uint8_t> list = List(kCachingPage, 0);
  const std::vector<uint8_t> control = List(kControlPage, 4);
  list.insert(list.end(), control.begin() + 4, control.end());
  list.back() = 1;  // Not changeable.
  EXPECT_EQ(Select(list).sense, IllegalRequest(SenseCode::kInvalidFieldInParameterList));
  EXPECT_TRUE(backend.write_cache);
  EXPECT_EQ(disk->sense_format(), SenseFormat::kFixed);
}

TEST_F(ModeCommandsTest, EveryCutOfAListIsRefusedOrWhole) {
  const std::vector<uint8_t> list = List(kCachingPage, 0);
  for (size_t bytes = 1; bytes < list.size(); ++bytes) {
    const ScsiResult result = Select({list.begin(), list.begin() + static_cast<long>(bytes)});
    if (bytes == 4) {
      EXPECT_TRUE(result.good());  // A header alone.
    } else {
      EXPECT_EQ(result.sense, IllegalRequest(SenseCode::kParameterListLengthError)) << bytes;
    }
    EXPECT_TRUE(backend.write_cache);
  }
  EXPECT_TRUE(Execute({0x15, 0x10, 0, 0, 0, 0}).good());
  EXPECT_EQ(Execute({0x15, 0x00, 0, 0, 4, 0}, std::vector<uint8_t>(4)).sense,
            IllegalRequest(SenseCode::kInvalidFieldInCdb));  // No PF.
  EXPECT_EQ(Execute({0x15, 0x11, 0, 0, 4, 0}, std::vector<uint8_t>(4)).sense,
            IllegalRequest(SenseCode::kInvalidFieldInCdb));  // SP.
}

TEST_F(ModeCommandsTest, ABlockDescriptorMustSayWhatIsSo) {
  std::vector<uint8_t> list = {0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0};
  EXPECT_TRUE(Select(list).good());  // 0 blocks: leave them.
  list[6] = 2048 >> 8;
  EXPECT_TRUE(Select(list).good());
  list[6] = 1;
  EXPECT_EQ(Select(list).sense, IllegalRequest(SenseCode::kInvalidFieldInParameterList));
  list[6] = 0;
  list[10] = 16;  // R-SCSI-10: the block size does not change under commands.
  EXPECT_EQ(Select(list).sense, IllegalRequest(SenseCode::kInvalidFieldInParameterList));
}

TEST_F(ModeCommandsTest, AReadOnlyMediumIsWriteProtected) {
  backend.read_only = true;
  EXPECT_EQ(Execute({0x1a, 0, 0x3f, 0, 255, 0}, {}, 255).data[2], 0x90);
}

}  // namespace
}  // namespace platter
