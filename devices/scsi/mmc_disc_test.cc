// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/mmc_disc.h"

#include <array>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

template <typename Write>
std::vector<uint8_t> Reply(Write write) {
  std::array<uint8_t, kMmcReplyBytes> out{};
  const size_t bytes = write(std::span<uint8_t>(out));
  return {out.begin(), out.begin() + static_cast<long>(bytes)};
}

TEST(MsfTest, TheFirstBlockIsTwoSecondsIn) {
  EXPECT_EQ(MsfOf(0), (Msf{.minute = 0, .second = 2, .frame = 0}));
  EXPECT_EQ(MsfOf(4350), (Msf{.minute = 1, .second = 0, .frame = 0}));
  EXPECT_EQ(MsfOf(uint64_t{1} << 32), (Msf{.minute = 255, .second = 59, .frame = 74}));
}

TEST(MsfTest, ThereAndBack) {
  for (uint64_t lba : {uint64_t{0}, uint64_t{1}, uint64_t{74}, uint64_t{75}, uint64_t{359'999}}) {
    uint64_t back = 0;
    ASSERT_TRUE(LbaOf(MsfOf(lba), &back));
    EXPECT_EQ(back, lba);
  }
  uint64_t lba = 0;
  EXPECT_FALSE(LbaOf({.minute = 0, .second = 1, .frame = 74}, &lba));
  EXPECT_FALSE(LbaOf({.minute = 1, .second = 60, .frame = 0}, &lba));
  EXPECT_FALSE(LbaOf({.minute = 1, .second = 0, .frame = 75}, &lba));
}

TEST(TocTest, OneTrackAndTheLeadOut) {
  const auto toc = [](uint8_t track, AddressForm form) {
    return Reply([&](auto out) { return WriteToc(0x1234, track, form, out); });
  };
  const std::vector<uint8_t> whole = {0, 18, 1, 1,    0,    0x14, 1, 0, 0,    0,
                                      0, 0,  0, 0x14, 0xaa, 0,    0, 0, 0x12, 0x34};
  EXPECT_EQ(toc(0, AddressForm::kLba), whole);
  EXPECT_EQ(toc(1, AddressForm::kLba), whole);
  EXPECT_EQ(toc(0xaa, AddressForm::kLba),
            (std::vector<uint8_t>{0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 0, 0x12, 0x34}));
  EXPECT_EQ(toc(0xaa, AddressForm::kMsf),
            (std::vector<uint8_t>{0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 1, 4, 10}));
  EXPECT_TRUE(toc(2, AddressForm::kLba).empty());
}

TEST(TocTest, SessionsAndFull) {
  EXPECT_EQ(Reply([](auto out) { return WriteSessions(AddressForm::kMsf, out); }),
            (std::vector<uint8_t>{0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 2, 0}));
  const auto full = Reply([](auto out) { return WriteFullToc(0x1234, 0, out); });
  ASSERT_EQ(full.size(), 4u + 4 * 11);
  EXPECT_EQ(full[1], 2 + 4 * 11);
  const uint8_t points[] = {0xa0, 0xa1, 0xa2, 1};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(full[4 + i * 11 + 3], points[i]);
  EXPECT_TRUE(Reply([](auto out) { return WriteFullToc(0x1234, 2, out); }).empty());
}

TEST(DiscTest, Information) {
  const auto disc = Reply([](auto out) { return WriteDiscInformation(out); });
  EXPECT_EQ(disc.size(), 34u);
  EXPECT_EQ(disc[1], 32);
  const auto track = Reply([](auto out) { return WriteTrackInformation(0x1234, out); });
  EXPECT_EQ(track.size(), 36u);
  EXPECT_EQ(track[26], 0x12);
}

TEST(ConfigurationTest, ProfilesBySize) {
  EXPECT_EQ(ProfileOf(0), MmcProfile::kNone);
  EXPECT_EQ(ProfileOf(1), MmcProfile::kCdRom);
  EXPECT_EQ(ProfileOf(360'000), MmcProfile::kCdRom);
  EXPECT_EQ(ProfileOf(360'001), MmcProfile::kDvdRom);
}

// The codes of the features in a reply.
std::vector<int> Features(const std::vector<uint8_t>& reply) {
  std::vector<int> codes;
  for (size_t at = 8; at < reply.size(); at += 4 + reply[at + 3]) {
    codes.push_back(reply[at] << 8 | reply[at + 1]);
    EXPECT_EQ(reply[at + 3] % 4, 0);
  }
  return codes;
}

// MMC-6, 5.4: what each profile must have.
TEST(ConfigurationTest, TheMandatoryFeaturesOfEachProfileAreCurrent) {
  const auto current = [](uint64_t blocks) {
    return Features(Reply([&](auto out) {
      return WriteConfiguration(blocks, MmcInterface::kScsi, FeatureRequest::kCurrent, 0, out);
    }));
  };
  EXPECT_EQ(current(1000), (std::vector<int>{0, 1, 2, 3, 0x10, 0x1e, 0x100, 0x105}));
  EXPECT_EQ(current(uint64_t{1} << 21),
            (std::vector<int>{0, 1, 2, 3, 0x10, 0x1f, 0x100, 0x105, 0x107}));
}

TEST(ConfigurationTest, WhatFeaturesClaim) {
  const auto ask = [](uint16_t code) {
    const auto reply = Reply([&](auto out) {
      return WriteConfiguration(1000, MmcInterface::kAtapi, FeatureRequest::kOne, code, out);
    });
    return std::vector<uint8_t>(reply.begin() + 8, reply.end());
  };
  // Version 2; ATAPI; INQ2 and DBE.
  EXPECT_EQ(ask(0x0001), (std::vector<uint8_t>{0, 1, 0x0b, 8, 0, 0, 0, 2, 3, 0, 0, 0}));
  // Version 2; tray, load, eject, no Prevent Jumper, lock.
  EXPECT_EQ(ask(0x0003), (std::vector<uint8_t>{0, 3, 0x0b, 4, 0x3d, 0, 0, 0}));
  EXPECT_EQ(ask(0x0100), (std::vector<uint8_t>{1, 0, 0x03, 0}));
  // Version 3, of DVDs; SET CD SPEED and no other bit.
  EXPECT_EQ(ask(0x0107), (std::vector<uint8_t>{1, 7, 0x0c, 4, 0x08, 0, 0, 0}));
}

TEST(DiscTest, StructuresOfADvdAndTheirList) {
  constexpr uint64_t kDvd = uint64_t{1} << 21;
  const auto structure = [](uint64_t blocks, uint8_t format) {
    return Reply([&](auto out) { return WriteDiscStructure(blocks, format, out); });
  };
  EXPECT_EQ(structure(kDvd, 0xff),
            (std::vector<uint8_t>{0, 18, 0, 0,    0, 0x40, 0,    21,   1, 0x40,
                                  0, 8,  4, 0x40, 0, 104,  0xff, 0x40, 0, 20}));
  EXPECT_EQ(structure(1000, 0xff), (std::vector<uint8_t>{0, 6, 0, 0, 0xff, 0x40, 0, 8}));
  // The list is true: what it names is there, and as long as it says; nothing else is.
  const auto list = structure(kDvd, 0xff);
  std::array<size_t, 256> listed{};
  for (size_t at = 4; at < list.size(); at += 4) {
    listed[list[at]] = size_t{list[at + 2]} << 8 | list[at + 3];
  }
  for (unsigned format = 0; format < 256; ++format) {
    EXPECT_EQ(structure(kDvd, static_cast<uint8_t>(format)).size(), listed[format]) << format;
  }
}

TEST(ConfigurationTest, AllCurrentOrOne) {
  const auto ask = [](uint64_t blocks, FeatureRequest request, uint16_t starting) {
    return Reply([&](auto out) {
      return WriteConfiguration(blocks, MmcInterface::kAtapi, request, starting, out);
    });
  };
  const auto all = ask(1000, FeatureRequest::kAll, 0);
  EXPECT_EQ(all[3], all.size() - 4);
  EXPECT_EQ(all[7], 0x08);
  EXPECT_EQ(Features(all), (std::vector<int>{0, 1, 2, 3, 0x10, 0x1e, 0x1f, 0x100, 0x105, 0x107}));
  EXPECT_EQ(Features(ask(1000, FeatureRequest::kAll, 3)),
            (std::vector<int>{3, 0x10, 0x1e, 0x1f, 0x100, 0x105, 0x107}));
  EXPECT_EQ(Features(ask(1000, FeatureRequest::kCurrent, 0)),
            (std::vector<int>{0, 1, 2, 3, 0x10, 0x1e, 0x100, 0x105}));
  EXPECT_EQ(Features(ask(0, FeatureRequest::kCurrent, 0)),
            (std::vector<int>{0, 1, 2, 3, 0x100, 0x105}));
  EXPECT_EQ(Features(ask(1000, FeatureRequest::kOne, 0x1e)), (std::vector<int>{0x1e}));
  EXPECT_TRUE(Features(ask(1000, FeatureRequest::kOne, 0x20)).empty());
}

}  // namespace
}  // namespace platter
