// SPDX-License-Identifier: Apache-2.0
//
// Faults that other SCSI implementations have had, as classes: every value of the field that was
// once taken on trust. The row's number is in each name.

#include <algorithm>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

#include "devices/scsi/scsi_fixture.h"
#include "devices/scsi/scsi_task.h"
#include "testing/model/random.h"

namespace platter {
namespace {

using Bytes = std::vector<uint8_t>;

class ScsiRowsTest : public testing::Test, protected ScsiFixture {
 protected:
  ScsiResult Send(const Bytes& cdb, Bytes out = {}, size_t in_bytes = 0) {
    Task task({}, std::move(out), in_bytes);
    task.cdb = Cdb(cdb);
    return Execute(task);
  }
  static Bytes Cdb16(uint8_t opcode, uint64_t lba, uint32_t blocks) {
    Bytes cdb(16);
    cdb[0] = opcode;
    for (size_t i = 0; i < 8; ++i) cdb[2 + i] = static_cast<uint8_t>(lba >> (56 - 8 * i));
    for (size_t i = 0; i < 4; ++i) cdb[10 + i] = static_cast<uint8_t>(blocks >> (24 - 8 * i));
    return cdb;
  }
  // All that a guest can see of the unit without changing it.
  Bytes Visible() {
    Bytes all;
    for (const ScsiResult& result :
         {Execute({0x12, 0, 0, 0, 255, 0}, {}, 255),
          Execute({0x5a, 0, 0x3f, 0, 0, 0, 0, 2, 0, 0}, {}, 512),
          Execute({0x5a, 0, 0x7f, 0, 0, 0, 0, 2, 0, 0}, {}, 512), Execute({0x25}, {}, 8)}) {
      EXPECT_TRUE(result.good());
      all.insert(all.end(), result.data.begin(), result.data.end());
    }
    return all;
  }
};

TEST_F(ScsiRowsTest, R_SCSI_03_ModeSelectOfEveryPageAndLength) {
  Start();
  for (const uint8_t opcode : {0x15, 0x55}) {
    const size_t header = opcode == 0x15 ? 4 : 8;
    for (uint32_t page = 0; page < 256; ++page) {  // With the SPF and PS bits.
      for (const uint8_t length : {0, 1, 9, 10, 11, 18, 19, 255}) {
        Bytes list(header + 2 + length);
        list[header] = static_cast<uint8_t>(page);
        list[header + 1] = length;
        for (const size_t sent : {list.size(), list.size() - 1, header, header + 1}) {
          Bytes cdb(opcode == 0x15 ? 6 : 10);
          cdb[0] = opcode;
          cdb[1] = 0x10;  // PF.
          cdb[opcode == 0x15 ? 4 : 8] = static_cast<uint8_t>(std::min<size_t>(sent, 255));
          const ScsiResult result =
              Send(cdb, Bytes(list.begin(), list.begin() + static_cast<long>(sent)));
          ASSERT_TRUE(result.good() || result.overrun ||
                      result.sense.key == SenseKey::kIllegalRequest)
              << page << " " << int{length};
          if ((page & 0x3f) == 0x3f && sent > header + 1) {
            ASSERT_FALSE(result.good()) << "all pages is no page";
          }
        }
      }
    }
  }
  EXPECT_TRUE(Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 512).good());
}

TEST_F(ScsiRowsTest, R_SCSI_04_ABlockSizeIsNotForTheGuestToSet) {
  Start();
  for (const uint32_t size : {0u, 1u, 256u, 512u, 513u, 1024u, 4096u, 0xffffffu}) {
    Bytes list(12);
    list[3] = 8;
    for (size_t i = 0; i < 3; ++i) list[9 + i] = static_cast<uint8_t>(size >> (16 - 8 * i));
    const ScsiResult result = Execute({0x15, 0x10, 0, 0, 12, 0}, list);
    EXPECT_TRUE(result.good() || result.sense.key == SenseKey::kIllegalRequest);
    if (size != 0 && size != 512) {
      EXPECT_FALSE(result.good()) << size;
    }
    EXPECT_EQ(Execute({0x25}, {}, 8).Number(4, 4), 512u);
    EXPECT_TRUE(Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0}, {}, 1024).good());
    EXPECT_TRUE(Execute({0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Bytes(512)).good());
    EXPECT_TRUE(Execute({0x1a, 0, 0x3f, 0, 255, 0}, {}, 255).good());
  }
}

TEST_F(ScsiRowsTest, R_SCSI_05_EveryPageWithEveryAllocationLength) {
  Start({.serial = "serial"});
  for (uint32_t page = 0; page < 256; ++page) {
    const auto code = static_cast<uint8_t>(page);
    const ScsiResult whole = Execute({0x12, 1, code, 2, 0, 0}, {}, 512);
    for (uint32_t length = 0; length < 256; ++length) {
      const ScsiResult cut = Execute({0x12, 1, code, 0, static_cast<uint8_t>(length), 0}, {}, 256);
      ASSERT_EQ(cut.status, whole.status);
      if (!whole.good()) continue;
      ASSERT_EQ(cut.transferred, std::min<uint64_t>(length, whole.transferred));
      ASSERT_TRUE(std::equal(cut.data.begin(),
                             cut.data.begin() + static_cast<long>(cut.transferred),
                             whole.data.begin()))
          << "PAGE LENGTH is that of the page";
      ASSERT_EQ(cut.data[cut.transferred], 0xee);
    }
  }
}

