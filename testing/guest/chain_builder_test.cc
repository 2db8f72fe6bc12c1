// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/chain_builder.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"
#include "testing/guest/naive_device.h"

namespace platter {
namespace {

class ChainDefectTest : public testing::TestWithParam<int> {
 protected:
  ChainDefect defect() const { return static_cast<ChainDefect>(GetParam()); }

  // Whether a device that knows the rules takes the chain.
  bool Takes(uint64_t table) {
    RawRing ring = *RawRing::Create(bus_, 16);
    ChainBuilder builder;
    builder.Readable(MemoryBus::kBase, 16)
        .Readable(MemoryBus::kBase + 512, 512)
        .Writable(MemoryBus::kBase + 16, 1)
        .With(defect());
    if (table != 0) builder.Indirect(table);
    ring.MakeAvailable(builder.Place(ring, 3));
    NaiveDevice device(bus_, ring.layout());
    NaiveDevice::Chain chain;
    return device.Pop(chain);
  }

  MemoryBus bus_{Mapping::kHidden};
};

INSTANTIATE_TEST_SUITE_P(All, ChainDefectTest, testing::Range(0, kChainDefectCount),
                         [](const auto& test) {
                           return std::string(NameOf(static_cast<ChainDefect>(test.param)));
                         });

TEST_P(ChainDefectTest, BreaksWhatItNames) {
  const uint64_t table = *bus_.Allocate(4096, 16);
  if (!NeedsIndirect(defect())) {
    // A last descriptor turned to readable is out of order only behind another writable one.
    const bool order_only = defect() == ChainDefect::kWriteFlagFlipped;
    EXPECT_EQ(Takes(0), IsLegal(defect()) || order_only);
  }
  if (defect() != ChainDefect::kHeadOutOfRange) {
    EXPECT_EQ(Takes(table), IsLegal(defect()) || defect() == ChainDefect::kWriteFlagFlipped);
  }
}

TEST(ChainBuilderTest, DefectsHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (int i = 0; i < kChainDefectCount; ++i) {
    names.insert(std::string(NameOf(static_cast<ChainDefect>(i))));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kChainDefectCount));
}

}  // namespace
}  // namespace platter
