// SPDX-License-Identifier: Apache-2.0

#include "devices/pci/pci_bus.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "devices/bus/io_space.h"
#include "devices/pci/pci_config.h"
#include "devices/pci/pci_function.h"

namespace platter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kEcam = 0xb0000000;
constexpr uint64_t kMemory = 0xe0000000;
constexpr uint64_t kHighMemory = 0x800000000;
constexpr uint64_t kPorts = 0xc000;

// Registers that write down how they were reached.
class Recorder final : public PciFunction {
 public:
  explicit Recorder(uint16_t device) : config({.vendor = 0x1234, .device = device}) {
    config.AddBar(0, PciBarKind::kMemory64, 0x1000);
    config.AddBar(2, PciBarKind::kMemory32, 0x100);
    config.AddBar(3, PciBarKind::kIo, 0x10);
  }
  uint32_t ReadConfig(uint32_t offset, unsigned width) override {
    EXPECT_LE(offset % 4 + width, 4u);
    accesses.push_back({offset, width});
    return config.Read(offset, width);
  }
  void WriteConfig(uint32_t offset, unsigned width, uint32_t value) override {
    EXPECT_LE(offset % 4 + width, 4u);
    accesses.push_back({offset, width});
    config.Write(offset, width, value);
  }
  std::span<const PciBar, kPciBars> bars() const override { return config.bars(); }
  uint64_t ReadBar(uint32_t bar, uint64_t offset, unsigned) override { return bar << 12 | offset; }
  void WriteBar(uint32_t bar, uint64_t offset, unsigned, uint64_t value) override {
    written.push_back({bar, offset, value});
  }
  std::vector<std::pair<uint32_t, unsigned>> TakeAccesses() { return std::exchange(accesses, {}); }

  struct Write {
    uint32_t bar;
    uint64_t offset;
    uint64_t value;
    bool operator==(const Write&) const = default;
  };
  PciConfig config;
  std::vector<std::pair<uint32_t, unsigned>> accesses;
  std::vector<Write> written;
};

class PciBusTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = PciBus::Create(mmio_, ports_,
                               {.ecam_base = kEcam,
                                .memory = {{kMemory, 0x10000}, {kHighMemory, 0x10000}},
                                .ports = {{kPorts, 0x1000}}});
    ASSERT_TRUE(made.ok()) << made.status();
    bus_ = *std::move(made);
    ASSERT_TRUE(bus_->Add(3, three_).ok());
    ASSERT_TRUE(bus_->Add(4, four_).ok());
  }
  void Select(uint32_t device, uint32_t offset) {
    ports_.Write(0xcf8, 4, 0x80000000 | device << 11 | offset);
  }
  uint64_t EcamAt(uint32_t device, uint32_t offset) {
    return kEcam + device * uint64_t{0x8000} + offset;
  }

  IoSpace mmio_;
  IoSpace ports_;
  Recorder three_{3};
  Recorder four_{4};
  std::unique_ptr<PciBus> bus_;
};

TEST_F(PciBusTest, ThePortsReachConfigurationSpace) {
  Select(3, 0);
  EXPECT_EQ(ports_.Read(0xcf8, 4), 0x80001800u);
  EXPECT_EQ(ports_.Read(0xcfc, 4), 0x00031234u);
  EXPECT_EQ(ports_.Read(0xcfe, 2), 0x0003u);
  EXPECT_EQ(ports_.Read(0xcfd, 1), 0x12u);
  EXPECT_EQ(ports_.Read(0xcfd, 2), 0x0312u);
  EXPECT_EQ(ports_.Read(0xcfe, 4), 0xffffffffu) << "across the end of the ports";
  Select(3, kPciInterruptLine);
  ports_.Write(0xcfc, 1, 11);
  EXPECT_EQ(three_.config.Read(kPciInterruptLine, 1), 11u);
  Select(5, 0);
  EXPECT_EQ(ports_.Read(0xcfc, 4), 0xffffffffu) << "no such device";
  ports_.Write(0xcfc, 4, 0);
  ports_.Write(0xcf8, 4, 0x80011800);
  EXPECT_EQ(ports_.Read(0xcfc, 2), 0xffffu) << "no such bus";
  ports_.Write(0xcf8, 4, 0x80001900);
  EXPECT_EQ(ports_.Read(0xcfc, 1), 0xffu) << "no such function";
  ports_.Write(0xcf8, 4, 0x00001800);
  EXPECT_EQ(ports_.Read(0xcfc, 4), 0xffffffffu) << "not enabled";
}

