// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/sense.h"

#include <cerrno>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

std::vector<uint8_t> Encoded(const Sense& sense, SenseFormat format, size_t room) {
  std::vector<uint8_t> out(room, 0xee);
  out.resize(EncodeSense(sense, format, out));
  return out;
}

TEST(SenseTest, FixedFormat) {
  const Sense sense = IllegalRequest(SenseCode::kLbaOutOfRange);
  EXPECT_EQ(Encoded(sense, SenseFormat::kFixed, 252),
            (std::vector<uint8_t>{0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0}));
}

TEST(SenseTest, InformationMakesTheFixedFieldValidWhenItFits) {
  Sense sense = {.key = SenseKey::kMediumError,
                 .code = SenseCode::kUnrecoveredReadError,
                 .information = 0x01020304};
  const auto fits = Encoded(sense, SenseFormat::kFixed, 18);
  EXPECT_EQ(fits[0], 0xf0);
  EXPECT_EQ(fits[3], 1);
  EXPECT_EQ(fits[6], 4);
  sense.information = uint64_t{1} << 32;
  EXPECT_EQ(Encoded(sense, SenseFormat::kFixed, 18)[0], 0x70);
}

TEST(SenseTest, DescriptorFormat) {
  Sense sense = UnitAttention(SenseCode::kCapacityDataChanged);
  EXPECT_EQ(Encoded(sense, SenseFormat::kDescriptor, 252),
            (std::vector<uint8_t>{0x72, 6, 0x2a, 0x09, 0, 0, 0, 0}));
  sense.information = 0x0102030405060708;
  EXPECT_EQ(Encoded(sense, SenseFormat::kDescriptor, 252),
            (std::vector<uint8_t>{0x72, 6, 0x2a, 9, 0, 0, 0, 12, 0, 10,
                                  0x80, 0, 1,    2, 3, 4, 5, 6,  7, 8}));
}

TEST(SenseTest, NoMoreThanThereIsRoomFor) {
  for (SenseFormat format : {SenseFormat::kFixed, SenseFormat::kDescriptor}) {
    for (size_t room = 0; room <= kMaxSenseBytes; ++room) {
      EXPECT_LE(Encoded(NotReady(SenseCode::kMediumNotPresent), format, room).size(), room);
    }
  }
}

TEST(SenseTest, FailuresOfIo) {
  EXPECT_EQ(FailureOf(-ENOSPC, false).sense,
            (Sense{.key = SenseKey::kDataProtect, .code = SenseCode::kSpaceAllocationFailed}));
  EXPECT_EQ(FailureOf(-EIO, true).sense,
            (Sense{.key = SenseKey::kMediumError, .code = SenseCode::kUnrecoveredReadError}));
  EXPECT_EQ(FailureOf(-EIO, false).sense,
            (Sense{.key = SenseKey::kMediumError, .code = SenseCode::kWriteError}));
  EXPECT_EQ(FailureOf(-ENOMEDIUM, true).sense, NotReady(SenseCode::kMediumNotPresent));
  EXPECT_EQ(FailureOf(-EACCES, false).sense.key, SenseKey::kDataProtect);
  EXPECT_EQ(FailureOf(-ECANCELED, true).status, ScsiStatus::kTaskAborted);
  EXPECT_EQ(FailureOf(-EBADE, true).status, ScsiStatus::kReservationConflict);
}

}  // namespace
}  // namespace platter