TEST_F(ScsiRowsTest, R_SCSI_06_WriteSameFillsItsRangeAndNothingElse) {
  constexpr uint64_t kSeed = 6;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  for (const uint32_t size : {512u, 4096u}) {
    Start({.logical_block_size = size, .physical_block_size = 4096});
    Bytes model = backend.data;
    const uint64_t blocks = model.size() / size;
    for (int i = 0; i < 300; ++i) {
      const uint64_t count = random.Between(1, 150);
      if (count > blocks) continue;
      const uint64_t lba = random.Below(blocks - count + 1);
      const Bytes block = random.OneIn(3) ? Bytes(size) : Pattern(size, static_cast<uint8_t>(i));
      ASSERT_TRUE(Send(Cdb16(0x93, lba, static_cast<uint32_t>(count)), block).good());
      for (uint64_t at = lba; at < lba + count; ++at) {
        std::memcpy(&model[at * size], block.data(), size);
      }
      ASSERT_TRUE(model == backend.data);
    }
    Stop();
  }
}

TEST_F(ScsiRowsTest, R_SCSI_07_UnmapAtLargeAddresses) {
  Start({.logical_block_size = 4096, .physical_block_size = 4096});
  backend.announced_length = uint64_t{1} << 50;
  const uint64_t blocks = backend.announced_length / 4096;
  for (const uint64_t lba :
       {uint64_t{1} << 29, uint64_t{1} << 32, blocks - 8, blocks - 7, blocks}) {
    Bytes list(24);
    list[1] = 22;
    list[3] = 16;
    for (size_t i = 0; i < 8; ++i) list[8 + i] = static_cast<uint8_t>(lba >> (56 - 8 * i));
    list[19] = 8;
    backend.asked.clear();
    backend.skip_next_transfer = true;
    const ScsiResult result = Execute({0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}, list);
    if (lba + 8 <= blocks) {
      ASSERT_TRUE(result.good()) << lba;
      ASSERT_EQ(backend.asked.size(), 1u);
      EXPECT_EQ(backend.asked[0].offset, lba * 4096);
      EXPECT_EQ(backend.asked[0].bytes, 8u * 4096);
    } else {
      EXPECT_EQ(result.sense, IllegalRequest(SenseCode::kLbaOutOfRange)) << lba;
      EXPECT_TRUE(backend.asked.empty());
    }
  }
  backend.skip_next_transfer = false;
}

TEST_F(ScsiRowsTest, R_SCSI_08_NoBlocksAtTheEndsOfTheMedium) {
  Start();
  const uint64_t blocks = backend.data.size() / 512;
  for (const uint8_t opcode : {0x88, 0x8a}) {
    for (const uint64_t lba : {uint64_t{0}, blocks}) {
      const ScsiResult result = Send(Cdb16(opcode, lba, 0), Bytes(opcode == 0x8a ? 512 : 0), 0);
      EXPECT_TRUE(result.good()) << lba;
      EXPECT_EQ(result.transferred, 0u);
    }
    for (const uint64_t lba : {blocks + 1, UINT64_MAX}) {
      EXPECT_EQ(Send(Cdb16(opcode, lba, 0)).sense, IllegalRequest(SenseCode::kLbaOutOfRange));
    }
    EXPECT_EQ(Send(Cdb16(opcode, UINT64_MAX, 1), Bytes(512), 0).sense,
              IllegalRequest(SenseCode::kLbaOutOfRange));
  }
  EXPECT_TRUE(backend.asked.empty());
}

