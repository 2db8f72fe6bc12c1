// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/iso9660.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

void Put32(std::vector<uint8_t>& to, size_t at, uint32_t value) {
  for (int i = 0; i < 4; ++i) {
    to[at + i] = static_cast<uint8_t>(value >> (8 * i));
    to[at + 7 - i] = to[at + i];
  }
}

std::vector<uint8_t> Record(const std::string& identifier, uint32_t block, uint32_t bytes,
                            uint8_t flags = 0) {
  std::vector<uint8_t> record(33 + identifier.size() + (identifier.size() % 2 == 0 ? 1 : 0));
  record[0] = static_cast<uint8_t>(record.size());
  Put32(record, 2, block);
  Put32(record, 10, bytes);
  record[25] = flags;
  record[32] = static_cast<uint8_t>(identifier.size());
  std::copy(identifier.begin(), identifier.end(), record.begin() + 33);
  return record;
}

std::vector<uint8_t> Descriptor() {
  std::vector<uint8_t> block(kIsoBlockBytes);
  block[0] = 1;
  std::memcpy(&block[1], "CD001", 5);
  std::fill(block.begin() + 40, block.begin() + 72, ' ');
  std::memcpy(&block[40], "MY DISC\x01", 8);
  Put32(block, 80, 1234);
  block[128] = 0x00;
  block[129] = 0x08;
  const std::vector<uint8_t> root = Record(std::string(1, '\0'), 20, 4096, 2);
  std::copy(root.begin(), root.end(), block.begin() + 156);
  return block;
}

TEST(Iso9660Test, AVolumeSaysWhatItIs) {
  const auto volume = ParseIsoVolume(Descriptor());
  ASSERT_TRUE(volume.has_value());
  EXPECT_EQ(volume->label, "MY DISC?");
  EXPECT_EQ(volume->blocks, 1234u);
  EXPECT_EQ(volume->root.block, 20u);
  EXPECT_EQ(volume->root.bytes, 4096u);
}

TEST(Iso9660Test, OtherBlocksAreNoVolume) {
  for (const size_t at : {0, 1, 5, 129}) {
    std::vector<uint8_t> block = Descriptor();
    block[at] ^= 0xff;
    EXPECT_EQ(ParseIsoVolume(block), std::nullopt) << at;
  }
  std::vector<uint8_t> block = Descriptor();
  block.pop_back();
  EXPECT_EQ(ParseIsoVolume(block), std::nullopt);
}

TEST(Iso9660Test, AFileIsFoundInAnyBlockOfItsFolder) {
  std::vector<uint8_t> folder;
  const auto add = [&folder](const std::vector<uint8_t>& record) {
    folder.insert(folder.end(), record.begin(), record.end());
  };
  add(Record("SUB", 30, 2048, 2));
  add(Record("A.TXT;1", 40, 5));
  folder.resize(kIsoBlockBytes);
  add(Record("B.TXT;1", 50, 7000));
  EXPECT_EQ(FindIsoFile(folder, "A.TXT")->block, 40u);
  EXPECT_EQ(FindIsoFile(folder, "B.TXT")->bytes, 7000u);
  EXPECT_EQ(FindIsoFile(folder, "SUB"), std::nullopt);
  EXPECT_EQ(FindIsoFile(folder, "C.TXT"), std::nullopt);
}

TEST(Iso9660Test, TheFirstFileIsNoFolderNotEmptyAndHasAName) {
  std::vector<uint8_t> folder;
  const auto add = [&folder](const std::vector<uint8_t>& record) {
    folder.insert(folder.end(), record.begin(), record.end());
  };
  add(Record(std::string(1, '\0'), 20, 2048, 2));
  add(Record("EMPTY.TXT;1", 0, 0));
  add(Record("PART.BIN;1", 30, 2048, 0x80));
  add(Record("\xc4.TXT;1", 35, 9));
  EXPECT_EQ(FirstIsoFile(folder), std::nullopt);
  add(Record("A.TXT;1", 40, 5));
  add(Record("B.TXT;1", 50, 6));
  EXPECT_EQ(FirstIsoFile(folder), (IsoFile{.name = "A.TXT", .extent = {.block = 40, .bytes = 5}}));
}

TEST(Iso9660Test, BrokenRecordsEndTheSearch) {
  const std::vector<uint8_t> next = Record("B.TXT;1", 50, 6);
  std::vector<uint8_t> good = Record("A.TXT;1", 40, 5);
  good.insert(good.end(), next.begin(), next.end());
  ASSERT_NE(FindIsoFile(good, "B.TXT"), std::nullopt);
  std::vector<uint8_t> short_length = good;
  short_length[0] = 33;  // No room for its own name.
  EXPECT_EQ(FindIsoFile(short_length, "B.TXT"), std::nullopt);
  std::vector<uint8_t> cut = good;
  cut.pop_back();
  EXPECT_EQ(FindIsoFile(cut, "B.TXT"), std::nullopt);
}

}  // namespace
}  // namespace platter
