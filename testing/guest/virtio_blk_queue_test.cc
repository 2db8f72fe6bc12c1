// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_blk_queue.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"
#include "testing/guest/naive_device.h"

namespace platter {
namespace {

class VirtioBlkQueueTest : public testing::TestWithParam<Mapping> {
 protected:
  guest::BlkHeader HeaderOf(const NaiveDevice::Chain& chain) {
    guest::BlkHeader header;
    EXPECT_TRUE(bus_.Read(chain.readable[0].address,
                          std::span(reinterpret_cast<uint8_t*>(&header), sizeof(header))));
    return header;
  }
  void Answer(NaiveDevice& device, const NaiveDevice::Chain& chain, uint8_t status) {
    bus_.Write(chain.writable.back().address, std::span(&status, 1));
    device.Push(chain.head, 1);
  }

  MemoryBus bus_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Memory, VirtioBlkQueueTest,
                         testing::Values(Mapping::kMapped, Mapping::kHidden));

TEST_P(VirtioBlkQueueTest, RequestsAreLaidOutAsTheStandardSays) {
  const auto queue = *VirtioBlkQueue::Create(bus_, {.size = 16});
  NaiveDevice device(bus_, queue->ring().layout());
  const GuestSegment data[] = {{MemoryBus::kBase, 512}, {MemoryBus::kBase + 512, 1024}};
  const guest::BlkRange ranges[] = {{.sector = 1, .sectors = 2u, .flags = 0u},
                                    {.sector = 5, .sectors = 6u, .flags = 1u}};
  ASSERT_TRUE(queue->Submit({.type = guest::kBlkOut, .sector = 77, .data = data}, 1));
  ASSERT_TRUE(queue->Submit({.type = guest::kBlkIn, .sector = 78, .data = data}, 2));
  ASSERT_TRUE(queue->Submit({.type = guest::kBlkDiscard, .ranges = ranges}, 3));
  queue->Publish();

  NaiveDevice::Chain chain;
  ASSERT_TRUE(device.Pop(chain));
  EXPECT_EQ(HeaderOf(chain).type.get(), guest::kBlkOut);
  EXPECT_EQ(HeaderOf(chain).sector.get(), 77u);
  EXPECT_EQ(chain.readable.size(), 3u);
  EXPECT_EQ(chain.writable.size(), 1u);
  Answer(device, chain, guest::kBlkOk);

  ASSERT_TRUE(device.Pop(chain));
  EXPECT_EQ(chain.readable.size(), 1u);
  EXPECT_EQ(chain.writable.size(), 3u);
  Answer(device, chain, guest::kBlkIoError);

  ASSERT_TRUE(device.Pop(chain));
  ASSERT_EQ(chain.readable.size(), 2u);
  ASSERT_EQ(chain.readable[1].bytes, 32u);
  guest::BlkRange seen[2];
  ASSERT_TRUE(bus_.Read(chain.readable[1].address,
                        std::span(reinterpret_cast<uint8_t*>(seen), sizeof(seen))));
  EXPECT_EQ(seen[1].sector.get(), 5u);
  EXPECT_EQ(seen[1].flags.get(), 1u);
  EXPECT_EQ(queue->InFlight(), (std::vector<uint64_t>{1, 2, 3}));

  std::vector<std::pair<uint64_t, uint8_t>> done;
  EXPECT_EQ(queue->Reap([&](uint64_t token, uint8_t status, uint32_t) {
    done.emplace_back(token, status);
  }),
            2u);
  EXPECT_EQ(done, (std::vector<std::pair<uint64_t, uint8_t>>{{1, guest::kBlkOk},
                                                             {2, guest::kBlkIoError}}));
  EXPECT_EQ(queue->InFlight(), std::vector<uint64_t>{3});
}

TEST_P(VirtioBlkQueueTest, RefusesWhatDoesNotFitAndGoesOn) {
  const auto queue = *VirtioBlkQueue::Create(bus_, {.size = 4});
  NaiveDevice device(bus_, queue->ring().layout());
  const GuestSegment data = {MemoryBus::kBase, 512};
  ASSERT_TRUE(queue->Submit({.data = std::span(&data, 1)}, 1));
  EXPECT_FALSE(queue->Submit({.data = std::span(&data, 1)}, 2)) << "one descriptor is left";
  const std::vector<GuestSegment> many(VirtioBlkQueue::kMaxSegments + 1, data);
  EXPECT_FALSE(queue->Submit({.data = many}, 3));
  queue->Publish();
  NaiveDevice::Chain chain;
  ASSERT_TRUE(device.Pop(chain));
  Answer(device, chain, guest::kBlkOk);
  uint32_t again = 0;
  queue->Reap([&](uint64_t, uint8_t, uint32_t) {
    again += queue->Submit({.data = std::span(&data, 1)}, 4) ? 1 : 0;
  });
  EXPECT_EQ(again, 1u) << "from inside a completion";
}

}  // namespace
}  // namespace platter