TEST_F(PciBusTest, TheAddressPortTakesDwordsOnly) {
  Select(4, 8);
  for (uint64_t port = 0xcf8; port < 0xcfc; ++port) {
    for (const unsigned width : {1u, 2u, 4u, 8u}) {
      if (port == 0xcf8 && width == 4) continue;
      ports_.Write(port, width, 0);
      EXPECT_EQ(ports_.Read(port, width), ~uint64_t{0} >> (64 - 8 * width)) << port << "/" << width;
    }
  }
  EXPECT_EQ(ports_.Read(0xcf8, 4), 0x80002008u);
  EXPECT_EQ(bus_->config_address(), 0x80002008u);
  ports_.Write(0xcf8, 4, 0xffffffff);
  EXPECT_EQ(ports_.Read(0xcf8, 4), 0x80fffffcu) << "reserved bits are zero";
  bus_->set_config_address(0xff002003);
  EXPECT_EQ(ports_.Read(0xcf8, 4), 0x80002000u);
}

TEST_F(PciBusTest, EnhancedAccessesAreOnePerDword) {
  EXPECT_EQ(mmio_.Read(EcamAt(4, 0), 4), 0x00041234u);
  four_.TakeAccesses();
  mmio_.Read(EcamAt(4, 2), 4);
  EXPECT_THAT(four_.TakeAccesses(), ElementsAre(std::pair(2, 2), std::pair(4, 2)));
  mmio_.Read(EcamAt(4, 4), 8);
  EXPECT_THAT(four_.TakeAccesses(), ElementsAre(std::pair(4, 4), std::pair(8, 4)));
  mmio_.Write(EcamAt(4, 0x3b), 2, 0x0900);
  EXPECT_THAT(four_.TakeAccesses(), ElementsAre(std::pair(0x3b, 1), std::pair(0x3c, 1)));
  EXPECT_EQ(four_.config.Read(kPciInterruptLine, 1), 9u);
  EXPECT_EQ(mmio_.Read(EcamAt(4, 256), 4), 0xffffffffu);
  EXPECT_EQ(mmio_.Read(EcamAt(4, 254), 4), 0xffff0000u);
  EXPECT_EQ(mmio_.Read(EcamAt(4, 4092), 4), 0xffffffffu);
  EXPECT_EQ(mmio_.Read(EcamAt(4, 0x1000), 4), 0xffffffffu) << "function 1";
  EXPECT_EQ(mmio_.Read(EcamAt(31, 0), 8), ~uint64_t{0});
}

TEST_F(PciBusTest, EveryEnhancedOffsetAndWidthIsItsBytes) {
  for (uint32_t offset = 0; offset < 512; ++offset) {
    for (const unsigned width : {1u, 2u, 4u, 8u}) {
      uint64_t expected = 0;
      for (unsigned i = 0; i < width; ++i) {
        expected |= mmio_.Read(EcamAt(3, offset + i), 1) << (8 * i);
      }
      ASSERT_EQ(mmio_.Read(EcamAt(3, offset), width), expected) << offset << "/" << width;
    }
  }
}

