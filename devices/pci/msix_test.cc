// SPDX-License-Identifier: Apache-2.0

#include "devices/pci/msix.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/mutex.h"
#include "devices/bus/message_sink.h"
#include "testing/alloc_counter/alloc_counter.h"

namespace platter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class Recorder final : public MessageSink {
 public:
  void Send(uint64_t address, uint32_t data) override { sent.emplace_back(address, data); }
  std::vector<std::pair<uint64_t, uint32_t>> Take() { return std::exchange(sent, {}); }
  std::vector<std::pair<uint64_t, uint32_t>> sent;
};

class MsixTest : public testing::Test {
 protected:
  static constexpr uint64_t kEntry = 16;
  static constexpr uint64_t kControl = 12;

  void SetEntry(uint32_t vector, uint64_t address, uint32_t data, uint32_t control) {
    msix_.Write(kEntry * vector, 8, address);
    msix_.Write(kEntry * vector + 8, 8, data | uint64_t{control} << 32);
  }
  void Mask(uint32_t vector, uint32_t control) {
    msix_.Write(kEntry * vector + kControl, 4, control);
  }
  uint64_t Pending() { return msix_.Read(msix_.pending_offset(), 8); }

  Recorder sink_;
  Msix msix_{40, sink_};
};

TEST_F(MsixTest, EntriesAreMaskedAtFirst) {
  for (uint32_t i = 0; i < 40; ++i) {
    EXPECT_EQ(msix_.Read(kEntry * i, 8), 0u);
    EXPECT_EQ(msix_.Read(kEntry * i + 8, 8), uint64_t{1} << 32);
  }
  EXPECT_EQ(msix_.pending_offset(), 2048u);
  EXPECT_EQ(msix_.bar_bytes(), 4096u);
  EXPECT_FALSE(msix_.enabled());
}

TEST_F(MsixTest, AMessageHasTheEntrysAddressAndData) {
  SetEntry(3, 0x1234fee00000, 0x4041, 0);
  msix_.SetControl(kMsixEnable);
  msix_.Raise(3);
  msix_.Raise(3);
  EXPECT_THAT(sink_.Take(),
              ElementsAre(Pair(0x1234fee00000, 0x4041), Pair(0x1234fee00000, 0x4041)));
  msix_.Raise(40);
  msix_.Raise(UINT32_MAX);
  EXPECT_THAT(sink_.Take(), IsEmpty());
  EXPECT_EQ(Pending(), 0u);
}

TEST_F(MsixTest, AMaskedVectorIsSentOnceItIsUnmasked) {
  msix_.SetControl(kMsixEnable);
  SetEntry(1, 0xfee00000, 1, 1);
  SetEntry(33, 0xfee00000, 33, 1);
  msix_.Raise(1);
  msix_.Raise(1);
  msix_.Raise(33);
  EXPECT_THAT(sink_.Take(), IsEmpty());
  EXPECT_EQ(Pending(), uint64_t{1} << 33 | 2);
  Mask(1, 0);
  EXPECT_THAT(sink_.Take(), ElementsAre(Pair(0xfee00000, 1)));
  EXPECT_EQ(Pending(), uint64_t{1} << 33);
  Mask(1, 0);
  EXPECT_THAT(sink_.Take(), IsEmpty());
  msix_.ClearPending();
  Mask(33, 0);
  EXPECT_THAT(sink_.Take(), IsEmpty());
}

TEST_F(MsixTest, TheFunctionsMaskHoldsAllVectors) {
  for (uint32_t i = 0; i < 40; ++i) SetEntry(i, 0xfee00000, i, i == 2 ? 1 : 0);
  msix_.SetControl(kMsixEnable | kMsixFunctionMask);
  for (const uint32_t i : {0u, 2u, 39u}) msix_.Raise(i);
  EXPECT_THAT(sink_.Take(), IsEmpty());
  msix_.SetControl(kMsixEnable);
  EXPECT_THAT(sink_.Take(), ElementsAre(Pair(0xfee00000, 0), Pair(0xfee00000, 39)));
  EXPECT_EQ(Pending(), 4u);
  // What waits while MSI-X is off is sent when it is on.
  msix_.SetControl(0);
  Mask(2, 0);
  EXPECT_THAT(sink_.Take(), IsEmpty());
  msix_.SetControl(kMsixEnable);
  EXPECT_THAT(sink_.Take(), ElementsAre(Pair(0xfee00000, 2)));
}

// Every offset and width reads the bytes that are there and writes those that are software's.
TEST_F(MsixTest, EveryOffsetAndWidth) {
  for (uint64_t offset = 0; offset + 8 <= msix_.bar_bytes(); ++offset) {
    for (const unsigned width : {1u, 2u, 4u, 8u}) {
      msix_.Reset();
      msix_.Write(offset, width, UINT64_MAX);
      for (uint64_t at = offset < 8 ? 0 : offset - 8; at < offset + 16; ++at) {
        uint64_t expected = 0;
        const bool written = at >= offset && at < offset + width && at < 640;
        if (written) expected = at % 16 == 0 ? 0xfc : at % 16 < 12 ? 0xff : 0;
        if (at < 640 && at % 16 == 12) expected = 1;
        ASSERT_EQ(msix_.Read(at, 1), expected) << offset << "/" << width << " " << at;
      }
      uint64_t bytes = 0;
      for (unsigned i = 0; i < width; ++i) bytes |= msix_.Read(offset + i, 1) << (8 * i);
      ASSERT_EQ(msix_.Read(offset, width), bytes);
    }
  }
  EXPECT_THAT(sink_.sent, IsEmpty());
}

