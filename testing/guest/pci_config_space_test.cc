// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/pci_config_space.h"

#include <map>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "testing/guest/guest_bus.h"

namespace platter {
namespace {

// Configuration space as a driver must cope with it: a map of bytes, behind either way in.
class ScriptedBus final : public GuestBus {
 public:
  static constexpr uint64_t kEcam = 0xb0000000;

  absl::StatusOr<uint64_t> Allocate(uint64_t, uint64_t) override {
    return absl::ResourceExhaustedError("no memory here");
  }
  void Free(uint64_t) override {}
  bool Read(uint64_t, std::span<uint8_t>) override { return false; }
  bool Write(uint64_t, std::span<const uint8_t>) override { return false; }
  uint64_t ReadRegister(RegisterSpace space, uint64_t address, unsigned width) override {
    uint64_t value = 0;
    const uint64_t at = Where(space, address);
    for (unsigned i = 0; i < width; ++i) value |= uint64_t{bytes[at + i]} << (8 * i);
    return value;
  }
  void WriteRegister(RegisterSpace space, uint64_t address, unsigned width,
                     uint64_t value) override {
    if (space == RegisterSpace::kPort && address == 0xcf8) {
      selected = value;
      return;
    }
    const uint64_t at = Where(space, address);
    for (unsigned i = 0; i < width; ++i) {
      const uint8_t mask = masks.contains(at + i) ? masks[at + i] : 0xff;
      bytes[at + i] = static_cast<uint8_t>((bytes[at + i] & ~mask) | ((value >> (8 * i)) & mask));
    }
  }
  GuestInterrupt Interrupt(uint32_t) override { return {}; }
  bool WaitFor(absl::FunctionRef<bool()> done, Duration) override { return done(); }
  Instant Now() override { return {}; }

  uint64_t Where(RegisterSpace space, uint64_t address) const {
    if (space == RegisterSpace::kMmio) return address - kEcam - 5 * 0x8000;
    EXPECT_EQ(selected & ~uint64_t{0xff}, 0x80002800u);
    return (selected & 0xfc) + address - 0xcfc;
  }

  std::map<uint64_t, uint8_t> bytes;
  std::map<uint64_t, uint8_t> masks;
  uint64_t selected = 0;
};

class PciConfigSpaceTest : public testing::TestWithParam<PciConfigSpace::Access> {
 protected:
  ScriptedBus bus_;
  PciConfigSpace space_{bus_, {.access = GetParam(), .ecam_base = ScriptedBus::kEcam, .device = 5}};
};

INSTANTIATE_TEST_SUITE_P(Accesses, PciConfigSpaceTest,
                         testing::Values(PciConfigSpace::Access::kPorts,
                                         PciConfigSpace::Access::kEcam),
                         [](const auto& test) {
                           return test.param == PciConfigSpace::Access::kPorts ? "Ports" : "Ecam";
                         });

TEST_P(PciConfigSpaceTest, AccessesReachTheirBytes) {
  space_.Write(0x3c, 1, 0x12);
  space_.Write(0x3e, 2, 0x3456);
  EXPECT_EQ(space_.Read(0x3c, 4), 0x34560012u);
  EXPECT_EQ(space_.Read(0x3f, 1), 0x34u);
}

TEST_P(PciConfigSpaceTest, CapabilitiesAreFoundAndCirclesEnd) {
  EXPECT_EQ(space_.FindCapability(9, 0), 0) << "the status register says there are none";
  bus_.bytes[6] = 0x10;
  bus_.bytes[0x34] = 0x40;
  bus_.bytes[0x40] = 9;
  bus_.bytes[0x41] = 0x50;
  bus_.bytes[0x50] = 0x11;
  bus_.bytes[0x51] = 0x60;
  bus_.bytes[0x60] = 9;
  EXPECT_EQ(space_.FindCapability(9, 0), 0x40);
  EXPECT_EQ(space_.FindCapability(9, 0x40), 0x60);
  EXPECT_EQ(space_.FindCapability(9, 0x60), 0);
  EXPECT_EQ(space_.FindCapability(0x11, 0), 0x50);
  bus_.bytes[0x61] = 0x40;
  EXPECT_EQ(space_.FindCapability(5, 0), 0);
}

TEST_P(PciConfigSpaceTest, BarsAreSizedWithDecodingOffAndPlacedApart) {
  for (uint64_t at = 0x10; at < 0x28; ++at) bus_.masks[at] = 0;
  bus_.bytes[0x10] = 4;  // 16 KiB, 64 bits.
  for (const uint64_t at : {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17}) bus_.masks[at] = 0xff;
  bus_.masks[0x11] = 0xc0;
  for (const uint64_t at : {0x19, 0x1a, 0x1b}) bus_.masks[at] = 0xff;  // 4 KiB, 32 bits.
  bus_.masks[0x19] = 0xf0;
  bus_.bytes[4] = 7;
  EXPECT_EQ(space_.SizeBar(0).bytes, 0x4000u);
  EXPECT_TRUE(space_.SizeBar(0).wide);
  EXPECT_EQ(space_.SizeBar(2).bytes, 0x1000u);
  EXPECT_EQ(space_.SizeBar(3).bytes, 0u);
  EXPECT_EQ(space_.Read(4, 2), 4u);
  space_.PlaceBars(0x1e0001000);
  EXPECT_EQ(space_.bar(0), 0x1e0004000u);
  EXPECT_EQ(space_.bar(1), 0u);
  EXPECT_EQ(space_.bar(2), 0x1e0008000u);
  EXPECT_EQ(space_.bar(6), 0u);
  EXPECT_EQ(space_.Read(0x10, 4), 0xe0004004u);
  EXPECT_EQ(space_.Read(0x14, 4), 1u);
}

}  // namespace
}  // namespace platter