TEST_F(PciBusTest, BarsAnswerWhereTheyWerePut) {
  four_.config.Write(kPciCommand, 2, kPciCommandMemory | kPciCommandIo);
  four_.config.Write(kPciBar0, 4, 0x2000);
  four_.config.Write(kPciBar0 + 4, 4, 8);
  four_.config.Write(kPciBar0 + 8, 4, kMemory + 0x300);
  four_.config.Write(kPciBar0 + 12, 4, kPorts + 0x40);
  EXPECT_EQ(mmio_.Read(kHighMemory + 0x2004, 4), 0x4u);
  EXPECT_EQ(mmio_.Read(kMemory + 0x3fe, 2), 0x20feu);
  EXPECT_EQ(mmio_.Read(kMemory + 0x3fe, 4), 0xffffffffu) << "across its end";
  EXPECT_EQ(mmio_.Read(kMemory + 0x400, 8), ~uint64_t{0});
  EXPECT_EQ(ports_.Read(kPorts + 0x4f, 1), 0x0fu);
  mmio_.Write(kMemory + 0x310, 2, 7);
  EXPECT_THAT(four_.written, ElementsAre(Recorder::Write{2, 0x10, 7}));
  four_.config.Write(kPciCommand, 2, 0);
  EXPECT_EQ(mmio_.Read(kMemory + 0x310, 2), 0xffffu);
  EXPECT_EQ(ports_.Read(kPorts + 0x40, 1), 0xffu);
}

TEST_F(PciBusTest, BarsThatOverlapOrLieOutsideOfWindows) {
  for (Recorder* function : {&three_, &four_}) {
    function->config.Write(kPciCommand, 2, kPciCommandMemory | kPciCommandIo);
    function->config.Write(kPciBar0 + 8, 4, kMemory);
  }
  mmio_.Write(kMemory + 4, 4, 1);
  EXPECT_THAT(three_.written, ElementsAre(Recorder::Write{2, 4, 1})) << "the lowest answers";
  EXPECT_THAT(four_.written, IsEmpty());
  // Anywhere at all: memory windows and ports stay what they are.
  for (const uint32_t base : {0u, 0x100u, 0xcf0u, 0xb0000000u, 0xb0018000u, 0xfffffff0u,
                              0xffffffffu, static_cast<uint32_t>(kMemory - 0x80)}) {
    for (uint32_t bar = kPciBar0; bar < kPciBar0 + 16; bar += 4) three_.config.Write(bar, 4, base);
    EXPECT_EQ(mmio_.Read(EcamAt(4, 0), 4), 0x00041234u);
    Select(4, 0);
    EXPECT_EQ(ports_.Read(0xcfc, 4), 0x00041234u);
    EXPECT_EQ(mmio_.Read(kMemory + 0xfffc, 4), 0xffffffffu);
  }
  EXPECT_EQ(mmio_.Read(0x100, 4), 0xffffffffu);
}

TEST_F(PciBusTest, ARemovedFunctionIsNotThere) {
  three_.config.Write(kPciCommand, 2, kPciCommandMemory);
  three_.config.Write(kPciBar0 + 8, 4, kMemory);
  EXPECT_EQ(mmio_.Read(kMemory, 4), 0x2000u);
  bus_->Remove(3);
  bus_->Remove(3);
  bus_->Remove(77);
  EXPECT_EQ(mmio_.Read(kMemory, 4), 0xffffffffu);
  EXPECT_EQ(mmio_.Read(EcamAt(3, 0), 4), 0xffffffffu);
  EXPECT_TRUE(bus_->Add(3, three_).ok());
  EXPECT_EQ(mmio_.Read(kMemory, 4), 0x2000u);
}

TEST_F(PciBusTest, WhatCannotBeIsRefused) {
  EXPECT_EQ(MessageOf(bus_->Add(3, four_)), "PCI device number 3 is taken");
  EXPECT_EQ(bus_->Add(32, four_).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(PciBus::Create(mmio_, ports_, {}).status().code(), absl::StatusCode::kAlreadyExists)
      << "the configuration ports are another's";
  const PciBus::Options without_ports = {.config_ports = PciBus::ConfigPorts::kNone,
                                         .memory = {{0x1000, 0x1000}, {kMemory, 0x1000}}};
  EXPECT_FALSE(PciBus::Create(mmio_, ports_, without_ports).ok());
  bus_.reset();
  EXPECT_TRUE(PciBus::Create(mmio_, ports_, without_ports).ok()) << "nothing was left";
}

}  // namespace
}  // namespace platter
