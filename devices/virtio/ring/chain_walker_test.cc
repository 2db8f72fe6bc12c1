// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/chain_walker.h"

#include <array>
#include <string>

#include "gtest/gtest.h"

#include "devices/virtio/ring/packed_spec.h"

namespace platter {
namespace {

// Both layouts' descriptors.
template <typename Descriptor>
class ChainWalkerTest : public testing::Test {
 protected:
  static Descriptor Make(uint64_t address, uint32_t bytes, uint16_t flags) {
    Descriptor desc = {};
    desc.address = address;
    desc.length = bytes;
    desc.flags = flags;
    return desc;
  }
  std::string Append(uint64_t address, uint32_t bytes, uint16_t flags) {
    const char* const wrong = walker.Append(Make(address, bytes, flags));
    return wrong == nullptr ? "" : wrong;
  }

  std::array<ChainBuffer, 4> buffers;
  ChainWalker walker{buffers.data(), 4};
};

using Descriptors = testing::Types<VirtqDesc, PackedDesc>;
TYPED_TEST_SUITE(ChainWalkerTest, Descriptors);

TYPED_TEST(ChainWalkerTest, LeavesEmptyBuffersOut) {
  EXPECT_EQ(this->Append(0x1000, 3, 0), "");
  EXPECT_EQ(this->Append(0x2000, 0, 0), "");
  EXPECT_EQ(this->Append(0x3000, 5, kVirtqDescWrite), "");
  Chain chain;
  this->walker.Finish(7, &chain);
  EXPECT_EQ(chain.head, 7);
  ASSERT_EQ(chain.readable.size(), 1u);
  EXPECT_EQ(chain.readable[0].address, 0x1000u);
  EXPECT_EQ(chain.readable_bytes, 3u);
  ASSERT_EQ(chain.writable.size(), 1u);
  EXPECT_EQ(chain.writable[0].bytes, 5u);
  EXPECT_EQ(chain.writable_bytes, 5u);
}

TYPED_TEST(ChainWalkerTest, AllReadableOrAllWritable) {
  Chain chain;
  EXPECT_EQ(this->Append(0x1000, 3, 0), "");
  this->walker.Finish(0, &chain);
  EXPECT_EQ(chain.readable_bytes, 3u);
  EXPECT_TRUE(chain.writable.empty());
  ChainWalker other(this->buffers.data(), 4);
  ASSERT_EQ(other.Append(this->Make(0x1000, 4, kVirtqDescWrite)), nullptr);
  other.Finish(0, &chain);
  EXPECT_TRUE(chain.readable.empty());
  EXPECT_EQ(chain.writable_bytes, 4u);
}

TYPED_TEST(ChainWalkerTest, R_VQ_15_NoLongerThanTheQueue) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(this->Append(0x1000, 0, 0), "");
  EXPECT_NE(this->Append(0x1000, 0, 0).find("more descriptors than the queue"), std::string::npos);
}

TYPED_TEST(ChainWalkerTest, ReadableAfterWritable) {
  EXPECT_EQ(this->Append(0x1000, 0, kVirtqDescWrite), "") << "also when it is empty";
  EXPECT_NE(this->Append(0x1000, 1, 0).find("device-readable"), std::string::npos);
}

TYPED_TEST(ChainWalkerTest, SumsHave32Bits) {
  EXPECT_EQ(this->Append(0x1000, UINT32_MAX, 0), "");
  EXPECT_NE(this->Append(0x1000, 1, 0).find("4 GiB"), std::string::npos);
}

}  // namespace
}  // namespace platter
