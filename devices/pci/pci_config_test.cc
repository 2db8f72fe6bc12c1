// SPDX-License-Identifier: Apache-2.0

#include "devices/pci/pci_config.h"

#include <array>
#include <cstdint>
#include <string>

#include "gtest/gtest.h"

#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint32_t kAllOnes = 0xffffffff;

class PciConfigTest : public testing::Test {
 protected:
  PciConfigTest() {
    config_.SetInterruptPin(kPciPinA);
    config_.AddBar(0, PciBarKind::kMemory64, 0x4000);
    config_.AddBar(2, PciBarKind::kMemory32, 0x1000);
    config_.AddBar(3, PciBarKind::kIo, 0x20);
    const std::array<uint8_t, 3> body = {0x11, 0x22, 0x33};
    const std::array<uint8_t, 3> writable = {0x00, 0xff, 0x0f};
    first_ = config_.AddCapability(0x09, body, writable);
    second_ = config_.AddCapability(0x11, body, {});
  }
  uint32_t Get(uint32_t offset, unsigned width) { return config_.Read(offset, width); }
  void Put(uint32_t offset, unsigned width, uint32_t value) { config_.Write(offset, width, value); }
  uint64_t Base(uint32_t bar) { return config_.bars()[bar].base(); }

  PciConfig config_{{.vendor = 0x1af4,
                     .device = 0x1042,
                     .revision = 1,
                     .class_code = 0x010203,
                     .subsystem_vendor = 0xabcd,
                     .subsystem = 0x4321}};
  uint8_t first_ = 0;
  uint8_t second_ = 0;
};

TEST_F(PciConfigTest, IdentityIsFixed) {
  EXPECT_EQ(Get(kPciVendorId, 4), 0x10421af4u);
  EXPECT_EQ(Get(kPciRevisionId, 4), 0x01020301u);
  EXPECT_EQ(Get(kPciSubsystemVendorId, 4), 0x4321abcdu);
  EXPECT_EQ(Get(kPciHeaderType, 1), 0u);
  EXPECT_EQ(Get(kPciInterruptPin, 1), 1u);
  for (const uint32_t at : {kPciVendorId, kPciRevisionId, kPciSubsystemVendorId}) {
    const uint32_t before = Get(at, 4);
    Put(at, 4, ~before);
    EXPECT_EQ(Get(at, 4), before);
  }
  Put(kPciInterruptLine, 2, 0xff0b);
  EXPECT_EQ(Get(kPciInterruptLine, 2), 0x010bu) << "the line is software's, the pin is not";
}

TEST_F(PciConfigTest, CapabilitiesAreAList) {
  EXPECT_EQ(Get(kPciStatus, 2), kPciStatusCapabilityList);
  EXPECT_EQ(Get(kPciCapabilities, 1), first_);
  EXPECT_EQ(first_, 0x40);
  EXPECT_EQ(Get(first_, 4), 0x22110009u | uint32_t{second_} << 8);
  EXPECT_EQ(second_, 0x48) << "at a multiple of four";
  EXPECT_EQ(Get(second_ + 1u, 1), 0u) << "the end";
  Put(first_, 4, kAllOnes);
  Put(first_ + 4u, 1, kAllOnes);
  EXPECT_EQ(Get(first_, 4), 0xff110009u | uint32_t{second_} << 8) << "as the masks say";
  EXPECT_EQ(Get(first_ + 4u, 1), 0x3fu);
}

TEST_F(PciConfigTest, BarsAreSized) {
  for (uint32_t at = kPciBar0; at < kPciBar0 + 24; at += 4) Put(at, 4, kAllOnes);
  EXPECT_EQ(Get(kPciBar0, 4), 0xffffc004u);
  EXPECT_EQ(Get(kPciBar0 + 4, 4), kAllOnes);
  EXPECT_EQ(Get(kPciBar0 + 8, 4), 0xfffff000u);
  EXPECT_EQ(Get(kPciBar0 + 12, 4), 0xffffffe1u);
  EXPECT_EQ(Get(kPciBar0 + 16, 4), 0u);
  EXPECT_EQ(Get(kPciBar0 + 20, 4), 0u);
  EXPECT_EQ(Get(0x30, 4), 0u) << "no expansion ROM";
}

TEST_F(PciConfigTest, BarsAreWhereTheyArePutWhileDecoded) {
  Put(kPciBar0, 4, 0x20003fff);
  Put(kPciBar0 + 4, 4, 0x8);
  Put(kPciBar0 + 8, 4, 0xe0000000);
  Put(kPciBar0 + 12, 4, 0xc000);
  for (const uint32_t bar : {0u, 2u, 3u}) EXPECT_EQ(Base(bar), PciBar::kNowhere) << bar;
  Put(kPciCommand, 2, kPciCommandMemory);
  EXPECT_EQ(Base(0), 0x820000000u);
  EXPECT_EQ(Base(2), 0xe0000000u);
  EXPECT_EQ(Base(3), PciBar::kNowhere);
  Put(kPciCommand, 1, kPciCommandIo);
  EXPECT_EQ(Base(0), PciBar::kNowhere);
  EXPECT_EQ(Base(3), 0xc000u);
  Put(kPciCommand, 1, kPciCommandIo | kPciCommandMemory);
  EXPECT_EQ(Base(0), 0x820000000u);
  EXPECT_EQ(Base(1), PciBar::kNowhere) << "the upper half of the one before";
}

