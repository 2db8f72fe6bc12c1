// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/scsi_initiator.h"

#include <deque>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

using Bytes = std::vector<uint8_t>;

// Keeps what it was given, and answers what it was told.
class FakeTransport final : public ScsiTransport {
 public:
  absl::StatusOr<ScsiAnswer> Execute(std::span<const uint8_t> cdb, std::span<const uint8_t> out,
                                     size_t in_bytes) override {
    sent.assign(cdb.begin(), cdb.end());
    data.assign(out.begin(), out.end());
    room = in_bytes;
    if (answers.empty()) return ScsiAnswer();
    ScsiAnswer answer = answers.front();
    answers.pop_front();
    return answer;
  }
  Bytes sent;
  Bytes data;
  size_t room = 0;
  std::deque<ScsiAnswer> answers;
};

ScsiAnswer Sense(uint8_t key, uint8_t code) {
  ScsiAnswer answer;
  answer.status = 2;
  answer.sense = {0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0};
  return answer;
}

class ScsiInitiatorTest : public testing::Test {
 protected:
  FakeTransport transport_;
  ScsiInitiator initiator_{transport_};
};

TEST_F(ScsiInitiatorTest, CommandsAreLaidOutAsTheStandardsSay) {
  EXPECT_TRUE(initiator_.Read10(0x01020304, 0x0506, 512)->good());
  EXPECT_EQ(transport_.sent, (Bytes{0x28, 0, 1, 2, 3, 4, 0, 5, 6, 0}));
  EXPECT_EQ(transport_.room, 0x0506u * 512);
  EXPECT_TRUE(initiator_.Write16(0x0102030405060708, 1, Bytes(512, 7))->good());
  EXPECT_EQ(transport_.sent, (Bytes{0x8a, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(transport_.data, Bytes(512, 7));
  EXPECT_EQ(transport_.room, 0u);
  EXPECT_TRUE(initiator_.Inquiry(0x0102)->good());
  EXPECT_EQ(transport_.sent, (Bytes{0x12, 0, 0, 1, 2, 0}));
  EXPECT_TRUE(initiator_.ReportLuns(64, 2)->good());
  EXPECT_EQ(transport_.sent, (Bytes{0xa0, 0, 2, 0, 0, 0, 0, 0, 0, 64, 0, 0}));
  EXPECT_TRUE(initiator_.StartStopUnit(ScsiInitiator::StartStop::kLoad)->good());
  EXPECT_EQ(transport_.sent, (Bytes{0x1b, 0, 0, 0, 3, 0}));
  EXPECT_TRUE(initiator_.Unmap(5, 6)->good());
  EXPECT_EQ(transport_.sent, (Bytes{0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}));
  EXPECT_EQ(transport_.data,
            (Bytes{0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0}));
  EXPECT_TRUE(initiator_.GetEventStatus()->good());
  EXPECT_EQ(transport_.sent, (Bytes{0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0}));
}

TEST_F(ScsiInitiatorTest, SenseOfBothFormats) {
  ScsiAnswer fixed = Sense(6, 0x29);
  EXPECT_TRUE(fixed.IsSense(6, 0x2900));
  EXPECT_FALSE(fixed.IsSense(5, 0x2900));
  ScsiAnswer descriptor;
  descriptor.status = 2;
  descriptor.sense = {0x72, 5, 0x24, 0x01, 0, 0, 0, 0};
  EXPECT_TRUE(descriptor.IsSense(5, 0x2401));
  EXPECT_FALSE(ScsiAnswer().IsSense(0, 0)) << "GOOD is no sense";
  descriptor.transport = 3;
  EXPECT_FALSE(descriptor.IsSense(5, 0x2401));
}

TEST_F(ScsiInitiatorTest, AttentionsAreClearedUntilThereIsNone) {
  transport_.answers = {Sense(6, 0x29), Sense(6, 0x28), Sense(2, 0x3a), Sense(5, 0x20)};
  EXPECT_TRUE(initiator_.ClearAttentions()->IsSense(2, 0x3a00));
  EXPECT_EQ(transport_.answers.size(), 1u);
}

TEST_F(ScsiInitiatorTest, NumbersAreBigEndianAndInside) {
  ScsiAnswer answer;
  answer.data = {1, 2, 3};
  EXPECT_EQ(answer.Number(1, 2), 0x0203u);
  EXPECT_EQ(answer.Number(2, 2), 0u);
}

}  // namespace
}  // namespace platter