TEST_F(ScsiRowsTest, R_SCSI_09_VerifyTakesWhatItComparesAndADiskOf0BytesHasNoCapacity) {
  Start();
  const Bytes right(backend.data.begin(), backend.data.begin() + 512);
  Bytes wrong = right;
  wrong[511] ^= 1;
  EXPECT_TRUE(Execute({0x2f, 0x02, 0, 0, 0, 0, 0, 0, 1, 0}, right).good());
  EXPECT_EQ(Execute({0x2f, 0x02, 0, 0, 0, 0, 0, 0, 1, 0}, wrong).sense.key, SenseKey::kMiscompare);
  EXPECT_TRUE(Execute({0x2f, 0x02, 0, 0, 0, 0, 0, 0, 1, 0}).overrun) << "without the data";
  EXPECT_TRUE(Execute({0x2f, 0x06, 0, 0, 0, 0, 0, 0, 2, 0}).overrun);
  EXPECT_TRUE(Execute({0x2f, 0x00, 0, 0, 0, 0, 0, 0, 1, 0}).good());
  EXPECT_EQ(Execute({0x2f, 0x04, 0, 0, 0, 0, 0, 0, 1, 0}).sense,
            IllegalRequest(SenseCode::kInvalidFieldInCdb));
  Stop();
  backend.data.clear();
  Start();
  for (const ScsiResult& capacity :
       {Execute({0x25}, {}, 8),
        Execute({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32}, {}, 32)}) {
    EXPECT_EQ(capacity.sense, NotReady(SenseCode::kManualInterventionRequired));
    EXPECT_EQ(capacity.transferred, 0u);
  }
  EXPECT_EQ(Execute({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {}, 512).sense,
            IllegalRequest(SenseCode::kLbaOutOfRange));
}

TEST_F(ScsiRowsTest, R_SCSI_20_AfterAResetItIsAsNew) {
  Start();
  const Bytes fresh = Visible();
  // Cache off, descriptor sense, reserved, attentions.
  Bytes caching(4 + 20);
  caching[4] = 0x08;
  caching[5] = 18;
  EXPECT_TRUE(Execute({0x15, 0x10, 0, 0, 24, 0}, caching).good());
  Bytes control(4 + 12);
  control[4] = 0x0a;
  control[5] = 10;
  control[6] = 0x04;
  control[7] = 0x10;
  EXPECT_TRUE(Execute({0x15, 0x10, 0, 0, 16, 0}, control).good());
  EXPECT_TRUE(Execute({0x16}).good());
  EXPECT_NE(Visible(), fresh);
  disk->attentions().Establish(SenseCode::kReportedLunsDataChanged);
  disk->Reset(SenseCode::kPowerOnOrReset);
  EXPECT_EQ(Execute({0x00}).sense, UnitAttention(SenseCode::kPowerOnOrReset));
  EXPECT_TRUE(Execute({0x00}).good());
  EXPECT_EQ(Visible(), fresh);
  EXPECT_EQ(disk->reserved_by(), ScsiUnit::kNobody);
}

TEST_F(ScsiRowsTest, R_SCSI_24_EveryOperationCodeThatOneMayAskAbout) {
  Start();
  for (uint32_t opcode = 0; opcode < 256; ++opcode) {
    for (uint32_t action = 0; action <= 0x21; ++action) {
      if (action == 0x21) action = 0xffff;  // Beyond what a CDB can hold, as 20h is.
      for (uint8_t option = 0; option < 8; ++option) {
        const uint8_t options = static_cast<uint8_t>(option | (action % 2 << 7));  // With RCTD.
        const ScsiResult result = Execute(
            {0xa3, 0x0c, options, static_cast<uint8_t>(opcode), static_cast<uint8_t>(action >> 8),
             static_cast<uint8_t>(action), 0, 0, 2, 0, 0, 0},
            {}, 512);
        ASSERT_TRUE(result.good() || result.sense == IllegalRequest(SenseCode::kInvalidFieldInCdb));
        ASSERT_LE(result.transferred, 512u);
      }
    }
  }
}

// All cuts of up to 8 bytes into up to 4 pieces, at each skip and length.
TEST(ScsiBufferRows, R_SCSI_25_BuffersHoweverTheyAreCut) {
  for (uint32_t total = 0; total <= 8; ++total) {
    for (uint32_t cuts = 0; cuts < (total + 1) * (total + 1) * (total + 1); ++cuts) {
      uint32_t ends[5] = {0, cuts % (total + 1), cuts / (total + 1) % (total + 1),
                          cuts / (total + 1) / (total + 1), total};
      if (!std::is_sorted(ends, ends + 5)) continue;
      Bytes memory(total + 1, 0xee);
      iovec pieces[4];
      for (int i = 0; i < 4; ++i) pieces[i] = {memory.data() + ends[i], ends[i + 1] - ends[i]};
      ScsiBuffer buffer = {.pieces = pieces, .bytes = total};
      for (uint32_t length = 0; length <= 9; ++length) {
        Bytes data(length);
        for (uint32_t i = 0; i < length; ++i) data[i] = static_cast<uint8_t>(i + 1);
        std::fill(memory.begin(), memory.end(), uint8_t{0xee});
        const uint64_t copied = std::min(length, total);
        ASSERT_EQ(CopyToBuffer(data, buffer), copied);
        ASSERT_TRUE(
            std::equal(data.begin(), data.begin() + static_cast<long>(copied), memory.begin()));
        ASSERT_EQ(memory[copied], 0xee) << "beyond the end";
        for (uint32_t skip = 0; skip <= total; ++skip) {
          Bytes out(length, 0x55);
          const uint64_t got = CopyFromBuffer(buffer, skip, out);
          ASSERT_EQ(got, std::min(length, total - skip));
          ASSERT_TRUE(
              std::equal(out.begin(), out.begin() + static_cast<long>(got), memory.begin() + skip));
        }
      }
      for (uint32_t keep = total + 1; keep-- > 0;) {
        uint64_t sum = 0;
        for (const iovec& piece : Shorten(buffer, keep)) sum += piece.iov_len;
        ASSERT_EQ(sum, keep);
        ASSERT_EQ(buffer.bytes, keep);
      }
    }
  }
}

}  // namespace
}  // namespace platter