TEST_F(PciConfigTest, ABarThatIsSizedWithDecodingOnIsNowhereMeanwhile) {
  Put(kPciCommand, 2, kPciCommandMemory);
  EXPECT_EQ(Base(2), PciBar::kNowhere) << "no address was given";
  Put(kPciBar0 + 8, 4, 0xe0000000);
  EXPECT_EQ(Base(2), 0xe0000000u);
  Put(kPciBar0 + 8, 4, kAllOnes);
  EXPECT_EQ(Base(2), PciBar::kNowhere);
  Put(kPciBar0 + 8, 4, 0xe0001000);
  EXPECT_EQ(Base(2), 0xe0001000u);
}

TEST_F(PciConfigTest, CommandKeepsItsBitsAndStatusItsErrorsUntilWritten) {
  Put(kPciCommand, 2, 0xffff);
  EXPECT_EQ(Get(kPciCommand, 2), 0x0547u);
  config_.SetErrors(0xffff);
  config_.SetInterruptStatus(LineLevel::kHigh);
  EXPECT_EQ(Get(kPciStatus, 2), 0xf918u);
  Put(kPciStatus, 2, 0x8018);
  EXPECT_EQ(Get(kPciStatus, 2), 0x7918u) << "what 1 was written to";
  Put(kPciStatus + 1, 1, 0x10);
  EXPECT_EQ(Get(kPciStatus, 2), 0x6918u);
  config_.SetInterruptStatus(LineLevel::kLow);
  EXPECT_EQ(Get(kPciStatus, 2), 0x6910u);
}

// Every offset and width is the bytes that are there; beyond the end there are none.
TEST_F(PciConfigTest, EveryOffsetAndWidth) {
  for (uint32_t offset = 0; offset < kPciConfigBytes + 8; ++offset) {
    for (const unsigned width : {1u, 2u, 4u}) {
      uint32_t expected = 0;
      for (unsigned i = 0; i < width; ++i) expected |= Get(offset + i, 1) << (8 * i);
      ASSERT_EQ(Get(offset, width), expected) << offset << "/" << width;
    }
    if (offset >= kPciConfigBytes) {
      EXPECT_EQ(Get(offset, 1), 0xffu);
    }
  }
  EXPECT_EQ(Get(0xfffffffe, 4), kAllOnes);
  Put(0xfffffffe, 4, 0);
  Put(kPciConfigBytes - 2, 4, kAllOnes);
  EXPECT_EQ(Get(kPciConfigBytes - 4, 4), 0u);
}

// A write of any width at any offset is that of its bytes one after the other.
TEST_F(PciConfigTest, WritesAreThoseOfTheirBytes) {
  constexpr uint64_t kSeed = 7;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  const std::string state = config_.Save();
  for (int i = 0; i < 20000; ++i) {
    const auto offset = static_cast<uint32_t>(random.Below(kPciConfigBytes + 4));
    const unsigned width = 1u << random.Below(3);
    const auto value = static_cast<uint32_t>(random.Next());
    const std::string before = config_.Save();
    Put(offset, width, value);
    const std::string whole = config_.Save();
    config_.Restore(before);
    for (unsigned b = 0; b < width; ++b) Put(offset + b, 1, value >> (8 * b));
    ASSERT_EQ(config_.Save(), whole) << offset << "/" << width;
    ASSERT_EQ(config_.Check(whole), nullptr);
  }
  config_.Reset();
  EXPECT_EQ(config_.Save(), state);
}

TEST_F(PciConfigTest, StatesThatAreNotItsOwnAreRefused) {
  Put(kPciBar0 + 8, 4, 0xe0000000);
  Put(kPciCommand, 2, kPciCommandMemory);
  const std::string state = config_.Save();
  config_.Reset();
  EXPECT_EQ(Base(2), PciBar::kNowhere);
  ASSERT_EQ(config_.Check(state), nullptr);
  config_.Restore(state);
  EXPECT_EQ(Base(2), 0xe0000000u);
  EXPECT_STREQ(config_.Check(state.substr(1)), "the size of its configuration space");
  for (const uint32_t at : {0u, 4u * 3, 0x12u, 0x34u, 0x40u, 0x41u, 0xffu}) {
    std::string wrong = state;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x01);
    if (at == kPciCacheLineSize) {
      EXPECT_EQ(config_.Check(wrong), nullptr);
    } else if (at == 0x12) {
      EXPECT_EQ(config_.Check(wrong), nullptr) << "an address";
    } else {
      EXPECT_STREQ(config_.Check(wrong), "its configuration space") << at;
    }
  }
}

}  // namespace
}  // namespace platter
