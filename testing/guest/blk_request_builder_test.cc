// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/blk_request_builder.h"

#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"
#include "testing/guest/naive_device.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

class BlkRequestBuilderTest : public testing::Test {
 protected:
  NaiveDevice::Chain Pop(const BlkRequestBuilder& request) {
    ring_.MakeAvailable(request.Chain().Place(ring_, 0));
    NaiveDevice::Chain chain;
    EXPECT_TRUE(device_.Pop(chain));
    return chain;
  }

  MemoryBus bus_{Mapping::kHidden};
  RawRing ring_ = *RawRing::Create(bus_, 16);
  NaiveDevice device_{bus_, ring_.layout()};
  const uint64_t scratch_ = *bus_.Allocate(BlkRequestBuilder::kScratchBytes, 16);
  const uint64_t buffer_ = *bus_.Allocate(8192, 512);
};

TEST_F(BlkRequestBuilderTest, ReadHasHeaderDataStatus) {
  BlkRequestBuilder request(bus_, scratch_);
  request.In(0x123456789a).To(buffer_, 512).To(buffer_ + 4096, 1024);
  const auto chain = Pop(request);
  ASSERT_EQ(chain.readable.size(), 1u);
  guest::BlkHeader header;
  ASSERT_TRUE(bus_.Read(chain.readable[0].address,
                        std::span(reinterpret_cast<uint8_t*>(&header), sizeof(header))));
  EXPECT_EQ(header.type.get(), guest::kBlkIn);
  EXPECT_EQ(header.sector.get(), 0x123456789au);
  ASSERT_EQ(chain.writable.size(), 3u);
  EXPECT_EQ(chain.writable[1].bytes, 1024u);
  EXPECT_EQ(request.Status(), guest::kBlkNotWritten);
  const uint8_t ok = guest::kBlkOk;
  ASSERT_TRUE(bus_.Write(chain.writable[2].address, std::span(&ok, 1)));
  EXPECT_EQ(request.Status(), guest::kBlkOk);
}

TEST_F(BlkRequestBuilderTest, RangesFollowTheHeader) {
  BlkRequestBuilder request(bus_, scratch_);
  request.WriteZeroes().Range(8, 16, guest::kBlkRangeUnmap).Range(64, 1);
  const auto chain = Pop(request);
  ASSERT_EQ(chain.readable.size(), 2u);
  EXPECT_EQ(chain.readable[1].bytes, 32u);
  guest::BlkRange ranges[2];
  ASSERT_TRUE(bus_.Read(chain.readable[1].address,
                        std::span(reinterpret_cast<uint8_t*>(ranges), sizeof(ranges))));
  EXPECT_EQ(ranges[0].sector.get(), 8u);
  EXPECT_EQ(ranges[0].flags.get(), guest::kBlkRangeUnmap);
  EXPECT_EQ(ranges[1].sectors.get(), 1u);
}

TEST_F(BlkRequestBuilderTest, LayoutIsFree) {
  BlkRequestBuilder request(bus_, scratch_);
  request.Flush().SplitHeaderAt(3).StatusBytes(4);
  auto chain = Pop(request);
  ASSERT_EQ(chain.readable.size(), 2u);
  EXPECT_EQ(chain.readable[0].bytes, 3u);
  EXPECT_EQ(chain.readable[1].bytes, 13u);
  ASSERT_EQ(chain.writable.size(), 1u);
  EXPECT_EQ(chain.writable[0].bytes, 4u);

  BlkRequestBuilder headless(bus_, scratch_);
  headless.HeaderBytes(0).GetId().To(buffer_, guest::kBlkIdBytes).StatusBytes(0);
  chain = Pop(headless);
  EXPECT_TRUE(chain.readable.empty());
  EXPECT_EQ(chain.writable.size(), 1u);
}

}  // namespace
}  // namespace platter