TEST_F(MsixTest, PendingBitsAreReadOnly) {
  msix_.SetControl(kMsixEnable);
  msix_.Raise(5);
  msix_.Write(msix_.pending_offset(), 8, 0);
  EXPECT_EQ(Pending(), 32u);
  msix_.Write(msix_.pending_offset(), 8, UINT64_MAX);
  EXPECT_EQ(Pending(), 32u);
}

TEST_F(MsixTest, SizesFollowTheVectors) {
  for (const uint32_t vectors : {1u, 2u, 128u, 129u, 2048u}) {
    Msix msix(vectors, sink_);
    EXPECT_GE(msix.pending_offset(), uint64_t{16} * vectors);
    EXPECT_EQ(msix.bar_bytes() & (msix.bar_bytes() - 1), 0u);
    EXPECT_LE(msix.pending_offset() + uint64_t{8} * ((vectors + 63) / 64), msix.bar_bytes());
    msix.Read(msix.bar_bytes() - 8, 8);
    msix.Write(msix.bar_bytes() - 8, 8, UINT64_MAX);
  }
  Msix none(0, sink_);
  none.Raise(0);
  none.Write(0, 8, UINT64_MAX);
  EXPECT_EQ(none.Read(0, 8), 0u);
}

TEST_F(MsixTest, StatesAreRestoredOrRefused) {
  msix_.SetControl(kMsixEnable);
  SetEntry(2, 0xfee00000, 7, 1);
  msix_.Raise(2);
  const std::string state = msix_.Save();
  Msix other(40, sink_);
  ASSERT_EQ(other.Check(state), nullptr);
  other.Restore(state);
  EXPECT_EQ(other.Save(), state);
  other.SetControl(kMsixEnable);
  EXPECT_THAT(sink_.Take(), IsEmpty()) << "it is masked";
  other.Write(2 * 16 + kControl, 1, 0);
  EXPECT_THAT(sink_.Take(), ElementsAre(Pair(0xfee00000, 7)));

  EXPECT_STREQ(Msix(41, sink_).Check(state), "the size of its MSI-X table");
  std::string wrong = state;
  wrong[0] = 1;
  EXPECT_STREQ(other.Check(wrong), "its MSI-X table");
  wrong = state;
  wrong[kControl] = 2;
  EXPECT_STREQ(other.Check(wrong), "its MSI-X table");
  wrong = state;
  wrong[40 * 16 + 5] = 1;
  EXPECT_STREQ(other.Check(wrong), "its pending MSI-X vectors") << "vector 40";
}

TEST_F(MsixTest, RaisingTakesNoLockAndNoMemory) {
  class Counter final : public MessageSink {
   public:
    void Send(uint64_t, uint32_t) override { ++sent; }
    int sent = 0;
  } counter;
  Msix msix(4, counter);
  msix.Write(kControl, 4, 0);
  msix.SetControl(kMsixEnable);
  const uint64_t locks = Mutex::TotalAcquisitions();
  const AllocationWindow window;
  for (int i = 0; i < 1000; ++i) msix.Raise(static_cast<uint32_t>(i % 4));
  EXPECT_EQ(window.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions(), locks);
  EXPECT_EQ(counter.sent, 250);
}

// One thread raises, one masks and unmasks: no message is lost, none comes twice.
TEST(MsixThreadsTest, MaskingRacesWithRaising) {
  class Counter final : public MessageSink {
   public:
    void Send(uint64_t, uint32_t) override { sent.fetch_add(1); }
    std::atomic<uint32_t> sent{0};
  } counter;
  Msix msix(1, counter);
  msix.SetControl(kMsixEnable);
  std::atomic<bool> stop{false};
  std::thread masker([&] {
    while (!stop.load()) {
      msix.Write(12, 4, 0);
      msix.Write(12, 4, 1);
      msix.SetControl(kMsixEnable | kMsixFunctionMask);
      msix.SetControl(kMsixEnable);
    }
    msix.Write(12, 4, 0);
  });
  for (uint32_t i = 0; i < 20000; ++i) {
    const uint32_t before = counter.sent.load();
    msix.Raise(0);
    // It comes, at the latest when the other thread unmasks.
    while (counter.sent.load() == before) std::this_thread::yield();
    ASSERT_EQ(counter.sent.load(), before + 1) << i;
  }
  stop.store(true);
  masker.join();
  EXPECT_EQ(counter.sent.load(), 20000u);
  EXPECT_EQ(msix.Read(msix.pending_offset(), 8), 0u);
}

}  // namespace
}  // namespace platter
