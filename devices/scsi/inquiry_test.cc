// SPDX-License-Identifier: Apache-2.0
//
// What INQUIRY says.

#include "devices/scsi/inquiry.h"

#include <algorithm>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

class InquiryTest : public testing::Test, protected ScsiFixture {};

TEST_F(InquiryTest, InquirySaysWhoItIs) {
  Start({.vendor = "ACME", .product = "Anvil", .version = "2"});
  const ScsiResult result = Execute({0x12, 0, 0, 0, 96, 0}, {}, 96);
  ASSERT_TRUE(result.good());
  EXPECT_EQ(result.transferred, 64u);
  EXPECT_EQ(result.data[0], 0);   // A disk,
  EXPECT_EQ(result.data[1], 0);   // not removable,
  EXPECT_EQ(result.data[2], 6);   // SPC-4,
  EXPECT_EQ(result.data[3], 2);   // format,
  EXPECT_EQ(result.data[4], 59);  // length,
  EXPECT_EQ(result.data[7], 2);   // queues commands.
  EXPECT_EQ(result.Text(8, 28), "ACME    Anvil           2   ");
  EXPECT_EQ(result.data[64], 0xee);  // Nothing beyond what it says.
}

TEST_F(InquiryTest, EveryPageThatIsListedIsThere) {
  Start({.serial = "S123", .wwn = 0x5000123456789abc});
  const ScsiResult list = Execute({0x12, 1, 0, 0, 255, 0}, {}, 255);
  ASSERT_TRUE(list.good());
  const size_t pages = list.Number(2, 2);
  EXPECT_EQ(pages, 6u);
  for (size_t i = 0; i < pages; ++i) {
    const uint8_t page = list.data[4 + i];
    const ScsiResult result = Execute({0x12, 1, page, 0, 255, 0}, {}, 255);
    ASSERT_TRUE(result.good()) << int{page};
    EXPECT_EQ(result.data[1], page);
    EXPECT_EQ(result.transferred, 4 + result.Number(2, 2));
  }
  for (uint8_t page : {0x01, 0x81, 0xb3, 0xff}) {
    EXPECT_EQ(Execute({0x12, 1, page, 0, 255, 0}, {}, 255).sense,
              IllegalRequest(SenseCode::kInvalidFieldInCdb));
  }
  EXPECT_EQ(Execute({0x12, 0, 1, 0, 255, 0}, {}, 255).sense.key, SenseKey::kIllegalRequest);
}

TEST_F(InquiryTest, SerialAndDesignators) {
  Start({.serial = "S123", .wwn = 0x5000123456789abc});
  const ScsiResult serial = Execute({0x12, 1, 0x80, 0, 255, 0}, {}, 255);
  EXPECT_EQ(serial.Text(4, 4), "S123");
  const ScsiResult id = Execute({0x12, 1, 0x83, 0, 255, 0}, {}, 255);
  EXPECT_EQ(id.Text(8, 13), "PLATTER disk0");
  EXPECT_EQ(id.Number(8 + 13 + 4, 8), 0x5000123456789abcu);
}

TEST_F(InquiryTest, WithoutASerialThereIsNoPageForIt) {
  Start();
  EXPECT_EQ(Execute({0x12, 1, 0x80, 0, 255, 0}, {}, 255).sense.key, SenseKey::kIllegalRequest);
  const ScsiResult list = Execute({0x12, 1, 0, 0, 255, 0}, {}, 255);
  EXPECT_EQ(std::count(list.data.begin() + 4, list.data.begin() + 4 + 5, 0x80), 0);
}

}  // namespace
}  // namespace platter
