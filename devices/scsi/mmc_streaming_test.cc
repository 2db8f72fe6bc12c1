// SPDX-License-Identifier: Apache-2.0
//
// What the drive says of its rate, and which wishes it grants.

#include "devices/scsi/mmc_streaming.h"

#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"

namespace platter {
namespace {

constexpr Sense kBadField = IllegalRequest(SenseCode::kInvalidFieldInCdb);
constexpr Sense kBadList = IllegalRequest(SenseCode::kInvalidFieldInParameterList);
constexpr Sense kBadLength = IllegalRequest(SenseCode::kParameterListLengthError);
constexpr uint8_t kRandom = 1;
constexpr uint8_t kExact = 2;
constexpr uint8_t kDefaults = 4;

// 512 blocks.
class MmcStreamingTest : public testing::Test, protected ScsiFixture {
 protected:
  struct Wish {
    uint8_t flags = 0;
    uint32_t first = 0;
    uint32_t last = 511;
    uint32_t size = 1385;
    uint32_t time = 1000;
  };

  MmcStreamingTest() { StartCd(); }

  static std::vector<uint8_t> ListOf(const Wish& wish) {
    std::vector<uint8_t> list(28);
    list[0] = wish.flags;
    const uint32_t numbers[] = {wish.first, wish.last, wish.size, wish.time, wish.size, wish.time};
    for (size_t i = 0; i < 6; ++i) {
      for (size_t j = 0; j < 4; ++j) {
        list[4 + i * 4 + j] = static_cast<uint8_t>(numbers[i] >> (24 - 8 * j));
      }
    }
    return list;
  }
  ScsiResult Send(uint8_t type, uint16_t length, std::vector<uint8_t> list) {
    return Execute({0xb6, 0, 0, 0, 0, 0, 0, 0, type, static_cast<uint8_t>(length >> 8),
                    static_cast<uint8_t>(length), 0},
                   std::move(list));
  }
  ScsiResult Ask(const Wish& wish) { return Send(0, 28, ListOf(wish)); }
  bool Granted(const Wish& wish) {
    const ScsiResult result = Ask(wish);
    if (result.good()) {
      EXPECT_EQ(result.transferred, 28u);
      return true;
    }
    EXPECT_EQ(result.sense, kBadList);
    return false;
  }
  // The nominal rate, in 1000 bytes a second.
  uint32_t Rate() {
    const ScsiResult result = Execute({0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, {}, 24);
    EXPECT_EQ(result.Number(12, 4), result.Number(20, 4));
    return static_cast<uint32_t>(result.Number(12, 4));
  }
};

TEST_F(MmcStreamingTest, AnyRateAnywhereOnTheDisc) {
  EXPECT_TRUE(Granted({}));
  EXPECT_TRUE(Granted({.flags = kRandom}));
  EXPECT_TRUE(Granted({.first = 511}));
  EXPECT_TRUE(Granted({.size = UINT32_MAX, .time = 1}));
  EXPECT_TRUE(Granted({.size = 0, .time = 0}));
  EXPECT_TRUE(Granted({.last = UINT32_MAX})) << "to the end, whatever the disc";
}

TEST_F(MmcStreamingTest, RangesThatAreNotOnTheDisc) {
  EXPECT_FALSE(Granted({.last = 512}));
  EXPECT_FALSE(Granted({.last = UINT32_MAX - 1}));
  EXPECT_FALSE(Granted({.first = 1, .last = 0}));
  EXPECT_FALSE(Granted({.first = 512, .last = 512}));
  EXPECT_FALSE(Granted({.first = 512, .last = UINT32_MAX}));
}

// Only what GET PERFORMANCE tells can be promised.
TEST_F(MmcStreamingTest, AnExactRateIsTheOneThatThereIs) {
  const uint32_t rate = Rate();
  EXPECT_TRUE(Granted({.flags = kExact, .size = rate}));
  EXPECT_TRUE(Granted({.flags = kExact | kRandom, .size = rate / 4, .time = 250}));
  EXPECT_FALSE(Granted({.flags = kExact, .size = rate - 1}));
  EXPECT_FALSE(Granted({.flags = kExact, .size = rate + 1}));
  EXPECT_FALSE(Granted({.flags = kExact, .size = UINT32_MAX, .time = UINT32_MAX}));
  EXPECT_FALSE(Granted({.flags = kExact, .size = 0, .time = 0}));
  EXPECT_FALSE(Granted({.flags = kExact, .last = 512, .size = rate}));
}

TEST_F(MmcStreamingTest, DefaultsNeedNoOtherField) {
  EXPECT_TRUE(Granted({.flags = kDefaults, .first = 900, .last = 1, .size = 0, .time = 0}));
  EXPECT_TRUE(Granted({.flags = 0xff}));
}

TEST_F(MmcStreamingTest, NoRotationIsOffered) {
  for (const uint8_t rotation : {1, 2, 3}) {
    EXPECT_FALSE(Granted({.flags = static_cast<uint8_t>(rotation << 3)}));
  }
}

TEST_F(MmcStreamingTest, TypesAndLengths) {
  const std::vector<uint8_t> list(65535);
  for (uint32_t type = 1; type < 256; ++type) {
    for (const uint16_t length : {0, 28}) {
      EXPECT_EQ(Send(static_cast<uint8_t>(type), length, list).sense, kBadField) << type;
    }
  }
  const ScsiResult nothing = Send(0, 0, {});
  EXPECT_TRUE(nothing.good());
  EXPECT_EQ(nothing.transferred, 0u);
  for (const uint16_t length : {1, 27, 29, 56, 65535}) {
    EXPECT_EQ(Send(0, length, list).sense, kBadLength) << length;
  }
}

TEST_F(MmcStreamingTest, ABufferShorterThanTheList) {
  for (const size_t bytes : {0, 1, 27}) {
    EXPECT_TRUE(Send(0, 28, std::vector<uint8_t>(bytes)).overrun) << bytes;
  }
  EXPECT_EQ(Send(0, 28, std::vector<uint8_t>(100, 0x04)).transferred, 28u);
}

TEST_F(MmcStreamingTest, ListsThatAreCut) {
  for (const size_t piece : {1, 3, 27}) {
    Task task({0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28, 0}, ListOf({.last = 512}), 0, piece);
    EXPECT_EQ(Execute(task).sense, kBadList) << piece;
  }
}

TEST_F(MmcStreamingTest, WithoutADiscThereIsNoRange) {
  backend.inserted = false;
  drive->ResetMachine();
  drive->attentions().Clear();
  EXPECT_EQ(Ask({.flags = kDefaults}).sense.key, SenseKey::kNotReady);
  EXPECT_EQ(Execute({0xa7}).sense.key, SenseKey::kNotReady);
}

TEST_F(MmcStreamingTest, ReadAheadOnTheDisc) {
  EXPECT_TRUE(Execute({0xa7, 0, 0, 0, 1, 0xff, 0, 0, 0, 0, 0, 0}).good());
  EXPECT_TRUE(Execute({0xa7, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0}).good());
  EXPECT_EQ(Execute({0xa7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}).sense,
            IllegalRequest(SenseCode::kLbaOutOfRange));
  EXPECT_EQ(Execute({0xa7, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0}).sense,
            IllegalRequest(SenseCode::kLbaOutOfRange));
}

// What a bus asks the guest for is what the unit takes, whatever the CDB.
TEST_F(MmcStreamingTest, BytesThatACommandTakes) {
  for (int opcode = 0; opcode < 256; ++opcode) {
    for (const uint8_t type : {0, 1}) {
      for (const uint8_t length : {0, 27, 28, 29}) {
        const std::vector<uint8_t> cdb = {
            static_cast<uint8_t>(opcode), 0, 0, 0, 0, 0, 0, 0, type, 0, length, 0};
        const bool takes = opcode == 0xb6 && type == 0 && length == 28;
        EXPECT_EQ(MmcDataOutBytes(Cdb(cdb)), takes ? 28u : 0u);
        if (opcode == 0xb6) {
          EXPECT_EQ(Send(type, length, {}).overrun, takes);
        }
      }
    }
  }
}

}  // namespace
}  // namespace platter
